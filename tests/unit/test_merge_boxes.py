"""One box a product: suppression against its definition, and views cut off at the borders of tiles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.merge_boxes import Views, merge_views, suppress
from facings.types import Detections, FloatArray, no_detections

Box = tuple[float, float, float, float]


def rows(*boxes: Box) -> FloatArray:
    return np.array(boxes, np.float32).reshape(-1, 4)


def iou(a: list[float], b: list[float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def merged(
    *views: tuple[Box, float, bool], larger: Detections | None = None, slack: tuple[float, float] = (0, 0)
) -> list[list[float]]:
    """Boxes that are left of (box, confidence, is cut)."""
    seen = Views(
        rows(*(box for box, _, _ in views)),
        np.array([confidence for _, confidence, _ in views], np.float32),
        np.array([is_cut for _, _, is_cut in views], bool),
    )
    found = merge_views(seen, larger or no_detections(), max_iou=0.5, sure=0.3, slack=slack)
    left: list[list[float]] = found.xyxy.tolist()
    return left


def test_less_confident_of_two_with_too_large_an_iou_goes() -> None:
    # IoU of the first two: 90 / 110 = 0.818; of the first and the third: 50 / 150 = 0.333.
    boxes = rows((0, 0, 10, 10), (1, 0, 11, 10), (5, 0, 15, 10))
    confidence = np.array([0.8, 0.9, 0.7], np.float32)
    assert suppress(boxes, confidence, 0.5).tolist() == [1, 2]
    assert suppress(boxes, confidence, 0.82).tolist() == [1, 0, 2]
    assert suppress(boxes, confidence, 0.3).tolist() == [1]


def test_iou_that_is_just_allowed_stays() -> None:
    assert suppress(rows((0, 0, 2, 1), (0, 0, 1, 1)), np.array([0.9, 0.8], np.float32), 0.5).tolist() == [0, 1]


def test_box_suppressed_by_a_suppressed_box_only_stays() -> None:
    chain = rows((0, 0, 10, 10), (3, 0, 13, 10), (6, 0, 16, 10))  # IoU of neighbors 70 / 130 = 0.54
    assert suppress(chain, np.array([0.9, 0.8, 0.7], np.float32), 0.5).tolist() == [0, 2]


def test_no_box_and_one_box() -> None:
    assert suppress(rows(), np.zeros(0, np.float32), 0.5).tolist() == []
    assert suppress(rows((0, 0, 1, 1)), np.ones(1, np.float32), 0.5).tolist() == [0]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 60),
            st.integers(0, 60),
            st.integers(1, 50),
            st.integers(1, 50),
            st.sampled_from([0.2, 0.5, 0.9]),
        ),
        max_size=40,
    ),
    st.sampled_from([0.05, 0.3, 0.5, 0.7, 0.95, 1.0]),
)
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_suppression_is_greedy_by_confidence_then_position(
    drawn: list[tuple[int, int, int, int, float]], max_iou: float
) -> None:
    boxes = rows(*((x, y, x + w, y + h) for x, y, w, h, _ in drawn))
    confidence = np.array([c for *_, c in drawn], np.float32)
    kept = suppress(boxes, confidence, max_iou)
    ranked = sorted(zip((-confidence).tolist(), boxes.tolist(), strict=True))
    wanted: list[tuple[float, list[float]]] = []
    for minus, box in ranked:
        if all(iou(box, other) <= max_iou for _, other in wanted):
            wanted.append((minus, box))
    assert list(zip((-confidence[kept]).tolist(), boxes[kept].tolist(), strict=True)) == wanted
    mixed = np.random.default_rng(len(drawn)).permutation(len(drawn))
    again = suppress(boxes[mixed], confidence[mixed], max_iou)
    assert boxes[mixed][again].tolist() == boxes[kept].tolist()


def test_views_of_two_tiles_become_one_box() -> None:
    assert merged(((0, 0, 100, 100), 0.8, False), ((2, 0, 102, 100), 0.9, False)) == [[2, 0, 102, 100]]


def test_cut_view_goes_where_a_whole_one_covers_it_however_confident() -> None:
    assert merged(((0, 0, 30, 100), 0.99, True), ((0, 0, 100, 100), 0.4, False)) == [[0, 0, 100, 100]]


def test_cut_view_that_nothing_covers_stays() -> None:
    cut, beside = (90.0, 0.0, 120.0, 100.0), (0.0, 0.0, 100.0, 100.0)  # a third of it is covered
    assert merged((cut, 0.9, True), (beside, 0.8, False)) == [list(cut), list(beside)]


def test_small_product_in_front_does_not_remove_a_large_cut_one() -> None:
    large, small = (0.0, 0.0, 200.0, 200.0), (50.0, 50.0, 90.0, 90.0)
    assert merged((large, 0.9, True), (small, 0.8, False)) == [list(large), list(small)]


def test_of_cut_views_of_one_product_the_largest_stays() -> None:
    views = [((0, 0, 60, 100), 0.9, True), ((0, 0, 100, 100), 0.5, True), ((40, 0, 100, 100), 0.8, True)]
    for order in itertools.permutations(views):
        assert merged(*order) == [[0, 0, 100, 100]]


def test_sliver_beside_its_product_goes_within_the_slack() -> None:
    sliver, whole = (97.0, 0.0, 100.0, 100.0), (99.0, 0.0, 150.0, 100.0)  # a third is covered, with 4 px more all
    assert len(merged((sliver, 0.9, True), (whole, 0.8, False))) == 2
    assert merged((sliver, 0.9, True), (whole, 0.8, False), slack=(4, 4)) == [list(whole)]
    assert len(merged((sliver, 0.9, True), (whole, 0.8, False), slack=(0, 4))) == 2


def test_doubtful_box_says_nothing_against_a_sure_one() -> None:
    cut, whole = (0.0, 0.0, 30.0, 100.0), (0.0, 0.0, 100.0, 100.0)
    assert merged((cut, 0.9, True), (whole, 0.1, False)) == [list(cut), list(whole)]
    assert merged((cut, 0.05, True), (whole, 0.1, False)) == [list(whole)]


@pytest.mark.parametrize(
    ("fine", "stays"),
    [
        pytest.param([], True, id="seen from farther away only"),
        pytest.param([(0, 0, 90, 95)], False, id="seen whole"),
        pytest.param([(0, 0, 50, 45), (50, 0, 100, 45), (0, 50, 50, 95)], False, id="a group of products"),
        pytest.param([(20, 20, 60, 60)], True, id="something on the label"),
    ],
)
def test_larger_box_stays_unless_whole_views_explain_it(fine: list[Box], stays: bool) -> None:
    larger = Detections(rows((0, 0, 100, 100)), np.array([0.9], np.float32))
    left = merged(*((box, 0.8, False) for box in fine), larger=larger)
    assert ([0, 0, 100, 100] in left) is stays
    assert len(left) == len(fine) + stays


def test_larger_box_covers_cut_views_of_its_product() -> None:
    larger = Detections(rows((0, 0, 100, 300)), np.array([0.5], np.float32))
    assert merged(((0, 0, 100, 120), 0.9, True), ((0, 180, 99, 300), 0.8, True), larger=larger) == [[0, 0, 100, 300]]


def test_answer_does_not_depend_on_the_order_of_the_tiles() -> None:
    views: list[tuple[Box, float, bool]] = [
        ((0, 0, 40, 40), 0.5, False),
        ((1, 0, 41, 40), 0.5, False),
        ((30, 0, 70, 40), 0.5, True),
        ((31, 0, 70, 40), 0.5, True),
        ((200, 0, 240, 40), 0.9, True),
    ]
    for order in itertools.permutations(views):
        assert merged(*order) == [[200, 0, 240, 40], [0, 0, 40, 40], [30, 0, 70, 40]]


def test_no_views_give_no_boxes() -> None:
    assert merged() == []
