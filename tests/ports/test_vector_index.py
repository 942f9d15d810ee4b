"""The port `VectorIndex`: whatever fills it answers as a plain dictionary with a full sort does."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from facings.errors import BadInput
from facings.match import ExactIndex, VectorIndex
from facings.types import FloatArray, IntArray

DIM = 4
IMPLEMENTATIONS: list[Callable[[int], VectorIndex]] = [ExactIndex]

# Unit rows whose products are exact in float32, so that ties are ties: ±e and (±½, ±½, ±½, ±½).
UNITS: list[tuple[float, ...]] = [
    *(tuple(sign if i == axis else 0.0 for i in range(DIM)) for axis in range(DIM) for sign in (1.0, -1.0)),
    *itertools.product((0.5, -0.5), repeat=DIM),
]

make_index = pytest.mark.parametrize("make_index", IMPLEMENTATIONS, ids=lambda kind: kind.__name__)


def ids_of(*ids: int) -> IntArray:
    return np.array(ids, np.int64)


def rows_of(*rows: tuple[float, ...]) -> FloatArray:
    return np.array(rows, np.float32).reshape(-1, DIM)


def answer(model: dict[int, tuple[float, ...]], query: tuple[float, ...], k: int) -> tuple[list[int], list[float]]:
    """By definition: all products, sorted, ties by id."""
    cosines = [(sum(a * b for a, b in zip(row, query, strict=True)), key) for key, row in model.items()]
    best = sorted(cosines, key=lambda pair: (-pair[0], pair[1]))[:k]
    return [key for _, key in best], [cosine for cosine, _ in best]


def machine(make: Callable[[int], VectorIndex]) -> type[RuleBasedStateMachine]:
    keys = st.integers(-3, 400)
    units = st.sampled_from(UNITS)

    class IndexAgainstDictionary(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.index = make(DIM)
            self.model: dict[int, tuple[float, ...]] = {}

        @rule(new=st.dictionaries(keys, units, max_size=90))
        def add(self, new: dict[int, tuple[float, ...]]) -> None:
            fresh = {key: row for key, row in new.items() if key not in self.model}
            self.index.add(ids_of(*fresh), rows_of(*fresh.values()))
            self.model.update(fresh)

        @rule(new=st.dictionaries(keys, units, min_size=1, max_size=4), data=st.data())
        def refuse_an_id_that_is_there(self, new: dict[int, tuple[float, ...]], data: st.DataObject) -> None:
            if not self.model:
                return
            new[data.draw(st.sampled_from(sorted(self.model)))] = UNITS[0]
            with pytest.raises(BadInput):
                self.index.add(ids_of(*new), rows_of(*new.values()))

        @rule(key=st.integers(500, 600), value=st.sampled_from([np.nan, np.inf, -np.inf]))
        def refuse_rows_that_are_no_numbers(self, key: int, value: float) -> None:
            with pytest.raises(BadInput):
                self.index.add(ids_of(key, key + 1), rows_of(UNITS[0], (0.0, value, 0.0, 0.0)))

        @rule(key=st.integers(500, 600))
        def refuse_one_id_twice(self, key: int) -> None:
            with pytest.raises(BadInput):
                self.index.add(ids_of(key, key), rows_of(UNITS[0], UNITS[1]))

        @rule(data=st.data())
        def remove(self, data: st.DataObject) -> None:
            if not self.model:
                return
            gone = data.draw(st.lists(st.sampled_from(sorted(self.model)), unique=True, max_size=60))
            self.index.remove(ids_of(*gone))
            for key in gone:
                del self.model[key]

        @rule(absent=st.integers(500, 600))
        def refuse_to_remove_what_is_absent(self, absent: int) -> None:
            with pytest.raises(BadInput, match=str(absent)):
                self.index.remove(ids_of(*list(self.model)[:3], absent))

        @rule(queries=st.lists(units, max_size=4), k=st.integers(0, 500))
        def search(self, queries: list[tuple[float, ...]], k: int) -> None:
            ids, cosines = self.index.search(rows_of(*queries), k)
            assert ids.shape == cosines.shape == (len(queries), min(k, len(self.model)))
            assert (str(ids.dtype), str(cosines.dtype)) == ("int64", "float32")
            for query, got_ids, got_cosines in zip(queries, ids.tolist(), cosines.tolist(), strict=True):
                assert (got_ids, got_cosines) == answer(self.model, query, k)

        @invariant()
        def holds_what_the_dictionary_holds(self) -> None:
            assert len(self.index) == len(self.model)
            ids, _ = self.index.search(rows_of(UNITS[8]), len(self.model) + 1)
            assert sorted(ids[0].tolist()) == sorted(self.model)

    return IndexAgainstDictionary


@make_index
def test_random_edits_and_searches_agree_with_a_dictionary(make_index: Callable[[int], VectorIndex]) -> None:
    steps = settings(max_examples=80, stateful_step_count=40, deadline=None, derandomize=True, database=None)
    run_state_machine_as_test(machine(make_index), settings=steps)


@make_index
def test_empty_index_answers_with_nothing(make_index: Callable[[int], VectorIndex]) -> None:
    ids, cosines = make_index(DIM).search(rows_of(UNITS[0], UNITS[1]), 5)
    assert ids.shape == cosines.shape == (2, 0)


@make_index
def test_no_queries_give_no_rows(make_index: Callable[[int], VectorIndex]) -> None:
    index = make_index(DIM)
    index.add(ids_of(1, 2), rows_of(UNITS[0], UNITS[1]))
    ids, cosines = index.search(rows_of(), 1)
    assert ids.shape == cosines.shape == (0, 1)


@make_index
@pytest.mark.parametrize("order", [1, -1])
def test_ties_at_the_last_place_go_to_the_lowest_id(make_index: Callable[[int], VectorIndex], order: int) -> None:
    index = make_index(DIM)
    ids = list(range(100, 200))[::order]
    index.add(ids_of(*ids), rows_of(*[UNITS[0]] * 100))
    for k in (1, 3, 50, 99):
        assert index.search(rows_of(UNITS[0]), k)[0][0].tolist() == list(range(100, 100 + k))


@make_index
def test_id_is_free_again_once_removed(make_index: Callable[[int], VectorIndex]) -> None:
    index = make_index(DIM)
    index.add(ids_of(1, 2), rows_of(UNITS[0], UNITS[2]))
    index.remove(ids_of(1))
    index.add(ids_of(1), rows_of(UNITS[4]))
    ids, cosines = index.search(rows_of(UNITS[4]), 9)
    assert (ids.tolist(), cosines.tolist()) == ([[1, 2]], [[1.0, 0.0]])


@make_index
def test_index_keeps_its_own_copy_of_the_rows(make_index: Callable[[int], VectorIndex]) -> None:
    index = make_index(DIM)
    rows, ids = rows_of(UNITS[0]), ids_of(7)
    index.add(ids, rows)
    rows[:], ids[:] = 0, 0
    found, cosines = index.search(rows_of(UNITS[0]), 1)
    assert (found.tolist(), cosines.tolist()) == ([[7]], [[1.0]])


@make_index
@pytest.mark.parametrize(
    ("n_ids", "shape"), [(1, (1, DIM + 1)), (2, (1, DIM)), (1, (2, DIM)), (1, (DIM,)), (0, (1, DIM))]
)
def test_rows_of_another_shape_are_refused(
    make_index: Callable[[int], VectorIndex], n_ids: int, shape: tuple[int, ...]
) -> None:
    index = make_index(DIM)
    with pytest.raises(BadInput, match="wanted"):
        index.add(ids_of(*range(n_ids)), np.zeros(shape, np.float32))
    assert len(index) == 0


@make_index
@pytest.mark.parametrize("shape", [(1, DIM - 1), (DIM,), (1, 1, DIM)])
def test_queries_of_another_shape_are_refused(make_index: Callable[[int], VectorIndex], shape: tuple[int, ...]) -> None:
    index = make_index(DIM)
    index.add(ids_of(1), rows_of(UNITS[0]))
    with pytest.raises(BadInput, match="queries"):
        index.search(np.zeros(shape, np.float32), 1)


@make_index
def test_random_directions_come_in_the_order_of_a_full_sort(make_index: Callable[[int], VectorIndex]) -> None:
    rng = np.random.default_rng(5)
    rows: Any = rng.normal(size=(700, 24)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ids = rng.permutation(10_000)[:700].astype(np.int64)
    index = make_index(24)
    for start in range(0, 700, 130):
        index.add(ids[start : start + 130], rows[start : start + 130])
    found, cosines = index.search(rows[:20], 10)
    full = rows[:20].astype(np.float64) @ rows.T.astype(np.float64)
    wanted = np.argsort(-full, axis=1)[:, :10]
    assert (found == ids[wanted]).all()
    assert np.abs(cosines - np.take_along_axis(full, wanted, axis=1)).max() < 1e-5
