"""When customers come, told by what they bought and by when there was nothing to buy.

Shelves run empty in the evening, so fewer units are sold then than are wanted, and hours learned from sales alone call
the evening quiet: what was missed in it would count too little. A sale in an hour in which the product was there on
half of the days stands for two (inverse probability weighting; Horvitz and Thompson 1952).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from facings.apps.demand_absence import Absence
from facings.apps.shop_hours import Floats, ShopHours, bustle_of, count_hours, open_hours

_LEAST_THERE = 0.2  # a product that is hardly ever there in an hour tells little of it
_DAY = timedelta(days=1)


def busy_hours(
    hours: ShopHours, products: Iterable[tuple[Sequence[datetime], Sequence[Absence]]], start: datetime, end: datetime
) -> ShopHours:
    """The hours of a shop with `bustle` as its customers come, whether there was something to buy or not.

    Args:
        hours: As learned from sales alone.
        products: Of each when it was sold, and when its shelf was empty.
        start: From when that is known, aware.
        end: Until when, aware.
    """
    first, last = (hours.clock.to_wall(moment).date() for moment in (start, end))
    n_days = np.bincount([(first + _DAY * n).weekday() for n in range((last - first).days + 1)], minlength=7)
    is_open = open_hours(hours.spans)
    open_days = np.maximum(n_days @ is_open, 1e-9)
    counts: Floats = np.zeros((7, 24))
    for sales, absences in products:
        absent = (_absent_hours(absences, hours) * is_open).sum(axis=0)
        counts += count_hours(sales, hours.clock) / np.maximum(_LEAST_THERE, 1 - absent / open_days)
    return replace(hours, bustle=bustle_of(counts, hours.spans))


def _absent_hours(absences: Iterable[Absence], hours: ShopHours) -> Floats:
    """How often a product was absent, by weekday and hour of the wall clock; float64 (7, 24)."""
    found: Floats = np.zeros((7, 24))
    for absence in absences:
        at, end = (hours.clock.to_wall(moment).replace(tzinfo=None) for moment in (absence.start, absence.end))
        while at < end:
            until = min(end, at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1))
            found[at.weekday(), at.hour] += absence.share * ((until - at) / timedelta(hours=1))
            at = until
    return found
