"""A gallery's index in files, so that a process starts without reading every vector from the store.

`<folder>/<kind>-<space id>-<gallery version>-…/` holds the index's own files and `index.json` with their SHA-256. It
appears whole, by renaming. It is a copy: one that is damaged, of another past of the store, or gone is made again from
the store's rows, and one that lags is brought up to date from there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import time
from typing import Any, Protocol

from facings.errors import FacingsError, GalleryInvalid, ModelMismatch, StoreFailed
from facings.kept_index import Fetch, GalleryChanges, MemoryIndex
from facings.match import VectorIndex

LEAST_ROWS = 50_000  # fewer are read from the store in half a second
LEAST_SHARE = 0.1  # of the rows changed since the last time
_MANIFEST, _PART = "index.json", ".part"
_PART_MAX_AGE_S = 3600  # what is older was left behind by a process that died
_log = logging.getLogger(__name__)


class SavableIndex(VectorIndex, Protocol):
    """An index that can be written to files."""

    def save(self, folder: Path) -> None:
        """Write it into an empty folder."""
        ...


@dataclass(frozen=True)
class Snapshot:
    """What a saved index holds.

    Args:
        kind: Which index wrote it.
        space_id: Embedding space of its rows.
        dim: D.
        version: Gallery version.
        mark: Mark of that version.
    """

    kind: str
    space_id: str
    dim: int
    version: int
    mark: str


@dataclass(frozen=True)
class IndexKind:
    """An implementation of `SavableIndex`.

    Args:
        name: Its name in files.
        make: D → an empty one.
        load: Folder, D → a saved one; ValueError for files that do not belong together.
    """

    name: str
    make: Callable[[int], SavableIndex]
    load: Callable[[Path, int], SavableIndex]


class FileIndex:
    """A `KeptIndex` in a folder.

    Written when the gallery is large and a good part of it changed, so that small galleries need no files and many
    small changes do not write large ones.

    Args:
        folder: Where; made when first needed.
        kind: The index.
        space_id: Its embedding space.
        dim: D.
        least_rows: Smaller galleries are not written.
        least_share: Nor are galleries of which less changed.
    """

    def __init__(
        self,
        folder: Path,
        kind: IndexKind,
        space_id: str,
        dim: int,
        *,
        least_rows: int = LEAST_ROWS,
        least_share: float = LEAST_SHARE,
    ) -> None:
        self._folder, self._kind, self._space_id, self._dim = folder, kind, space_id, dim
        self._least_rows, self._least_share = least_rows, least_share
        self._n_changed = 0
        self._memory = self._open()

    @property
    def index(self) -> VectorIndex:
        """See `KeptIndex.index`."""
        return self._memory.index

    def follow(self, fetch: Fetch) -> int:
        """See `KeptIndex.follow`."""

        def counted(version: int, mark: str) -> GalleryChanges:
            changes = fetch(version, mark)
            self._n_changed += len(changes.ids) + len(changes.removed)
            return changes

        version = self._memory.follow(counted)
        n = len(self.index)
        if n >= self._least_rows and self._n_changed >= self._least_share * n:
            self._save()
        return version

    def _open(self) -> MemoryIndex[SavableIndex]:
        for folder in sorted(self._snapshots(), key=self._version_of, reverse=True):
            try:
                index, snapshot = load_index(folder, self._kind, self._space_id, self._dim)
            except FacingsError as error:
                _log.warning("%s It is made again from the gallery now.", error.message)
                shutil.rmtree(folder, ignore_errors=True)
            else:
                return MemoryIndex(self._make, index, snapshot.version, snapshot.mark)
        return MemoryIndex(self._make)

    def _make(self) -> SavableIndex:
        return self._kind.make(self._dim)

    def _save(self) -> None:
        """Failing is no harm: the gallery is complete without."""
        version, mark = self._memory.version, self._memory.mark
        snapshot = Snapshot(self._kind.name, self._space_id, self._dim, version, mark)
        old = [*self._snapshots(), *self._left_behind()]
        try:
            save_index(self._folder, self._memory.index, snapshot)
        except StoreFailed as error:
            _log.warning("%s The gallery works without.", error.message)
            return
        self._n_changed = 0
        for folder in old:
            shutil.rmtree(folder, ignore_errors=True)  # who has it open keeps it

    def _prefix(self) -> str:
        return f"{self._kind.name}-{self._space_id}-"

    def _version_of(self, folder: Path) -> int:
        number = folder.name.removeprefix(self._prefix()).split("-")[0]
        return int(number) if number.isdigit() else 0

    def _snapshots(self) -> Iterator[Path]:
        return (f for f in self._folder.glob(self._prefix() + "*") if f.suffix != _PART)

    def _left_behind(self) -> Iterator[Path]:
        before = time() - _PART_MAX_AGE_S
        return (f for f in self._folder.glob(self._prefix() + "*" + _PART) if f.stat().st_mtime < before)


def discard_indexes(folder: Path, space_id: str) -> None:
    """Delete all snapshots of a space, of whatever kind and version; none is no harm."""
    for found in folder.glob(f"*-{space_id}-*"):
        shutil.rmtree(found, ignore_errors=True)


def save_index(folder: Path, index: SavableIndex, snapshot: Snapshot) -> Path:
    """Write an index whole or not at all, beside what is there.

    Args:
        folder: Where snapshots lie.
        index: What to write.
        snapshot: What it holds.

    Returns:
        Its folder.

    Raises:
        StoreFailed: The disk is full or the folder cannot be written.
    """
    prefix = f"{snapshot.kind}-{snapshot.space_id}-{snapshot.version}-"
    part: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=prefix, suffix=_PART, dir=folder))
        index.save(part)
        files = {file.name: _sha256(file) for file in sorted(part.iterdir())}
        manifest = {**asdict(snapshot), "files": files}
        (part / _MANIFEST).write_text(json.dumps({**manifest, "sha256": _manifest_hash(manifest)}))
        for file in part.iterdir():
            _sync(file)
        return part.rename(part.with_suffix(""))
    except OSError as error:
        raise StoreFailed(f"{folder}: the index cannot be kept ({error.strerror or error}).") from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def load_index(folder: Path, kind: IndexKind, space_id: str, dim: int) -> tuple[SavableIndex, Snapshot]:
    """Read a saved index, every byte of it checked.

    Args:
        folder: Of the one snapshot.
        kind: What wrote it.
        space_id: The space that is wanted.
        dim: D that is wanted.

    Raises:
        GalleryInvalid: A file is missing, cut short or changed, or another kind of index wrote it.
        ModelMismatch: Its rows are of another space or length.
    """
    remedy = "Delete it; it is made again from the gallery."
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        if manifest.pop("sha256") != _manifest_hash(manifest):
            raise ValueError(f"{_MANIFEST} was changed")
        for name, wanted in manifest.pop("files").items():
            if _sha256(folder / name) != wanted:
                raise ValueError(f"{name} is cut short or was changed")
        snapshot = Snapshot(**manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GalleryInvalid(f"{folder}: the index is damaged ({error}).", remedy) from error
    if (snapshot.space_id, snapshot.dim) != (space_id, dim):
        found = f"space {snapshot.space_id} with {snapshot.dim} numbers"
        raise ModelMismatch(f"{folder}: the index is of {found}, wanted {space_id} with {dim}.", remedy)
    if snapshot.kind != kind.name:
        raise GalleryInvalid(f"{folder}: the index is of kind {snapshot.kind!r}, wanted {kind.name!r}.", remedy)
    try:
        return kind.load(folder, dim), snapshot
    except (OSError, ValueError, RuntimeError) as error:
        raise GalleryInvalid(f"{folder}: the index cannot be read ({error}).", remedy) from error


def _manifest_hash(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
