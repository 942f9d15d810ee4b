"""Step 5 of the path: embeddings in, the k most similar products out.

The port is `VectorIndex`. `ExactIndex` compares a query with every reference photo and is the yardstick for any
faster one. A product is as similar as its closest reference photo.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from facings.errors import BadInput
from facings.types import Candidate, Embeddings, FloatArray, IntArray

_SLICE = 64  # queries compared at a time: the table of similarities stays small beside the gallery


class VectorIndex(Protocol):
    """Rows under ids that the caller chooses; ids are unique, and free again once removed."""

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

    Rows live in one array that doubles when full, so adding is cheap; removing moves the last row into the hole,
    so nothing is ever left behind.

    Args:
        dim: D.
    """

    def __init__(self, dim: int) -> None:
        self._rows = np.zeros((64, dim), np.float32)
        self._ids = np.zeros(64, np.int64)
        self._position: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._position)

    def add(self, ids: IntArray, rows: FloatArray) -> None:
        """See `VectorIndex.add`."""
        dim = self._rows.shape[1]
        if rows.shape != (len(ids), dim):
            raise BadInput(f"Index: got rows {rows.shape} for {len(ids)} ids, wanted ({len(ids)}, {dim}).")
        if not np.isfinite(rows).all():
            raise BadInput("Index: got NaN or infinite values, wanted unit rows.")
        new = [int(i) for i in ids]
        if len(set(new)) < len(new) or not self._position.keys().isdisjoint(new):
            raise BadInput("Index: got an id twice, or one that is there already; ids are unique.")
        start, end = len(self), len(self) + len(new)
        self._grow(end)
        self._rows[start:end] = rows
        self._ids[start:end] = ids
        self._position.update(zip(new, range(start, end), strict=True))

    def remove(self, ids: IntArray) -> None:
        """See `VectorIndex.remove`."""
        gone = {int(i) for i in ids}
        missing = gone - self._position.keys()
        if missing:
            raise BadInput(f"Index: id {min(missing)} is not there, so it cannot be removed.")
        for reference_id in gone:
            hole, last = self._position.pop(reference_id), len(self._position)
            if hole != last:
                self._rows[hole] = self._rows[last]
                self._ids[hole] = self._ids[last]
                self._position[int(self._ids[hole])] = hole

    def search(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """See `VectorIndex.search`."""
        n = len(self)
        if queries.ndim != 2 or queries.shape[1] != self._rows.shape[1]:
            raise BadInput(f"Index: got queries {queries.shape}, wanted (Q, {self._rows.shape[1]}).")
        k = min(k, n)
        slices = [self._search_slice(queries[i : i + _SLICE], k) for i in range(0, len(queries), _SLICE)]
        if not slices:
            return np.zeros((0, k), np.int64), np.zeros((0, k), np.float32)
        return np.concatenate([ids for ids, _ in slices]), np.concatenate([cosines for _, cosines in slices])

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

    def _grow(self, n_rows: int) -> None:
        if n_rows > len(self._rows):
            spare = max(n_rows, 2 * len(self._rows)) - len(self._rows)
            self._rows = np.concatenate([self._rows, np.zeros((spare, self._rows.shape[1]), np.float32)])
            self._ids = np.concatenate([self._ids, np.zeros(spare, np.int64)])


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
