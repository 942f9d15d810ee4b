"""Step 5 of the path: embeddings in, the k most similar products out.

The port is `VectorIndex`. `ExactIndex` compares a query with every reference photo and is the yardstick for any
faster one. A product is as similar as its closest reference photo.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Container, Mapping
from pathlib import Path
from typing import NoReturn, Protocol, Self

import numpy as np

from facings.errors import BadInput
from facings.types import Candidate, Embeddings, FloatArray, IntArray

_SLICE = 64  # queries compared at a time: the table of similarities stays small beside the gallery
_LEAST_ROOM = 64


class VectorIndex(Protocol):
    """Rows under ids from 0 up that the caller chooses; ids are unique, and free again once removed.

    Threads may share an index: a search sees each change whole or not at all. An index that does not compare with
    every row may miss some of the most similar, but never shows an id twice, nor one that is not there.
    """

    def __len__(self) -> int: ...

    def add(self, ids: IntArray, rows: FloatArray) -> None:
        """Insert int64 (N,) ids with float32 (N, D) unit rows; all or, on `BadInput`, none."""
        ...

    def remove(self, ids: IntArray) -> None:
        """Forget these ids; all or, on `BadInput` for one that is not there, none."""
        ...

    def search(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """The min(k, len) most similar: ids int64 and cosines float32, each (Q, k), best first, ties by id."""
        ...


class ExactIndex:
    """Every query against every row by one matrix product.

    Rows live in one array that doubles when full, so adding is cheap; removing moves the last row into the hole, and
    the array shrinks when it is three quarters empty.

    Args:
        dim: D.
    """

    kind = "exact"

    def __init__(self, dim: int) -> None:
        self._rows = np.zeros((_LEAST_ROOM, dim), np.float32)
        self._ids = np.zeros(_LEAST_ROOM, np.int64)
        self._position: dict[int, int] = {}
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._position)

    def add(self, ids: IntArray, rows: FloatArray) -> None:
        """See `VectorIndex.add`."""
        with self._lock:
            check_new(ids, rows, self._rows.shape[1], self._position)
            start, end = len(self), len(self) + len(ids)
            if end > len(self._rows):
                self._make_room(max(end, 2 * len(self._rows)))
            self._rows[start:end] = rows
            self._ids[start:end] = ids
            self._position.update(zip(ids.tolist(), range(start, end), strict=True))

    def remove(self, ids: IntArray) -> None:
        """See `VectorIndex.remove`."""
        with self._lock:
            gone = set(ids.tolist())
            check_there(gone - self._position.keys())
            for reference_id in gone:
                hole, last = self._position.pop(reference_id), len(self._position)
                if hole != last:
                    self._rows[hole] = self._rows[last]
                    self._ids[hole] = self._ids[last]
                    self._position[int(self._ids[hole])] = hole
            if len(self._rows) > max(_LEAST_ROOM, 4 * len(self)):
                self._make_room(max(_LEAST_ROOM, 2 * len(self)))

    def search(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """See `VectorIndex.search`."""
        check_queries(queries, self._rows.shape[1])
        with self._lock:
            k = min(k, len(self))
            slices = [self._search_slice(queries[i : i + _SLICE], k) for i in range(0, len(queries), _SLICE)]
        if not slices:
            return np.zeros((0, k), np.int64), np.zeros((0, k), np.float32)
        return np.concatenate([ids for ids, _ in slices]), np.concatenate([cosines for _, cosines in slices])

    def contents(self) -> tuple[IntArray, FloatArray]:
        """Copies of all ids and their rows."""
        with self._lock:
            return self._ids[: len(self)].copy(), self._rows[: len(self)].copy()

    def save(self, folder: Path) -> None:
        """Write the index into a folder, as arrays that NumPy reads."""
        ids, rows = self.contents()
        np.save(folder / "ids.npy", ids)
        np.save(folder / "rows.npy", rows)

    @classmethod
    def load(cls, folder: Path, dim: int) -> Self:
        """Read a saved index. Its rows are mapped from the file and copied when they change.

        Raises:
            ValueError: The files do not belong together.
        """
        ids = np.load(folder / "ids.npy", allow_pickle=False)
        rows = np.load(folder / "rows.npy", mmap_mode="c", allow_pickle=False)
        index = cls(dim)
        index._position = {reference_id: i for i, reference_id in enumerate(ids.tolist())}
        if rows.shape != (len(ids), dim) or rows.dtype != np.float32 or len(index._position) != len(ids):
            raise ValueError(f"rows {rows.shape} {rows.dtype} for {len(ids)} ids")
        if len(ids):
            index._ids, index._rows = ids, np.asarray(rows)
        return index

    def _search_slice(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        similarity = queries @ self._rows[: len(self)].T
        near = np.array([self._nearest(row, k) for row in similarity], np.int64).reshape(len(queries), k)
        return self._ids[near], np.take_along_axis(similarity, near, axis=1)

    def _nearest(self, similarity: FloatArray, k: int) -> IntArray:
        """Positions of the k most similar rows, best first; of equal ones, also at place k, the lowest ids."""
        if not k:
            return np.zeros(0, np.int64)
        least = np.partition(similarity, len(similarity) - k)[len(similarity) - k]
        near = np.flatnonzero(similarity >= least)
        return near[np.lexsort((self._ids[near], -similarity[near]))][:k]

    def _make_room(self, n_rows: int) -> None:
        kept = min(len(self._ids), n_rows)
        rows, ids = np.zeros((n_rows, self._rows.shape[1]), np.float32), np.zeros(n_rows, np.int64)
        rows[:kept], ids[:kept] = self._rows[:kept], self._ids[:kept]
        self._rows, self._ids = rows, ids


def check_new(ids: IntArray, rows: FloatArray, dim: int, known: Container[int] = ()) -> None:
    """Do nothing if these rows may be added under these ids.

    Raises:
        BadInput: A shape is wrong, a number is none, an id is below 0, doubled or known.
    """
    if rows.shape != (len(ids), dim):
        raise BadInput(f"Index: got rows {rows.shape} for {len(ids)} ids, wanted ({len(ids)}, {dim}).")
    if not np.isfinite(rows).all():
        raise BadInput("Index: got NaN or infinite values, wanted unit rows.")
    if len(ids) and int(ids.min()) < 0:
        raise BadInput(f"Index: got id {int(ids.min())}; ids are 0 or more.")
    if len(np.unique(ids)) < len(ids) or any(reference_id in known for reference_id in ids.tolist()):
        refuse_known()


def check_queries(queries: FloatArray, dim: int) -> None:
    """Do nothing if these rows may be searched for.

    Raises:
        BadInput: The shape is wrong or a number is none.
    """
    if queries.ndim != 2 or queries.shape[1] != dim:
        raise BadInput(f"Index: got queries {queries.shape}, wanted (Q, {dim}).")
    if not np.isfinite(queries).all():
        raise BadInput("Index: got queries with NaN or infinite values, wanted unit rows.")


def check_there(missing: Collection[int]) -> None:
    """Do nothing if none of the ids to remove is missing.

    Raises:
        BadInput: One is.
    """
    if missing:
        raise BadInput(f"Index: id {min(missing)} is not there, so it cannot be removed.")


def refuse_known() -> NoReturn:
    """Say that an id is there already.

    Raises:
        BadInput: Always.
    """
    raise BadInput("Index: got an id twice, or one that is there already; ids are unique.")


def best_first(ids: IntArray, cosines: FloatArray) -> tuple[IntArray, FloatArray]:
    """Each line of found (Q, k) ids and cosines by falling cosine, ties by id."""
    order = np.lexsort((ids, -cosines), axis=1)
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(cosines, order, axis=1)


def match(
    queries: Embeddings, index: VectorIndex, sku_of: Mapping[int, str], *, k: int
) -> tuple[tuple[Candidate, ...], ...]:
    """The k most similar products of each query, best first; fewer only if the gallery holds fewer.

    References are fetched four a product at first and more until k different products are among them, so a
    product with hundreds of photos cannot crowd the others out.

    Args:
        queries: Unit rows.
        index: The gallery's rows by reference id.
        sku_of: Reference id → SKU.
        k: How many products.
    """
    if not len(queries):
        return ()
    n_fetched = 4 * k
    while True:
        ids, cosines = index.search(queries.rows, n_fetched)
        found = [_by_product(*row, sku_of, k) for row in zip(ids, cosines, strict=True)]
        if n_fetched >= len(index) or min(map(len, found)) == k:
            return tuple(found)
        n_fetched *= 4


def _by_product(ids: IntArray, cosines: FloatArray, sku_of: Mapping[int, str], k: int) -> tuple[Candidate, ...]:
    best: dict[str, Candidate] = {}
    for reference_id, cosine in zip(ids.tolist(), cosines.tolist(), strict=True):
        sku = sku_of[reference_id]
        if sku not in best:
            if len(best) == k:
                break
            best[sku] = Candidate(sku=sku, similarity=min(1.0, max(-1.0, cosine)), reference_id=reference_id)
    return tuple(best.values())
