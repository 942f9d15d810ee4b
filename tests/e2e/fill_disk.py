"""A process whose files may not grow past a limit, which is how it meets a full disk.

fill_disk.py enroll N_BYTES STORE PHOTOS | fill_disk.py index N_BYTES FOLDER KIND
"""

from __future__ import annotations

import logging
import resource
import signal
import sys
from pathlib import Path

import numpy as np

from conftest import DIM, FakeEmbedder
from facings.adapters.index_files import FileIndex, IndexKind
from facings.adapters.sql_store import open_store
from facings.enroll import enroll
from facings.errors import StoreFailed
from facings.kept_index import GalleryChanges
from facings.manifest import read_manifest
from facings.match import ExactIndex


def limit_files(n_bytes: int) -> None:
    """Writing past it fails with "File too large", as on a full disk with "No space left"."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


def fill_store(n_bytes: int, location: str, photos: str) -> None:
    """Enroll until the disk is full; the error goes to stdout."""
    store = open_store(location)
    limit_files(n_bytes)
    try:
        enroll(store, read_manifest(Path(photos)).photos, embedder=FakeEmbedder(), model="fake")
    except StoreFailed as error:
        sys.stdout.write(str(error))
        sys.exit(1)


def fill_index(n_bytes: int, folder: str, name: str) -> None:
    """A small index fits, a large one does not."""
    kind = IndexKind("exact", ExactIndex, ExactIndex.load)
    if name == "faiss":
        from facings.adapters.faiss_index import FaissIndex

        kind = IndexKind("faiss", lambda dim: FaissIndex(dim, n_exact=50), FaissIndex.load)
    rows = np.random.default_rng(0).normal(size=(2100, DIM)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[0] = np.eye(DIM, dtype=np.float32)[0]
    kept = FileIndex(Path(folder), kind, "space", DIM, least_rows=10)
    limit_files(n_bytes)
    for version, (start, end) in enumerate([(0, 100), (100, 2100)]):
        ids = np.arange(start, end)
        changes = GalleryChanges(version, version + 1, "mark", ids, ("a",) * len(ids), rows[start:end], ids[:0])
        kept.follow(lambda *_, changes=changes: changes)
        sys.stdout.write(f"{len(kept.index)}\n")


if __name__ == "__main__":
    logging.basicConfig()
    job = {"enroll": fill_store, "index": fill_index}[sys.argv[1]]
    job(int(sys.argv[2]), *sys.argv[3:])
