"""An index in files appears whole or not at all, is checked to the last bit, and is made again where it is no good."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from facings import errors
from facings.adapters import index_files
from facings.adapters.index_files import FileIndex, IndexKind, Snapshot, discard_indexes, load_index, save_index
from facings.errors import GalleryInvalid, ModelMismatch, StoreFailed
from facings.kept_index import GalleryChanges
from facings.match import ExactIndex

DIM = 4
EXACT = IndexKind("exact", ExactIndex, ExactIndex.load)
ROWS = np.eye(DIM, dtype=np.float32)


def snapshot(version: int = 7, *, space_id: str = "space", dim: int = DIM) -> Snapshot:
    return Snapshot("exact", space_id, dim, version, "mark")


def index_of(n_rows: int = DIM) -> ExactIndex:
    index = ExactIndex(DIM)
    index.add(np.arange(n_rows), ROWS[np.arange(n_rows) % DIM])
    return index


def changes(since: int, first: int, n_rows: int) -> GalleryChanges:
    """A version that adds rows."""
    ids = np.arange(first, first + n_rows)
    return GalleryChanges(since, since + 1, f"mark {since + 1}", ids, ("a",) * n_rows, ROWS[ids % DIM], ids[:0])


def names(folder: Path) -> list[str]:
    """What lies in a folder, without the random end of each name."""
    return sorted(f.name.rpartition("-")[0] for f in folder.iterdir())


def test_an_index_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    saved = save_index(tmp_path, index_of(), snapshot())
    index, held = load_index(saved, EXACT, "space", DIM)
    assert held == snapshot()
    ids, cosines = index.search(ROWS[:2], 2)
    assert (ids.tolist(), cosines.tolist()) == ([[0, 1], [1, 0]], [[1.0, 0.0], [1.0, 0.0]])
    index.remove(np.array([0]))
    index.add(np.array([9]), ROWS[:1])
    assert load_index(saved, EXACT, "space", DIM)[0].search(ROWS[:1], 1)[0].tolist() == [[0]]  # the file is not written


@pytest.mark.parametrize("name", ["rows.npy", "ids.npy", "index.json"])
@pytest.mark.parametrize("damage", ["first bit", "last bit", "cut", "empty", "gone"])
def test_damage_is_named_with_what_to_do(tmp_path: Path, name: str, damage: str) -> None:
    saved = save_index(tmp_path, index_of(), snapshot())
    data = bytearray((saved / name).read_bytes())
    if damage.endswith("bit"):
        data[0 if damage == "first bit" else -1] ^= 1
    (saved / name).write_bytes(data if damage.endswith("bit") else data[:-1] if damage == "cut" else b"")
    if damage == "gone":
        (saved / name).unlink()
    with pytest.raises(GalleryInvalid, match=r"the index is damaged.*Delete it; it is made again from the gallery\."):
        load_index(saved, EXACT, "space", DIM)


def test_a_changed_line_of_the_manifest_is_damage(tmp_path: Path) -> None:
    manifest = save_index(tmp_path, index_of(), snapshot()) / "index.json"
    manifest.write_text(manifest.read_text().replace('"version": 7', '"version": 8'))
    with pytest.raises(GalleryInvalid, match=r"index\.json was changed"):
        load_index(manifest.parent, EXACT, "space", DIM)


@pytest.mark.parametrize(("space_id", "dim"), [("other", DIM), ("space", DIM + 1)])
def test_another_space_or_length_is_refused(tmp_path: Path, space_id: str, dim: int) -> None:
    saved = save_index(tmp_path, index_of(), snapshot())
    with pytest.raises(ModelMismatch, match=f"is of space space with 4 numbers, wanted {space_id} with {dim}"):
        load_index(saved, EXACT, space_id, dim)


def test_another_kind_is_refused(tmp_path: Path) -> None:
    saved = save_index(tmp_path, index_of(), snapshot())
    with pytest.raises(GalleryInvalid, match="of kind 'exact', wanted 'faiss'"):
        load_index(saved, IndexKind("faiss", ExactIndex, ExactIndex.load), "space", DIM)


def test_a_full_disk_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept = FileIndex(tmp_path, EXACT, "space", DIM, least_rows=2)
    kept.follow(lambda *_: changes(0, 0, 4))

    def fail(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreFailed, match=r"cannot be kept \(No space left"):
        save_index(tmp_path, index_of(), snapshot())
    with caplog.at_level(logging.WARNING):
        assert kept.follow(lambda *_: changes(1, 4, 4)) == 2
    assert "No space left" in caplog.text
    assert len(kept.index) == 8
    assert names(tmp_path) == ["exact-space-1"]  # nothing half written either


def test_only_a_good_part_of_a_large_gallery_is_worth_writing(tmp_path: Path) -> None:
    kept = FileIndex(tmp_path, EXACT, "space", DIM, least_rows=10, least_share=0.5)
    for since, n_rows, written in [(0, 9, []), (1, 1, [2]), (2, 4, [2]), (3, 6, [4]), (4, 1, [4])]:
        kept.follow(lambda *_, since=since, n=n_rows: changes(since, 100 * since, n))
        found = names(tmp_path) if tmp_path.exists() else []
        assert found == [f"exact-space-{version}" for version in written]
    again = FileIndex(tmp_path, EXACT, "space", DIM)
    assert len(again.index) == 20
    assert again.follow(lambda version, _mark: changes(version, 900, 1)) == 5


def test_nothing_is_read_again_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FileIndex(tmp_path, EXACT, "space", DIM, least_rows=2).follow(lambda *_: changes(0, 0, 4))
    kept = FileIndex(tmp_path, EXACT, "space", DIM, least_rows=2)
    monkeypatch.setattr(index_files, "load_index", None)
    for since in (1, 2, 3):
        kept.follow(lambda *_, since=since: changes(since, 10 * since, 0))
        assert kept.index.search(ROWS[:1], 1)[0].tolist() == [[0]]


def test_damage_is_logged_and_made_good(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    FileIndex(tmp_path, EXACT, "space", DIM, least_rows=2).follow(lambda *_: changes(0, 0, 4))
    (rows,) = tmp_path.glob("*/rows.npy")
    rows.write_bytes(rows.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        kept = FileIndex(tmp_path, EXACT, "space", DIM, least_rows=2)
    assert "rows.npy is cut short" in caplog.text
    assert "made again from the gallery" in caplog.text
    assert len(kept.index) == 0
    kept.follow(lambda *_: changes(0, 0, 4))
    assert names(tmp_path) == ["exact-space-1"]


def test_indexes_of_a_space_that_was_dropped_are_deleted_and_no_others(tmp_path: Path) -> None:
    discard_indexes(tmp_path / "nowhere", "space")
    for version in (7, 8):
        save_index(tmp_path, index_of(), snapshot(version))
    save_index(tmp_path, index_of(), snapshot(space_id="other"))
    discard_indexes(tmp_path, "space")
    assert names(tmp_path) == ["exact-other-7"]


def test_two_writers_at_once_leave_a_whole_index(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        saved = list(pool.map(lambda version: save_index(tmp_path, index_of(), snapshot(version)), [7, 7, 8, 8]))
    assert len(set(saved)) == 4
    assert all(len(load_index(folder, EXACT, "space", DIM)[0]) == DIM for folder in saved)
    kept = FileIndex(tmp_path, EXACT, "space", DIM)
    assert kept.follow(lambda version, _mark: changes(version, 50, 1)) == 9  # the newer one was taken


def test_what_dead_processes_left_behind_is_swept_up(tmp_path: Path) -> None:
    fresh, stale = tmp_path / "exact-space-3-x.part", tmp_path / "exact-space-3-y.part"
    for folder in (fresh, stale):
        folder.mkdir()
    os.utime(stale, (time.time() - 7200,) * 2)
    FileIndex(tmp_path, EXACT, "space", DIM, least_rows=2).follow(lambda *_: changes(0, 0, 4))
    assert fresh.exists()  # another process may be at it
    assert not stale.exists()


KILLED = """
import sys, numpy as np
from pathlib import Path
from facings.adapters.index_files import Snapshot, save_index
from facings.match import ExactIndex
class Slow(ExactIndex):
    def save(self, folder):
        super().save(folder)
        print("half way", flush=True)
        sys.stdin.read()
index = Slow(4)
index.add(np.arange(4), np.eye(4, dtype=np.float32))
save_index(Path(sys.argv[1]), index, Snapshot("exact", "space", 4, 8, "mark"))
"""


def test_a_process_killed_while_writing_leaves_the_old_one(tmp_path: Path) -> None:
    save_index(tmp_path, index_of(), snapshot())
    environment = {**os.environ, "PYTHONPATH": str(Path(errors.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "half way\n"
        writer.send_signal(signal.SIGKILL)
    assert any(folder.suffix == ".part" for folder in tmp_path.iterdir())
    kept = FileIndex(tmp_path, EXACT, "space", DIM)
    asked: list[tuple[int, str]] = []

    def fetch(version: int, mark: str) -> GalleryChanges:
        asked.append((version, mark))
        return changes(version, 50, 1)

    kept.follow(fetch)
    assert asked == [(7, "mark")]
    assert len(kept.index) == 5
