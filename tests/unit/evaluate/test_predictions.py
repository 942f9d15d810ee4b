"""COCO results of other detectors: each entry to its photo, bad ones told, the rest read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from conftest import save_photo
from facings.annotations import AnnotatedPhoto, LabelledBox, write_annotations
from facings.errors import BadInput
from facings.evaluate.predictions import Predictions, read_predictions

BOX = [4, 6, 10, 20]


@pytest.fixture
def photos(tmp_path: Path) -> list[AnnotatedPhoto]:
    """Two shelves and two photos of one name in two folders."""
    paths = ("shelf.jpg", "000007.jpg", "aisle-1/same.jpg", "aisle-2/same.jpg")
    boxes = [LabelledBox((0, 0, 10, 10), "tea"), LabelledBox((20, 0, 30, 10), "coffee")]
    return [AnnotatedPhoto(save_photo(tmp_path / path, n), 64, 48, tuple(boxes)) for n, path in enumerate(paths)]


def read(folder: Path, photos: Sequence[AnnotatedPhoto], entries: object, **options: Any) -> Predictions:
    path = folder / "found.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    return read_predictions(path, photos, options.pop("annotations", folder), **options)


def n_found(read: Predictions) -> list[int]:
    return [len(photo.found) for photo in read.photos]


def test_an_entry_goes_to_its_photo(tmp_path: Path, photos: list[AnnotatedPhoto]) -> None:
    names = ["shelf.jpg", "./shelf.jpg", "aisle-1/same.jpg", r"aisle-2\same.jpg", str(photos[1].path)]
    found = read(tmp_path, photos, [{"file_name": name, "bbox": BOX, "score": 0.25} for name in names])
    assert found.problems == ()
    assert n_found(found) == [2, 1, 1, 1]
    assert found.photos[0].found[0].tolist() == [4, 6, 14, 26]
    assert found.photos[0].confidence.tolist() == [0.25, 0.25]
    assert found.photos[0].truth.tolist() == [[0, 0, 10, 10], [20, 0, 30, 10]]
    assert found.photos[0].found_labels is None


def test_ids_of_coco_annotations_mean_their_images_and_categories(tmp_path: Path, photos: list[AnnotatedPhoto]) -> None:
    coco = tmp_path / "coco.json"
    assert write_annotations(photos, coco, "coco") == ()
    document = json.loads(coco.read_text())
    for image in document["images"]:
        image["id"] += 40
    document["categories"][0]["id"] = "c"
    coco.write_text(json.dumps(document))
    entries = [{"image_id": 43, "bbox": BOX, "score": 1, "category_id": key} for key in ("c", 2)]
    found = read(tmp_path, photos, entries, annotations=coco, with_classes=True)
    assert found.problems == ()
    assert n_found(found) == [0, 0, 2, 0]
    assert found.photos[2].found_labels == ("coffee", "tea")
    assert found.photos[0].found_labels == ()


def test_ids_beside_other_formats_are_names_without_suffix_and_places_of_classes(
    tmp_path: Path, photos: list[AnnotatedPhoto]
) -> None:
    entries = [
        {"image_id": key, "bbox": BOX, "score": 0.5, "category_id": number}
        for key, number in (("shelf", 1), ("000007", 2), (7, 1))
    ]
    found = read(tmp_path, photos, entries, with_classes=True)
    assert found.problems == ()
    assert n_found(found) == [1, 2, 0, 0]
    assert found.photos[1].found_labels == ("tea", "coffee")  # by name: coffee is 1, tea is 2


def test_photos_that_are_unknown_or_not_told_apart_are_told_once(tmp_path: Path, photos: list[AnnotatedPhoto]) -> None:
    names = ["gone.jpg", "gone.jpg", "same.jpg", "shelf.jpg"]
    found = read(tmp_path, photos, [{"file_name": name, "bbox": BOX, "score": 0.5} for name in names])
    assert n_found(found) == [1, 0, 0, 0]
    assert [problem.message for problem in found.problems] == [
        "file_name 'gone.jpg' is not the name of exactly one annotated photo: 2 entries were left out.",
        "file_name 'same.jpg' is not the name of exactly one annotated photo: 1 entry was left out.",
    ]
    unknown = read(tmp_path, photos, [{"image_id": 99, "bbox": BOX, "score": 0.5}])
    assert [problem.message.split(" is ")[0] for problem in unknown.problems] == ["image_id 99"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"bbox": BOX, "score": 0.5}, "names no photo"),
        (["shelf.jpg"], "names no photo"),
        ({"image_id": 1.5, "bbox": BOX, "score": 0.5}, "names no photo"),
        ({"file_name": "shelf.jpg", "bbox": BOX}, "got score None"),
        ({"file_name": "shelf.jpg", "bbox": BOX, "score": float("nan")}, "got score nan"),
        ({"file_name": "shelf.jpg", "bbox": BOX, "score": 1.01}, "got score 1.01"),
        ({"file_name": "shelf.jpg", "bbox": BOX, "score": True}, "got score True"),
        ({"file_name": "shelf.jpg", "bbox": BOX, "score": "0.5"}, "got score '0.5'"),
        ({"file_name": "shelf.jpg", "bbox": [4, 6, 0, 20], "score": 0.5}, "no area"),
        ({"file_name": "shelf.jpg", "bbox": [4, 6, 10], "score": 0.5}, "wanted bbox"),
        ({"file_name": "shelf.jpg", "score": 0.5}, "wanted bbox"),
        ({"file_name": "shelf.jpg", "bbox": [4, float("nan"), 10, 20], "score": 0.5}, "no area"),
    ],
    ids=[
        "no-name",
        "list",
        "half-id",
        "no-score",
        "nan",
        "over-1",
        "bool",
        "text",
        "flat",
        "three",
        "no-box",
        "nan-box",
    ],
)
def test_a_bad_entry_is_told_and_the_rest_read(
    tmp_path: Path, photos: list[AnnotatedPhoto], entry: object, said: str
) -> None:
    found = read(tmp_path, photos, [entry, {"file_name": "shelf.jpg", "bbox": BOX, "score": 0.5}])
    assert n_found(found) == [1, 0, 0, 0]
    (problem,) = found.problems
    assert problem.where.endswith("found.json: entry 1")
    assert problem.code == "bad_input"
    assert said in problem.message


@pytest.mark.parametrize("number", [0, 3, None, "tea"])
def test_a_class_must_be_one(tmp_path: Path, photos: list[AnnotatedPhoto], number: object) -> None:
    entry = {"file_name": "shelf.jpg", "bbox": BOX, "score": 0.5, "category_id": number}
    found = read(tmp_path, photos, [entry], with_classes=True)
    assert [f"got category_id {number!r}" in problem.message for problem in found.problems] == [True]
    assert read(tmp_path, photos, [entry]).problems == ()  # classes do not matter unless asked for


def test_nothing_found_is_an_answer(tmp_path: Path, photos: list[AnnotatedPhoto]) -> None:
    found = read(tmp_path, photos, [])
    assert (n_found(found), found.problems) == ([0, 0, 0, 0], ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[\n{"bbox": ', r"found\.json:2: broken JSON"),
        ('{"annotations": []}', "wanted a list of entries"),
        ("[" * 100_000, "no COCO results"),
        ("", "broken JSON"),
    ],
    ids=["cut", "object", "deep", "empty"],
)
def test_a_file_that_is_no_list(tmp_path: Path, photos: list[AnnotatedPhoto], text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read(tmp_path, photos, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_predictions(tmp_path / "absent.json", [], tmp_path)
