"""Recognition metrics worked by hand. A query is an axis, so that its cosine to a row is one entry of that row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from facings.errors import BadInput, ModelMismatch
from facings.evaluate.breakdown import by_product, confusions, similarity_histogram
from facings.evaluate.recognition import LabelledEmbeddings, measure, recall_at
from facings.evaluate.share import Share
from facings.types import Embeddings

Q = (1.0, 0.0, 0.0, 0.0)  # a query whose cosine to a row is the row's first entry


def row(cosine: float) -> tuple[float, ...]:
    """A unit row of that cosine to `Q`."""
    return (cosine, float(np.sqrt(1 - cosine**2)), 0.0, 0.0)


def labelled(
    rows: Sequence[tuple[float, ...]], labels: str, categories: dict[str, str] | None = None, space: str = "s"
) -> LabelledEmbeddings:
    """Rows with one letter each as label."""
    of = categories or {}
    array = np.array(rows, np.float32).reshape(-1, 4)
    return LabelledEmbeddings(Embeddings(array, space), tuple(labels), tuple(of.get(label, "") for label in labels))


def test_average_precision_over_the_full_ranking() -> None:
    # Ranking of photos: b .9, a .8, c .7, a .6, b .5. Right is a, at places 2 and 4:
    # AP = (1/2 + 2/4) / 2 = 0.5. Products in order: b, a, c, so a is second: recall@1 = 0, recall@2 = 1.
    gallery = labelled([row(0.8), row(0.9), row(0.6), row(0.7), row(0.5)], "abacb")
    metrics = measure(gallery, labelled([Q], "a"))
    assert metrics.outcomes.average_precision.tolist() == [0.5]
    assert metrics.outcomes.product_rank.tolist() == [2]
    assert metrics.figures.recall_at_1 == Share(0, 1)
    assert recall_at(metrics.outcomes, 2) == Share(1, 1)


def test_mean_average_precision_is_the_mean_over_queries() -> None:
    # Same gallery. Query a: 0.5 (above). Query b: places 1 and 5, AP = (1/1 + 2/5) / 2 = 0.7.
    # Query c: place 3, AP = 1/3. Mean = (0.5 + 0.7 + 0.3333) / 3 = 0.5111.
    gallery = labelled([row(0.8), row(0.9), row(0.6), row(0.7), row(0.5)], "abacb")
    figures = measure(gallery, labelled([Q, Q, Q], "abc")).figures
    assert figures.mean_average_precision == pytest.approx((0.5 + 0.7 + 1 / 3) / 3)
    assert figures.recall_at_1 == Share(1, 3)  # only b is first
    # Right: b with .9. Wrong: the two others, whose most similar photo is the same .9.
    assert figures.mean_similarity_right == pytest.approx(0.9)
    assert figures.mean_similarity_wrong == pytest.approx(0.9)


def test_products_count_once_however_many_photos_they_have() -> None:
    # Eight photos of b before the one of a: a is the 9th photo but the 2nd product. AP of a = 1/9.
    gallery = labelled([row(0.9)] * 8 + [row(0.5)], "bbbbbbbba")
    metrics = measure(gallery, labelled([Q], "a"))
    assert metrics.figures.recall_at_5 == Share(1, 1)
    assert metrics.figures.mean_average_precision == pytest.approx(1 / 9)


@pytest.mark.parametrize(
    ("labels", "rank", "precision"),
    [
        ("abab", 1, (1 / 1 + 2 / 3) / 2),  # all equal: positions decide, a at 1 and 3
        ("baba", 2, (1 / 2 + 2 / 4) / 2),  # a at 2 and 4
        ("bcda", 4, 1 / 4),
    ],
)
def test_ties_go_to_the_earlier_gallery_photo(labels: str, rank: int, precision: float) -> None:
    metrics = measure(labelled([row(0.5)] * 4, labels), labelled([Q], "a"))
    assert metrics.outcomes.product_rank.tolist() == [rank]
    assert metrics.outcomes.average_precision.tolist() == pytest.approx([precision])


def test_query_without_gallery_photo_is_counted_apart() -> None:
    # Three queries, one of them of x, which the gallery lacks: every denominator is 2.
    metrics = measure(labelled([row(0.9), row(0.1)], "ab"), labelled([Q, Q, Q], "axb"))
    assert metrics.figures.recall_at_1 == Share(1, 2)
    assert metrics.n_queries == 3
    assert metrics.without_gallery == {"x": 1}
    assert metrics.outcomes.query.tolist() == [0, 2]


def test_no_relevant_query_at_all_is_an_error() -> None:
    with pytest.raises(BadInput, match="no query that shows a product of the gallery"):
        measure(labelled([row(0.9)], "a"), labelled([Q], "x"))


@pytest.mark.parametrize("n_gallery", [0, 1])
def test_empty_sides_are_an_error(n_gallery: int) -> None:
    with pytest.raises(BadInput, match="no query"):
        measure(labelled([Q] * n_gallery, "a" * n_gallery), labelled([Q] * (1 - n_gallery), "a" * (1 - n_gallery)))


def test_one_product_is_always_right() -> None:
    # One class: it is first in every ranking and all photos are relevant, so AP = 1; 5 is more than there is.
    figures = measure(labelled([row(0.5), row(-0.5)], "aa"), labelled([Q], "a")).figures
    assert figures.recall_at_1 == figures.recall_at_5 == Share(1, 1)
    assert figures.mean_average_precision == 1.0
    assert figures.mean_similarity_wrong is None


def test_k_larger_than_the_gallery_finds_everything() -> None:
    metrics = measure(labelled([row(0.9), row(0.1)], "ba"), labelled([Q], "a"))
    assert recall_at(metrics.outcomes, 99) == Share(1, 1)
    with pytest.raises(BadInput, match="k = 0"):
        recall_at(metrics.outcomes, 0)


def test_category_counts_where_the_product_has_one() -> None:
    # First is b. Query a: category M as b has, so wrong fine and right coarse. Query c: N, wrong both.
    # Query d: no category, in no coarse denominator. Query b: right both. Fine 1 of 4, coarse 2 of 3.
    of = {"a": "M", "b": "M", "c": "N"}
    gallery = labelled([row(0.5), row(0.9), row(0.4), row(0.3)], "abcd", of)
    figures = measure(gallery, labelled([Q] * 4, "acdb", of)).figures
    assert figures.recall_at_1 == Share(1, 4)
    assert figures.category_recall_at_1 == Share(2, 3)


def test_category_of_the_gallery_counts_and_the_queries_fill_in() -> None:
    gallery = labelled([row(0.9), row(0.5)], "ab", {"a": "M"})
    # b has no category in the gallery; its query says M, as a has: coarse right.
    assert measure(gallery, labelled([Q], "b", {"b": "M"})).figures.category_recall_at_1 == Share(1, 1)
    assert measure(gallery, labelled([Q], "b")).figures.category_recall_at_1 is None


def test_two_spaces_never_meet() -> None:
    with pytest.raises(ModelMismatch):
        measure(labelled([Q], "a"), labelled([Q], "a", space="t"))


def test_as_many_labels_as_rows() -> None:
    with pytest.raises(BadInput, match="2 labels"):
        labelled([Q], "ab")


def test_products_and_confusions() -> None:
    # First is b (.9), then a (.8), c (.7). Queries: a a b c. a is taken for b twice, c for b once.
    gallery = labelled([row(0.8), row(0.9), row(0.7), row(0.2)], "abca")
    queries = labelled([Q, Q, Q, Q], "aabc")
    outcomes = measure(gallery, queries).outcomes
    a, b, c = by_product(outcomes, gallery, queries)
    assert (a.label, a.n_gallery, a.recall_at_1, a.most_common_mistake, a.n_mistaken) == ("a", 2, Share(0, 2), "b", 2)
    assert a.average_precision == pytest.approx((1 / 2 + 2 / 4) / 2)  # places 2 and 4
    assert (b.recall_at_1, b.most_common_mistake, b.n_mistaken) == (Share(1, 1), "", 0)
    assert c.average_precision == pytest.approx(1 / 3)
    first, second = confusions(outcomes, gallery, queries)
    assert (first.label, first.answered, first.n, first.n_queries) == ("a", "b", 2, 2)
    assert (first.query, first.wrong, first.right) == (0, 1, 0)  # equally similar: the earlier query
    assert (second.label, second.answered, second.n) == ("c", "b", 1)


def test_histogram_counts_every_query_once() -> None:
    # Cosines 1 (right), 0.5 (right), 0.5 (wrong): bins of 0.01 from .50 to 1.00; 1 belongs to the last.
    axes = [(1.0, 0.0, 0.0, 0.0), (0.5, 0.5, 0.5, 0.5)]
    queries = labelled([Q, (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)], "aba")
    histogram = similarity_histogram(measure(labelled(axes, "ab"), queries).outcomes)
    assert (histogram.edges[0], histogram.edges[-1], len(histogram.n_right)) == (0.5, 1.0, 50)
    assert (histogram.n_right[0], histogram.n_right[-1], sum(histogram.n_right)) == (1, 1, 2)
    assert (histogram.n_wrong[0], sum(histogram.n_wrong)) == (1, 1)


@pytest.mark.parametrize(
    ("n_right", "n", "low", "high"),
    [
        # p = .8, n = 10, z = 1.96: center (.8 + 3.8416/20) / (1 + .38416) = .71674,
        # half 1.96/1.38416 · √(.016 + .009604) = .22658.
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),  # z²/n / (1 + z²/n) = .38416 / 1.38416
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),  # 1 / (1 + 3.8416)
    ],
)
def test_wilson_interval(n_right: int, n: int, low: float, high: float) -> None:
    assert Share(n_right, n).interval == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(("n_right", "n"), [(0, 0), (2, 1), (-1, 1)])
def test_share_of_nothing_is_an_error(n_right: int, n: int) -> None:
    with pytest.raises(BadInput, match="Share"):
        Share(n_right, n)
