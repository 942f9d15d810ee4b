"""`facings evaluate detection` as a user types it: annotations of four formats, boxes of a file, a detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command_line import Done, Run
from conftest import save_photo
from facings.annotations import AnnotatedPhoto, Format, LabelledBox, write_annotations

WHOLE = (0.0, 0.0, 64.0, 48.0)


@pytest.fixture
def evaluate(run: Run) -> Run:
    """`facings evaluate detection` and what follows."""

    def call(*arguments: object) -> Done:
        return run("evaluate", "detection", *arguments)

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
    evaluate: Run, photos: list[AnnotatedPhoto], tmp_path: Path, form: Format
) -> None:
    place = {"coco": "truth.json", "sku110k": "truth.csv"}.get(form, "labels")
    write_annotations(photos, tmp_path / place, form)
    folder = tmp_path if form in {"coco", "sku110k"} else tmp_path / "images"
    found = write_found(tmp_path / "found.json", photos)
    done = evaluate(place, "--photos", folder, "--predictions", found, "--out", "there", "--json")
    assert (done.code, done.err.count("\n")) == (0, 1), done.err
    facts = json.loads(done.out)
    assert (facts["n_photos"], facts["n_true"]) == (3, 4)
    assert [facts["figures"][name]["value"] for name in ("ap50", "ap75", "ap")] == [1, 1, 1]
    assert json.loads((tmp_path / "there" / "detection.json").read_text()) == facts
    assert "4 of 4 products found" in (tmp_path / "there" / "detection.html").read_text()


def test_a_detector_looks_at_the_photos(evaluate: Run, photos: list[AnnotatedPhoto], tmp_path: Path) -> None:
    write_annotations(photos, tmp_path / "truth.json", "coco")
    done = evaluate("truth.json", "--detector", "whole-photo")
    assert done.code == 0
    assert "whole-photo" in done.out
    assert "AP50" in done.out
    assert "2 of 4 true boxes found, 1 false. 3 photos" in done.err
    facts = json.loads((tmp_path / "facings-evaluation" / "detection.json").read_text())
    assert (facts["output"]["n_right"], facts["output"]["n_false"]) == (2, 1)
    assert facts["run"]["n_threads"] == 1


def test_classes_count_if_asked(evaluate: Run, photos: list[AnnotatedPhoto], tmp_path: Path) -> None:
    write_annotations(photos, tmp_path / "truth.json", "coco")
    found = write_found(tmp_path / "found.json", photos)
    done = evaluate("truth.json", "--predictions", found, "--by-class", "--json")
    facts = json.loads(done.out)
    assert facts["is_by_class"]
    assert {part["name"]: part["precisions"]["ap50"] for part in facts["classes"]}["coffee"] == 0
    assert facts["best_f1"]["n_right"] == 2


def test_bad_entries_are_told_and_the_rest_measured(
    evaluate: Run, photos: list[AnnotatedPhoto], tmp_path: Path
) -> None:
    write_annotations(photos, tmp_path / "truth.json", "coco")
    nan = {"file_name": "0.jpg", "bbox": [0, 0, 9, 9], "score": float("nan")}
    gone = {"file_name": "gone.jpg", "bbox": [0, 0, 9, 9], "score": 0.5}
    done = evaluate("truth.json", "--predictions", write_found(tmp_path / "found.json", photos, nan, gone))
    assert done.code == 1
    assert "entry 5: got score nan" in done.err
    assert "'gone.jpg' is not the name of exactly one annotated photo" in done.err
    assert "4 of 4 true boxes found, 0 false" in done.err


def test_misuse(evaluate: Run, photos: list[AnnotatedPhoto], tmp_path: Path) -> None:
    write_annotations(photos, tmp_path / "truth.json", "coco")
    assert evaluate("truth.json", "--predictions", "f.json", "--detector", "whole-photo").code == 2
    assert evaluate("truth.json", "--by-class").code == 2
    assert evaluate("truth.json", "--predictions", "absent.json").code == 1
    done = evaluate("absent", "--detector", "whole-photo")
    assert done.code == 1
    assert "Error:" in done.err


def test_annotations_without_a_usable_photo_end_with_what_was_wrong(
    evaluate: Run, photos: list[AnnotatedPhoto], tmp_path: Path
) -> None:
    write_annotations(photos, tmp_path / "truth.json", "coco")
    for photo in photos:
        photo.path.unlink()
    done = evaluate("truth.json", "--detector", "whole-photo")
    assert done.code == 1
    assert done.err.count("is missing") == 3
