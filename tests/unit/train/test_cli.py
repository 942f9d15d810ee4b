"""The command that trains, with the bundled network on a few small photos."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from conftest import save_photo
from facings import cli, terminal

pytest.importorskip("torch", reason="needs the train extra")
pytestmark = pytest.mark.torch

T = TypeVar("T")


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["facings", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


def interrupted(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    """Presses Ctrl-C in the second step."""
    for number, item in enumerate(items):
        if label == "Training" and number == 1:
            signal.raise_signal(signal.SIGINT)
        yield item


def test_photos_in_and_a_gallery_with_the_trained_model_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, sku in enumerate(("apple", "bread", "cocoa")):
        for shot in range(3):
            save_photo(tmp_path / "photos" / sku / f"{shot}.jpg", number * 10 + shot, width=96, height=96)
        save_photo(tmp_path / "held-out" / sku / "q.jpg", number * 10, width=120, height=88)
    (tmp_path / "photos" / "apple" / "broken.jpg").write_text("no photo")
    recipe = {"phases": [{"n_epochs": 1, "size_px": 64, "n_frozen_stages": 4}], "batch_size": 4}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    train = ("train", "recognizer", "photos", "--val", "held-out", "--recipe", "recipe.json", "--threads", 1)
    with monkeypatch.context() as patch:
        patch.setattr(terminal, "track", interrupted)
        assert call(monkeypatch, *train) != 0
    said = " ".join(capsys.readouterr().err.split())
    assert "kept in facings-training: the same command goes on with --resume" in said
    assert call(monkeypatch, *train, "--resume", "--seed", 1) == 1
    assert "recipe.seed is 0, wanted 1" in " ".join(capsys.readouterr().err.split())

    assert call(monkeypatch, *train, "--resume") == 1  # one photo was refused, the rest was learned
    said = capsys.readouterr().err
    assert "broken.jpg" in said
    assert "3 products, 9 photos" in said
    assert "then facings calibrate held-out --save" in " ".join(said.split())
    summary = json.loads((tmp_path / "facings-training" / "summary.json").read_text())
    assert summary["n_val"] == 3
    settings = json.loads((tmp_path / "facings-training" / "settings.json").read_text())
    assert settings["recipe"]["phases"] == recipe["phases"]
    assert call(monkeypatch, *train, "--resume") == 1
    assert "holds a run already, and it is finished" in capsys.readouterr().err

    (tmp_path / "photos" / "apple" / "broken.jpg").unlink()
    assert call(monkeypatch, "init") == 0
    assert call(monkeypatch, "gallery", "build", "photos", "--model", "facings-training/model") == 0
    capsys.readouterr()
    assert call(monkeypatch, "recognize", "held-out", "--json") == 0  # the gallery remembers its model
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["error"] for answer in answers] == [None] * 3


def test_without_torch_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_photo(tmp_path / "photos" / "apple" / "0.jpg", 1)
    for name in [name for name in sys.modules if name.startswith("facings.train")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert call(monkeypatch, "train", "recognizer", tmp_path / "photos") == 1
    assert "pip install 'facings[train]'" in capsys.readouterr().err
