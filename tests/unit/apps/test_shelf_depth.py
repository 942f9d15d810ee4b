"""Depths learned from people's counts beside photos, by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facings.apps.ledger import Event
from facings.apps.shelf_depth import facings_of, learn_depths, say_how, seen_facings, shelf_depth

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def photo(n_facings: int, hours: float, depth: int = 1, sku: str = "milk") -> Event:
    note = say_how(n_facings, depth, "not known")
    at = NOON + timedelta(hours=hours)
    return Event("counted", sku, "s/a", n_facings * depth, at, "scan", "readings 1", f"{sku}{hours}", note=note)


def person(quantity: int, hours: float, sku: str = "milk") -> Event:
    at = NOON + timedelta(hours=hours)
    return Event("counted", sku, "s/a", quantity, at, "ann", "correction", f"ann{hours}", note="counted twice")


def test_what_is_said_is_read() -> None:
    assert seen_facings(photo(3, 0, depth=4)) == (3, 4)
    assert seen_facings(person(12, 0)) is None
    assert facings_of(photo(3, 0, depth=4), depth=2) == 3  # by what it says itself
    silent = Event("counted", "milk", "s/a", 7, NOON, "scan", "readings 1", "k")
    assert facings_of(silent, depth=4) == 2  # a part of a column is a column


def test_the_catalog_goes_first_then_the_last_photo() -> None:
    counts = [photo(3, 0, depth=1), photo(3, 3, depth=4), person(5, 4)]
    assert shelf_depth(6, counts) == 6
    assert shelf_depth(None, counts) == 4
    assert shelf_depth(None, [person(5, 4)]) == 1


@pytest.mark.parametrize(
    ("counts", "learned"),
    [
        ([photo(3, 0), person(12, 1)], {"milk": (4, 1)}),
        ([photo(3, 0), person(11, 1)], {"milk": (4, 1)}),  # one column lacks a unit
        ([photo(5, -3), photo(3, 0), person(12, 1)], {"milk": (4, 1)}),  # the nearer photo
        ([photo(3, 0), person(12, 5)], {}),  # too long after
        ([photo(3, 0), person(0, 1)], {}),
        ([photo(0, 0), person(12, 1)], {}),
        ([photo(3, 0, sku="tea"), person(12, 1)], {}),
        (
            [photo(2, 24 * d) for d in range(3)] + [person(n, 24 * d) for d, n in enumerate((8, 800, 6))],
            {"milk": (4, 3)},
        ),
        ([photo(2, 24 * d) for d in range(2)] + [person(n, 24 * d) for d, n in enumerate((4, 8))], {"milk": (4, 2)}),
        ([], {}),
    ],
    ids=["12 of 3", "rounded up", "nearest", "too late", "none left", "none seen", "other", "a slip", "two", "nothing"],
)
def test_people_teach_depths(counts: list[Event], learned: dict[str, tuple[int, int]]) -> None:
    assert learn_depths(counts) == learned
