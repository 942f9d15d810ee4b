"""What end-to-end tests share: the command line, in a folder of its own."""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import Done, Run
from conftest import save_photo
from facings import cli, networks

SKUS = ("apple", "bread", "cocoa")


@pytest.fixture(scope="session", autouse=True)
def loaded_once() -> Iterator[None]:
    """Bundled networks are loaded once for all tests, which takes longer than what most commands do with them."""

    def remember(load: Any) -> Any:
        kept = functools.cache(load)
        bundled = (networks.BUNDLED_MODEL, networks.BUNDLED_DETECTOR, networks.STARTER_MODEL)
        return lambda name, **limits: (kept if name in bundled else load)(name, **limits)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("load_model", "load_cells", "load_detector"):
            patch.setattr(networks, name, remember(getattr(networks, name)))
        yield


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


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The store of the first test that asked for a shop, before it did anything with it."""
    return []


@pytest.fixture
def shop(run: Run, photos: Path, built: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A store with these products enrolled: made as a user makes it, once, and copied for each test that follows."""
    if built:
        shutil.copytree(built[0], "facings-store")
        return run
    assert run("init").code == 0
    assert run("gallery", "build", photos).code == 0
    built.append(Path(shutil.copytree("facings-store", tmp_path_factory.mktemp("built") / "store")))
    return run
