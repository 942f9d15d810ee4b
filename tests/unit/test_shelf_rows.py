"""Rows of boxes: tilted, fanned, with gaps, with products on top of each other, tall beside small."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.shelf_rows import Pencil, find_rows
from facings.types import FloatArray
from planned_shelf import Unit, box_of, plan_of, straight, tilted, units_of

SHELVES = ("AAABBCCCD", "EEFFGGHHII", "JKLMNOPQRS")
HEIGHTS = {"A": 8.0, "C": 26.0, "F": 9.0, "H": 25.0, "K": 10.0, "Q": 24.0}
PLAN = plan_of(*SHELVES)
UNITS = units_of(PLAN, HEIGHTS)
shifts = st.lists(st.floats(0, 0.1), min_size=8, max_size=8)


def boxes_of(units: list[Unit], tilt: list[float] | None = None) -> FloatArray:
    view = straight(units) if tilt is None else tilted(units, tilt)
    return np.array([box_of(unit, view) for unit in units], np.float32).reshape(-1, 4)


def names(units: list[Unit], tilt: list[float] | None = None) -> list[str]:
    return ["".join(units[n].sku for n in row.boxes) for row in find_rows(boxes_of(units, tilt)).rows]


def test_no_boxes_make_no_rows() -> None:
    assert find_rows(np.zeros((0, 4), np.float32)).rows == ()


def test_one_box_is_a_row() -> None:
    (row,) = find_rows(np.array([[3, 4, 9, 20]], np.float32)).rows
    assert row.columns == ((0,),)


def test_rows_from_the_top_each_from_the_left() -> None:
    assert names(UNITS[::-1]) == list(SHELVES)


def test_a_level_is_where_a_line_crosses_the_middle() -> None:
    pencil = Pencil(slope=0.1, fan=0.001, center_x=100.0, center_y=50.0)
    # At y = 50 the line falls 0.1 a pixel; at level 150 it falls 0.1 + 0.001 × 100 = 0.2.
    assert pencil.y_at(50.0, 140.0) == pytest.approx(54.0)
    assert pencil.y_at(150.0, 140.0) == pytest.approx(158.0)
    assert pencil.level(140.0, 158.0) == pytest.approx(150.0)


@settings(max_examples=20, deadline=None)
@given(shifts)
def test_perspective_changes_nothing(tilt: list[float]) -> None:
    assert names(UNITS, tilt) == list(SHELVES)


@settings(max_examples=20, deadline=None)
@given(shifts, st.sets(st.integers(0, len(UNITS) - 1), max_size=12))
def test_missing_products_leave_the_others_where_they_are(tilt: list[float], gone: set[int]) -> None:
    left = [unit for n, unit in enumerate(UNITS) if n not in gone]
    kept = ["".join(u.sku for u in left if u.bottom == bottom) for bottom in (32.0, 64.0, 96.0)]
    assert names(left, tilt) == kept


@settings(max_examples=20, deadline=None)
@given(shifts, st.randoms(use_true_random=False))
def test_order_of_the_boxes_does_not_matter(tilt: list[float], lot: Random) -> None:
    boxes = boxes_of(UNITS, tilt)
    order = np.random.default_rng(lot.randrange(1000)).permutation(len(boxes))
    shuffled = [[int(order[n]) for n in row.boxes] for row in find_rows(boxes[order]).rows]
    assert shuffled == [list(row.boxes) for row in find_rows(boxes).rows]


@settings(max_examples=20, deadline=None)
@given(shifts)
def test_every_box_is_in_one_row(tilt: list[float]) -> None:
    found = find_rows(boxes_of(UNITS, tilt)).rows
    assert sorted(n for row in found for n in row.boxes) == list(range(len(UNITS)))


@settings(max_examples=20, deadline=None)
@given(shifts)
def test_products_on_top_of_each_other_share_a_column(tilt: list[float]) -> None:
    tall, low = 20.0, 6.0
    row = [Unit("A", 10, 40, 9, tall), Unit("B", 20, 40, 9, low), Unit("B", 20, 34, 9, low), Unit("B", 20, 28, 9, low)]
    row += [Unit("C", 30, 40, 9, low), Unit("D", 30, 34, 9, low), Unit("E", 40, 40, 9, tall)]
    below = [Unit("F", x, 72, 9, tall) for x in (10, 20, 30, 40)]
    assert names(row + below, tilt) == ["ABBBCDE", "FFFF"]
    top = find_rows(boxes_of(row + below, tilt)).rows[0]
    assert [len(column) for column in top.columns] == [1, 3, 2, 1]


def test_shelves_close_together_stay_apart() -> None:
    """20 cm packs, 5 cm from their tops to the products above."""
    assert names(units_of(plan_of("ABCDEF", "GHIJKL", "MNOPQR"), pitch=25.0)) == ["ABCDEF", "GHIJKL", "MNOPQR"]


@settings(max_examples=20, deadline=None)
@given(shifts, st.integers(0, 1000))
def test_boxes_a_little_off_stay_in_their_rows(tilt: list[float], seed: int) -> None:
    """Corners off by up to 3 % of the height, as a detector is."""
    boxes = boxes_of(UNITS, tilt)
    heights = np.repeat(boxes[:, 3:] - boxes[:, 1:2], 4, axis=1)
    off = np.random.default_rng(seed).uniform(-0.03, 0.03, boxes.shape) * heights
    found = find_rows((boxes + off).astype(np.float32)).rows
    assert ["".join(UNITS[n].sku for n in row.boxes) for row in found] == list(SHELVES)
