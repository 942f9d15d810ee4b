"""Step 3: pixels of each box, rounded outwards, never wrapped around the border."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.crop import MIN_SIDE_PX, crop, cut, cut_product
from facings.errors import BadInput
from facings.types import Detections, FloatArray, Image, UInt8Array

WIDTH, HEIGHT = 40, 30


def numbered() -> UInt8Array:
    """Each pixel holds its own column, row and 7."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([columns, rows, np.full_like(rows, 7)], axis=2).astype(np.uint8)


def box_of(*corners: float) -> FloatArray:
    return np.array(corners, np.float32)


def span(piece: UInt8Array) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 of the pixels in a piece of `numbered`, checked to be one rectangle."""
    x1, y1 = int(piece[0, 0, 0]), int(piece[0, 0, 1])
    x2, y2 = int(piece[-1, -1, 0]) + 1, int(piece[-1, -1, 1]) + 1
    assert piece.shape == (y2 - y1, x2 - x1, 3)
    return x1, y1, x2, y2


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        pytest.param((0, 0, WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT), id="all"),
        pytest.param((3, 4, 20, 15), (3, 4, 20, 15), id="whole pixels: right and bottom are outside"),
        pytest.param((3.9, 4.1, 19.1, 14.9), (3, 4, 20, 15), id="fractions go outwards"),
        pytest.param((10.2, 10.2, 10.7, 10.7), (10, 10, 11, 11), id="within one pixel"),
        pytest.param((-7, -0.5, 5, 5), (0, 0, 5, 5), id="over the top left corner"),
        pytest.param((30, 20, 99, 99), (30, 20, WIDTH, HEIGHT), id="over the bottom right corner"),
        pytest.param((39, 29, 40, 30), (39, 29, 40, 30), id="last pixel"),
        pytest.param((-1e30, -1e30, 1e30, 1e30), (0, 0, WIDTH, HEIGHT), id="absurdly large"),
    ],
)
def test_cut_gives_the_pixels_of_the_box(
    box: tuple[float, float, float, float], wanted: tuple[int, int, int, int]
) -> None:
    assert span(cut(numbered(), box_of(*box))) == wanted


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((-20, 5, -5, 20), id="left: must not wrap around"),
        pytest.param((5, -20, 20, -5), id="above: must not wrap around"),
        pytest.param((WIDTH, 0, WIDTH + 9, 9), id="right"),
        pytest.param((0, HEIGHT, 9, HEIGHT + 9), id="below"),
    ],
)
def test_box_outside_has_no_pixels(box: tuple[float, float, float, float]) -> None:
    assert cut(numbered(), box_of(*box)).size == 0


def test_cut_is_a_view() -> None:
    pixels = numbered()
    assert np.shares_memory(cut(pixels, box_of(1, 1, 9, 9)), pixels)


coordinate = st.floats(-60, 100, width=32)


@given(coordinate, coordinate, coordinate, coordinate)
@settings(max_examples=500, deadline=None, derandomize=True, database=None)
def test_cut_is_never_larger_than_the_box_rounded_outwards_and_never_empty_inside(
    xa: float, ya: float, xb: float, yb: float
) -> None:
    x1, x2 = sorted((xa, xb))
    y1, y2 = sorted((ya, yb))
    piece = cut(numbered(), box_of(x1, y1, x2, y2))
    height, width = piece.shape[:2]
    assert width <= math.ceil(x2) - math.floor(x1)
    assert height <= math.ceil(y2) - math.floor(y1)
    inside = max(x1, 0) < min(x2, WIDTH) and max(y1, 0) < min(y2, HEIGHT)
    if inside:
        assert span(piece) == (
            max(0, math.floor(x1)),
            max(0, math.floor(y1)),
            min(WIDTH, math.ceil(x2)),
            min(HEIGHT, math.ceil(y2)),
        )


def detections(*rows: tuple[float, float, float, float]) -> Detections:
    xyxy = np.array(rows, np.float32).reshape(-1, 4)
    return Detections(xyxy, np.ones(len(xyxy), np.float32))


def image() -> Image:
    return Image(numbered(), "0" * 64, "shelf.jpg")


def test_too_small_boxes_give_no_crop_and_stay_visible() -> None:
    found = crop(image(), detections((0, 0, 20, 7), (0, 0, 8, 8), (5, 5, 12, 30), (10, 10, 30, 30)))
    assert found.n_detections == 4
    assert found.detection_index.tolist() == [1, 3]
    assert found.detection_index.dtype == np.int64
    assert [span(piece) for piece in found.pixels] == [(0, 0, 8, 8), (10, 10, 30, 30)]


@pytest.mark.parametrize(("side", "n_crops"), [(MIN_SIDE_PX, 1), (MIN_SIDE_PX - 1, 0)])
def test_smallest_side_that_is_kept(side: int, n_crops: int) -> None:
    assert len(crop(image(), detections((2, 2, 2 + side, 30)))) == n_crops
    assert len(crop(image(), detections((2, 2, 30, 2 + side)))) == n_crops


def test_side_counts_after_clipping() -> None:
    assert len(crop(image(), detections((WIDTH - 5, 0, WIDTH + 50, 20)))) == 0
    assert len(crop(image(), detections((WIDTH - 5, 0, WIDTH + 50, 20)), min_side_px=5)) == 1


def test_boxes_outside_give_no_crop() -> None:
    found = crop(image(), detections((-30, 0, -10, 20), (0, 50, 20, 70)), min_side_px=1)
    assert (len(found), found.n_detections) == (0, 2)


def test_no_boxes_give_no_crops() -> None:
    found = crop(image(), detections())
    assert (len(found), found.n_detections, found.detection_index.shape) == (0, 0, (0,))


def test_the_product_of_a_labelled_photo_is_the_whole_photo_or_its_box() -> None:
    image = Image(numbered(), "0" * 64, "photo.jpg")
    assert cut_product(image, None) is image.pixels
    assert span(cut_product(image, (3, 4, 20, 15))) == (3, 4, 20, 15)


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((0, 0, MIN_SIDE_PX - 1, HEIGHT), id="too narrow"),
        pytest.param((0, HEIGHT - MIN_SIDE_PX + 1, WIDTH, HEIGHT + 50), id="too little inside"),
        pytest.param((WIDTH + 5, 0, WIDTH + 50, HEIGHT), id="outside"),
    ],
)
def test_a_box_that_leaves_too_little_product_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(BadInput, match=r"photo\.jpg: got .* px of product, wanted 8 px"):
        cut_product(Image(numbered(), "0" * 64, "photo.jpg"), box)
