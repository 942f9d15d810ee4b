"""The events of the ledger for other programs: CSV, JSON lines, or rows for a Parquet file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import chain

from facings.apps.ledger import Event
from facings.apps.money import from_minor
from facings.report import inert

Row = dict[str, str | int | None]
COLUMNS: dict[str, type] = {
    "event_id": int, "at": str, "kind": str, "sku": str, "place": str, "to_place": str, "quantity": int,
    "uncertainty": int, "price": str, "currency": str, "author": str, "source": str, "note": str, "undoes": int,
    "recorded_at": str,
}  # fmt: skip


def to_rows(events: Iterable[Event]) -> Iterator[Row]:
    """Each event as plain values: times as ISO 8601 in UTC, the price of a unit as a decimal in text."""
    for event in events:
        price = None if event.unit_price is None else str(from_minor(event.unit_price, event.currency))
        recorded_at = None if event.recorded_at is None else event.recorded_at.isoformat()
        yield {
            "event_id": event.event_id,
            "at": event.at.isoformat(),
            "kind": event.kind,
            "sku": event.sku,
            "place": event.place,
            "to_place": event.to_place or None,
            "quantity": event.quantity,
            "uncertainty": event.uncertainty,
            "price": price,
            "currency": event.currency or None,
            "author": event.author,
            "source": event.source,
            "note": event.note,
            "undoes": event.undoes,
            "recorded_at": recorded_at,
        }


def to_csv(rows: Iterable[Row]) -> Iterator[str]:
    """CSV text line by line, the header first; no text in it is taken for a formula by a spreadsheet."""
    head: list[object] = list(COLUMNS)
    lines = ([inert(row[column]) for column in COLUMNS] for row in rows)
    for fields in chain([head], lines):
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerow(fields)
        yield out.getvalue()


def to_json(rows: Iterable[Row]) -> Iterator[str]:
    """JSON lines, one object an event."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"
