"""What end-to-end tests share: the command line, in a folder of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from command_line import Done, Run
from conftest import save_photo
from facings import cli

SKUS = ("apple", "bread", "cocoa")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs a command as typed behind `facings`, in the test's folder, with one thread and lines of 200 characters.

    As few products as tests enroll cannot promise what the default asks for; three can promise this much.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACINGS_THREADS", "1")
    monkeypatch.setenv("FACINGS_MAX_FALSE_ACCEPT", "0.4")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["facings", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return call


@pytest.fixture
def one_product_a_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos are not searched for products."""
    monkeypatch.setenv("FACINGS_DETECTOR", "whole-photo")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three products, two photos each; a query is the same scene with other noise."""
    for number, sku in enumerate(SKUS):
        for shot in range(2):
            save_photo(tmp_path / "photos" / sku / f"{shot}.jpg", number, width=128 + 16 * shot, height=128)
    return tmp_path / "photos"


@pytest.fixture
def shop(run: Run, photos: Path) -> Run:
    """A store with these products enrolled."""
    assert run("init").code == 0
    assert run("gallery", "build", photos).code == 0
    return run
