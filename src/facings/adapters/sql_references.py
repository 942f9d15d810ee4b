"""Lines of the table of references, written and read, and which embedding space of them is live."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, RowMapping, ScalarSelect, exists, select

from facings.adapters import sql_schema as t
from facings.errors import StoreFailed
from facings.gallery import Box, NewReference, Reference, Space
from facings.types import FloatArray, IntArray

COLUMNS = [c for c in t.reference.c if c.name not in {"vector", "far_vector", "added_version", "removed_version"}]
CHUNK_SIZE = 1000  # ids in one question


def reference_line(
    r: NewReference | Reference, row: FloatArray, far_row: FloatArray | None, space_id: str, version: int
) -> dict[str, Any]:
    """A reference with its rows as the table has it."""
    return {
        "sku": r.sku,
        "photo_id": r.photo_id,
        "box": box_text(r.box),
        "source": plain(r.source),
        "look": f"{r.look:016x}",
        "space_id": space_id,
        "vector": row.astype("<f4").tobytes(),
        "far_vector": None if far_row is None else far_row.astype("<f4").tobytes(),
        "added_version": version,
    }


def gone(version: int) -> dict[str, Any]:
    """What a removal changes in a line: no vector of it is kept."""
    return {"removed_version": version, "vector": None, "far_vector": None}


def to_reference(line: RowMapping) -> Reference:
    """The line of `COLUMNS` as a reference."""
    box: Box | None = tuple(json.loads(line["box"])) if line["box"] else None
    return Reference(**{**line, "box": box, "look": int(line["look"], 16)})


def to_rows(vectors: Sequence[bytes], dim: int) -> FloatArray:
    """Vectors as float32 (N, D).

    Raises:
        StoreFailed: One is of another length.
    """
    wrong = next((vector for vector in vectors if len(vector) != 4 * dim), None)
    if wrong is not None:
        raise StoreFailed(f"Gallery: got a vector of {len(wrong) / 4:g} numbers, wanted {dim}; the store is damaged.")
    return np.frombuffer(b"".join(vectors), "<f4").astype(np.float32).reshape(-1, dim)


def rows_of(connection: Connection, reference_ids: Sequence[int], dim: int) -> tuple[IntArray, FloatArray]:
    """Those of the references that were not removed, by id, with their rows."""
    r = t.reference.c
    found: list[Any] = []
    for start in range(0, len(reference_ids), CHUNK_SIZE):
        asked = r.reference_id.in_(reference_ids[start : start + CHUNK_SIZE]) & r.removed_version.is_(None)
        found += connection.execute(select(r.reference_id, r.vector).where(asked)).all()
    found.sort(key=lambda line: line.reference_id)
    ids = np.array([line.reference_id for line in found], np.int64)
    return ids, to_rows([line.vector for line in found], dim)


def live_id() -> ScalarSelect[Any]:
    """The id of the space that went live last, inside another question."""
    s = t.embedding_space.alias("latest").c  # a table of its own, whatever question it stands in
    return (
        select(s.space_id).where(s.live_version.is_not(None)).order_by(s.live_version.desc()).limit(1).scalar_subquery()
    )


def live_since(connection: Connection, space_id: str) -> int | None:
    """The version that a space is live since; None for one that is not."""
    s = t.embedding_space.c
    since = connection.scalar(select(s.live_version).where(s.space_id == space_id, s.space_id == live_id()))
    return None if since is None else int(since)


def live_space(connection: Connection) -> Space | None:
    """The space that is searched; None where it has no reference, so that any other may begin."""
    r, s = t.reference.c, t.embedding_space.c
    has_any = exists().where(r.space_id == s.space_id, r.removed_version.is_(None))
    line = connection.execute(select(s.space_id, s.model, s.card).where(s.space_id == live_id(), has_any)).one_or_none()
    return None if line is None else Space(line.space_id, line.model, line.card)


def make_live(connection: Connection, space_id: str, version: int) -> None:
    """From this version on, this space is searched."""
    s = t.embedding_space
    connection.execute(s.update().where(s.c.space_id == space_id).values(live_version=version))


def box_text(box: Box | None) -> str:
    """A box as the table has it."""
    return "" if box is None else json.dumps(box)


def plain(path: str) -> str:
    """A path as text: bytes in a file name that are no UTF-8 are written as escapes."""
    return path.encode("utf-8", "backslashreplace").decode()
