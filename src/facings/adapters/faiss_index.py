"""A `VectorIndex` for large galleries by FAISS: inverted lists of half-precision rows (IVF, fp16).

A small gallery is compared with in full, which is quick enough there and exact. Above `N_EXACT` rows they are put into
lists around centers (k-means), and a search looks through the lists nearest to the query. Removing takes a row out of
its list, so nothing is left behind; a graph (HNSW) could not do that. Half precision moves a cosine by less than 0.001.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from facings.adapters.list_tuning import K, enough_lists, queries_near
from facings.errors import DependencyMissing, StoreFailed
from facings.match import ExactIndex, best_first, check_new, check_queries, check_there, refuse_known
from facings.types import FloatArray, IntArray

N_EXACT = 20_000
_N_TUNING = 200
_FILE = "index.faiss"
_CHUNK = 16_384  # rows at a time that a list is looked up for


class FaissIndex:
    """Rows in FAISS; see the module.

    Args:
        dim: D.
        n_threads: Threads of FAISS, in the whole process.
        n_exact: Up to this many rows every one is compared with.
    """

    kind = "faiss"

    def __init__(self, dim: int, *, n_threads: int = 1, n_exact: int = N_EXACT) -> None:
        self._faiss = _import_faiss()
        self._faiss.omp_set_num_threads(n_threads)
        self._dim = dim
        self._n_exact = n_exact
        self._lock = threading.RLock()
        self._exact: ExactIndex | None = ExactIndex(dim)
        self._lists: Any = None
        self._ids = np.zeros(0, np.int64)  # of the lists, sorted
        self._n_trained = 0

    def __len__(self) -> int:
        return len(self._ids) if self._exact is None else len(self._exact)

    def add(self, ids: IntArray, rows: FloatArray) -> None:
        """See `VectorIndex.add`."""
        with self._lock:
            if self._exact is not None:
                if len(self._exact) + len(ids) <= self._n_exact:
                    self._exact.add(ids, rows)
                    return
                there, held = self._exact.contents()
                check_new(ids, rows, self._dim, set(there.tolist()))
                # A million rows that come at once are not copied first.
                self._arrange(np.concatenate([there, ids]), np.concatenate([held, rows]) if len(there) else rows)
                return
            check_new(ids, rows, self._dim)
            if self._is_known(ids).any():
                refuse_known()
            self._own()
            self._lists.add_with_ids(np.ascontiguousarray(rows, np.float32), ids)
            new = np.sort(ids)
            self._ids = np.insert(self._ids, np.searchsorted(self._ids, new), new)
            if len(self) > 4 * self._n_trained:
                self._arrange(*self._contents())

    def remove(self, ids: IntArray) -> None:
        """See `VectorIndex.remove`."""
        with self._lock:
            if self._exact is not None:
                self._exact.remove(ids)
                return
            gone = np.unique(ids)
            check_there(gone[~self._is_known(gone)].tolist())
            if not len(gone):
                return
            self._own()
            self._lists.remove_ids(gone)
            self._ids = np.delete(self._ids, np.searchsorted(self._ids, gone))
            if len(self) < self._n_trained // 4:
                self._arrange(*self._contents())

    def search(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """See `VectorIndex.search`."""
        check_queries(queries, self._dim)
        with self._lock:
            if self._exact is not None:
                return self._exact.search(queries, k)
            k = min(k, len(self))
            if not k or not len(queries):
                return np.zeros((len(queries), k), np.int64), np.zeros((len(queries), k), np.float32)
            n_probes = self._lists.nprobe
            ids, cosines = self._probe(queries, k, n_probes)
            short = ids[:, -1] < 0  # the lists that were looked through hold fewer than k
            while short.any():
                n_probes = min(8 * n_probes, self._lists.nlist)
                ids[short], cosines[short] = self._probe(queries[short], k, n_probes)
                short = ids[:, -1] < 0
            return best_first(ids, cosines)

    def save(self, folder: Path) -> None:
        """Write the index into a folder.

        Raises:
            StoreFailed: It cannot be written.
        """
        with self._lock:
            if self._exact is not None:
                self._exact.save(folder)
                return
            self._own()  # of mapped lists FAISS would write no more than the name of their file
            try:
                self._faiss.write_index(self._lists, str(folder / _FILE))
            except RuntimeError as error:
                raise StoreFailed(f"{folder}: the index cannot be written ({error}).") from error

    @classmethod
    def load(cls, folder: Path, dim: int, *, n_threads: int = 1, n_exact: int = N_EXACT) -> Self:
        """Read a saved index. It is mapped from the file until it changes.

        Raises:
            ValueError: The files do not belong together.
        """
        index = cls(dim, n_threads=n_threads, n_exact=n_exact)
        if not (folder / _FILE).exists():
            index._exact = ExactIndex.load(folder, dim)
            return index
        lists = index._faiss.read_index(str(folder / _FILE), index._faiss.IO_FLAG_MMAP)
        if lists.d != dim:
            raise ValueError(f"rows of {lists.d} numbers")
        index._hold(lists)
        return index

    def _arrange(self, ids: IntArray, rows: FloatArray) -> None:
        """Put all rows into fresh lists, as many as suit their number, or side by side where they are few."""
        if len(ids) <= self._n_exact:
            self._exact = ExactIndex(self._dim)
            self._exact.add(ids, rows)
            self._lists, self._ids, self._n_trained = None, np.zeros(0, np.int64), 0
            return
        faiss = self._faiss
        n_lists = max(1, round(2 * len(ids) ** 0.5))
        lists = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(self._dim),
            self._dim,
            n_lists,
            faiss.ScalarQuantizer.QT_fp16,
            faiss.METRIC_INNER_PRODUCT,
            False,  # rows as they are, not their distance from the center, so that they can be taken out again
        )
        lists.cp.niter, lists.cp.spherical, lists.cp.seed = 10, True, 0
        lists.cp.min_points_per_centroid, lists.cp.max_points_per_centroid = 1, 64
        rows = np.ascontiguousarray(rows, np.float32)
        lists.train(rows)
        self._fill(lists, ids, rows)
        self._hold(lists)
        lists.nprobe = self._n_probes(rows)

    def _fill(self, lists: Any, ids: IntArray, rows: FloatArray) -> None:
        """Put rows into lists that are made at their final size; lists that grow take up to twice as much."""
        starts = range(0, len(rows), _CHUNK)
        nearest = np.concatenate([lists.quantizer.search(rows[i : i + _CHUNK], 1)[1][:, 0] for i in starts])
        order = np.argsort(nearest, kind="stable")
        ends = np.searchsorted(nearest[order], np.arange(lists.nlist), side="right")
        full, swig_ptr = self._faiss.ArrayInvertedLists(lists.nlist, lists.code_size), self._faiss.swig_ptr
        for number, members in enumerate(np.split(order, ends[:-1])):
            if len(members):
                list_ids, codes = ids[members], rows[members].astype("<f2").view(np.uint8)
                full.add_entries(number, len(members), swig_ptr(list_ids), swig_ptr(codes))
        full.this.disown()
        lists.replace_invlists(full, True)
        lists.ntotal = len(ids)

    def _hold(self, lists: Any) -> None:
        self._lists = lists
        self._ids = np.sort(np.concatenate([np.zeros(0, np.int64), *(ids for ids, _ in self._each_list())]))
        if (self._ids[1:] == self._ids[:-1]).any():
            raise ValueError("an id twice")
        self._n_trained = len(self._ids)
        self._exact = None

    def _n_probes(self, rows: FloatArray) -> int:
        """In how many lists to look, see `list_tuning.py`."""
        rng = np.random.default_rng(0)
        queries = queries_near(rows[rng.choice(len(rows), min(_N_TUNING, len(rows)), replace=False)])
        k = min(K, len(rows))
        wanted, _ = self._probe(queries, k, self._lists.nlist)
        return enough_lists(lambda n: self._probe(queries, k, n)[0], wanted, int(self._lists.nlist))

    def _probe(self, queries: FloatArray, k: int, n_probes: int) -> tuple[IntArray, FloatArray]:
        """FAISS's own answer: the k most similar in so many lists, id -1 where they hold fewer."""
        parameters = self._faiss.SearchParametersIVF(nprobe=n_probes)
        cosines, ids = self._lists.search(np.ascontiguousarray(queries, np.float32), k, params=parameters)
        return ids, cosines

    def _is_known(self, ids: IntArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
        at = np.searchsorted(self._ids, ids)
        known = np.zeros(len(ids), np.bool_)
        inside = at < len(self._ids)
        known[inside] = self._ids[at[inside]] == ids[inside]
        return known

    def _contents(self) -> tuple[IntArray, FloatArray]:
        """All ids and their rows."""
        ids, rows, start = np.zeros(len(self), np.int64), np.zeros((len(self), self._dim), np.float32), 0
        for list_ids, codes in self._each_list():
            end = start + len(list_ids)
            ids[start:end], rows[start:end] = list_ids, codes.view("<f2")
            start = end
        return ids, rows

    def _each_list(self) -> Iterator[tuple[IntArray, np.ndarray[Any, np.dtype[np.uint8]]]]:
        """Views of the ids and the codes of each list."""
        held, size = self._lists.invlists, self._lists.code_size
        for number in range(self._lists.nlist):
            n = held.list_size(number)
            if n:
                ids = self._faiss.rev_swig_ptr(held.get_ids(number), n)
                codes = self._faiss.rev_swig_ptr(held.get_codes(number), n * size)
                yield ids, codes.reshape(n, size)

    def _own(self) -> None:
        """Copy the lists into memory if they are mapped from a file, which cannot be changed."""
        if isinstance(self._faiss.downcast_InvertedLists(self._lists.invlists), self._faiss.OnDiskInvertedLists):
            self._pack(self._lists)

    def _pack(self, lists: Any) -> None:
        """Copy the lists into memory that is no larger than they are; lists that grew have up to twice as much."""
        held = lists.invlists
        packed = self._faiss.ArrayInvertedLists(lists.nlist, lists.code_size)
        for number in range(lists.nlist):
            n = held.list_size(number)
            if n:
                packed.add_entries(number, n, held.get_ids(number), held.get_codes(number))
        packed.this.disown()
        lists.replace_invlists(packed, True)


def _import_faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise DependencyMissing(f"The FAISS index needs faiss-cpu: {error}.", "pip install 'facings[faiss]'") from error
    return faiss
