"""The inbox on the store's SQL database: crops with their rows, and the events that say what they are.

Writers hold the gallery's lock, so of two people who settle the same crop one comes first, and the other is told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import Connection, bindparam, func, select

from facings.adapters import sql_schema as t
from facings.adapters.sql_ledger import to_text
from facings.adapters.sql_references import CHUNK_SIZE, box_text, plain
from facings.catalog import Product
from facings.embed import Embedder
from facings.errors import BadInput, GalleryInvalid
from facings.gallery import Added, Box, NewReference
from facings.inbox.crops import CropRow, Event, KeptCrop, Standing, UnknownBox, refuse_step, standings

_c, _e, _ec, _r = t.inbox_crop.c, t.inbox_event.c, t.inbox_event_crop.c, t.reference.c


class SqlInbox:
    """The inbox of a store; see `inbox.crops.InboxStore`.

    Args:
        transaction: The store's transactions, `transaction(is_write=True)` to write.
        add_references: Adds references to the gallery inside a transaction.
        lock_gallery: Makes all other writers of the gallery wait for the end of a transaction.
    """

    def __init__(
        self,
        transaction: Callable[..., AbstractContextManager[Connection]],
        add_references: Callable[..., Added],
        lock_gallery: Callable[[Connection], None],
    ) -> None:
        self._transaction = transaction
        self._add_references = add_references
        self._lock_gallery = lock_gallery

    # Crops

    def unknown_boxes(self) -> list[UnknownBox]:
        """See `inbox.crops.InboxStore`."""
        r, o = t.reading.c, t.observation.c
        last = select(func.max(r.reading_id)).group_by(r.photo_id, r.place)
        is_unknown = (o.verdict == "unknown") & (o.candidates != "[]")  # too small a box was compared with nothing
        query = (
            select(r.photo_id, o.x1, o.y1, o.x2, o.y2, r.photo, r.place, r.seen_at)
            .join(t.observation, o.reading_id == r.reading_id)
            .where(r.reading_id.in_(last), is_unknown)
            .order_by(r.seen_at, o.observation_id)
        )
        with self._transaction() as connection:
            return [
                UnknownBox(photo_id, (x1, y1, x2, y2), photo, place, datetime.fromisoformat(seen_at))
                for photo_id, x1, y1, x2, y2, photo, place, seen_at in connection.execute(query)
            ]

    def crops(self, *, photo_id: str = "") -> list[KeptCrop]:
        """See `inbox.crops.InboxStore`."""
        query = select(_c.crop_id, _c.photo_id, _c.box, _c.source).order_by(_c.crop_id)
        if photo_id:
            query = query.where(_c.photo_id == photo_id)
        with self._transaction() as connection:
            return [
                KeptCrop(crop_id, photo_id, _box(box), source)
                for crop_id, photo_id, box, source in connection.execute(query)
            ]

    def keep(self, boxes: Sequence[UnknownBox]) -> None:
        """See `inbox.crops.InboxStore`."""
        with self._transaction(is_write=True) as connection:
            self._lock_gallery(connection)
            there = _numbered(connection, {box.photo_id for box in boxes})
            for box in boxes:
                if (box.photo_id, box.box) not in there:
                    there.add((box.photo_id, box.box))
                    connection.execute(t.inbox_crop.insert(), _crop_line(box))

    def rows(self, crop_ids: Iterable[int], space_id: str) -> list[CropRow]:
        """See `inbox.crops.InboxStore`."""
        wanted = sorted(set(crop_ids))
        query = (
            select(_c.crop_id, _c.look, _c.vector)
            .where(_c.crop_id.in_(bindparam("ids", expanding=True)), _c.space_id == space_id)
            .order_by(_c.crop_id)
        )
        with self._transaction() as connection:
            return [
                CropRow(crop_id, int(look, 16), np.frombuffer(vector, "<f4"))
                for start in range(0, len(wanted), CHUNK_SIZE)
                for crop_id, look, vector in connection.execute(query, {"ids": wanted[start : start + CHUNK_SIZE]})
            ]

    def put_rows(self, rows: Sequence[CropRow], space_id: str) -> None:
        """See `inbox.crops.InboxStore`."""
        change = (
            t.inbox_crop.update()
            .where(_c.crop_id == bindparam("id"))
            .values(look=bindparam("seen"), space_id=space_id, vector=bindparam("made"))
        )
        lines = [
            {"id": row.crop_id, "seen": f"{row.look:016x}", "made": row.row.astype("<f4").tobytes()} for row in rows
        ]
        with self._transaction(is_write=True) as connection:
            if lines:
                connection.execute(change, lines)

    # Events

    def events(self) -> list[Event]:
        """See `inbox.crops.InboxStore`."""
        with self._transaction() as connection:
            return _events(connection, None)

    def standings(self, crop_ids: Collection[int] | None = None) -> dict[int, Standing]:
        """See `inbox.crops.InboxStore`."""
        with self._transaction() as connection:
            return _standings(connection, crop_ids)

    def append(self, event: Event) -> None:
        """See `inbox.crops.InboxStore`."""
        with self._transaction(is_write=True) as connection:
            self._lock_gallery(connection)
            _write(connection, event)

    def name(
        self, event: Event, references: Sequence[NewReference], *, products: Sequence[Product], embedder: Embedder,
        model: str,
    ) -> Added:  # fmt: skip
        """See `inbox.crops.InboxStore`."""
        with self._transaction(is_write=True) as connection:
            self._lock_gallery(connection)
            _write(connection, event)
            _refuse_other_product(connection, references)
            return self._add_references(connection, references, embedder=embedder, model=model, products=products)


def _write(connection: Connection, event: Event) -> None:
    """Append an event that may follow."""
    known = set(connection.scalars(select(_c.crop_id).where(_c.crop_id.in_(event.crop_ids))))
    missing = [crop_id for crop_id in event.crop_ids if crop_id not in known]
    if missing:
        raise BadInput(f"The inbox has no crop {missing[0]}.", "See: facings inbox list.")
    refuse_step(event, _standings(connection, event.crop_ids))
    line = {
        "action": event.action, "sku": event.sku, "author": event.author, "note": event.note,
        "recorded_at": to_text(datetime.now(UTC)),
    }  # fmt: skip
    event_id = connection.execute(t.inbox_event.insert().values(line).returning(_e.event_id)).scalar_one()
    enrolled = set(event.enrolled)
    lines = [
        {"event_id": event_id, "crop_id": crop_id, "is_enrolled": crop_id in enrolled}
        for crop_id in dict.fromkeys(event.crop_ids)
    ]
    connection.execute(t.inbox_event_crop.insert(), lines)


def _standings(connection: Connection, crop_ids: Collection[int] | None) -> dict[int, Standing]:
    same_box = (_r.photo_id == _c.photo_id) & (_r.box == _c.box) & _r.removed_version.is_(None)
    live = select(_c.crop_id, _r.sku).join(t.reference, same_box).distinct()
    found = standings(_events(connection, crop_ids), {(crop_id, sku) for crop_id, sku in connection.execute(live)})
    return found if crop_ids is None else {crop_id: found[crop_id] for crop_id in crop_ids if crop_id in found}


def _events(connection: Connection, crop_ids: Collection[int] | None) -> list[Event]:
    """All events, or those about some crops, each with all of its crops."""
    parts = select(t.inbox_event_crop).order_by(_ec.crop_id)
    if crop_ids is not None:
        parts = parts.where(_ec.event_id.in_(select(_ec.event_id).where(_ec.crop_id.in_(crop_ids))))
    crops: dict[int, list[int]] = {}
    enrolled: dict[int, list[int]] = {}
    for event_id, crop_id, is_enrolled in connection.execute(parts):
        crops.setdefault(event_id, []).append(crop_id)
        if is_enrolled:
            enrolled.setdefault(event_id, []).append(crop_id)
    return [
        Event(
            action=line.action,
            crop_ids=tuple(crops[line.event_id]),
            author=line.author,
            sku=line.sku,
            note=line.note,
            enrolled=tuple(enrolled.get(line.event_id, ())),
            event_id=line.event_id,
            recorded_at=datetime.fromisoformat(line.recorded_at),
        )
        for line in connection.execute(select(t.inbox_event).where(_e.event_id.in_(crops)).order_by(_e.event_id))
    ]


def _refuse_other_product(connection: Connection, references: Sequence[NewReference]) -> None:
    live = _r.removed_version.is_(None) & _r.photo_id.in_({new.photo_id for new in references})
    held = {
        (row.photo_id, row.box): row.sku for row in connection.execute(select(_r.photo_id, _r.box, _r.sku).where(live))
    }
    for new in references:
        sku = held.get((new.photo_id, box_text(new.box)), new.sku)
        if sku != new.sku:
            raise GalleryInvalid(
                f"{new.source}: this box is enrolled for {sku!r}, so it cannot show {new.sku!r} too.",
                "Take it out first: facings gallery remove.",
            )


def _crop_line(box: UnknownBox) -> dict[str, str]:
    place = {"photo_id": box.photo_id, "box": box_text(box.box), "source": plain(box.source)}
    return {**place, "look": "", "space_id": ""}


def _numbered(connection: Connection, photo_ids: Iterable[str]) -> set[tuple[str, Box]]:
    """The boxes of these photos that have a number."""
    wanted = sorted(photo_ids)
    query = select(_c.photo_id, _c.box).where(_c.photo_id.in_(bindparam("ids", expanding=True)))
    return {
        (photo_id, _box(box))
        for start in range(0, len(wanted), CHUNK_SIZE)
        for photo_id, box in connection.execute(query, {"ids": wanted[start : start + CHUNK_SIZE]})
    }


def _box(text: str) -> Box:
    x1, y1, x2, y2 = json.loads(text)
    return x1, y1, x2, y2
