"""The gallery's index follows the gallery: from a version that it holds, by what happened since, to the present."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from facings.match import ExactIndex, VectorIndex
from facings.types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class GalleryChanges:
    """What happened to the gallery of one space after some version.

    Args:
        since: That version; 0 where the store has no such past, so that everything is told anew.
        version: The version it has now.
        mark: Tells this version from one of the same number in another past, as after a backup was put back.
        ids: int64 (N,), references that came.
        skus: Their products.
        rows: float32 (N, D), their vectors; (0, D) where they were not asked for.
        removed: int64 (M,), references that were there and went.
    """

    since: int
    version: int
    mark: str
    ids: IntArray
    skus: tuple[str, ...]
    rows: FloatArray
    removed: IntArray


Fetch = Callable[[int, str], GalleryChanges]
"""What came and went after a version of a mark."""


class KeptIndex(Protocol):
    """The index of one space, and what of it outlives the process. A copy: the store's rows are the truth."""

    @property
    def index(self) -> VectorIndex:
        """What is searched."""
        ...

    def follow(self, fetch: Fetch) -> int:
        """Take over what happened since the version that the index holds; the version it holds then."""
        ...


Kind = TypeVar("Kind", bound=VectorIndex)


class MemoryIndex(Generic[Kind]):
    """A `KeptIndex` that lives and ends with the process.

    Args:
        make: Gives an empty index.
        index: What it begins with, else an empty one.
        version: The gallery version that this holds.
        mark: Mark of that version.
    """

    def __init__(self, make: Callable[[], Kind], index: Kind | None = None, version: int = 0, mark: str = "") -> None:
        self._make = make
        self.index = make() if index is None else index
        self.version = version
        self.mark = mark

    def follow(self, fetch: Fetch) -> int:
        """See `KeptIndex.follow`."""
        changes = fetch(self.version, self.mark)
        if changes.since != self.version:
            self.index = self._make()
        self.index.remove(changes.removed)
        self.index.add(changes.ids, changes.rows)
        self.version, self.mark = changes.version, changes.mark
        return self.version


def keep_in_memory(_space_id: str, dim: int) -> KeptIndex:
    """Exact search that is read from the store at the start of each process."""
    return MemoryIndex(lambda: ExactIndex(dim))
