"""How close a photo is looked at: worked by hand, and bounded whatever was found."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.looks import (
    MAX_BLIND_PIXELS,
    MAX_LOOK_PIXELS,
    closer_look,
    first_look,
    is_too_large,
    missed_below_px,
)
from facings.types import FloatArray
from painted_shelf import CARD as SMALL_CARD

CARD = replace(SMALL_CARD, working_px=640, object_px=(20.0, 180.0))  # middle: √(20 · 180) = 60
PHOTO = (4000, 3000)  # first look at 640 / 4000 = 0.16
NOTHING = np.zeros((0, 4), np.float32)
FULL = np.array([[0, 0, 4000, 800]], np.float32)  # covers 0.27 of the photo


def boxes(n: int, width: float, height: float) -> FloatArray:
    return np.tile(np.array([0, 0, width, height], np.float32), (n, 1))


@pytest.mark.parametrize(
    ("photo_px", "scale", "size_px", "tile_px"),
    [
        pytest.param((4000, 3000), 0.16, (640, 480), (640, 480), id="phone photo"),
        pytest.param((3000, 4000), 0.16, (480, 640), (480, 640), id="upright"),
        pytest.param((640, 100), 1.0, (640, 100), (640, 128), id="of the working size"),
        pytest.param((400, 400), 1.6, (640, 640), (640, 640), id="smaller is enlarged"),
        pytest.param((100, 80), 2.0, (200, 160), (224, 160), id="twice at most"),
        pytest.param((20_000, 500), 0.032, (640, 16), (640, 32), id="panorama"),
        pytest.param((3, 2000), 0.32, (1, 640), (32, 640), id="three columns"),
        pytest.param((1, 1), 2.0, (2, 2), (32, 32), id="one pixel"),
    ],
)
def test_first_look_shows_all_at_the_working_size(
    photo_px: tuple[int, int], scale: float, size_px: tuple[int, int], tile_px: tuple[int, int]
) -> None:
    look = first_look(photo_px, CARD)
    assert (look.scale, look.size_px, look.tile_px) == (scale, size_px, tile_px)
    assert look.corners == ((0, 0),)


def test_large_products_need_one_look() -> None:
    first = first_look(PHOTO, CARD)
    assert closer_look(boxes(40, 188, 400), first, CARD) is None  # 30.08 px, wanted 1.5 · 20
    assert closer_look(boxes(40, 187, 400), first, CARD) is not None


def test_small_products_come_to_the_middle_of_what_the_network_knows() -> None:
    closer = closer_look(boxes(9, 120, 200), first_look(PHOTO, CARD), CARD)
    assert closer is not None
    assert closer.scale == pytest.approx(0.5)  # 120 px → 60
    assert closer.size_px == (2000, 1500)
    assert closer.overlap_px == (90, 150)  # 1.5 · 60, 1.5 · 100
    assert len(closer.corners) == 4
    assert closer_look(boxes(200, 120, 200), closer, CARD) is None


def test_a_quarter_of_small_products_among_large_ones_is_brought_well_into_the_range() -> None:
    mixed = np.vstack([boxes(4, 125, 125), boxes(8, 900, 900)])
    closer = closer_look(mixed, first_look(PHOTO, CARD), CARD)
    assert closer is not None
    assert closer.scale == pytest.approx(2 * 20 / 125)  # the median would not ask for a closer look
    assert is_too_large(mixed, closer, CARD).tolist() == [False] * 4 + [True] * 8


def test_few_small_boxes_among_large_ones_are_not_looked_at_closer() -> None:
    assert closer_look(np.vstack([boxes(2, 30, 30), boxes(9, 900, 900)]), first_look(PHOTO, CARD), CARD) is None


def test_no_look_is_finer_than_the_photo() -> None:
    closer = closer_look(boxes(9, 20, 30), first_look((1000, 800), CARD), CARD)
    assert closer is not None
    assert closer.scale == 1
    assert closer_look(boxes(9, 5, 5), closer, CARD) is None
    assert closer_look(boxes(9, 5, 5), first_look((600, 300), CARD), CARD) is None
    assert closer_look(boxes(9, 5, 5), first_look((700, 300), CARD), CARD) is None  # 1.09 times finer is not worth it


@pytest.mark.parametrize("found", [NOTHING, boxes(1, 1700, 1700)], ids=["nothing", "one product in 0.24 of it"])
def test_photo_that_seems_empty_is_looked_at_closer_until_the_budget_ends(found: FloatArray) -> None:
    look, n_looks = first_look(PHOTO, CARD), 1
    while (closer := closer_look(found, look, CARD)) is not None:
        assert closer.network_px <= MAX_BLIND_PIXELS
        look, n_looks = closer, n_looks + 1
    # √(180 / 20) = 3 times finer would be 1920×1440 in 2×2 tiles of 1056×832, more than the budget.
    assert n_looks == 2
    assert 20 / 60 < look.scale < 0.48  # products of 60 px can be seen
    assert missed_below_px(NOTHING, look, CARD) == pytest.approx(20 / look.scale)
    assert closer_look(FULL, first_look(PHOTO, CARD), CARD) is None


def test_panorama_is_looked_at_until_its_products_can_be_seen() -> None:
    look = first_look((20_000, 500), CARD)
    while (closer := closer_look(NOTHING, look, CARD)) is not None:
        look = closer
    assert look.scale > 20 / 100  # products of 100 px
    assert look.network_px <= MAX_BLIND_PIXELS


def test_what_may_have_been_missed() -> None:
    first = first_look(PHOTO, CARD)
    assert missed_below_px(NOTHING, first, CARD) == pytest.approx(125)  # 20 px at 0.16
    assert missed_below_px(boxes(4, 124, 300), first, CARD) == pytest.approx(125)
    assert missed_below_px(boxes(4, 126, 300), first, CARD) is None
    assert missed_below_px(boxes(4, 3, 3), first_look((300, 300), CARD), CARD) is None


def test_too_large_is_what_no_tile_shows_whole_or_the_network_does_not_know() -> None:
    closer = closer_look(boxes(99, 120, 200), first_look(PHOTO, CARD), CARD)
    assert closer is not None
    assert closer.whole_px == (75, 125)  # so 150×250 px of the photo
    several = np.vstack([boxes(1, 150, 250), boxes(1, 151, 20), boxes(1, 20, 251)])
    assert is_too_large(several, closer, CARD).tolist() == [False, True, True]
    assert is_too_large(NOTHING, closer, CARD).tolist() == []
    one_piece = first_look((500, 500), CARD)  # 1.28
    assert is_too_large(np.vstack([boxes(1, 141, 141), boxes(1, 140, 500)]), one_piece, CARD).tolist() == [True, False]


@given(
    st.tuples(st.integers(1, 40_000), st.integers(1, 40_000)),
    st.lists(st.tuples(st.floats(0.01, 5000), st.floats(0.01, 5000)), max_size=20),
    st.integers(64, 1024),
    st.floats(2, 60),
    st.floats(1, 20),
)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_looks_get_closer_and_end_within_the_budget(
    photo_px: tuple[int, int], sides: list[tuple[float, float]], working_px: int, smallest: float, times: float
) -> None:
    card = replace(CARD, working_px=working_px, object_px=(smallest, smallest * times))
    found = np.array([(0, 0, *side) for side in sides], np.float32).reshape(-1, 4)
    look, n_looks = first_look(photo_px, card), 1
    while (closer := closer_look(found, look, card)) is not None:
        assert 1.25 * look.scale <= closer.scale * (1 + 1e-9)
        assert closer.scale <= 1
        assert closer.network_px <= (MAX_LOOK_PIXELS if len(found) else MAX_BLIND_PIXELS)
        assert max(closer.tile_px) <= 2 * working_px
        look, n_looks = closer, n_looks + 1
    assert n_looks <= 2 + math.log(max(photo_px) / working_px + 1, 1.25)
