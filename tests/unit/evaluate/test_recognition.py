"""What must hold for recognition metrics whatever the photos."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.evaluate import recognition
from facings.evaluate.recognition import LabelledEmbeddings, Outcomes, measure, recall_at
from facings.match import ExactIndex, match
from facings.types import Embeddings, FloatArray

# Rows of eight entries, four of them ±0.5: every cosine is a multiple of 1/4, exact, with many ties.
_SIGNS = st.tuples(*[st.sampled_from([-0.5, 0.5])] * 4)
_PLACES = st.sampled_from([(0, 1, 2, 3), (2, 3, 4, 5), (4, 5, 6, 7), (0, 2, 4, 6)])


@st.composite
def sides(draw: st.DrawFn) -> tuple[LabelledEmbeddings, LabelledEmbeddings]:
    """A gallery and queries, the first query of a product of the gallery."""

    def side(n: int, first: str | None = None) -> LabelledEmbeddings:
        rows = np.zeros((n, 8), np.float32)
        for row in rows:
            row[list(draw(_PLACES))] = draw(_SIGNS)
        labels = draw(st.lists(st.sampled_from("abcdef"), min_size=n, max_size=n))
        labels[0] = first or labels[0]
        return LabelledEmbeddings(Embeddings(rows, "s"), tuple(labels), tuple("xy"[ord(label) % 2] for label in labels))

    gallery = side(draw(st.integers(1, 14)))
    return gallery, side(draw(st.integers(1, 6)), gallery.labels[0])


@given(sides())
@settings(max_examples=80, deadline=None)
def test_recall_grows_with_k(both: tuple[LabelledEmbeddings, LabelledEmbeddings]) -> None:
    metrics = measure(*both)
    shares = [recall_at(metrics.outcomes, k).value for k in range(1, 8)]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0  # there are six products at most
    assert 0 < metrics.figures.mean_average_precision <= 1
    assert metrics.figures.category_recall_at_1 is not None
    assert metrics.figures.category_recall_at_1.value >= metrics.figures.recall_at_1.value


@given(sides())
@settings(max_examples=80, deadline=None)
def test_agrees_with_match(both: tuple[LabelledEmbeddings, LabelledEmbeddings]) -> None:
    gallery, queries = both
    outcomes = measure(gallery, queries).outcomes
    index = ExactIndex(8)
    index.add(np.arange(len(gallery)), gallery.embeddings.rows)
    answers = match(queries.embeddings, index, dict(enumerate(gallery.labels)), k=6)
    for at, query in enumerate(outcomes.query.tolist()):
        ranked = answers[query]
        skus = [candidate.sku for candidate in ranked]
        assert skus.index(queries.labels[query]) + 1 == outcomes.product_rank[at]
        assert ranked[0].reference_id == outcomes.top[at]
        assert ranked[0].similarity == outcomes.top_similarity[at]
        assert ranked[skus.index(queries.labels[query])].reference_id == outcomes.right[at]


def _random(n: int, seed: int, n_products: int) -> LabelledEmbeddings:
    rng = np.random.default_rng(seed)
    rows: FloatArray = rng.normal(size=(n, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    labels = tuple(f"p{i}" for i in rng.integers(0, n_products, n))
    return LabelledEmbeddings(Embeddings(rows, "s"), labels, labels)


def _permuted(side: LabelledEmbeddings, order: list[int]) -> LabelledEmbeddings:
    return LabelledEmbeddings(
        Embeddings(side.embeddings.rows[order], "s"),
        tuple(side.labels[i] for i in order),
        tuple(side.categories[i] for i in order),
    )


@given(st.permutations(range(30)))
@settings(max_examples=25, deadline=None)
def test_order_of_the_gallery_changes_nothing_where_there_are_no_ties(order: list[int]) -> None:
    gallery, queries = _random(30, 1, 5), _random(9, 2, 6)
    before, after = measure(gallery, queries), measure(_permuted(gallery, order), queries)
    assert after.figures.to_json() == before.figures.to_json()
    assert after.without_gallery == before.without_gallery
    assert [order[i] for i in after.outcomes.top] == before.outcomes.top.tolist()


def test_slices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    gallery, queries = _random(40, 3, 8), _random(25, 4, 8)
    whole = measure(gallery, queries).outcomes
    monkeypatch.setattr(recognition, "_CHUNK_CELLS", 90)  # two queries at a time
    sliced = measure(gallery, queries).outcomes
    for name in ("query", "product_rank", "average_precision", "top", "right"):
        assert getattr(sliced, name).tolist() == getattr(whole, name).tolist()


def test_without_leaves_out_by_position_among_the_queries() -> None:
    outcomes = measure(_random(40, 3, 8), _random(25, 4, 8)).outcomes
    rest = outcomes.without([0, 3, 99])
    assert isinstance(rest, Outcomes)
    assert rest.query.tolist() == [q for q in outcomes.query.tolist() if q not in {0, 3}]
    assert len(outcomes.without(outcomes.query.tolist())) == 0
