"""The record of verdicts on both databases: written once, ruled on, never changed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from facings.adapters.sql_store import SqlStore
from facings.apps.authenticity_record import Ruling
from facings.apps.genuine_drift import drift_of
from facings.errors import BadInput


def answer(sku: str = "milk", photo: str = "a", p_value: float | None = 0.3, **more: Any) -> dict[str, Any]:
    check = {"name": "print", "p_value": p_value, "words": "As genuine packs.", "box": None, "is_odd": False}
    return {
        "sku": sku, "verdict": "consistent with genuine", "p_value": p_value, "checks": [check],
        "evidence": {"photo_sha256": photo * 64},
    } | more  # fmt: skip


def test_a_verdict_is_written_once_and_comes_back_as_it_was(store: SqlStore) -> None:
    first = store.verdicts.append(answer())
    assert store.verdicts.append(answer()) == first
    second = store.verdicts.append(answer(verdict="suspicious"))
    assert store.verdicts.append(answer()) not in (first, second)  # it changed in between
    other = store.verdicts.append(answer(sku="beer", p_value=None))
    kept = store.verdicts.verdicts("milk")
    assert [one.answer["verdict"] for one in kept] == [
        "consistent with genuine",
        "suspicious",
        kept[0].answer["verdict"],
    ]
    assert kept[0].answer == answer()
    assert (kept[0].ruling, kept[0].p_values) == (None, {"print": 0.3})
    assert kept[0].recorded_at.utcoffset() is not None
    assert [one.verdict_id for one in store.verdicts.verdicts()][-1] == other
    assert store.verdicts.verdicts()[-1].p_values == {}


def test_the_last_ruling_counts(store: SqlStore) -> None:
    number = store.verdicts.append(answer())
    store.verdicts.rule(Ruling(number, is_genuine=True, author="Ada"))
    store.verdicts.rule(Ruling(number, is_genuine=False, author="Bo", note="opened it"))
    (kept,) = store.verdicts.verdicts()
    assert (kept.is_known_fake, kept.is_known_genuine) == (True, False)
    assert kept.to_json()["ruling"] == {"is_genuine": False, "author": "Bo", "note": "opened it"}
    with pytest.raises(BadInput, match="There is no verdict 99"):
        store.verdicts.rule(Ruling(99, is_genuine=True, author="Ada"))


def test_drift_counts_packs_that_were_found_genuine(store: SqlStore) -> None:
    for k in range(4):
        number = store.verdicts.append(answer(photo="abcd"[k], p_value=0.01, verdict="suspicious"))
        if k:
            store.verdicts.rule(Ruling(number, is_genuine=k != 3, author="Ada"))
    found = drift_of(store.verdicts.verdicts())
    assert (found.n_photos, found.n_alarms) == (2, 2)


@pytest.mark.parametrize("table", ["pack_verdict", "pack_ruling"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET verdict_id = 7"])
def test_the_database_refuses_changes(store: SqlStore, table: str, change: str) -> None:
    store.verdicts.rule(Ruling(store.verdicts.append(answer()), is_genuine=True, author="Ada"))
    with pytest.raises(Exception, match="append-only"), store.engine.begin() as connection:
        connection.execute(text(change.format(table)))
    assert len(store.verdicts.verdicts()) == 1
