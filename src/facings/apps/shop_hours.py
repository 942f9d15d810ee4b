"""How much of a time a shop was open, in open days, learned from when it sold and was photographed.

A shop sells nothing at night: a product that was empty from 18:00 to 09:00 missed two hours of a twelve-hour day, not
fifteen hours of twenty-four. Nor is one hour as good as another: shelves run empty towards the evening, when most
customers come. Where the till tells when these come, an hour counts by how many do. Where nothing is known of the
hours, a day is open from midnight to midnight.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from facings.apps.places import Site

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_MIN_SPAN = timedelta(hours=6)  # what is seen of a weekday's hours is believed from this span on …
_MIN_MOMENTS = 8  # … and from so many times on
Span = tuple[timedelta, timedelta]
_WHOLE_DAY: Span = (timedelta(0), _DAY)
_EVEN = (1.0,) * 24
_MIN_SALES = 100  # tell the busy hours …
_MOST_AT_ONCE = 0.4  # … unless so many share one hour: a file of daily sums
_QUIET = 0.02  # of all customers come in any hour, as far as is known beforehand


@dataclass(frozen=True)
class ShopHours:
    """When a shop is open, by the clock on its wall.

    Args:
        clock: The shop, with its time zone.
        spans: By weekday from Monday, opening and closing as time since midnight; None for a day it stays closed.
        bustle: Customers by hour of the wall clock, each above 0, in any unit.
    """

    clock: Site
    spans: tuple[Span | None, ...] = (_WHOLE_DAY,) * 7
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
    return ShopHours(clock, spans, bustle_of(sales, clock))


def _span(times: list[timedelta]) -> Span:
    if len(times) < _MIN_MOMENTS or max(times) - min(times) < _MIN_SPAN:
        return _WHOLE_DAY
    return min(times), max(times)


def bustle_of(sales: Iterable[datetime], clock: Site) -> tuple[float, ...]:
    """Customers by hour of the wall clock, as `ShopHours` takes them; even where the till does not tell.

    Args:
        sales: Aware times at which customers paid.
        clock: The shop, with its time zone.
    """
    hours = [clock.to_wall(moment).hour for moment in sales]
    counts = [hours.count(hour) for hour in range(24)]
    if len(hours) < _MIN_SALES or max(counts) > _MOST_AT_ONCE * len(hours):
        return _EVEN
    return tuple(count / len(hours) + _QUIET for count in counts)
