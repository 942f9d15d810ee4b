"""Opening hours that follow from what happened, on the shop's own clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from facings.apps.places import Site
from facings.apps.shop_hours import ShopHours, learn_hours

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
    # a quarter came in one hour before noon, besides 2 % in each of 4 hours; all in all 1 and 2 % in each of 12
    assert hours.open_days(MONDAY, noon) == pytest.approx((0.25 + 4 * 0.02) / (1 + 12 * 0.02))
    assert hours.open_days(MONDAY, MONDAY + timedelta(days=1)) == pytest.approx(1)
    half_past = MONDAY + timedelta(hours=8.5)
    assert hours.open_days(MONDAY, half_past) == pytest.approx((0.125 + 1.5 * 0.02) / 1.24)
    at_noon = [MONDAY + timedelta(days=d, hours=11) for d in range(200)]
    assert learn_hours(week_of_work(), BERLIN, sales=at_noon) == learn_hours(week_of_work(), BERLIN)  # daily sums
    assert learn_hours(week_of_work(), BERLIN, sales=evenings[:99]) == learn_hours(week_of_work(), BERLIN)


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
