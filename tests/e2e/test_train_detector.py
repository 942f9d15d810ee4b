"""`facings train detector` as a user types it, with a small trunk; and what it answers to what cannot be trained on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import Run
from facings.annotations import AnnotatedPhoto, write_annotations
from toy_boxes import toy_boxes

pytest.importorskip("torch", reason="needs the train extra")
pytestmark = pytest.mark.torch


@pytest.fixture
def photos(tmp_path: Path) -> list[AnnotatedPhoto]:
    """Four photos, annotated in `train.json`; two more in `val.json`."""
    train, val = toy_boxes(tmp_path / "train", 4), toy_boxes(tmp_path / "val", 2, seed=1)
    write_annotations(train, tmp_path / "train.json", "coco")
    write_annotations(val, tmp_path / "val.json", "coco")
    return train


def spoil(path: Path) -> None:
    """The first box of an annotation file gets swapped corners."""
    told = json.loads(path.read_text())
    told["annotations"][0]["bbox"][2] *= -1
    path.write_text(json.dumps(told))


def test_boxes_in_and_a_detector_that_the_runtime_loads_out(
    run: Run, photos: list[AnnotatedPhoto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facings.train.architectures import LAYOUTS
    from small_trunk import ARCHITECTURE, LAYOUT, write_start

    monkeypatch.setitem(LAYOUTS, ARCHITECTURE, LAYOUT)
    write_start(tmp_path / "start")
    spoil(tmp_path / "train.json")
    write_annotations(toy_boxes(tmp_path / "more", 3, seed=2), tmp_path / "more" / "labels", "voc")
    (tmp_path / "more" / "2-01.png").write_bytes(b"no photo")
    done = run("train", "detector", "train.json", "--also", "more/labels", "--val", "val.json", "--from", "start",
               "--out", "out", "--epochs", 1, "--kind", "fcos", "--seed", 3)  # fmt: skip
    assert done.code == 1  # an entry and a photo were refused, the rest was learned
    assert "train.json" in done.err
    assert "2-01" in done.err
    n_boxes = json.loads((tmp_path / "out" / "summary.json").read_text())["n_boxes"]
    assert json.loads((tmp_path / "out" / "settings.json").read_text())["recipe"]["seed"] == 3
    assert f"{n_boxes} boxes in 6 photos" in done.err
    assert "On 2 validation photos: AP50" in done.err
    assert "facings detect PHOTO --detector out/model" in done.err
    found = run("detect", "val", "--detector", "out/model", "--json")
    assert found.code == 0, found.err
    assert len(found.out.splitlines()) == 2
    again = run("train", "detector", "train.json", "--from", "start", "--out", "out")
    assert again.code == 1
    assert "out: holds a run already" in again.err


def no_boxes(folder: Path, photos: list[AnnotatedPhoto]) -> None:
    (folder / "train.json").unlink()
    write_annotations([replace(photo, boxes=()) for photo in photos], folder / "train.json", "coco")


def gone(folder: Path, photos: list[AnnotatedPhoto]) -> None:
    for photo in photos:
        photo.path.unlink()


def broken(folder: Path, photos: list[AnnotatedPhoto]) -> None:
    text = (folder / "train.json").read_text()
    (folder / "train.json").write_text(text[: len(text) // 2])


def damaged(folder: Path, photos: list[AnnotatedPhoto]) -> None:
    for photo in photos:
        photo.path.write_bytes(b"no photo")


@pytest.mark.parametrize(
    "spoiled, said",
    [
        pytest.param(no_boxes, ("none of 4 training photos", "0-00.png"), id="photos without boxes"),
        pytest.param(gone, ("0-00.png", "0-03.png"), id="annotations without photos"),
        pytest.param(damaged, ("0-00.png", "0-03.png"), id="files that are no photos"),
        pytest.param(broken, ("train.json",), id="JSON cut off in the middle"),
        pytest.param(lambda folder, _photos: (folder / "train.json").unlink(), ("train.json",), id="missing file"),
    ],
)
def test_what_cannot_be_trained_on_is_named(
    run: Run,
    photos: list[AnnotatedPhoto],
    tmp_path: Path,
    spoiled: Callable[[Path, list[AnnotatedPhoto]], None],
    said: tuple[str, ...],
) -> None:
    spoiled(tmp_path, photos)
    done = run("train", "detector", "train.json", "--val", "val.json", "--out", "out")
    assert done.code == 1
    for part in said:
        assert part in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out" / "model").exists()


def test_validation_that_shows_nothing_is_named(run: Run, photos: list[AnnotatedPhoto], tmp_path: Path) -> None:
    done = run("train", "detector", "train.json", "--val", "train.json", "--out", "out")
    assert done.code == 1
    assert "got 0 photos to check with" in done.err
    for path in (tmp_path / "val").iterdir():
        path.unlink()
    done = run("train", "detector", "train.json", "--val", "val.json", "--out", "out")
    assert done.code == 1
    assert "1-01.png" in done.err


def test_a_start_of_another_kind_and_a_pickle_are_named(run: Run, photos: list[AnnotatedPhoto], tmp_path: Path) -> None:
    fetched = run("train", "detector", "train.json", "--from", "torchvision:fcos_resnet50_fpn", "--out", "out")
    assert fetched.code == 1
    assert "pickle" in fetched.err
    (tmp_path / "fcos.pth").write_bytes(b"no weights")
    start = f"torchvision:fcos_resnet50_fpn@{tmp_path / 'fcos.pth'}"
    done = run("train", "detector", "train.json", "--from", start, "--out", "out")
    assert done.code == 1
    assert "only .safetensors files are read" in done.err


@pytest.mark.parametrize("misuse", [("--kind", "yolo"), ("--epochs", 0), ("--threads", 0), ("--seed", -1)], ids=str)
def test_misuse(run: Run, photos: list[AnnotatedPhoto], misuse: tuple[str, object]) -> None:
    assert run("train", "detector", "train.json", *misuse).code == 2


def test_without_torch_the_extra_is_named(
    run: Run, photos: list[AnnotatedPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("facings.train")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    done = run("train", "detector", "train.json")
    assert done.code == 1
    assert "pip install 'facings[train]'" in done.err
