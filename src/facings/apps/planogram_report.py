"""The check of a shelf against its plan as plain rows and CSV: one line a thing to do."""

from __future__ import annotations

from collections.abc import Iterator

from facings.apps.planogram_todo import tasks
from facings.apps.planogram_verdicts import Compliance
from facings.report import csv_text
from facings.types import PhotoResult, Reading

COLUMNS: dict[str, type] = {
    "photo": str, "rank": int, "what": str, "shelf": int, "position": str, "sku": str, "planned": int, "seen": int,
    "do": str, "score": float,
}  # fmt: skip


def to_rows(compliance: Compliance) -> Iterator[dict[str, object]]:
    """Each thing to do, the most important first; of a shelf that is as planned one row that says so."""
    head = {"photo": compliance.photo, "score": round(compliance.score, 4)}
    found = tasks(compliance)
    if not found:
        yield dict.fromkeys(COLUMNS) | head | {"what": "as planned"}
    for n, task in enumerate(found, start=1):
        told = (n, task.kind, task.shelf, task.position or None, task.sku, task.n_planned, task.n_seen, task.words)
        yield head | dict(zip(list(COLUMNS)[1:-1], told, strict=True))


def to_csv(compliance: Compliance) -> str:
    """The rows as CSV, one line a thing to do."""
    return csv_text(COLUMNS, ([row[name] for name in COLUMNS] for row in to_rows(compliance)))


def result_of(reading: Reading) -> PhotoResult:
    """What a reading on record says, as recognition said it."""
    return PhotoResult(
        photo=reading.photo,
        width=reading.width,
        height=reading.height,
        recognitions=reading.recognitions,
        photo_id=reading.photo_id,
        taken_at=reading.seen_at,
        notes=reading.notes,
        quality=reading.quality,
    )
