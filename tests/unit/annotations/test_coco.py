"""COCO: x, y, width, height from 0; flags, attributes and bad entries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import save_photo
from facings.annotations import AnnotatedPhoto, Annotations, LabelledBox, read_annotations, write_annotations

IMAGE = {"id": 7, "file_name": "a.jpg", "width": 100, "height": 80}
GOOD = {"image_id": 7, "category_id": 3, "bbox": [1, 2, 10, 20]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg"):
        save_photo(tmp_path / name, 1, width=100, height=80)
    return tmp_path


def read(
    folder: Path, *entries: Any, images: Any = (IMAGE,), categories: Any = ({"id": 3, "name": "milk"},)
) -> Annotations:
    path = folder / "boxes.json"
    path.write_text(json.dumps({"images": images, "annotations": entries, "categories": categories}))
    return read_annotations(path)


def test_box_is_corner_and_size_counted_from_0(folder: Path) -> None:
    found = read(folder, GOOD, {**GOOD, "bbox": [0, 0, 100, 80]}, {**GOOD, "bbox": [4, 4, 1, 1.5]})
    assert found.problems == ()
    # 1 + 10 = 11 and 2 + 20 = 22 are the first column and row that do not belong to it
    assert [box.xyxy for box in found.photos[0].boxes] == [(1, 2, 11, 22), (0, 0, 100, 80), (4, 4, 5, 5.5)]


def test_written_fields(folder: Path) -> None:
    boxes = (
        LabelledBox((1, 2, 11, 22), "oat", True, {"sku": "4", "area": 150}),
        LabelledBox((1, 2, 11, 22), "milk"),
    )
    write_annotations([AnnotatedPhoto(folder / "a.jpg", 100, 80, boxes)], folder / "x.json", "coco")
    assert json.loads((folder / "x.json").read_text()) == {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 2,
                "bbox": [1, 2, 10, 20],
                "area": 150,
                "iscrowd": 1,
                "ignore": 1,
                "sku": "4",
            },
            {"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 20], "area": 200, "iscrowd": 0},
        ],
        "categories": [{"id": 1, "name": "milk"}, {"id": 2, "name": "oat"}],
    }


@pytest.mark.parametrize(
    ("more", "is_ignored", "attributes"),
    [
        pytest.param({"iscrowd": 1}, True, {}, id="crowd"),
        pytest.param({"ignore": True}, True, {}, id="ignore"),
        pytest.param({"iscrowd": 0, "ignore": 0}, False, {}, id="neither"),
        pytest.param({"area": 200}, False, {}, id="area of the box: 10 times 20"),
        pytest.param({"area": 90, "segmentation": [[1, 2]]}, False, {"area": 90, "segmentation": [[1, 2]]}, id="mask"),
        pytest.param({"id": 12, "occluded": None}, False, {"occluded": None}, id="own field"),
    ],
)
def test_flags_and_attributes(folder: Path, more: dict[str, Any], is_ignored: bool, attributes: dict[str, Any]) -> None:
    (box,) = read(folder, {**GOOD, **more}).photos[0].boxes
    assert (box.is_ignored, box.attributes) == (is_ignored, attributes)


def test_attribute_that_is_no_text_of_a_file_is_left_out(folder: Path) -> None:
    box = LabelledBox((1, 2, 3, 4), "milk", attributes={"half": "\ud800", "\ud801": 1, "whole": "é"})
    said = write_annotations([AnnotatedPhoto(folder / "a.jpg", 100, 80, (box,))], folder / "x.json", "coco")
    assert len(said) == 2
    assert read_annotations(folder / "x.json").photos[0].boxes[0].attributes == {"whole": "é"}


def test_box_without_a_category_is_an_object(folder: Path) -> None:
    found = read(folder, {"image_id": 7, "bbox": [1, 2, 3, 4]}, categories=None)
    assert found.problems == ()
    assert found.photos[0].boxes[0].label == "object"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        pytest.param(None, "got image_id None", id="null"),
        pytest.param([1], "got image_id None", id="list"),
        pytest.param({**GOOD, "image_id": 8}, "got image_id 8", id="unknown photo"),
        pytest.param({**GOOD, "image_id": [7]}, "got image_id [7]", id="odd photo"),
        pytest.param({**GOOD, "category_id": 4}, "got category_id 4", id="unknown class"),
        pytest.param({**GOOD, "category_id": {}}, "got category_id {}", id="odd class"),
        pytest.param({"image_id": 7, "category_id": 3}, "wanted bbox", id="no box"),
        pytest.param({**GOOD, "bbox": [1, 2, 3]}, "wanted bbox", id="three numbers"),
        pytest.param({**GOOD, "bbox": [1, 2, -3, 4]}, "swapped", id="negative width"),
        pytest.param({**GOOD, "bbox": [1, 2, 10**400, 4]}, "wanted bbox", id="beyond any float"),
        pytest.param({**GOOD, "iscrowd": "no"}, "got iscrowd 'no'", id="odd flag"),
    ],
)
def test_bad_annotation_is_named_and_the_others_are_read(folder: Path, bad: Any, said: str) -> None:
    found = read(folder, GOOD, bad, GOOD)
    assert len(found.photos[0].boxes) == 2
    (problem,) = found.problems
    assert problem.where == f"{folder / 'boxes.json'}: annotation 2"
    assert said in problem.message


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        pytest.param({"id": 7, "file_name": "b.jpg"}, "id 7 a second time", id="id twice"),
        pytest.param({"id": 8, "file_name": "a.jpg"}, "annotated twice", id="photo twice"),
        pytest.param({"id": 8, "file_name": "./a.jpg"}, "annotated twice", id="photo twice, spelled otherwise"),
        pytest.param({"id": 8}, "no file_name", id="no name"),
        pytest.param({"id": 8, "file_name": "gone.jpg"}, "is missing", id="no photo"),
        pytest.param({"id": 8, "file_name": "b\0.jpg"}, "is missing", id="zero byte"),
        pytest.param({"id": 8, "file_name": "b" * 5000 + ".jpg"}, "is missing", id="endless name"),
        pytest.param({"id": 8, "file_name": "b.jpg", "width": [1]}, "wanted two whole numbers", id="odd size"),
        pytest.param({"file_name": "b.jpg"}, "got id None", id="no id"),
        pytest.param("b.jpg", "got id None", id="text"),
    ],
)
def test_bad_image_is_told_once_and_the_others_are_read(folder: Path, bad: Any, said: str) -> None:
    of_the_bad = [{**GOOD, "image_id": 8}] * 2 if isinstance(bad, dict) and bad.get("id") == 8 else []
    found = read(folder, GOOD, *of_the_bad, images=[IMAGE, bad])
    assert [(photo.path.name, len(photo.boxes)) for photo in found.photos] == [("a.jpg", 1)]
    (problem,) = found.problems
    assert problem.where == f"{folder / 'boxes.json'}: image 2"
    assert said in problem.message


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        pytest.param({"id": 3, "name": "oat"}, "id 3 a second time", id="id twice"),
        pytest.param({"name": "oat"}, "got id None", id="no id"),
        pytest.param(7, "got id None", id="number"),
    ],
)
def test_bad_category_is_named(folder: Path, bad: Any, said: str) -> None:
    found = read(folder, GOOD, categories=[{"id": 3, "name": "milk"}, bad])
    assert found.photos[0].boxes[0].label == "milk"
    assert said in found.problems[0].message
    assert found.problems[0].where.endswith(": category 2")
