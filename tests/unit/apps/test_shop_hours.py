"""Opening hours that follow from what happened, on the shop's own clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from facings.apps.places import Site
from facings.apps.shop_hours import ShopHours, bustle_of, learn_hours, open_hours

BERLIN = Site("s", "Europe/Berlin")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def week_of_work(n_weeks: int = 4) -> list[datetime]:
    """Monday to Saturday, every third hour from 7:00 to 19:00 UTC: 8:00 to 20:00 in Berlin's winter."""
    days = [MONDAY + timedelta(days=d) for d in range(7 * n_weeks) if d % 7 != 6]
    return [day + timedelta(hours=h) for day in days for h in range(7, 20, 3)]


def test_a_night_is_no_time_and_a_sunday_neither() -> None:
    hours = learn_hours(week_of_work(), BERLIN)
    assert hours.spans[0] == (timedelta(hours=8), timedelta(hours=20))
    assert hours.spans[6] is None
    assert not hours.is_open(date(2026, 3, 8))
    noon = MONDAY + timedelta(hours=13)  # 14:00 in Berlin: half of the twelve hours are over
    assert hours.open_days(noon, noon + timedelta(hours=17)) == pytest.approx(0.5)  # until 7:00 next day
    assert hours.open_days(noon, noon + timedelta(days=7)) == pytest.approx(6)
    assert hours.open_days(noon, noon) == 0
    assert hours.open_days(noon, noon - timedelta(days=1)) == 0  # a clock that ran backwards


def test_hours_count_by_how_many_customers_come() -> None:
    evenings = [MONDAY + timedelta(days=d, hours=h) for d in range(26) for h in (8, 16, 17, 18)]  # 9:00, 17:00 …
    hours = learn_hours(week_of_work(), BERLIN, sales=evenings)
    noon = MONDAY + timedelta(hours=11)  # in Berlin; opening times are 8:00 to 20:00
    # 23 of the days are no Sundays: as many in each of four hours, and 2 more in each of the twelve; four until noon
    assert hours.open_days(MONDAY, noon) == pytest.approx((23 + 4 * 2) / (4 * 23 + 12 * 2))
    assert hours.open_days(MONDAY, MONDAY + timedelta(days=1)) == pytest.approx(1)
    half_past = MONDAY + timedelta(hours=8.5)
    assert hours.open_days(MONDAY, half_past) == pytest.approx((23 / 2 + 1.5 * 2) / 116)
    at_noon = [MONDAY + timedelta(days=d, hours=11) for d in range(200)]
    assert learn_hours(week_of_work(), BERLIN, sales=at_noon) == learn_hours(week_of_work(), BERLIN)  # daily sums
    assert learn_hours(week_of_work(), BERLIN, sales=evenings[:99]) == learn_hours(week_of_work(), BERLIN)


def test_an_hour_in_which_sundays_are_closed_is_no_quiet_one() -> None:
    spans = ((timedelta(hours=8), timedelta(hours=20)),) * 6 + ((timedelta(hours=10), timedelta(hours=18)),)
    assert open_hours(spans)[5:].sum(axis=1).tolist() == [12, 8]
    assert open_hours([(timedelta(hours=8.25), timedelta(hours=9.5)), None])[0, 7:11].tolist() == [0, 0.75, 0.5, 0]
    hourly = np.array([30.0] * 6 + [60.0] * 6)  # twice as many from 14:00 on
    counts = np.zeros((7, 24))
    counts[:6, 8:20] = hourly * 100
    counts[6, 10:18] = hourly[2:10] * 50
    bustle = bustle_of(counts, spans)
    assert np.array(bustle[8:20]) == pytest.approx(hourly / hourly.sum(), rel=0.002)
    assert bustle_of(counts)[19] < 0.95 * bustle[19]  # as if Sundays had been open all day
    assert min(bustle) > 0


def test_too_little_is_no_opening_time() -> None:
    whole = ShopHours(BERLIN)
    assert learn_hours([], BERLIN) == whole
    assert learn_hours([MONDAY], BERLIN) == whole
    mornings = [MONDAY + timedelta(days=d, hours=8) for d in range(70)]
    assert learn_hours(mornings, BERLIN) == whole  # always photographed at nine: that is no closing time
    assert whole.open_days(MONDAY, MONDAY + timedelta(days=3)) == pytest.approx(3)


def test_the_day_that_summer_time_begins_is_a_day_like_others() -> None:
    hours = learn_hours(week_of_work(), BERLIN)
    saturday = datetime(2026, 3, 28, 8, tzinfo=UTC)  # 9:00 CET; the clock is put forward that night
    assert hours.open_days(saturday, datetime(2026, 3, 30, 7, tzinfo=UTC)) == pytest.approx(12 / 12)
