"""Photos of a place become counts: once, merged, and again without change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facings.adapters.sql_store import SqlStore
from facings.apps.ledger import correct, undo
from facings.apps.scan import N_EXPECTED, ScanDone, Sighting, group_scans, record_scans
from facings.catalog import Product
from facings.record import record
from facings.types import Candidate, Decision, PhotoResult, Recognition, Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BAY = "s/aisle-1/bay-2"
PRODUCTS = {"milk": Product("milk", depth=4), "tea": Product("tea")}


def seen(
    number: int, minutes: float, doubtful: dict[str, int] | None = None, n_nameless: int = 0, **n: int
) -> Sighting:
    return Sighting(number, f"photo-{number}", NOON + timedelta(minutes=minutes), n, doubtful or {}, n_nameless)


def scan(store: SqlStore, *sightings: Sighting, depth: int | None = None, minutes: float = 10) -> ScanDone:
    asked = [sightings[-1].photo_id]
    window = timedelta(minutes=minutes)
    return record_scans(store.ledger, BAY, sightings, asked, PRODUCTS, window=window, depth=depth)


def live(store: SqlStore) -> list[tuple[float, str, int, int]]:
    return [
        ((e.at - NOON) / timedelta(minutes=1), e.sku, e.quantity, e.uncertainty)
        for e in store.ledger.events(place=BAY, is_live=True)
    ]


def test_facings_times_depth_and_who_says_so(store: SqlStore) -> None:
    done = scan(store, seen(7, 0, milk=3, tea=2))
    assert live(store) == [(0, "milk", 12, 0), (0, "tea", 2, 0)]
    (one,) = done.scans
    assert [count.note for count in one.counts] == ["3 facings × depth 4 (catalog)", "2 facings × depth 1 (not known)"]
    assert {count.source for count in one.counts} == {"readings 7"}
    assert (done.n_new, done.n_replaced) == (2, 0)


def test_a_depth_that_the_catalog_lacks_is_learned_from_a_persons_count(store: SqlStore) -> None:
    scan(store, seen(7, 0, milk=3, tea=2))
    for sku, units in (("milk", 6), ("tea", 10)):
        correct(store.ledger, sku, BAY, units, author="ann", at=NOON + timedelta(minutes=30))
    done = scan(store, seen(7, 0, milk=3, tea=2), seen(8, 60, milk=3, tea=1))
    notes = [count.note for count in done.scans[0].counts]
    assert notes == ["3 facings × depth 4 (catalog)", "1 facings × depth 5 (learned from 1 count)"]
    again = scan(store, seen(8, 60, milk=3, tea=1), seen(7, 0, milk=3, tea=2))
    assert again.n_new == again.n_replaced == 0  # what was counted before stays as it was


def test_the_same_photo_again_changes_nothing(store: SqlStore) -> None:
    scan(store, seen(7, 0, milk=3), depth=5)
    again = scan(store, seen(7, 0, milk=3))
    assert (again.n_new, again.n_replaced) == (0, 0)
    assert again.scans[0].counts[0].quantity == 15  # as it was scanned
    assert len(list(store.ledger.events())) == 1


def test_another_depth_for_the_same_photo_replaces_its_counts_there_and_back(store: SqlStore) -> None:
    for depth, units in ((2, 6), (3, 9), (2, 6), (2, 6)):
        scan(store, seen(7, 0, milk=3), depth=depth)
        assert live(store) == [(0, "milk", units, 0)]
        assert store.ledger.balances(place=BAY)[0].on_hand == units
    assert len(list(store.ledger.events(kinds=["undone"]))) == 2


def test_photos_of_one_moment_count_once(store: SqlStore) -> None:
    left, right = seen(1, 0, milk=3, tea=1), seen(2, 4, milk=2, tea=2)
    scan(store, left)
    done = scan(store, left, right)
    assert live(store) == [(4, "milk", 12, 0), (4, "tea", 2, 0)]
    assert done.scans[0].n_overlapping == 3  # 8 shown, 5 counted
    assert (done.n_new, done.n_replaced) == (2, 2)
    assert len(done.scans[0].photo_ids) == 2
    assert (scan(store, left, right).n_new, len(live(store))) == (0, 2)


def test_the_order_of_arrival_does_not_matter(store: SqlStore) -> None:
    first, second, third = seen(1, 0, milk=1), seen(2, 9, tea=4), seen(3, 12, milk=2)
    scan(store, second)
    scan(store, second, third)
    assert live(store) == [(12, "milk", 8, 0), (12, "tea", 4, 0)]
    scan(store, second, third, first)  # now the first two are one moment, and the third stands alone
    assert live(store) == [(9, "milk", 4, 0), (9, "tea", 4, 0), (12, "milk", 8, 0), (12, "tea", 0, 0)]


def test_what_is_gone_counts_zero_for_some_scans(store: SqlStore) -> None:
    several = [seen(1, 0, milk=2, tea=1), seen(2, 60, tea=1), seen(3, 120, tea=1), seen(4, 180, milk=1, tea=1)]
    several += [seen(n, 60 * (n - 1), tea=1) for n in range(5, 13)]
    for n in range(1, 13):
        scan(store, *several[:n])
    milk = [(at / 60, n) for at, sku, n, _ in live(store) if sku == "milk"]
    assert milk == [(0, 8), (1, 0), (2, 0), (3, 4), *((hour, 0) for hour in range(4, 4 + N_EXPECTED))]
    assert store.ledger.balances(place=BAY, sku="milk")[0].empty_since == NOON + timedelta(hours=4)


def test_scan_by_scan_or_all_at_once_give_the_same(store: SqlStore) -> None:
    several = [seen(n, 60 * n, tea=n % 3, milk=n % 5 // 3, jam=n % 11 // 10) for n in range(1, 23)]
    correct(store.ledger, "jam", BAY, 3, author="ann", at=NOON + timedelta(hours=5, minutes=30))
    for n in range(1, 23):
        scan(store, *several[:n])
    one_by_one = live(store)
    window = timedelta(minutes=10)
    again = record_scans(store.ledger, BAY, several, [s.photo_id for s in several], PRODUCTS, window=window)
    assert (again.n_new, again.n_replaced) == (0, 0)
    assert live(store) == one_by_one


def test_scans_before_the_one_asked_for_are_left_alone(store: SqlStore) -> None:
    early, late = seen(1, 0, milk=1), seen(2, 60, milk=1)
    scan(store, late)
    done = scan(store, early, late)  # asks for the late one
    assert (done.n_new, live(store)) == (0, [(60, "milk", 4, 0)])
    assert scan(store, late, early).n_new == 1


def test_what_a_person_counted_there_is_expected_too(store: SqlStore) -> None:
    correct(store.ledger, "jam", BAY, 3, author="ann", at=NOON - timedelta(hours=1))
    scan(store, seen(1, 0, milk=1))
    assert live(store)[1:] == [(0, "jam", 0, 0), (0, "milk", 4, 0)]


def test_doubtful_boxes_widen_the_count(store: SqlStore) -> None:
    scan(store, seen(1, 0, {"milk": 1, "jam": 2}, 1, milk=3, tea=2))
    assert live(store) == [(0, "milk", 12, 8), (0, "tea", 2, 1)]  # 1 ambiguous + 1 nameless, times 4; 1 nameless


def test_an_empty_shelf_says_so(store: SqlStore) -> None:
    assert scan(store, seen(1, 0)).scans[0].counts == ()
    scan(store, seen(1, 0), seen(2, 60, tea=2))
    done = scan(store, seen(1, 0), seen(2, 60, tea=2), seen(3, 120))
    assert [(count.sku, count.quantity) for count in done.scans[0].counts] == [("tea", 0)]


def test_photos_that_failed_say_nothing_of_the_place(store: SqlStore) -> None:
    scan(store, seen(1, 0, milk=3))
    window = timedelta(minutes=10)
    assert record_scans(store.ledger, BAY, [], [], PRODUCTS, window=window) == ScanDone((), 0, 0)
    assert live(store) == [(0, "milk", 12, 0)]


def test_a_count_that_a_person_undid_does_not_come_back(store: SqlStore) -> None:
    scan(store, seen(1, 0, milk=3))
    undo(store.ledger, 1, author="ann")
    assert scan(store, seen(1, 0, milk=3)).n_new == 0
    assert live(store) == []


@pytest.mark.parametrize(("minutes", "sizes"), [(0, [1, 1, 1, 1]), (5, [2, 2]), (10, [3, 1]), (60, [4])])
def test_a_scan_is_its_first_photo_and_what_follows_within_the_window(minutes: float, sizes: list[int]) -> None:
    photos = [seen(n, at) for n, at in enumerate((0, 5, 10, 15))]
    groups = group_scans(reversed(photos), timedelta(minutes=minutes))
    assert [len(group) for group in groups] == sizes


def test_the_record_says_what_was_seen(store: SqlStore) -> None:
    def box(verdict: Verdict, sku: str | None, *named: str) -> Recognition:
        candidates = tuple(Candidate(name, 0.9, 1) for name in named)
        return Recognition((0, 0, 9, 9), 1.0, Decision(verdict, sku, candidates))

    boxes = (
        box("accepted", "milk", "milk", "tea"), box("accepted", "milk", "milk"),
        box("ambiguous", None, "milk", "tea", "jam"),
        box("unknown", None, "jam", "tea"), box("unknown", None),
    )  # fmt: skip
    for version, several in enumerate((boxes[:1], boxes)):  # only the last reading of a photo counts
        result = PhotoResult("p.jpg", 9, 9, several, photo_id="f" * 64, taken_at=NOON)
        for place in (BAY, "s/other"):
            record(store, result, place=place, detector="d", space_id="x", gallery_version=version)

    (found,) = store.ledger.sightings(BAY)

    assert found == Sighting(3, "f" * 64, NOON, {"milk": 2}, {"milk": 1, "tea": 1, "jam": 1}, 1)
    assert store.ledger.sightings("s/nowhere") == []
