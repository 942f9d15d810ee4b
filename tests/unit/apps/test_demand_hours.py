"""When customers come, with what they could not buy taken in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from facings.apps.demand_absence import Absence
from facings.apps.demand_hours import busy_hours
from facings.apps.places import Site
from facings.apps.shop_hours import ShopHours, bustle_of, count_hours

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
EIGHT_TO_EIGHT = ShopHours(Site("s"), ((timedelta(hours=8), timedelta(hours=20)),) * 7)
END = START + timedelta(days=28)


def sold(hour: float, n: int, n_days: int = 28) -> list[datetime]:
    return [START + timedelta(days=day, hours=hour, minutes=k) for day in range(n_days) for k in range(n)]


def from_18(hours: float, days: range) -> list[Absence]:
    evenings = [START + timedelta(days=day, hours=18) for day in days]
    return [Absence(at, at + timedelta(hours=hours), 1.0) for at in evenings]


def test_who_finds_none_in_the_evening_would_have_come_all_the_same() -> None:
    sales = [
        *sold(10, 4),
        *sold(12, 4),
        *sold(15, 4),
        *sold(18, 4, n_days=14),
    ]
    gone = [
        Absence(START + timedelta(days=d, hours=18), START + timedelta(days=d, hours=32), 1.0) for d in range(14, 28)
    ]
    plain = replace(EIGHT_TO_EIGHT, bustle=bustle_of(count_hours(sales, Site("s")), EIGHT_TO_EIGHT.spans))
    assert plain.bustle[18] == pytest.approx(plain.bustle[10] * (56 + 2) / (112 + 2))
    busy = busy_hours(plain, [(sales, gone)], START, END - timedelta(hours=1))
    assert busy.bustle[18] == pytest.approx(busy.bustle[10])
    assert busy.spans == plain.spans
    half = [replace(absence, share=0.5) for absence in gone]  # in doubt: there on three quarters of the evenings
    doubted = busy_hours(plain, [(sales, half)], START, END - timedelta(hours=1))
    assert doubted.bustle[18] == pytest.approx(doubted.bustle[10] * (56 / 0.75 + 2) / (112 + 2))


def test_a_product_that_was_hardly_ever_there_is_no_crowd() -> None:
    sales = [*sold(10, 4), *sold(12, 4), *sold(15, 4), *sold(18, 2, n_days=1)]
    gone = [
        Absence(START + timedelta(days=d, hours=18), START + timedelta(days=d, hours=20), 1.0) for d in range(1, 28)
    ]
    busy = busy_hours(EIGHT_TO_EIGHT, [(sales, gone)], START, END - timedelta(hours=1))
    assert busy.bustle[18] == pytest.approx(busy.bustle[10] * (2 / 0.2 + 2) / (112 + 2))  # five times, and no more


def test_without_absence_the_hours_are_those_of_the_sales() -> None:
    sales = [*sold(10, 4), *sold(12, 4), *sold(18, 4)]
    hours = replace(EIGHT_TO_EIGHT, bustle=bustle_of(count_hours(sales, Site("s")), EIGHT_TO_EIGHT.spans))
    assert busy_hours(EIGHT_TO_EIGHT, [(sales, [])], START, END - timedelta(hours=1)) == hours
