"""Whatever a file holds, reading it ends in boxes inside their photos, in problems, or in one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import save_photo
from facings.annotations import read_annotations
from facings.errors import BadInput

VOC_PIECES = ("<annotation>", "</annotation>", "<object>", "</object>", "<bndbox>", "</bndbox>", "<xmin>1</xmin>")
MORE_VOC_PIECES = (
    "<filename>a.jpg</filename>",
    "<ymin>-5</ymin>",
    "<xmax>9</xmax>",
    "<ymax>1e9</ymax>",
    "<name>a</name>",
)
LINE_PIECES = (
    "a.jpg",
    ",",
    ",1,2,3,4,",
    "100,80",
    "\n",
    '"',
    "0 .5 .5 .1 .1",
    "nan",
    " ",
    "\0",
    "\r",
    "é",
    "{",
    "[",
    "-1",
)
PIECES = (*VOC_PIECES, *MORE_VOC_PIECES, "<!DOCTYPE annotation []>", *LINE_PIECES)
any_text = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "a.jpg", "1", "\ud800"])
any_json = st.recursive(
    scalars, lambda x: st.lists(x, max_size=4) | st.dictionaries(st.text(max_size=2), x, max_size=2)
)
some = settings(max_examples=80, deadline=None, derandomize=True, database=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("any")
    save_photo(root / "a.jpg", 1, width=100, height=80)
    (root / "classes.txt").write_text("milk\n")
    return root


def read_or_refuse(path: Path) -> None:
    try:
        found = read_annotations(path)
    except BadInput:
        return
    assert found.photos or found.problems
    assert all(problem.where and problem.message for problem in found.problems)


@given(any_text)
@some
def test_any_text_in_a_file(folder: Path, text: str) -> None:
    (folder / "file").write_text(text, encoding="utf-8", newline="")
    read_or_refuse(folder / "file")


@given(any_text)
@some
def test_any_text_in_yolo_labels(folder: Path, text: str) -> None:
    (folder / "a.txt").write_text(text, encoding="utf-8", newline="")
    read_or_refuse(folder)


@given(
    st.sampled_from(["id", "file_name", "width", "image_id", "category_id", "bbox", "iscrowd", "area", "name"]),
    any_json,
)
@some
def test_any_value_in_coco(folder: Path, changed: str, value: Any) -> None:
    image = {"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}
    entry = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 0}
    parts = [{**part, changed: value} for part in (image, entry, {"id": 1, "name": "milk"})]
    document = {key: [part] for key, part in zip(("images", "annotations", "categories"), parts, strict=True)}
    (folder / "file").write_text(json.dumps(document), encoding="utf-8")
    read_or_refuse(folder / "file")


def test_elements_nested_beyond_reason(folder: Path) -> None:
    (folder / "file").write_text("<annotation>" + "<object>" * 100_000 + "</object>" * 100_000 + "</annotation>")
    read_or_refuse(folder / "file")
