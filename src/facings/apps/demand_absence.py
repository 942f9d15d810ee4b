"""When a product could not be bought, as its shelf was empty: what is between two looks, and what the till adds.

A shelf that was empty at one look and full at the next was filled some time between, and nobody saw when. The till
narrows it down: what is empty now was so since its last sale, and what sold again was filled before. How long before
depends on how fast it sells: a product that sells every hour did not wait half a day on the shelf for its first buyer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from facings.apps.demand_days import cut_by_day
from facings.apps.shelf_course import Gap, ShelfLook
from facings.apps.shop_hours import ShopHours

_MANY = 500.0  # customers that would have come: the first came at once
_HARDLY = 1e-3  # chance to be empty that is as good as none


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which a shelf may have been empty.

    Args:
        start: Aware.
        end: Aware.
        share: Of the open time between them in which there was none, as expected; 0 to 1.
    """

    start: datetime
    end: datetime
    share: float


def absences(looks: Sequence[ShelfLook], gaps: Sequence[Gap], hours: ShopHours, *, pace: float) -> list[Absence]:
    """The absences between the looks at a shelf, by time.

    Args:
        looks: In order of time.
        gaps: What is believed of the times between them; none where the looks tell nothing.
        hours: When the shop is open.
        pace: Customers an open day, 0 or more; used in gaps of which the till tells.
    """
    pairs = [(gap, look) for gap, look in zip(gaps, looks[1:], strict=bool(gaps)) if max(gap.p_empty) > _HARDLY]
    return [absence for gap, look in pairs for absence in _of(gap, look, hours, pace)]


def absent_days(several: Iterable[Absence], hours: ShopHours) -> dict[date, float]:
    """Open days that the shelf was empty, by day of the shop's calendar."""
    days: dict[date, float] = {}
    for absence in several:
        for day, first, last in cut_by_day(hours, absence.start, absence.end):
            days[day] = days.get(day, 0.0) + absence.share * hours.open_days(first, last)
    return days


def idle_share(n_wanted: float) -> float:
    """Of the time until a first customer, the share that the shelf was filled, if it was filled some time in it.

    Any time of filling is as likely as any other, and makes a wait of t without customers e^-t as likely.

    Args:
        n_wanted: Customers expected in all that time, 0 or more.
    """
    if n_wanted < 1e-3:
        return 0.5
    return 1 / n_wanted - 1 / math.expm1(min(n_wanted, _MANY))


def _of(gap: Gap, look: ShelfLook, hours: ShopHours, pace: float) -> Iterator[Absence]:
    before, after = gap.p_empty
    if look.sold_between:
        first, last = look.sold_between
        if before > _HARDLY:
            yield Absence(gap.start, first, before * (1 - idle_share(pace * hours.open_days(gap.start, first))))
        if after > _HARDLY:
            yield Absence(last, gap.end, after)
    else:
        both = min(before, after)
        n_wanted = 0.0 if look.n_sold is None else pace * hours.open_days(gap.start, gap.end)
        yield Absence(gap.start, gap.end, both + (before + after - 2 * both) * (1 - idle_share(n_wanted)))
