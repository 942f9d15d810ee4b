"""Step 2: boxes of products, given or around all of the photo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conftest import make_pixels
from facings import detect
from facings.detect import MAX_DETECTIONS, GivenBoxes, WholePhoto, clip_boxes
from facings.errors import BadInput
from facings.types import FloatArray, Image


def photo(source: str = "/shop/day 1/shelf.jpg") -> Image:
    return Image(make_pixels(1), "0" * 64, source)  # 64×48


def boxes(*corners: tuple[float, float, float, float]) -> FloatArray:
    return np.array(corners, np.float32).reshape(-1, 4)


def test_whole_photo_is_one_box_around_all_of_it() -> None:
    found = WholePhoto().detect(photo())
    assert found.xyxy.tolist() == [[0, 0, 64, 48]]
    assert found.confidence.tolist() == [1]
    assert not found.is_capped


@pytest.mark.parametrize(
    ("key", "source"),
    [
        pytest.param("/shop/day 1/shelf.jpg", "/shop/day 1/shelf.jpg", id="by path"),
        pytest.param("shelf.jpg", "/shop/day 1/shelf.jpg", id="by file name"),
        pytest.param("shelf.jpg", "shelf.jpg", id="file name alone"),
        pytest.param("shelf.jpg", "C:\\shop\\shelf.jpg", id="by file name of a Windows path"),
        pytest.param("C:/shop/shelf.jpg", "C:\\shop\\shelf.jpg", id="by Windows path"),
    ],
)
def test_given_boxes_are_found(key: str, source: str) -> None:
    found = GivenBoxes({key: boxes((1, 2, 30.5, 40))}).detect(photo(source))
    assert found.xyxy.tolist() == [[1, 2, 30.5, 40]]
    assert found.confidence.tolist() == [1]


def test_path_goes_before_file_name() -> None:
    given_boxes = GivenBoxes({"shelf.jpg": boxes((0, 0, 9, 9)), "/shop/day 1/shelf.jpg": boxes((5, 5, 20, 20))})
    assert given_boxes.detect(photo()).xyxy.tolist() == [[5, 5, 20, 20]]
    assert given_boxes.detect(photo("/other/shelf.jpg")).xyxy.tolist() == [[0, 0, 9, 9]]


def test_photo_without_products_has_no_boxes() -> None:
    found = GivenBoxes({"shelf.jpg": boxes()}).detect(photo())
    assert len(found) == 0
    assert not found.is_capped


def test_photo_that_the_file_does_not_know_is_refused() -> None:
    with pytest.raises(BadInput, match=r"shelf\.jpg: the box file says nothing"):
        GivenBoxes({"other.jpg": boxes((0, 0, 9, 9)), "day 1": boxes()}).detect(photo())


def test_box_over_the_border_is_clipped() -> None:
    found = GivenBoxes({"shelf.jpg": boxes((-10, -1, 20, 20), (50, 40, 64.5, 1000))}).detect(photo())
    assert found.xyxy.tolist() == [[0, 0, 20, 20], [50, 40, 64, 48]]


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((64, 0, 80, 20), id="touches the right border from outside"),
        pytest.param((0, 48, 20, 60), id="below"),
        pytest.param((-20, 0, 0, 20), id="left"),
        pytest.param((0, -20, 20, -1), id="above"),
        pytest.param((10, 10, 10, 20), id="no width"),
        pytest.param((30, 10, 20, 20), id="corners swapped"),
    ],
)
def test_box_outside_or_without_area_is_refused_and_named(box: tuple[float, float, float, float]) -> None:
    good = (0.0, 0.0, 9.0, 9.0)
    with pytest.raises(BadInput, match="outside the photo") as caught:
        GivenBoxes({"shelf.jpg": boxes(good, box)}).detect(photo())
    assert str([float(corner) for corner in box]) in caught.value.message
    assert "64×48" in caught.value.message


def test_box_that_is_no_number_is_refused() -> None:
    with pytest.raises(BadInput, match="NaN"):
        GivenBoxes({"shelf.jpg": boxes((0, 0, float("nan"), 9))}).detect(photo())


def test_ceiling_is_high_enough_for_dense_shelves() -> None:
    assert MAX_DETECTIONS >= 1000


@pytest.mark.parametrize(("n_given", "n_kept", "is_capped"), [(2, 2, False), (3, 3, False), (4, 3, True)])
def test_answer_that_hits_the_ceiling_says_so(
    monkeypatch: pytest.MonkeyPatch, n_given: int, n_kept: int, is_capped: bool
) -> None:
    monkeypatch.setattr(detect, "MAX_DETECTIONS", 3)
    rows = [(float(i), 0.0, i + 9.0, 9.0) for i in range(n_given)]
    found = GivenBoxes({"shelf.jpg": boxes(*rows)}).detect(photo())
    assert found.xyxy.tolist() == [list(row) for row in rows[:n_kept]]
    assert len(found.confidence) == n_kept
    assert found.is_capped is is_capped


CORNERS: Any = hnp.arrays(np.float32, st.tuples(st.integers(0, 8), st.just(4)), elements=st.floats(-1e4, 1e4, width=32))


@given(CORNERS, st.integers(1, 500), st.integers(1, 500))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_clipped_boxes_are_the_part_inside(xyxy: FloatArray, width: int, height: int) -> None:
    before = xyxy.copy()
    clipped = clip_boxes(xyxy, width, height)
    assert clipped.dtype == np.float32
    assert clipped.shape == xyxy.shape
    assert (xyxy == before).all()
    for (x1, y1, x2, y2), got in zip(xyxy.tolist(), clipped.tolist(), strict=True):
        wanted = [
            min(max(value, 0.0), limit) for value, limit in zip((x1, y1, x2, y2), (width, height) * 2, strict=True)
        ]
        assert got == wanted
    assert (clip_boxes(clipped, width, height) == clipped).all()


def test_given_boxes_are_found_however_the_path_is_written() -> None:
    boxes = np.array([[0, 0, 10, 10]], np.float32)
    given = GivenBoxes({"./aisle/a.jpg": boxes, "aisle\\b.jpg": boxes})
    for source in ("aisle/a.jpg", "/data/aisle/a.jpg", "aisle/b.jpg", "x\\aisle\\b.jpg"):
        assert len(GivenBoxes({"./aisle/a.jpg": boxes, "aisle\\b.jpg": boxes}).detect(photo(source))) == 1
    assert len(given.detect(photo("aisle/a.jpg"))) == len(given.detect(photo("aisle/a.jpg"))) == 1


def test_one_name_in_the_box_file_never_serves_two_photos() -> None:
    given = GivenBoxes({"a.jpg": np.array([[0, 0, 10, 10]], np.float32)})
    assert len(given.detect(photo("x/a.jpg"))) == 1
    with pytest.raises(BadInput, match=r"y/a\.jpg: the box file's 'a\.jpg' fits x/a\.jpg too"):
        given.detect(photo("y/a.jpg"))
