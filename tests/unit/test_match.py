"""Step 5: the k most similar products, whatever the number of photos each has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.match import ExactIndex, match
from facings.types import Candidate, Embeddings, FloatArray, IntArray

Row = tuple[float, float]


def gallery_of(references: list[tuple[int, str, Row]]) -> tuple[ExactIndex, dict[int, str]]:
    index = ExactIndex(2)
    index.add(
        np.array([number for number, _, _ in references], np.int64),
        np.array([row for _, _, row in references], np.float32).reshape(-1, 2),
    )
    return index, {number: sku for number, sku, _ in references}


def queries(*rows: Row) -> Embeddings:
    return Embeddings(np.array(rows, np.float32).reshape(-1, 2), "space")


def at(degrees: float) -> Row:
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))


EAST, NORTH, WEST = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)


def test_product_is_as_similar_as_its_closest_photo() -> None:
    index, sku_of = gallery_of([(1, "milk", WEST), (2, "milk", EAST), (3, "tea", NORTH)])
    assert match(queries(EAST), index, sku_of, k=5) == ((Candidate("milk", 1.0, 2), Candidate("tea", 0.0, 3)),)


def test_product_with_hundreds_of_photos_does_not_crowd_the_others_out() -> None:
    crowd = [(number, "popular", at(number / 1000)) for number in range(700)]
    index, sku_of = gallery_of([*crowd, (900, "second", at(20)), (901, "third", at(40)), (902, "last", at(60))])
    found = match(queries(EAST, at(60)), index, sku_of, k=3)
    assert [c.sku for c in found[0]] == ["popular", "second", "third"]
    assert found[0][0].reference_id == 0
    assert [c.sku for c in found[1]] == ["last", "third", "second"]


def test_references_are_not_all_fetched_when_few_will_do() -> None:
    class Watched(ExactIndex):
        fetched: list[int]

        def search(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
            self.fetched.append(k)
            return super().search(queries, k)

    index = Watched(2)
    index.fetched = []
    index.add(np.arange(500), np.array([at(i / 10) for i in range(500)], np.float32))
    match(queries(EAST), index, {i: f"sku-{i}" for i in range(500)}, k=5)
    assert index.fetched == [20]


@pytest.mark.parametrize("k", [1, 2, 3, 4, 100])
def test_gallery_with_fewer_products_than_asked_gives_all(k: int) -> None:
    index, sku_of = gallery_of([(n, sku, at(10 * n)) for n, sku in enumerate(["a", "b", "a", "c", "c", "b", "a"])])
    (found,) = match(queries(EAST), index, sku_of, k=k)
    assert [c.sku for c in found] == ["a", "b", "c"][:k]


def test_ties_go_to_the_older_reference() -> None:
    references = [(30, "late", EAST), (4, "early", EAST), (17, "middle", EAST), (40, "early", EAST)]
    for shuffled in (references, references[::-1]):
        index, sku_of = gallery_of(shuffled)
        (found,) = match(queries(EAST), index, sku_of, k=2)
        assert [(c.sku, c.reference_id) for c in found] == [("early", 4), ("middle", 17)]


def test_empty_gallery_has_no_candidates_for_each_query() -> None:
    index, sku_of = gallery_of([])
    assert match(queries(EAST, NORTH), index, sku_of, k=3) == ((), ())


def test_no_queries_give_no_answers() -> None:
    index, sku_of = gallery_of([(1, "milk", EAST)])
    assert match(queries(), index, sku_of, k=3) == ()


def test_similarity_never_leaves_its_range_by_rounding() -> None:
    index, sku_of = gallery_of([(1, "a", (1.0003, 0.0)), (2, "b", (-1.0003, 0.0))])
    (found,) = match(queries((1.0002, 0.0)), index, sku_of, k=2)
    assert [c.similarity for c in found] == [1.0, -1.0]


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 359)), max_size=60),
    st.integers(0, 359),
    st.integers(1, 6),
)
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_agrees_with_the_definition(photos: list[tuple[str, int]], query: int, k: int) -> None:
    index, sku_of = gallery_of([(number, sku, at(degrees)) for number, (sku, degrees) in enumerate(photos)])
    (found,) = match(queries(at(query)), index, sku_of, k=k)
    best = {
        sku: max(np.cos(np.radians(degrees - query)) for name, degrees in photos if name == sku)
        for sku in {sku for sku, _ in photos}
    }
    wanted = sorted(best.values(), reverse=True)[:k]
    assert len({c.sku for c in found}) == len(found) == len(wanted)
    assert [c.similarity for c in found] == pytest.approx(wanted, abs=1e-5)
    for c in found:
        assert c.similarity == pytest.approx(best[c.sku], abs=1e-5)
        assert sku_of[c.reference_id] == c.sku
