"""What the documents say is true: the README's commands and code run, its links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from conftest import save_photo
from facings import cli

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(README) if kind == language]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the README's reader has it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACINGS_THREADS", "1")
    monkeypatch.setenv("FACINGS_DETECTOR", "whole-photo")  # the photos here are too plain to show products
    monkeypatch.setenv("FACINGS_MAX_FALSE_ACCEPT", "0.7")  # two products cannot promise less than two thirds
    for number, sku in enumerate(("milk-1l", "oat-drink")):
        for shot in range(2):
            save_photo(tmp_path / "photos" / sku / f"{shot}.jpg", number, width=120 + 8 * shot)
        save_photo(tmp_path / "new-photos" / f"{number}.jpg", number, width=160)
        save_photo(tmp_path / "held-out" / sku / "q.jpg", number, width=200)
    save_photo(tmp_path / "soy.jpg", 9)
    save_photo(tmp_path / "shelf.jpg", 1, width=200, height=100)
    (tmp_path / "boxes.csv").write_text("photo,x1,y1,x2,y2\nshelf.jpg,0,0,100,100\nshelf.jpg,100,0,200,100\n")
    (tmp_path / "products.csv").write_text("sku,gtin,name\nmilk-1l,4006381333931,Milk\n")
    return tmp_path


def test_the_commands_of_the_readme_run_in_their_order(reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("facings ")]
    assert len(lines) >= 8
    for line in lines:
        monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
        try:
            cli.main()
        except SystemExit as ended:
            assert ended.code in {0, None}, line
    assert (reader / "report.html").stat().st_size > 1000
    assert (reader / "drawn" / "shelf.jpg").is_file()
    assert (reader / "facings-evaluation" / "evaluation.html").is_file()


def test_the_code_of_the_readme_runs(reader: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    assert "accepted milk-1l" in capsys.readouterr().out


def test_the_json_of_the_readme_is_the_contract() -> None:
    (text,) = blocks("json")
    example = json.loads(text)
    assert {"photo", "width", "height", "recognitions", "error"} <= example.keys()
    assert {"box", "confidence", "decision", "sku", "candidates"} <= example["recognitions"][0].keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_map_names_every_module_of_the_path() -> None:
    told = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    for module in (ROOT / "src" / "facings").glob("*.py"):
        if module.name not in {"__init__.py"}:
            assert f"`{module.name}`" in told, module.name
