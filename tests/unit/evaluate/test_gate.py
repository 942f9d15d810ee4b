"""The gate's recall@1 by hand: a query never finds its own photo, and pieces of a gallery are one gallery."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.errors import BadInput
from facings.evaluate.gate import LabelledRows, Verdict, is_askable, recall_at_1
from facings.evaluate.share import Share


def labelled(*photos: tuple[float, str, str]) -> LabelledRows:
    """Rows on the unit circle: angle in degrees, product, photo."""
    angles = [math.radians(degrees) for degrees, _, _ in photos]
    rows = np.array([[math.cos(a), math.sin(a)] for a in angles], np.float32).reshape(-1, 2)
    return LabelledRows(rows, [label for _, label, _ in photos], [photo for _, _, photo in photos])


# a at 0° and 10°, b at 12° and 90°: 0° finds 10° (a, right), 10° finds 12° (b, wrong), 12° finds 10° (a, wrong),
# 90° finds 12° (b, right): 2 of 4.
GALLERY = [(0.0, "a", "1"), (10.0, "a", "2"), (12.0, "b", "3"), (90.0, "b", "4")]


@pytest.mark.parametrize("n_a_piece", [1, 2, 3, 4])
def test_leaving_one_photo_out_by_hand(n_a_piece: int) -> None:
    pieces = [labelled(*GALLERY[start : start + n_a_piece]) for start in range(0, 4, n_a_piece)]
    assert recall_at_1(labelled(*GALLERY), pieces) == Share(2, 4)


def test_all_boxes_of_the_query_s_photo_are_passed_over() -> None:
    shelf = [(0.0, "a", "shelf"), (1.0, "a", "shelf"), (50.0, "a", "other"), (40.0, "b", "third")]
    assert recall_at_1(labelled(shelf[0]), [labelled(*shelf)]) == Share(0, 1)  # 40° is nearer than 50°
    assert recall_at_1(labelled((0.0, "a", "new")), [labelled(*shelf)]) == Share(1, 1)


def test_of_two_equally_similar_photos_the_earlier_counts() -> None:
    gallery = [(10.0, "b", "1"), (10.0, "a", "2")]
    assert recall_at_1(labelled((0.0, "a", "q")), [labelled(*gallery)]) == Share(0, 1)
    assert recall_at_1(labelled((0.0, "a", "q")), [labelled(gallery[1]), labelled(gallery[0])]) == Share(1, 1)


def test_a_gallery_of_nothing_but_the_own_photo_has_no_right_answer() -> None:
    own = labelled((0.0, "a", "1"))
    assert recall_at_1(own, [own]) == Share(0, 1)


def test_no_query_is_an_error() -> None:
    with pytest.raises(BadInput, match="got no query"):
        recall_at_1(labelled(), [labelled(*GALLERY)])


def test_a_query_is_askable_if_its_product_has_another_photo() -> None:
    gallery = [("a", "1"), ("a", "2"), ("b", "3"), ("b", "3"), ("c", "4")]
    assert is_askable(["a", "b", "b", "c", "d"], ["1", "3", "9", "4", "5"], gallery) == [
        True,
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("old", "new", "tolerance", "is_passed"),
    [
        pytest.param(90, 90, 0.0, True, id="as good"),
        pytest.param(90, 89, 0.0, False, id="one photo worse"),
        pytest.param(90, 89, 0.01, True, id="worse by just what is allowed"),
        pytest.param(90, 88, 0.01, False, id="worse by more"),
        pytest.param(0, 100, 0.0, True, id="better"),
    ],
)
def test_verdict(old: int, new: int, tolerance: float, is_passed: bool) -> None:
    verdict = Verdict(Share(old, 100), Share(new, 100), tolerance, "100 photos")
    assert verdict.is_passed == is_passed
    assert f"recall@1 {new}.0%" in str(verdict)
    assert str(verdict).endswith("passed." if is_passed else "not passed.")


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.tuples(st.integers(0, 359), st.sampled_from("abc"), st.sampled_from("12345")), min_size=1, max_size=12),
    st.integers(1, 5),
)
def test_agrees_with_the_definition(photos: list[tuple[int, str, str]], n_a_piece: int) -> None:
    gallery = labelled(*photos)
    n_right = 0
    for row, label, own in zip(gallery.rows, gallery.labels, gallery.photo_ids, strict=True):
        others = [i for i, photo in enumerate(gallery.photo_ids) if photo != own]
        cosines = [np.float32(gallery.rows[i] @ row) for i in others]
        n_right += bool(others) and gallery.labels[others[int(np.argmax(cosines))]] == label
    pieces = [labelled(*photos[start : start + n_a_piece]) for start in range(0, len(photos), n_a_piece)]
    found = recall_at_1(gallery, pieces)
    assert found.n == len(photos)
    assert abs(found.n_right - n_right) <= _n_near_ties(gallery)


def _n_near_ties(gallery: LabelledRows) -> int:
    """Queries of which two photos of different products are equally similar but for rounding."""
    n = 0
    for row, own in zip(gallery.rows, gallery.photo_ids, strict=True):
        others = [i for i, photo in enumerate(gallery.photo_ids) if photo != own]
        cosines = gallery.rows[others] @ row
        near = [gallery.labels[others[i]] for i in np.flatnonzero(cosines >= cosines.max(initial=-2) - 1e-6)]
        n += len(set(near)) > 1
    return n
