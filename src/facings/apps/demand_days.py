"""Demand day by day, on the shop's own calendar: units that went and the time they could be had; weekdays and trend.

A day that the shelf stood empty says nothing, half a day says half as much: everything here divides by the time that
the product was there, never by the days of the calendar.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import NormalDist

import numpy as np

from facings.apps.shelf_course import Gap
from facings.apps.shop_hours import ShopHours

EVEN_WEEK = (1.0,) * 7
_MIN_TREND_UNITS, _MIN_TREND_DAYS = 12, 21
_WEEK_UNITS = 30.0  # a product's own weekdays count from so many units a weekday on as much as the shop's
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DemandDay:
    """A day of one product in one shop.

    Args:
        day: On the shop's calendar.
        n_units: Units that went.
        open_days: How much of a day the shop was open: 1, or 0, or less at the ends of what is known.
        there_days: How much of that the product was there to be bought.
    """

    day: date
    n_units: float
    open_days: float
    there_days: float


@dataclass(frozen=True, slots=True)
class Trend:
    """How demand grows or fades.

    Args:
        per_week: Change from week to week, as a share: 0.05 is 5 % more each week.
        low: The interval's lower end …
        high: … and its upper end.
    """

    per_week: float
    low: float
    high: float

    @property
    def direction(self) -> str:
        """ "rising" or "falling" where the interval leaves no doubt, else "steady"."""
        return "rising" if self.low > 0 else "falling" if self.high < 0 else "steady"


def make_days(
    hours: ShopHours, start: datetime, end: datetime, units: Mapping[date, float], empty: Mapping[date, float]
) -> tuple[DemandDay, ...]:
    """The days from a time to another.

    Args:
        hours: When the shop is open.
        start: Aware.
        end: Aware.
        units: Units that went, by day of the shop's calendar.
        empty: Open days that the product was not there, by day.
    """
    found = []
    for day, first, last in cut_by_day(hours, start, end):
        is_open = hours.open_days(first, last)
        there = max(0.0, is_open - empty.get(day, 0.0))
        found.append(DemandDay(day, units.get(day, 0.0), is_open, there))
    return tuple(found)


def units_by_day(gaps: Iterable[Gap], hours: ShopHours) -> dict[date, float]:
    """Units that left, by day; those of a gap are spread evenly over its open time."""
    units: dict[date, float] = {}
    for gap in gaps:
        open_days = hours.open_days(gap.start, gap.end)
        for day, first, last in cut_by_day(hours, gap.start, gap.end):
            share = hours.open_days(first, last) / open_days if open_days else 0.0
            units[day] = units.get(day, 0.0) + gap.n_gone * share
    return units


def level_of(days: Sequence[DemandDay]) -> float:
    """Units a day of being there."""
    there = sum(day.there_days for day in days)
    return sum(day.n_units for day in days) / there if there > 0 else 0.0


def week_of(several: Iterable[Sequence[DemandDay]]) -> tuple[float, ...]:
    """Demand by weekday from Monday against the average open day, of products together; 1 where nothing is known.

    Each product counts by its units, its own level taken out.
    """
    units, expected = np.zeros(7), np.zeros(7)
    for days in several:
        level = level_of(days)
        for day in days:
            units[day.day.weekday()] += day.n_units
            expected[day.day.weekday()] += level * day.there_days
    return _normalized((units + 1) / (expected + 1), expected > 0)


def own_week(days: Sequence[DemandDay], shop: Sequence[float]) -> tuple[float, ...]:
    """A product's weekdays, drawn towards those of its shop the more the fewer units it has."""
    units, expected = np.zeros(7), np.zeros(7)
    level = level_of(days)
    for day in days:
        units[day.day.weekday()] += day.n_units
        expected[day.day.weekday()] += level * day.there_days
    return _normalized((units + _WEEK_UNITS * np.array(shop)) / (expected + _WEEK_UNITS), np.array(shop) > 0)


def trend(days: Sequence[DemandDay], week: Sequence[float], *, spread: float, coverage: float) -> Trend | None:
    """Growth by a log-linear Poisson regression on the day, weekdays and absence taken out (offset).

    Args:
        days: The days.
        week: Demand by weekday against the average day.
        spread: Variance over mean of a day's units, which widens the interval.
        coverage: Of the interval, above 0 and below 1.

    Returns:
        The trend; None with too few units or days to tell.
    """
    there = [day for day in days if day.there_days > 0.05]
    total = sum(day.n_units for day in there)
    if total < _MIN_TREND_UNITS or len(there) < _MIN_TREND_DAYS:
        return None
    at = np.array([(day.day - there[0].day) / _DAY for day in there])
    units = np.array([day.n_units for day in there])
    base = np.array([day.there_days * max(0.05, week[day.day.weekday()]) for day in there])
    growth, deviation = _growth(at - (at * base).sum() / base.sum(), units, base)
    outer = NormalDist().inv_cdf((1 + coverage) / 2) * deviation * math.sqrt(spread)
    ends = (growth, growth - outer, growth + outer)
    return Trend(*(math.expm1(max(-20.0, min(20.0, 7 * end))) for end in ends))


def weighed_days(days: Sequence[DemandDay], week: Sequence[float], growth: Trend | None) -> float:
    """The days that the product was there, each by what is wanted on it against the average open day.

    A product that ran out more often the more it was wanted was there on its weaker days.

    Args:
        days: The days.
        week: Demand by weekday against the average day.
        growth: How demand changed; followed where there is no doubt of it.
    """
    daily = math.log1p(growth.per_week) / 7 if growth and growth.direction != "steady" else 0.0
    weights = [week[day.day.weekday()] * math.exp(daily * n) for n, day in enumerate(days)]
    is_open = sum(day.open_days for day in days)
    mean = sum(weight * day.open_days for weight, day in zip(weights, days, strict=True)) / is_open if is_open else 0.0
    there = sum(weight * day.there_days for weight, day in zip(weights, days, strict=True))
    return there / mean if mean else 0.0


def _growth(at: np.ndarray, units: np.ndarray, base: np.ndarray) -> tuple[float, float]:
    """Slope of the logarithm by day and its standard deviation, by Newton's method with the level profiled out."""
    slope, curvature = 0.0, 1.0
    for _ in range(50):
        weights = base * np.exp(np.clip(slope * at, -30, 30))
        weights = weights / weights.sum() * units.sum()
        center = (weights * at).sum() / weights.sum()
        curvature = float((weights * (at - center) ** 2).sum())
        if curvature <= 0:
            break
        step = float((units * at).sum() - units.sum() * center) / curvature
        slope = max(-0.5, min(0.5, slope + max(-0.1, min(0.1, step))))
        if abs(step) < 1e-9:
            break
    return slope, 1 / math.sqrt(max(curvature, 1e-9))


def _normalized(factors: np.ndarray, is_known: np.ndarray) -> tuple[float, ...]:
    """Factors whose mean over the known weekdays is 1; 0 for a weekday the shop is closed."""
    if not is_known.any():
        return EVEN_WEEK
    kept = np.where(is_known, factors, 0.0)
    return tuple(float(factor) for factor in kept / kept[is_known].mean())


def cut_by_day(hours: ShopHours, start: datetime, end: datetime) -> Iterable[tuple[date, datetime, datetime]]:
    """The days of the shop's calendar between two times, each with the part of it that lies between them."""
    clock = hours.clock
    day, last = clock.to_wall(start).date(), clock.to_wall(end).date()
    while day <= last:
        midnights = (datetime.combine(d, time(), clock.to_wall(start).tzinfo) for d in (day, day + _DAY))
        begin, close = midnights
        yield day, max(start, begin), min(end, close)
        day += _DAY
