"""The port `VectorIndex`: whatever fills it answers as a plain dictionary with a full sort does.

One that looks through lists may miss rows, so there the dictionary says what is there and how similar it is, and a
gallery of clusters how many it may miss.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import create_engine, text

from facings.errors import BadInput
from facings.match import ExactIndex, VectorIndex
from facings.types import FloatArray, IntArray
from ports.steps import steps

DIM = 4
N_EXACT = 20  # rows above which the lists are used in these tests
EXACT = ("exact", "faiss", "pgvector")
LISTS = ("faiss-lists", "pgvector-lists")
MakeIndex = Callable[[int], VectorIndex]
# Runs, and steps a run; ten thousand steps each where `steps` is told to be thorough.
N_STEPS = {
    "exact": (20, 50),
    "faiss": (16, 50),
    "faiss-lists": (16, 50),
    "pgvector": (4, 40),
    "pgvector-lists": (4, 40),
}

# Unit rows whose products are exact in float32, so that ties are ties: ±e and (±½, ±½, ±½, ±½).
UNITS: list[tuple[float, ...]] = [
    *(tuple(sign if i == axis else 0.0 for i in range(DIM)) for axis in range(DIM) for sign in (1.0, -1.0)),
    *itertools.product((0.5, -0.5), repeat=DIM),
]

_numbers = itertools.count()


@pytest.fixture(scope="module", params=[*EXACT, *LISTS])
def name(request: pytest.FixtureRequest) -> str:
    """Which implementation."""
    return str(request.param)


@pytest.fixture(scope="module")
def make_index(name: str, request: pytest.FixtureRequest) -> Iterator[MakeIndex]:
    """Gives empty indexes of one implementation."""
    limit = {"n_exact": N_EXACT} if name in LISTS else {}
    if name == "exact":
        yield ExactIndex
    elif name.startswith("faiss"):
        module = pytest.importorskip("facings.adapters.faiss_index", reason="FAISS is not installed")
        yield lambda dim: module.FaissIndex(dim, **limit)
    else:
        module = pytest.importorskip("facings.adapters.pgvector_index")
        engine = create_engine(request.getfixturevalue("databases").make())
        yield lambda dim: module.PgVectorIndex(engine, f"space-{next(_numbers)}", dim, **limit)
        engine.dispose()


def reload(index: Any, folder: Path) -> VectorIndex:
    """What a process finds that starts: the index as it was saved, or that in the database."""
    limit = {"n_exact": index._n_exact} if hasattr(index, "_n_exact") else {}
    if not hasattr(index, "save"):
        again: VectorIndex = type(index)(index._engine, index._space_id, DIM, **limit)
        return again
    index.save(folder)
    loaded: VectorIndex = type(index).load(folder, DIM, **limit)
    return loaded


def ids_of(*ids: int) -> IntArray:
    return np.array(ids, np.int64)


def rows_of(*rows: tuple[float, ...]) -> FloatArray:
    return np.array(rows, np.float32).reshape(-1, DIM)


def answer(model: dict[int, tuple[float, ...]], query: tuple[float, ...], k: int) -> tuple[list[int], list[float]]:
    """By definition: all products, sorted, ties by id."""
    cosines = [(sum(a * b for a, b in zip(row, query, strict=True)), key) for key, row in model.items()]
    best = sorted(cosines, key=lambda pair: (-pair[0], pair[1]))[:k]
    return [key for _, key in best], [cosine for cosine, _ in best]


def check_found(
    model: dict[int, tuple[float, ...]], query: tuple[float, ...], ids: list[int], cosines: list[float]
) -> None:
    """Each is there, once, as similar as it is said to be, best first, ties by id."""
    assert len(set(ids)) == len(ids)
    assert cosines == [sum(a * b for a, b in zip(model[key], query, strict=True)) for key in ids]
    assert list(zip(cosines, ids, strict=True)) == sorted(zip(cosines, ids, strict=True), key=lambda p: (-p[0], p[1]))


def machine(make: MakeIndex, make_folder: Callable[[], Path], *, is_exact: bool) -> type[RuleBasedStateMachine]:
    keys = st.integers(0, 400)
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
                check_found(self.model, query, got_ids, got_cosines)
                if is_exact:
                    assert (got_ids, got_cosines) == answer(self.model, query, k)

        @rule()
        def save_and_load(self) -> None:
            self.index = reload(self.index, make_folder())

        @invariant()
        def holds_what_the_dictionary_holds(self) -> None:
            assert len(self.index) == len(self.model)
            ids, _ = self.index.search(rows_of(UNITS[8]), len(self.model) + 1)
            assert sorted(ids[0].tolist()) == sorted(self.model)

    return IndexAgainstDictionary


def test_random_edits_and_searches_agree_with_a_dictionary(
    make_index: MakeIndex, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kind = machine(make_index, lambda: tmp_path_factory.mktemp("saved"), is_exact=name in EXACT)
    run_state_machine_as_test(kind, settings=steps(*N_STEPS[name]))


def test_empty_index_answers_with_nothing(make_index: MakeIndex) -> None:
    ids, cosines = make_index(DIM).search(rows_of(UNITS[0], UNITS[1]), 5)
    assert ids.shape == cosines.shape == (2, 0)


def test_no_queries_give_no_rows(make_index: MakeIndex) -> None:
    index = make_index(DIM)
    index.add(ids_of(1, 2), rows_of(UNITS[0], UNITS[1]))
    ids, cosines = index.search(rows_of(), 1)
    assert ids.shape == cosines.shape == (0, 1)


@pytest.mark.parametrize("order", [1, -1])
def test_ties_at_the_last_place_go_to_the_lowest_id(make_index: MakeIndex, name: str, order: int) -> None:
    if name in LISTS:
        pytest.skip("of equal ones, lists give those that they come upon first")
    index = make_index(DIM)
    ids = list(range(100, 200))[::order]
    index.add(ids_of(*ids), rows_of(*[UNITS[0]] * 100))
    for k in (1, 3, 50, 99):
        assert index.search(rows_of(UNITS[0]), k)[0][0].tolist() == list(range(100, 100 + k))


def test_id_is_free_again_once_removed(make_index: MakeIndex) -> None:
    index = make_index(DIM)
    index.add(ids_of(1, 2), rows_of(UNITS[0], UNITS[2]))
    index.remove(ids_of(1))
    index.add(ids_of(1), rows_of(UNITS[4]))
    ids, cosines = index.search(rows_of(UNITS[4]), 9)
    assert (ids.tolist(), cosines.tolist()) == ([[1, 2]], [[1.0, 0.0]])


def test_index_keeps_its_own_copy_of_the_rows(make_index: MakeIndex) -> None:
    index = make_index(DIM)
    rows, ids = rows_of(UNITS[0]), ids_of(7)
    index.add(ids, rows)
    rows[:], ids[:] = 0, 0
    found, cosines = index.search(rows_of(UNITS[0]), 1)
    assert (found.tolist(), cosines.tolist()) == ([[7]], [[1.0]])


@pytest.mark.parametrize(
    ("n_ids", "shape"), [(1, (1, DIM + 1)), (2, (1, DIM)), (1, (2, DIM)), (1, (DIM,)), (0, (1, DIM))]
)
def test_rows_of_another_shape_are_refused(make_index: MakeIndex, n_ids: int, shape: tuple[int, ...]) -> None:
    index = make_index(DIM)
    with pytest.raises(BadInput, match="wanted"):
        index.add(ids_of(*range(n_ids)), np.zeros(shape, np.float32))
    assert len(index) == 0


@pytest.mark.parametrize("shape", [(1, DIM - 1), (DIM,), (1, 1, DIM)])
def test_queries_of_another_shape_are_refused(make_index: MakeIndex, shape: tuple[int, ...]) -> None:
    index = make_index(DIM)
    index.add(ids_of(1), rows_of(UNITS[0]))
    with pytest.raises(BadInput, match="queries"):
        index.search(np.zeros(shape, np.float32), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_queries_that_are_no_numbers_are_refused(make_index: MakeIndex, value: float) -> None:
    index = make_index(DIM)
    index.add(ids_of(1), rows_of(UNITS[0]))
    with pytest.raises(BadInput, match="NaN"):
        index.search(rows_of((value, 0.0, 0.0, 0.0)), 1)


def test_ids_below_0_are_refused(make_index: MakeIndex) -> None:
    index = make_index(DIM)
    with pytest.raises(BadInput, match="id -1"):
        index.add(ids_of(3, -1), rows_of(UNITS[0], UNITS[1]))
    assert len(index) == 0


def clusters(n_products: int, n_photos: int, dim: int) -> FloatArray:
    """Photos of products: unit rows, those of a product near each other."""
    rng = np.random.default_rng(5)
    centers = rng.normal(size=(n_products, dim)).repeat(n_photos, axis=0)
    rows: Any = (centers + 0.7 * rng.normal(size=centers.shape)).astype(np.float32)
    unit: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def test_rows_come_in_the_order_of_a_full_sort(make_index: MakeIndex, name: str) -> None:
    rows = clusters(28, 25, 24)
    ids = np.random.default_rng(6).permutation(10_000)[:700].astype(np.int64)
    index = make_index(24)
    for start in range(0, 700, 130):
        index.add(ids[start : start + 130], rows[start : start + 130])
    found, cosines = index.search(rows[:20], 10)
    full = rows[:20].astype(np.float64) @ rows.T.astype(np.float64)
    wanted = ids[np.argsort(-full, axis=1)[:, :10]]
    position = {int(key): i for i, key in enumerate(ids)}
    true = np.array([[full[q, position[int(key)]] for key in line] for q, line in enumerate(found)])
    half_precision = 1e-3
    assert np.abs(cosines - true).max() < (1e-5 if name in {"exact", "faiss"} else half_precision)
    if name in {"exact", "faiss"}:
        assert (found == wanted).all()
    else:
        recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), wanted.tolist(), strict=True)])
        assert recall >= 0.95


def test_nothing_removed_is_found_after_many_changes(make_index: MakeIndex) -> None:
    rows = clusters(30, 10, 8)
    index = make_index(8)
    index.add(np.arange(300), rows)
    index.remove(np.arange(15, 300))  # so few are left that the index is built anew
    index.add(np.arange(300, 320), rows[:20])
    ids, cosines = index.search(rows[:15], 100)
    assert len(index) == 35
    assert all(sorted(line) == [*range(15), *range(300, 320)] for line in ids.tolist())
    assert np.abs(cosines[:, 0] - 1).max() < 2e-3
    index.remove(np.array([*range(15), *range(300, 320)]))
    assert index.search(rows[:2], 3)[0].shape == (2, 0)


def test_searching_while_others_add_and_remove(make_index: MakeIndex, name: str) -> None:
    rows = clusters(10, 10, 8)
    index = make_index(8)
    index.add(np.arange(50), rows[:50])
    is_over = threading.Event()

    def change() -> None:
        for _ in range(6):
            index.add(np.arange(50, 100), rows[50:])
            index.remove(np.arange(50, 100))
        is_over.set()

    with ThreadPoolExecutor(3) as pool:
        changing = pool.submit(change)
        while not is_over.is_set() and not changing.done():
            for searching in [pool.submit(index.search, rows[:4], 100) for _ in range(2)]:
                ids, _ = searching.result()
                assert ids.shape[1] in {50, 100}  # each change is seen whole
                assert all(len(set(line)) == len(line) for line in ids.tolist())
                assert (ids[:, 0] == [0, 1, 2, 3]).all()
        changing.result()
    assert len(index) == 50


def test_the_database_looks_through_as_many_lists_as_the_gallery_needs(postgresql: Callable[[], str]) -> None:
    module = pytest.importorskip("facings.adapters.pgvector_index")
    engine, rows = create_engine(postgresql()), clusters(60, 10, 32)
    index = module.PgVectorIndex(engine, "space", 32, n_exact=100)

    def n_probes() -> Any:
        with engine.connect() as connection:
            return connection.scalar(text("SELECT n_probes FROM index_state"))

    index.add(np.arange(100), rows[:100])
    assert n_probes() == 0  # all are compared with
    index.add(np.arange(100, 600), rows[100:])
    assert 4 <= n_probes() < 24  # of √600 lists
    found, _ = index.search(rows, 10)
    wanted = (rows @ rows.T).argsort(1)[:, -10:]
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), wanted.tolist(), strict=True)]) > 0.95

    with engine.begin() as connection:  # as tables were made before
        connection.execute(text("ALTER TABLE index_state DROP COLUMN n_probes"))
    again = module.PgVectorIndex(engine, "space", 32, n_exact=100)
    assert n_probes() == 2  # a tenth of the lists
    assert again.search(rows[:3], 1)[0][:, 0].tolist() == [0, 1, 2]
    engine.dispose()


def test_two_writers_in_a_database_lose_nothing(postgresql: Callable[[], str]) -> None:
    module = pytest.importorskip("facings.adapters.pgvector_index")
    engine, rows = create_engine(postgresql()), clusters(10, 10, 8)
    writers = [module.PgVectorIndex(engine, "shared", 8, n_exact=N_EXACT) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(writer.add, np.arange(start, start + 10), rows[start : start + 10])
            for writer, first in zip(writers, (0, 50), strict=True)
            for start in range(first, first + 50, 10)
        ]
        for job in jobs:
            job.result()
    with pytest.raises(BadInput, match="there already"):
        writers[1].add(ids_of(7), rows[:1])
    ids, _ = writers[0].search(rows[:1], 200)
    assert (len(writers[1]), sorted(ids[0].tolist())) == (100, list(range(100)))
    engine.dispose()
