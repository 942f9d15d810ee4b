"""Step 7: what counts as the same reading, and what a reading carries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from facings.adapters.sql_store import SqlStore
from facings.quality import Advice, PhotoQuality
from facings.record import fingerprint, record
from facings.types import Candidate, Decision, PhotoResult, Reading, Recognition

ACCEPTED = Decision("accepted", "a", (Candidate("a", 0.9, 1), Candidate("b", 0.5, 2)), ("clear lead",))
BOX = Recognition((1.0, 2.0, 3.0, 4.0), 0.9, ACCEPTED)
MOMENT = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
RESULT = PhotoResult("shelf.jpg", 64, 48, (BOX,), photo_id="f" * 64, taken_at=MOMENT, notes=("a note",))
READING = Reading("f" * 64, "shelf.jpg", 64, 48, MOMENT, "bay-1", "whole", "space", 3, (BOX,))


def keep(store: SqlStore, result: PhotoResult, **means: Any) -> bool:
    """Record under usual means."""
    usual = {"place": "bay-1", "detector": "whole", "space_id": "space", "gallery_version": 3}
    return record(store, result, **{**usual, **means})


def test_a_reading_carries_all_that_led_to_it(store: SqlStore) -> None:
    assert keep(store, RESULT) is True

    (found,) = store.readings()
    assert replace(found, reading_id=None, recorded_at=None) == replace(READING, notes=("a note",))
    assert (found.seen_at, found.seen_at.utcoffset()) == (MOMENT, timedelta(0))


def test_a_reading_keeps_what_the_coach_said(store: SqlStore) -> None:
    quality = PhotoQuality(0.1, 0.6, 0.0, None, (Advice("blurred", "Hold still.", 0.1, 0.2),), 120.5)
    keep(store, replace(RESULT, quality=quality))

    (found,) = store.readings()
    assert found.quality == quality


def test_a_photo_without_a_time_was_seen_now(store: SqlStore) -> None:
    before = datetime.now(UTC)
    keep(store, replace(RESULT, taken_at=None))

    (found,) = store.readings()
    assert before <= found.seen_at <= datetime.now(UTC)


def test_the_same_photo_again_adds_nothing(store: SqlStore) -> None:
    assert keep(store, RESULT) is True
    assert keep(store, RESULT) is False
    assert keep(store, replace(RESULT, photo="copy.jpg", taken_at=None)) is False
    assert len(store.readings(latest_only=False)) == 1


def test_another_gallery_gives_another_reading_and_the_first_stays(store: SqlStore) -> None:
    assert keep(store, RESULT) is True
    assert keep(store, RESULT, gallery_version=4) is True

    assert [r.gallery_version for r in store.readings()] == [4]
    assert [r.gallery_version for r in store.readings(latest_only=False)] == [3, 4]


OTHER_DECISION = replace(BOX, decision=Decision("unknown", None, ACCEPTED.candidates))
IN_QUESTION = replace(BOX, decision=Decision("ambiguous", None, ACCEPTED.candidates))
OTHER_ORDER = replace(BOX, decision=replace(ACCEPTED, candidates=ACCEPTED.candidates[::-1]))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"photo_id": "e" * 64}, id="photo"),
        pytest.param({"place": "bay-2"}, id="place"),
        pytest.param({"detector": "boxes"}, id="detector"),
        pytest.param({"space_id": "other"}, id="space"),
        pytest.param({"gallery_version": 4}, id="gallery"),
        pytest.param({"recognitions": ()}, id="no box"),
        pytest.param({"recognitions": (BOX, BOX)}, id="a box more"),
        pytest.param({"recognitions": (replace(BOX, box=(1.0, 2.0, 3.0, 4.01)),)}, id="box"),
        pytest.param({"recognitions": (OTHER_DECISION,)}, id="verdict"),
        pytest.param({"recognitions": (OTHER_ORDER,)}, id="order of candidates"),
    ],
)
def test_what_makes_another_reading(change: dict[str, Any]) -> None:
    assert fingerprint(replace(READING, **change)) != fingerprint(READING)


def test_a_stated_probability_makes_another_reading(store: SqlStore) -> None:
    stated = replace(IN_QUESTION, decision=replace(IN_QUESTION.decision, probability=0.9))
    assert keep(store, replace(RESULT, recognitions=(IN_QUESTION,)))
    assert keep(store, replace(RESULT, recognitions=(stated,)))
    assert not keep(store, replace(RESULT, recognitions=(stated,)))
    (last,) = store.readings()
    assert last.recognitions == (stated,)


def test_a_reading_keeps_what_was_promised(store: SqlStore) -> None:
    keep(store, RESULT, max_false_accept=0.01)
    assert not keep(store, RESULT, max_false_accept=0.05)  # the answers are the same
    assert [r.max_false_accept for r in store.readings()] == [0.01]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"photo": "copy.jpg"}, id="path"),
        pytest.param({"seen_at": datetime(2020, 1, 1, tzinfo=UTC)}, id="time"),
        pytest.param({"notes": ("a note",)}, id="notes"),
        pytest.param({"max_false_accept": 0.01}, id="promise"),
        pytest.param({"quality": PhotoQuality(0.1, 0.6, 0.0, None, ())}, id="quality"),
        pytest.param({"recognitions": (replace(BOX, box=(1.0, 2.0, 3.0, 4.000001)),)}, id="a corner's last digits"),
    ],
)
def test_what_does_not(change: dict[str, Any]) -> None:
    assert fingerprint(replace(READING, **change)) == fingerprint(READING)


def test_a_fingerprint_is_the_same_in_every_version() -> None:
    # Written down once: another value would record every photo a second time.
    assert fingerprint(READING) == "cd0c4d966279faa3b82da7d4522f58db12832bc737b08e7822fb077392736599"
