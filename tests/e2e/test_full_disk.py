"""A disk that is full, as a process meets it: files may not grow past a limit. An error that says so, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import DIM, FakeEmbedder, save_photo
from facings import errors
from facings.adapters.index_files import FileIndex, IndexKind
from facings.adapters.sql_store import init_store, open_store
from facings.enroll import enroll
from facings.manifest import read_manifest
from facings.match import ExactIndex
from facings.verify import verify

pytest.importorskip("resource", reason="only POSIX systems limit the size of files")
TESTS = Path(__file__).parents[1]


def run_limited(job: str, n_bytes: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Do a job in a process whose files may have so many bytes each."""
    paths = [str(Path(errors.__file__).parents[1]), str(TESTS)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "e2e.fill_disk", job, str(n_bytes), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize(
    ("n_bytes", "message"),
    [
        pytest.param(1_000_000, "the photo cannot be kept", id="a photo"),
        pytest.param(70_000, "disk is full or failing; what was committed is safe", id="the database's log"),
    ],
)
def test_enrolling_ends_with_whole_batches_and_goes_on(n_bytes: int, message: str, tmp_path: Path) -> None:
    photos, store_folder = tmp_path / "photos", tmp_path / "store"
    for seed in range(24):
        save_photo(photos / "a" / f"{seed:02d}.jpg", seed, width=16, height=16)
    if message.startswith("the photo"):
        (photos / "b").mkdir()
        data = (photos / "a" / "00.jpg").read_bytes()
        (photos / "b" / "large.jpg").write_bytes(data + bytes(2_000_000))  # what follows a JPEG's end is no harm
    init_store(str(store_folder)).close()

    said = run_limited("enroll", n_bytes, str(store_folder), str(photos))

    assert said.returncode == 1, said.stderr
    assert message in said.stdout
    store = open_store(str(store_folder))
    store.health()
    n_held = len(store.references())
    assert n_held in {0, 16}
    done = enroll(store, read_manifest(photos).photos, embedder=FakeEmbedder(), model="fake")
    assert (done.n_already, done.problems) == (n_held, [])
    assert verify(store, embedder=FakeEmbedder()).problems == ()
    store.close()


@pytest.mark.parametrize("kind", ["exact", "faiss"])
def test_an_index_that_cannot_be_written_leaves_the_old_one_and_goes_on_in_memory(kind: str, tmp_path: Path) -> None:
    if kind == "faiss":
        pytest.importorskip("faiss", reason="FAISS is not installed")

    said = run_limited("index", 40_000, str(tmp_path), kind)

    assert said.returncode == 0, said.stderr
    assert "The gallery works without." in said.stderr
    assert said.stdout.split() == ["100", "2100"]  # rows in memory before and after
    folders = [folder.name for folder in tmp_path.iterdir()]
    assert len(folders) == 1
    assert folders[0].startswith(f"{kind}-space-1-")
    if kind == "exact":
        held = FileIndex(tmp_path, IndexKind("exact", ExactIndex, ExactIndex.load), "space", DIM)
        assert len(held.index) == 100
        assert held.index.search(np.eye(DIM, dtype=np.float32)[:1], 1)[1].tolist() == [[1.0]]
