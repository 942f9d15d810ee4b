"""What was seen: `facings report`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facings.cli.options import Store
from facings.cli.session import open_store, write_text

if TYPE_CHECKING:
    from facings.report import Report


def report(
    form: Annotated[
        Literal["table", "csv", "json", "html"] | None,
        typer.Option("--format", help="What to write; else by the ending of --out, else a table."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file instead of stdout.")] = None,
    store: Store = None,
) -> None:
    """What was seen, when and where."""
    from facings.report import to_json
    from facings.terminal import say, track

    wanted = form or _form_of(out)
    if (wanted == "table" and out) or (wanted == "html" and not out):
        raise typer.BadParameter("a table goes to the terminal, a page into a file: --out report.html (or .csv, .json)")
    workspace = open_store(store=store)
    if wanted == "table":
        _show_report(workspace.report())
        return
    if wanted == "csv":
        text = workspace.report_csv()
    elif wanted == "json":
        text = json.dumps(to_json(workspace.report()), indent=2)
    else:
        text = workspace.report_html(track=track)
    if out is None:
        sys.stdout.write(text.rstrip("\n") + "\n")
    else:
        write_text(out, text)
        say(f"Report: {out}")


def _show_report(summary: Report) -> None:
    from facings.terminal import say, table

    rows = [
        (line.place, line.sku, line.name, line.n_facings, line.n_photos, f"{line.mean_similarity:.3f}",
         f"{line.last_seen:%Y-%m-%d %H:%M}")
        for line in summary.lines
    ]  # fmt: skip
    columns = ("place", "sku", "name", "facings", "photos", "similarity", "last seen (UTC)")
    table("What was seen", columns, rows, right=("facings", "photos", "similarity"))
    counts = ", ".join(f"{n} {verdict}" for verdict, n in summary.verdicts.items())
    say(f"{len(summary.readings)} photos, {summary.n_boxes} boxes: {counts}.")


def _form_of(out: Path | None) -> str:
    """The format that the ending of a file asks for."""
    endings = {".csv": "csv", ".json": "json", ".html": "html", ".htm": "html"}
    return "table" if out is None else endings.get(out.suffix.lower(), "table")
