"""How much of a time a shop was open, in open days, learned from when it sold and was photographed.

A shop sells nothing at night: a product that was empty from 18:00 to 09:00 missed two hours of a twelve-hour day, not
fifteen hours of twenty-four. Nor is one hour as good as another: shelves run empty towards the evening, when most
customers come. Where the till tells when these come, an hour counts by how many do. Where nothing is known of the
hours, a day is open from midnight to midnight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from facings.apps.places import Site

Floats = NDArray[np.float64]
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_MIN_SPAN = timedelta(hours=6)  # what is seen of a weekday's hours is believed from this span on …
_MIN_MOMENTS = 8  # … and from so many times on
Span = tuple[timedelta, timedelta]
_WHOLE_DAY: Span = (timedelta(0), _DAY)
_ALWAYS: tuple[Span | None, ...] = (_WHOLE_DAY,) * 7
_EVEN = (1.0,) * 24
_MIN_SALES = 100  # tell the busy hours …
_MOST_AT_ONCE = 0.4  # … unless so many share one hour: a file of daily sums
_PRIOR = 2.0  # sales that every open hour is thought to have had before the first was seen
_N_ROUNDS = 20


@dataclass(frozen=True)
class ShopHours:
    """When a shop is open, by the clock on its wall.

    Args:
        clock: The shop, with its time zone.
        spans: By weekday from Monday, opening and closing as time since midnight; None for a day it stays closed.
        bustle: Customers by hour of the wall clock while it is open, each above 0, in any unit.
    """

    clock: Site
    spans: tuple[Span | None, ...] = _ALWAYS
    bustle: tuple[float, ...] = _EVEN

    def open_days(self, start: datetime, end: datetime) -> float:
        """How many open days lie between two times: hours in which half of a day's customers come are 0.5.

        Args:
            start: Aware.
            end: Aware; before `start` gives 0.
        """
        first, last = (self.clock.to_wall(moment).replace(tzinfo=None) for moment in (start, end))
        found, day = 0.0, first.date()
        while day <= last.date():
            span = self.spans[day.weekday()]
            if span:
                found += self._overlap(day, span, first, last)
            day += _DAY
        return found

    def is_open(self, day: date) -> bool:
        """Whether the shop opens on this weekday at all."""
        return self.spans[day.weekday()] is not None

    def _overlap(self, day: date, span: Span, start: datetime, end: datetime) -> float:
        midnight = datetime.combine(day, time())
        first, last = (min(max(moment - midnight, span[0]), span[1]) for moment in (start, end))
        shared = max(0.0, self._customers(last) - self._customers(first))
        return shared / (self._customers(span[1]) - self._customers(span[0]))

    def _customers(self, since_midnight: timedelta) -> float:
        """How many come until then."""
        hour = min(23, since_midnight // _HOUR)
        return sum(self.bustle[:hour]) + self.bustle[hour] * (since_midnight / _HOUR - hour)


def learn_hours(moments: Iterable[datetime], clock: Site, *, sales: Iterable[datetime] = ()) -> ShopHours:
    """The hours that the times of a shop's sales and photos show, weekday by weekday.

    A weekday on which nothing ever happened while others had plenty is a closed one.

    Args:
        moments: Aware times at which people were at work there.
        clock: The shop, with its time zone.
        sales: Aware times at which customers paid.
    """
    seen: list[list[timedelta]] = [[] for _ in range(7)]
    for moment in moments:
        wall = clock.to_wall(moment).replace(tzinfo=None)
        seen[wall.weekday()].append(wall - datetime.combine(wall.date(), time()))
    usual = sorted(map(len, seen))[3]
    closed = usual >= _MIN_MOMENTS  # enough is known of the other days
    spans = tuple(_span(times) if times or not closed else None for times in seen)
    return ShopHours(clock, spans, bustle_of(count_hours(sales, clock), spans))


def _span(times: list[timedelta]) -> Span:
    if len(times) < _MIN_MOMENTS or max(times) - min(times) < _MIN_SPAN:
        return _WHOLE_DAY
    return min(times), max(times)


def count_hours(sales: Iterable[datetime], clock: Site) -> Floats:
    """Sales by weekday from Monday and hour of the wall clock, float64 (7, 24)."""
    counts: Floats = np.zeros((7, 24))
    for moment in sales:
        wall = clock.to_wall(moment)
        counts[wall.weekday(), wall.hour] += 1
    return counts


def bustle_of(counts: Floats, spans: Sequence[Span | None] = _ALWAYS) -> tuple[float, ...]:
    """Customers by hour of the wall clock, as `ShopHours` takes them; even where the till does not tell.

    An hour in which the shop is closed on Sundays had fewer days to sell on, and those are better days than Sundays. So
    a weekday's and an hour's factor are fitted together, over the hours that are open (quasi-independence; Goodman
    1968, "The analysis of cross-classified data"; iterative proportional fitting).

    Args:
        counts: float64 (7, 24), sales by weekday from Monday and hour.
        spans: By weekday, opening and closing as time since midnight; None for a day it stays closed.
    """
    n_sold = counts.sum()
    if n_sold < _MIN_SALES or counts.sum(axis=0).max() > _MOST_AT_ONCE * n_sold:
        return _EVEN
    is_open = open_hours(spans)
    told = counts * (is_open > 0)
    days: Floats = np.ones(7)
    for _ in range(_N_ROUNDS):
        hours = (told.sum(axis=0) + _PRIOR) / np.maximum(days @ is_open, 1e-9)
        days = told.sum(axis=1) / np.maximum(is_open @ hours, 1e-9)
    hours = np.where(is_open.any(axis=0), hours, hours[is_open.any(axis=0)].min())
    return tuple(float(share) for share in hours / hours[is_open.any(axis=0)].sum())


def open_hours(spans: Sequence[Span | None]) -> Floats:
    """How much of each hour a shop is open, by weekday from Monday; float64 (7, 24)."""
    starts = np.arange(24)
    shares: Floats = np.zeros((7, 24))
    for weekday, span in enumerate(spans):
        if span:
            opens, closes = (moment / _HOUR for moment in span)
            shares[weekday] = np.clip(np.minimum(closes, starts + 1) - np.maximum(opens, starts), 0, 1)
    return shares
