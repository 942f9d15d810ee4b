"""`facings evaluate detection` as a user types it: annotations of four formats, boxes of a file, a detector."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import save_photo
from facings import cli
from facings.annotations import AnnotatedPhoto, Format, LabelledBox, write_annotations


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]

WHOLE = (0.0, 0.0, 64.0, 48.0)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACINGS_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["facings", "evaluate", "detection", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return call


@pytest.fixture
def photos(tmp_path: Path) -> list[AnnotatedPhoto]:
    """Two photos of one product each, one of two that are each less than half of it."""
    halves = (LabelledBox((0.0, 0.0, 30.0, 48.0), "tea"), LabelledBox((34.0, 0.0, 64.0, 48.0), "coffee"))
    boxes = ((LabelledBox(WHOLE, "tea"),), (LabelledBox(WHOLE, "coffee"),), halves)
    return [
        AnnotatedPhoto(save_photo(tmp_path / "images" / f"{n}.jpg", n), 64, 48, some) for n, some in enumerate(boxes)
    ]


def write_found(path: Path, photos: list[AnnotatedPhoto], *more: dict[str, Any]) -> Path:
    """The true boxes as a results file, coffee taken for tea."""
    rows = [
        {"file_name": photo.path.name, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": 0.5, "category_id": 2}
        for photo in photos
        for x1, y1, x2, y2 in (box.xyxy for box in photo.boxes)
    ]
    path.write_text(json.dumps([*rows, *more]))
    return path


@pytest.mark.parametrize("form", ["coco", "voc", "yolo", "sku110k"])
def test_boxes_of_a_file_against_every_format(
    run: Run, photos: list[AnnotatedPhoto], tmp_path: Path, form: Format
) -> None:
    place = {"coco": "truth.json", "sku110k": "truth.csv"}.get(form, "labels")
    write_annotations(photos, tmp_path / place, form)
    done = run(place, "--photos", tmp_path if form in {"coco", "sku110k"} else tmp_path / "images", "--predictions",
               write_found(tmp_path / "found.json", photos), "--out", "there", "--json")  # fmt: skip
    assert (done.code, done.err.count("\n")) == (0, 1), done.err
    facts = json.loads(done.out)
    assert (facts["n_photos"], facts["n_true"]) == (3, 4)
    assert [facts["figures"][name]["value"] for name in ("ap50", "ap75", "ap")] == [1, 1, 1]
    assert json.loads((tmp_path / "there" / "detection.json").read_text()) == facts
    assert "4 of 4 products found" in (tmp_path / "there" / "detection.html").read_text()


def test_a_detector_looks_at_the_photos(run: Run, photos: list[AnnotatedPhoto], tmp_path: Path) -> None:
    write_annotations(photos, tmp_path / "truth.json", "coco")
    done = run("truth.json", "--detector", "whole-photo")
    assert done.code == 0
    assert "whole-photo" in done.out
    assert "AP50" in done.out
    assert "2 of 4 true boxes found, 1 false. 3 photos" in done.err
    facts = json.loads((tmp_path / "facings-evaluation" / "detection.json").read_text())
    assert (facts["output"]["n_right"], facts["output"]["n_false"]) == (2, 1)
    assert facts["run"]["n_threads"] == 1


def test_classes_count_if_asked(run: Run, photos: list[AnnotatedPhoto], tmp_path: Path) -> None:
    write_annotations(photos, tmp_path / "truth.json", "coco")
    found = write_found(tmp_path / "found.json", photos)
    done = run("truth.json", "--predictions", found, "--by-class", "--json")
    facts = json.loads(done.out)
    assert facts["is_by_class"]
    assert {part["name"]: part["precisions"]["ap50"] for part in facts["classes"]}["coffee"] == 0
    assert facts["best_f1"]["n_right"] == 2


def test_bad_entries_are_told_and_the_rest_measured(run: Run, photos: list[AnnotatedPhoto], tmp_path: Path) -> None:
    write_annotations(photos, tmp_path / "truth.json", "coco")
    nan = {"file_name": "0.jpg", "bbox": [0, 0, 9, 9], "score": float("nan")}
    gone = {"file_name": "gone.jpg", "bbox": [0, 0, 9, 9], "score": 0.5}
    done = run("truth.json", "--predictions", write_found(tmp_path / "found.json", photos, nan, gone))
    assert done.code == 1
    assert "entry 5: got score nan" in done.err
    assert "'gone.jpg' is not the name of exactly one annotated photo" in done.err
    assert "4 of 4 true boxes found, 0 false" in done.err


def test_misuse(run: Run, photos: list[AnnotatedPhoto], tmp_path: Path) -> None:
    write_annotations(photos, tmp_path / "truth.json", "coco")
    assert run("truth.json", "--predictions", "f.json", "--detector", "whole-photo").code == 2
    assert run("truth.json", "--by-class").code == 2
    assert run("truth.json", "--predictions", "absent.json").code == 1
    done = run("absent", "--detector", "whole-photo")
    assert done.code == 1
    assert "Error:" in done.err


def test_annotations_without_a_usable_photo_end_with_what_was_wrong(
    run: Run, photos: list[AnnotatedPhoto], tmp_path: Path
) -> None:
    write_annotations(photos, tmp_path / "truth.json", "coco")
    for photo in photos:
        photo.path.unlink()
    done = run("truth.json", "--detector", "whole-photo")
    assert done.code == 1
    assert done.err.count("is missing") == 3
