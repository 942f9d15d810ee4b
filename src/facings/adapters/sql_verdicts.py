"""Verdicts on packs, on the store's SQL database: lines that are written once, and what was found out later."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from facings.adapters import sql_schema as t
from facings.adapters.sql_ledger import to_text
from facings.apps.authenticity_record import KeptVerdict, Ruling
from facings.errors import BadInput

_v, _r = t.pack_verdict.c, t.pack_ruling.c


class SqlVerdicts:
    """The verdicts of a store; see `authenticity_record.VerdictStore`.

    Args:
        transaction: The store's transactions, `transaction(is_write=True)` to write.
    """

    def __init__(self, transaction: Callable[..., AbstractContextManager[Connection]]) -> None:
        self._transaction = transaction

    def append(self, answer: Mapping[str, Any]) -> int:
        """See `authenticity_record.VerdictStore`."""
        photo_id, sku, written = answer["evidence"]["photo_sha256"], answer["sku"], json.dumps(answer)
        last = (
            select(_v.verdict_id, _v.answer)
            .where(_v.photo_id == photo_id, _v.sku == sku)
            .order_by(_v.verdict_id.desc())
            .limit(1)
        )
        with self._transaction(is_write=True) as connection:
            before = connection.execute(last).first()
            if before is not None and before.answer == written:
                return int(before.verdict_id)
            line = {"photo_id": photo_id, "sku": sku, "answer": written, "recorded_at": to_text(datetime.now(UTC))}
            return int(connection.execute(t.pack_verdict.insert().values(line).returning(_v.verdict_id)).scalar_one())

    def rule(self, ruling: Ruling) -> None:
        """See `authenticity_record.VerdictStore`."""
        line = {
            "verdict_id": ruling.verdict_id,
            "is_genuine": ruling.is_genuine,
            "author": ruling.author,
            "note": ruling.note,
            "recorded_at": to_text(datetime.now(UTC)),
        }
        with self._transaction(is_write=True) as connection:
            if connection.scalar(select(_v.verdict_id).where(_v.verdict_id == ruling.verdict_id)) is None:
                raise BadInput(f"There is no verdict {ruling.verdict_id}.", "See: facings verdicts list.")
            connection.execute(t.pack_ruling.insert(), line)

    def verdicts(self, sku: str = "") -> list[KeptVerdict]:
        """See `authenticity_record.VerdictStore`."""
        wanted = select(t.pack_verdict).order_by(_v.verdict_id)
        if sku:
            wanted = wanted.where(_v.sku == sku)
        with self._transaction() as connection:
            rulings = {  # of several the last
                line.verdict_id: Ruling(line.verdict_id, line.is_genuine, line.author, line.note)
                for line in connection.execute(select(t.pack_ruling).order_by(_r.ruling_id))
            }
            return [
                KeptVerdict(
                    line.verdict_id,
                    datetime.fromisoformat(line.recorded_at),
                    json.loads(line.answer),
                    rulings.get(line.verdict_id),
                )
                for line in connection.execute(wanted)
            ]
