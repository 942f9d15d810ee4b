"""Keeps docs/results.md: each benchmark owns one section between two marks and rewrites only that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from facings.evaluate.machine import cpu_model, library_versions

PAGE = Path(__file__).parents[1] / "docs" / "results.md"


def write_section(name: str, body: str) -> None:
    """Replace the section, or append it; the rest of the page stays as it is."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    section = f"{begin}\n{body.strip()}\n{end}"
    page = PAGE.read_text(encoding="utf-8")
    if begin in page:
        before, rest = page.split(begin, 1)
        page = before + section + rest.split(end, 1)[1]
    else:
        page = page.rstrip() + "\n\n" + section + "\n"
    PAGE.write_text(page, encoding="utf-8")


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def machine() -> str:
    """Where the figures come from, in one line."""
    libraries = ", ".join(f"{name} {version}" for name, version in library_versions().items())
    return f"{cpu_model()}, {libraries}, {datetime.now(UTC):%Y-%m-%d}"
