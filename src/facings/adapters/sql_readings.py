"""The record on a SQL database: lines of readings and of the boxes in them, and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from facings.adapters import sql_schema as t
from facings.adapters.sql_ledger import to_text
from facings.adapters.sql_references import plain
from facings.evidence import Evidence
from facings.quality import Advice, PhotoQuality
from facings.types import Candidate, Decision, Reading, Recognition


def append_reading(connection: Connection, reading: Reading, fingerprint: str) -> bool:
    """Write a reading, see `record.ReadingStore.append_reading`; in a transaction that writes."""
    line = {
        "fingerprint": fingerprint,
        "photo_id": reading.photo_id,
        "photo": plain(reading.photo),
        "width": reading.width,
        "height": reading.height,
        "seen_at": to_text(reading.seen_at),
        "recorded_at": to_text(datetime.now(UTC)),
        "place": plain(reading.place),
        "detector": reading.detector,
        "space_id": reading.space_id,
        "gallery_version": reading.gallery_version,
        "notes": json.dumps(reading.notes),
        "quality": None if reading.quality is None else json.dumps(asdict(reading.quality)),
        "max_false_accept": reading.max_false_accept,
    }
    same = (t.reading.c.photo_id == reading.photo_id) & (t.reading.c.place == line["place"])
    last = select(t.reading.c.fingerprint).where(same).order_by(t.reading.c.reading_id.desc()).limit(1)
    if connection.scalar(last) == fingerprint:
        return False
    insert = t.reading.insert().values(line).returning(t.reading.c.reading_id)
    reading_id = connection.execute(insert).scalar_one()
    lines = [_observation_line(reading_id, r) for r in reading.recognitions]
    if lines:
        connection.execute(t.observation.insert(), lines)
    return True


def readings(connection: Connection, *, latest_only: bool) -> list[Reading]:
    """All readings, see `record.ReadingStore.readings`."""
    query = select(t.reading).order_by(t.reading.c.seen_at, t.reading.c.reading_id)
    observed = select(t.observation).order_by(t.observation.c.observation_id)
    if latest_only:
        last = select(func.max(t.reading.c.reading_id)).group_by(t.reading.c.photo_id, t.reading.c.place)
        query = query.where(t.reading.c.reading_id.in_(last))
        observed = observed.where(t.observation.c.reading_id.in_(last))
    lines = connection.execute(query).mappings().all()
    boxes: dict[int, list[Recognition]] = {line["reading_id"]: [] for line in lines}
    for row in connection.execute(observed).mappings():
        boxes[row["reading_id"]].append(_recognition(row))
    return [_reading(line, tuple(boxes[line["reading_id"]])) for line in lines]


def _observation_line(reading_id: int, r: Recognition) -> dict[str, Any]:
    x1, y1, x2, y2 = r.box
    return {
        "reading_id": reading_id,
        "x1": x1,
        "y1": y1,
        "x2": x2,
        "y2": y2,
        "confidence": r.confidence,
        "verdict": r.decision.verdict,
        "sku": r.decision.sku,
        "candidates": json.dumps([[c.sku, c.similarity, c.reference_id] for c in r.decision.candidates]),
        "reasons": json.dumps(r.decision.reasons),
        "evidence": json.dumps([asdict(piece) for piece in r.evidence]),
        "probability": r.decision.probability,
    }


def _recognition(row: RowMapping) -> Recognition:
    candidates = tuple(Candidate(*c) for c in json.loads(row["candidates"]))
    reasons = tuple(json.loads(row["reasons"]))
    decision = Decision(row["verdict"], row["sku"], candidates, reasons, row["probability"])
    evidence = tuple(_evidence(fields) for fields in json.loads(row["evidence"] or "[]"))
    return Recognition((row["x1"], row["y1"], row["x2"], row["y2"]), row["confidence"], decision, evidence)


def _evidence(fields: dict[str, Any]) -> Evidence:
    lists = {name: None if fields[name] is None else tuple(fields[name]) for name in ("skus", "box")}
    return Evidence(**{**fields, **lists})


def _reading(line: RowMapping, recognitions: tuple[Recognition, ...]) -> Reading:
    fields = {name: value for name, value in line.items() if name != "fingerprint"}
    for name in ("seen_at", "recorded_at"):
        fields[name] = datetime.fromisoformat(fields[name])
    fields["notes"] = tuple(json.loads(fields["notes"]))
    fields["quality"] = None if fields["quality"] is None else _quality(json.loads(fields["quality"]))
    return Reading(**fields, recognitions=recognitions)


def _quality(fields: dict[str, Any]) -> PhotoQuality:
    return PhotoQuality(**{**fields, "advice": tuple(Advice(**advice) for advice in fields["advice"])})
