"""A gallery's references in a second embedding space, beside the live one, on the store's SQL database.

Rows of the second space repeat live references: the same photo, box and product. They are added a batch a transaction,
go when the live reference goes, and are searched from the moment of the switch, which is one transaction too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, select

from facings.adapters import sql_schema as t
from facings.adapters.sql_references import (
    CHUNK_SIZE,
    COLUMNS,
    gone,
    live_id,
    live_space,
    make_live,
    reference_line,
    rows_of,
    to_reference,
)
from facings.errors import GalleryInvalid
from facings.gallery import Reference, Space
from facings.types import FloatArray, IntArray

_r = t.reference.c


class SqlSpaces:
    """The spaces of a store; see `reembed.SpaceStore`.

    Args:
        transaction: The store's transactions, `transaction(is_write=True)` to write.
        lock_gallery: Makes all other writers of the gallery wait for the end of a transaction.
        next_version: Begins a gallery version: action, number of references.
        put_space: Makes a space known.
    """

    def __init__(
        self,
        transaction: Callable[..., AbstractContextManager[Connection]],
        lock_gallery: Callable[[Connection], None],
        next_version: Callable[[Connection, str, int], int],
        put_space: Callable[[Connection, Space], None],
    ) -> None:
        self._transaction = transaction
        self._lock_gallery = lock_gallery
        self._next_version = next_version
        self._put_space = put_space

    def pending(self, space_id: str) -> list[Reference]:
        """See `reembed.SpaceStore`."""
        with self._transaction() as connection:
            return [to_reference(line) for line in connection.execute(_pending(space_id)).mappings()]

    def rows(self, reference_ids: Sequence[int], dim: int) -> tuple[IntArray, FloatArray]:
        """See `reembed.SpaceStore`."""
        with self._transaction() as connection:
            return rows_of(connection, reference_ids, dim)

    def add_rows(self, references: Sequence[Reference], rows: FloatArray, far_rows: FloatArray, space: Space) -> int:
        """See `reembed.SpaceStore`."""
        with self._transaction(is_write=True) as connection:
            self._lock_gallery(connection)
            wanted = _still_pending(connection, [r.reference_id for r in references], space.space_id)
            fresh = [some for some in zip(references, rows, far_rows, strict=True) if some[0].reference_id in wanted]
            if fresh:
                self._put_space(connection, space)
                version = self._next_version(connection, "add", len(fresh))
                lines = [reference_line(r, row, far, space.space_id, version) for r, row, far in fresh]
                connection.execute(t.reference.insert(), lines)
            return len(fresh)

    def switch(self, space_id: str, *, instead_of: str) -> bool:
        """See `reembed.SpaceStore`."""
        with self._transaction(is_write=True) as connection:
            self._lock_gallery(connection)
            live = live_space(connection)
            if live is None or live.space_id != instead_of:
                raise GalleryInvalid(
                    f"The gallery's space is no longer {instead_of}: somebody emptied it or switched its model.",
                    "Run it again; what was embedded is kept.",
                )
            if connection.execute(_pending(space_id).limit(1)).first() is not None:
                return False
            n_references = connection.scalar(select(func.count()).where(_is_in(space_id))) or 0
            make_live(connection, space_id, self._next_version(connection, "switch", n_references))
            return True

    def drop_others(self) -> dict[str, int]:
        """See `reembed.SpaceStore`."""
        others = _r.removed_version.is_(None) & (_r.space_id != live_id())
        with self._transaction(is_write=True) as connection:
            self._lock_gallery(connection)
            counted = select(_r.space_id, func.count().label("n")).where(others).group_by(_r.space_id)
            found = {line.space_id: line.n for line in connection.execute(counted)}
            if found:
                version = self._next_version(connection, "drop", sum(found.values()))
                connection.execute(t.reference.update().where(others).values(**gone(version)))
            return found


def _is_in(space_id: str) -> ColumnElement[bool]:
    return (_r.space_id == space_id) & _r.removed_version.is_(None)


def _pending(space_id: str) -> Select[Any]:
    """Live references that this space lacks, by id."""
    other = t.reference.alias("other")
    is_there = exists().where(
        other.c.photo_id == _r.photo_id,
        other.c.box == _r.box,
        other.c.space_id == space_id,
        other.c.removed_version.is_(None),
    )
    is_live = (_r.space_id == live_id()) & _r.removed_version.is_(None)
    return select(*COLUMNS).where(is_live, ~is_there).order_by(_r.reference_id)


def _still_pending(connection: Connection, reference_ids: Sequence[int], space_id: str) -> set[int]:
    """Those that are live still and that nobody else has added meanwhile."""
    found: set[int] = set()
    for start in range(0, len(reference_ids), CHUNK_SIZE):
        chunk = _pending(space_id).where(_r.reference_id.in_(reference_ids[start : start + CHUNK_SIZE]))
        found |= {line.reference_id for line in connection.execute(chunk)}
    return found
