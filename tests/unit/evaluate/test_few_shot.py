"""Recognition by number of reference photos: figures worked by hand, what must hold of every draw, bad input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facings.errors import BadInput
from facings.evaluate import few_shot
from facings.evaluate.few_shot import (
    FewShotPoint,
    draw_order,
    few_shot_curve,
    fit_classifier,
    n_products_short,
    parse_shots,
)
from facings.evaluate.recognition import LabelledEmbeddings, measure
from facings.types import Embeddings, FloatArray

# a at 0° and 36.87°, b at 90°; the query lies at 62°.
CORNER = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
AT_62 = np.array([[np.cos(np.radians(62)), np.sin(np.radians(62))]], np.float32)


def random_rows(n: int, seed: int, n_columns: int = 8) -> FloatArray:
    """Unit rows in random directions."""
    rows = np.random.default_rng(seed).normal(size=(n, n_columns))
    return unit(rows)


def unit(rows: NDArray[np.float64]) -> FloatArray:
    scaled: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def random_labels(n: int, seed: int, n_products: int = 5) -> list[str]:
    return [f"p{i}" for i in np.random.default_rng(seed).integers(0, n_products, n)]


GALLERY, GALLERY_LABELS = random_rows(40, 1), random_labels(40, 2)
QUERIES, QUERY_LABELS = random_rows(30, 3), random_labels(30, 4)


def test_classifier_by_hand() -> None:
    # XᵀX + 0.03 I = [[1 + 0.64 + 0.03, 0.48], [0.48, 0.36 + 1 + 0.03]] = [[1.67, 0.48], [0.48, 1.39]],
    # determinant 1.67·1.39 − 0.48² = 2.0909, inverse [[1.39, −0.48], [−0.48, 1.67]] / 2.0909.
    # Sums: a (1.8, 0.6), b (0, 1). Weights: a (1.39·1.8 − 0.48·0.6, −0.48·1.8 + 1.67·0.6) = (2.214, 0.138) / 2.0909,
    # b (−0.48, 1.67) / 2.0909.
    assert few_shot.RIDGE == 0.03
    weights = fit_classifier(CORNER, np.array([0, 0, 1]))
    assert weights == pytest.approx(np.array([[2.214, 0.138], [-0.48, 1.67]]) / 2.0909, abs=1e-6)


def test_gallery_and_classifier_part_where_they_should() -> None:
    # Gallery: the closest photo of 62° is a at 36.87° (25.13° away), b is 28° away: a.
    # Classifier (above): a 2.214·0.4695 + 0.138·0.8829 = 1.161, b −0.48·0.4695 + 1.67·0.8829 = 1.249: b.
    for label, in_gallery, by_classifier in (("a", 1.0, 0.0), ("b", 0.0, 1.0)):
        (point,) = few_shot_curve(CORNER, "aab", AT_62, [label], shots=[None])
        assert point == FewShotPoint(None, (in_gallery,), (by_classifier,), n_products=2, n_queries=1)


def test_one_photo_a_product_is_the_drawn_one() -> None:
    # Two unit rows: both recognizers part the plane halfway. With a at 0° 62° is b (half of 90° is 45°), with a at
    # 36.87° it is a (halfway to 90° is 63.43°).
    seeds = range(12)
    (point,) = few_shot_curve(CORNER, "aab", AT_62, "a", shots=[1], seeds=seeds)
    expected = tuple(float(draw_order("aab", seed)[1] == 0) for seed in seeds)
    assert set(expected) == {0.0, 1.0}
    assert point.gallery == point.classifier == expected


def test_mean_and_spread() -> None:
    # 0.5, 0.6, 0.7: mean 0.6, deviations −0.1, 0, 0.1, variance (0.01 + 0 + 0.01) / 2 = 0.01.
    point = FewShotPoint(2, (0.5, 0.6, 0.7), (0.25,), n_products=3, n_queries=20)
    assert (point.gallery_mean, point.gallery_spread) == pytest.approx((0.6, 0.1))
    assert (point.classifier_mean, point.classifier_spread) == (0.25, 0.0)
    assert point.to_json()["gallery"] == {"mean": 0.6, "spread": 0.1, "values": [0.5, 0.6, 0.7]}


def test_equally_good_answers_go_to_the_earlier_photo() -> None:
    rows = np.array([[0, 1], [1, 0], [1, 0]], np.float32)
    query = np.array([[1, 0]], np.float32)
    for labels, expected in ((["x", "a", "b"], 1.0), (["x", "b", "a"], 0.0)):
        (point,) = few_shot_curve(rows, labels, query, ["a"], shots=[1], seeds=[0])
        assert point.gallery == point.classifier == (expected,)


def test_query_without_gallery_photo_is_in_no_denominator() -> None:
    point, *_ = few_shot_curve(CORNER, "aab", np.repeat(AT_62, 3, axis=0), ["a", "elsewhere", "A"], shots=[None])
    assert (point.n_queries, point.gallery) == (1, (1.0,))


def test_labels_are_compared_letter_by_letter_as_in_recognition() -> None:
    labels, asked = ["Milk", "milk", "tea"], ["milk", "MILK"]
    (point,) = few_shot_curve(random_rows(3, 0), labels, random_rows(2, 1), asked, shots=[None])
    sides = (
        LabelledEmbeddings(Embeddings(random_rows(len(names), seed), "s"), tuple(names), ("",) * len(names))
        for seed, names in enumerate((labels, asked))
    )
    metrics = measure(*sides)
    assert (point.n_products, point.n_queries) == (metrics.n_products, len(metrics.outcomes)) == (3, 1)


def test_products_with_fewer_photos_enter_with_all_they_have() -> None:
    labels = ["a"] * 5 + ["b"] * 2 + ["c"]
    assert [n_products_short(labels, n) for n in (1, 2, 3, 6, None)] == [0, 1, 2, 3, 0]
    # From 5 photos up a draw holds everything, so that it equals the one of all photos.
    five, nine, everything = few_shot_curve(
        random_rows(8, 0), labels, random_rows(9, 1), list("abc") * 3, shots=[5, 9, None], seeds=[3, 4]
    )
    assert five.gallery == nine.gallery == everything.gallery * 2
    assert five.classifier == nine.classifier == everything.classifier * 2
    assert [point.n_photos for point in (five, nine, everything)] == [5, 9, None]


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=40), st.integers(0, 2**32))
@settings(deadline=None)
def test_draws_are_nested_and_even(labels: list[str], seed: int) -> None:
    order = draw_order(labels, seed)
    for label in set(labels):
        places = sorted(order[[i for i, other in enumerate(labels) if other == label]].tolist())
        assert places == list(range(len(places)))  # so that n photos are drawn, and n + 1 hold them
    assert draw_order(labels, seed).tolist() == order.tolist()


def test_every_photo_is_drawn_first_about_as_often() -> None:
    # 300 seeds, 3 photos: 100 each; the standard deviation is √(300 · 1/3 · 2/3) = 8.2, five of them are 41.
    first = np.bincount([int(np.flatnonzero(draw_order("aaa", seed) == 0)[0]) for seed in range(300)], minlength=3)
    assert (np.abs(first - 100) < 41).all()


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_all_photos_give_recall_of_the_whole_gallery(n_gallery: int, n_queries: int, seed: int) -> None:
    gallery, queries = random_rows(n_gallery, seed), random_rows(n_queries, seed + 100)
    labels, asked = random_labels(n_gallery, seed), random_labels(n_queries, seed + 100)
    asked[0] = labels[0]
    points = few_shot_curve(gallery, labels, queries, asked, shots=[None, 1, 40], seeds=[seed])
    whole = measure(
        LabelledEmbeddings(Embeddings(gallery, "s"), tuple(labels), tuple(labels)),
        LabelledEmbeddings(Embeddings(queries, "s"), tuple(asked), tuple(asked)),
    )
    assert points[0].gallery == (whole.figures.recall_at_1.value,)
    assert points[2].gallery == points[0].gallery
    assert all(0 <= value <= 1 for point in points for value in point.gallery + point.classifier)
    assert {(p.n_products, p.n_queries) for p in points} == {(whole.n_products, len(whole.outcomes))}


def test_a_seed_stands_for_itself() -> None:
    many = few_shot_curve(GALLERY, GALLERY_LABELS, QUERIES, QUERY_LABELS, shots=[1, 2, 3, None], seeds=[0, 1, 7])
    alone = few_shot_curve(GALLERY, GALLERY_LABELS, QUERIES, QUERY_LABELS, shots=[2], seeds=[7])
    assert (many[1].gallery[2], many[1].classifier[2]) == (alone[0].gallery[0], alone[0].classifier[0])
    assert len(set(many[0].gallery)) > 1
    assert [len(point.gallery) for point in many] == [len(point.classifier) for point in many] == [3, 3, 3, 1]


def test_more_photos_help_where_products_are_clouds() -> None:
    centers = random_rows(5, 11, 16)
    rng = np.random.default_rng(12)

    def cloud(labels: Sequence[str]) -> FloatArray:
        return unit(centers[[int(label[1:]) for label in labels]] + rng.normal(0, 0.3, (len(labels), 16)))

    labels, asked = random_labels(150, 13), random_labels(200, 14)
    one, thirty = few_shot_curve(cloud(labels), labels, cloud(asked), asked, shots=[1, 30])
    assert thirty.gallery_mean > one.gallery_mean + 0.05
    assert thirty.classifier_mean > one.classifier_mean + 0.05
    assert thirty.classifier_mean > 0.9


def test_slices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = few_shot_curve(GALLERY, GALLERY_LABELS, QUERIES, QUERY_LABELS)
    monkeypatch.setattr(few_shot, "_CHUNK_CELLS", 10)  # two queries at a time, or one
    assert few_shot_curve(GALLERY, GALLERY_LABELS, QUERIES, QUERY_LABELS) == whole


@pytest.mark.parametrize(
    ("shots", "seeds", "message"),
    [
        ([0], [0], "Shots: got 0"),
        ([1, -2], [0], "Shots: got 1, -2"),
        ([], [0], "Shots: got none"),
        ([1, None, None], [0], "Shots: got 1, all, all"),
        ([1], [], "Seeds: got none"),
        ([1], [3, 3], "Seeds: got 3, 3"),
        ([1], [-1], "Seeds: got -1"),
    ],
)
def test_draws_that_cannot_be_made_are_refused(shots: list[int | None], seeds: list[int], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        few_shot_curve(CORNER, "aab", AT_62, "a", shots=shots, seeds=seeds)


@pytest.mark.parametrize(
    ("gallery", "gallery_labels", "queries", "query_labels", "message"),
    [
        (CORNER[:0], "", AT_62, "a", "0 rows and 0 labels of the gallery"),
        (CORNER, "aab", AT_62[:0], "", "0 rows and 0 labels of the queries"),
        (CORNER, "aa", AT_62, "a", "3 rows and 2 labels of the gallery"),
        (CORNER, "aab", AT_62, "ab", "1 rows and 2 labels of the queries"),
        (CORNER, "aab", AT_62, "c", "no query that shows a product of the gallery"),
        (CORNER, "aab", random_rows(1, 0, 3), "a", "2 columns and queries of 3"),
        (2 * CORNER, "aab", AT_62, "a", "not of length 1"),
        (CORNER, "aab", np.full((1, 2), np.nan, np.float32), "a", "not of length 1"),
        (CORNER.astype(np.float64), "aab", AT_62, "a", "got float64"),
    ],
)
def test_bad_sides_are_refused(
    gallery: FloatArray, gallery_labels: str, queries: FloatArray, query_labels: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        few_shot_curve(gallery, gallery_labels, queries, query_labels)


def test_shots_as_people_write_them() -> None:
    assert parse_shots("1,2, 10 ,ALL") == (1, 2, 10, None)
    for text in ("", "1,", "few", "-1", "1.5", "²"):
        with pytest.raises(BadInput, match="Shots: got"):
            parse_shots(text)
