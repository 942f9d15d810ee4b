"""When a product could not be bought, by looks and by the till."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.apps.demand_absence import Absence, absences, absent_days, idle_share
from facings.apps.depletion import deplete, gaps_between
from facings.apps.places import Site
from facings.apps.shelf_course import Gap, ShelfLook
from facings.apps.shop_hours import ShopHours

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
NOON = START + timedelta(days=0.5)
ALWAYS = ShopHours(Site("s"))


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def told(before: float, after: float, look: ShelfLook, pace: float = 0.0) -> list[Absence]:
    """The absences in half a day, empty at its start and at its end with these chances."""
    return absences([ShelfLook(START), look], [Gap(START, NOON, 0.0, 0.5, (before, after))], ALWAYS, pace=pace)


def test_a_shelf_found_empty_was_so_since_its_last_sale_and_one_that_sold_was_filled_before_its_first() -> None:
    sold = ShelfLook(NOON, n_sold=3, sold_between=(at(0.2), at(0.4)))
    assert told(0.0, 0.8, sold) == [Absence(at(0.4), NOON, 0.8)]
    assert told(1.0, 0.0, sold) == [Absence(START, at(0.2), 0.5)]  # filled any time before
    assert told(0.0, 0.0, sold) == []


def test_what_sells_fast_did_not_wait_long_for_its_first_customer() -> None:
    sold = ShelfLook(NOON, n_sold=3, sold_between=(at(0.2), at(0.4)))
    (fast,) = told(1.0, 0.0, sold, pace=50.0)  # 10 customers were to come until then: filled for 1/10 − 1/(e¹⁰ − 1)
    assert fast.share == pytest.approx(0.9, abs=1e-4)
    none = ShelfLook(NOON, n_sold=0)  # half a day without any: with 2 a day 1 / 1 − 1 / (e − 1) of it
    (filled,), (emptied,), (both,) = (told(*ends, none, pace=2.0) for ends in ((1, 0), (0, 1), (1, 1)))
    assert filled.share == emptied.share == pytest.approx(1 - 0.418023)
    assert both.share == 1


def test_where_the_till_does_not_tell_it_was_half_way() -> None:
    (only,) = told(1.0, 0.0, ShelfLook(NOON), pace=50.0)
    assert only == Absence(START, NOON, 0.5)


@settings(max_examples=40, deadline=None)
@given(n=st.floats(0, 600))
def test_the_wait_is_the_mean_over_all_times_of_filling(n: float) -> None:
    waits = (np.arange(20_000) + 0.5) / 20_000
    assert idle_share(n) == pytest.approx(np.average(waits, weights=np.exp(-n * waits)), abs=1e-4)


def test_absent_days_are_those_of_the_calendar() -> None:
    several = [Absence(at(0.5), at(1), 0.5), Absence(at(1), at(1.25), 1.0)]  # from 20:00, half; 8:00 to 14:00
    assert absent_days(several, ALWAYS) == pytest.approx({date(2026, 3, 2): 1 / 12, date(2026, 3, 3): 1 / 6 + 1 / 4})


def test_looks_that_tell_nothing_are_no_absence() -> None:
    assert absences([ShelfLook(START)], (), ALWAYS, pace=1.0) == []


def test_from_counts_to_absence() -> None:
    looks = [ShelfLook(at(n / 2), n_units=n_units) for n, n_units in enumerate((6, 3, 0, 0, 0, 0, 0, 0))]
    gone = absences(looks, deplete(looks, 1, ALWAYS).gaps, ALWAYS, pace=0.0)
    assert sum(absent_days(gone, ALWAYS).values()) == pytest.approx(2.5, abs=0.4)
    full = [ShelfLook(at(n / 2), n_units=n_units) for n, n_units in enumerate((20, 18, 16, 14))]
    assert sum(absent_days(absences(full, deplete(full, 1, ALWAYS).gaps, ALWAYS, pace=0.0), ALWAYS).values()) < 0.01
    timed = ShelfLook(NOON, n_units=0, n_sold=3, sold_between=(at(0.05), at(0.1)))
    pair = [ShelfLook(START, n_units=3), timed]
    known = absences(pair, gaps_between(pair, 1, ALWAYS), ALWAYS, pace=6.0)
    assert sum(absent_days(known, ALWAYS).values()) == pytest.approx(0.4, abs=0.01)
