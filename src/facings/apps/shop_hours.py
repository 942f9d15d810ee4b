"""How much of a time a shop was open, in open days, learned from when it sold and was photographed.

A shop sells nothing at night: a product that was empty from 18:00 to 09:00 missed two hours of a twelve-hour day, not
fifteen hours of twenty-four. Where nothing is known of the hours, a day is open from midnight to midnight.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from facings.apps.places import Site

_DAY = timedelta(days=1)
_MIN_SPAN = timedelta(hours=6)  # what is seen of a weekday's hours is believed from this span on …
_MIN_MOMENTS = 8  # … and from so many times on
Span = tuple[timedelta, timedelta]
_WHOLE_DAY: Span = (timedelta(0), _DAY)


@dataclass(frozen=True)
class ShopHours:
    """When a shop is open, by the clock on its wall.

    Args:
        clock: The shop, with its time zone.
        spans: By weekday from Monday, opening and closing as time since midnight; None for a day it stays closed.
    """

    clock: Site
    spans: tuple[Span | None, ...] = (_WHOLE_DAY,) * 7

    def open_days(self, start: datetime, end: datetime) -> float:
        """How many open days lie between two times: half a day's opening hours are 0.5.

        Args:
            start: Aware.
            end: Aware; before `start` gives 0.
        """
        first, last = (self.clock.to_wall(moment).replace(tzinfo=None) for moment in (start, end))
        found, day = 0.0, first.date()
        while day <= last.date():
            span = self.spans[day.weekday()]
            if span:
                found += _overlap(day, span, first, last)
            day += _DAY
        return found

    def is_open(self, day: date) -> bool:
        """Whether the shop opens on this weekday at all."""
        return self.spans[day.weekday()] is not None


def learn_hours(moments: Iterable[datetime], clock: Site) -> ShopHours:
    """The hours that the times of a shop's sales and photos show, weekday by weekday.

    A weekday on which nothing ever happened while others had plenty is a closed one.

    Args:
        moments: Aware times at which people were at work there.
        clock: The shop, with its time zone.
    """
    seen: list[list[timedelta]] = [[] for _ in range(7)]
    for moment in moments:
        wall = clock.to_wall(moment).replace(tzinfo=None)
        seen[wall.weekday()].append(wall - datetime.combine(wall.date(), time()))
    usual = sorted(map(len, seen))[3]
    closed = usual >= _MIN_MOMENTS  # enough is known of the other days
    return ShopHours(clock, tuple(_span(times) if times or not closed else None for times in seen))


def _span(times: list[timedelta]) -> Span:
    if len(times) < _MIN_MOMENTS or max(times) - min(times) < _MIN_SPAN:
        return _WHOLE_DAY
    return min(times), max(times)


def _overlap(day: date, span: Span, start: datetime, end: datetime) -> float:
    midnight = datetime.combine(day, time())
    shared = min(end, midnight + span[1]) - max(start, midnight + span[0])
    return max(timedelta(0), shared) / (span[1] - span[0])
