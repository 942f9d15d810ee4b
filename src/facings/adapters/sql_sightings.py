"""What the record shows of one place, photo by photo, as scans need it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, func, select

from facings.adapters import sql_schema as t
from facings.apps.scan import Sighting

N_BEST = {"ambiguous": 2, "unknown": 1}


def sightings(connection: Connection, place: str) -> list[Sighting]:
    """The last reading of each photo of a place, with its boxes summed up by product."""
    last = select(func.max(t.reading.c.reading_id)).where(t.reading.c.place == place).group_by(t.reading.c.photo_id)
    r, o = t.reading.c, t.observation.c
    lines = connection.execute(select(r.reading_id, r.photo_id, r.seen_at).where(r.reading_id.in_(last))).all()
    accepted: dict[int, Counter[str]] = {line.reading_id: Counter() for line in lines}
    doubtful: dict[int, Counter[str]] = {line.reading_id: Counter() for line in lines}
    nameless: Counter[int] = Counter()
    counted = select(o.reading_id, o.sku, func.count()).where(o.reading_id.in_(last), o.verdict == "accepted")
    for reading_id, sku, n in connection.execute(counted.group_by(o.reading_id, o.sku)):
        accepted[reading_id][sku] = n
    others = select(o.reading_id, o.verdict, o.candidates).where(o.reading_id.in_(last), o.verdict != "accepted")
    for reading_id, verdict, candidates in connection.execute(others):
        named = [candidate[0] for candidate in json.loads(candidates)[: N_BEST[verdict]]]
        doubtful[reading_id].update(_once(named))
        nameless[reading_id] += not named
    return [
        Sighting(
            line.reading_id,
            line.photo_id,
            datetime.fromisoformat(line.seen_at),
            accepted[line.reading_id],
            doubtful[line.reading_id],
            nameless[line.reading_id],
        )
        for line in lines
    ]


def _once(skus: Iterable[str]) -> dict[str, int]:
    return dict.fromkeys(skus, 1)
