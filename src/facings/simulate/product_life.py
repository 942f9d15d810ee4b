"""One product of a simulated store through its days: bought, stolen, spoiled, put elsewhere, filled up, ordered.

Whatever happens to a unit is one line of the log, so that the state of any moment is a sum over the log. On the shelf
units stand in columns, one behind each facing; who takes one takes the front one of any column that has one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from facings.simulate.opening_hours import OpenDay
from facings.simulate.stocked_products import StockedProduct

HappeningKind = Literal["received", "filled", "sold", "lost", "stolen", "expired", "misplaced", "put_back"]

_DELIVERY, _MORNING, _EVENING = timedelta(hours=-1.5), timedelta(hours=-1), timedelta(hours=0.5)
_ROUND = timedelta(hours=4.5)  # after opening, staff look for gaps
_MORNING_NOTICE, _ROUND_NOTICE = 0.8, 0.4  # chance that they notice one
_DELIVERY_DAYS = (1, 2, 2, 3, 4)
_MISPLACED_FRAC = 0.002
_FIRST_DAYS = 6  # of demand, in the store when it opens for the first time


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of the truth.

    Args:
        kind: `received` into the backroom, `filled` from there onto the shelf, `sold`, `stolen` or `expired` off the
            shelf, `misplaced` from it to another place, `put_back` from there, `lost`: wanted and not there.
        sku: The product.
        quantity: Units, above 0.
        at: When, aware UTC.
        place: Where on the shelf; for `misplaced` and `put_back` the other place.
    """

    kind: HappeningKind
    sku: str
    quantity: int
    at: datetime
    place: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What is true of a product at a moment.

    Args:
        sku: The product.
        at: When, aware UTC.
        shelf: Units at its place.
        n_facings: Columns of its place that are not empty: what a photo can show.
        elsewhere: Places where a unit of it was left, one each.
        backroom: Units there.
    """

    sku: str
    at: datetime
    shelf: int
    n_facings: int
    elsewhere: tuple[str, ...]
    backroom: int

    @property
    def on_hand(self) -> int:
        """Units in the store, wherever they are."""
        return self.shelf + len(self.elsewhere) + self.backroom


class ProductLife:
    """The life of one product.

    Args:
        stocked: What is true of it.
        places: Places of the store, where a unit of it may be left.
        rng: Chance for all that happens to it.
    """

    def __init__(self, stocked: StockedProduct, places: Sequence[str], rng: np.random.Generator) -> None:
        self._stocked, self._rng = stocked, rng
        self._others = [place for place in places if place != stocked.place]
        self._columns = [0] * stocked.n_facings
        self._elsewhere: list[str] = []
        self._backroom = 0
        self._orders: list[tuple[int, int]] = []  # day of delivery, units
        self.log: list[Happening] = []
        self.moments: list[Moment] = []

    def live(self, days: Sequence[OpenDay], scan_every: timedelta) -> None:
        """Go through the days; `log` and `moments` say what happened."""
        first = max(sum(self._room()), math.ceil(_FIRST_DAYS * self._stocked.daily_demand))
        self._orders.append((0, first))
        for day in days:
            self._deliver(day.number, day.opens_at + _DELIVERY)
            self._spoil(day.opens_at + _DELIVERY)
            self._fill(day.opens_at + _MORNING, 1.0 if day.number == 0 else _MORNING_NOTICE)
            for at, what, units in sorted(self._visits(day, scan_every)):
                self._visit(at, what, units)
            self._close(day, day.closes_at + _EVENING)

    def _visits(self, day: OpenDay, scan_every: timedelta) -> Iterator[tuple[datetime, str, int]]:
        """Who comes to the shelf in the opening hours: when, why, and for how many units."""
        s, rng = self._stocked, self._rng
        wanted = s.demand_on(day.number) * day.customer_factor
        for at in day.draw_times(wanted / s.mean_basket, rng):
            yield at, "buy", int(rng.geometric(1 / s.mean_basket))
        for at in day.draw_times(wanted * s.stolen_frac, rng):
            yield at, "steal", 1
        for at in day.draw_times(wanted * _MISPLACED_FRAC if self._others else 0, rng):
            yield at, "misplace", 1
        yield day.opens_at + _ROUND, "round", 0
        yield from ((at, "scan", 0) for at in day.scan_times(scan_every))

    def _visit(self, at: datetime, what: str, units: int) -> None:
        if what == "buy":
            n_taken = self._take(units)
            self._tell("sold", n_taken, at)
            self._tell("lost", units - n_taken, at)
        elif what == "steal":
            self._tell("stolen", self._take(units), at)
        elif what == "misplace" and self._take(units):
            self._elsewhere.append(str(self._rng.choice(self._others)))
            self._tell("misplaced", units, at, self._elsewhere[-1])
        elif what == "round":
            self._fill(at, _ROUND_NOTICE if 0 in self._columns else 0.0)
        elif what == "scan":
            n_facings = sum(map(bool, self._columns))
            self.moments.append(
                Moment(self._stocked.sku, at, sum(self._columns), n_facings, tuple(self._elsewhere), self._backroom)
            )

    def _take(self, units: int) -> int:
        """Units that were there to be taken, each the front one of any column."""
        for n_taken in range(units):
            stocked = [i for i, n in enumerate(self._columns) if n]
            if not stocked:
                return n_taken
            self._columns[stocked[int(self._rng.integers(len(stocked)))]] -= 1
        return units

    def _deliver(self, day: int, at: datetime) -> None:
        arrived = sum(units for due, units in self._orders if due == day)
        self._orders = [(due, units) for due, units in self._orders if due != day]
        self._backroom += arrived
        self._tell("received", arrived, at)

    def _spoil(self, at: datetime) -> None:
        if self._rng.random() < self._stocked.spoiled_daily:
            self._tell("expired", self._take(int(self._rng.integers(1, 4))), at)

    def _fill(self, at: datetime, notice: float) -> None:
        """Fill the shelf up from the backroom, if someone notices that it lacks something."""
        if not self._backroom or self._rng.random() >= notice:
            return
        before = self._backroom
        for i, room in enumerate(self._room()):
            n = min(room, self._backroom)
            self._columns[i] += n
            self._backroom -= n
        self._tell("filled", before - self._backroom, at)

    def _room(self) -> list[int]:
        return [self._stocked.depth - n for n in self._columns]

    def _close(self, day: OpenDay, at: datetime) -> None:
        """Put back what lies elsewhere and fits, and order what is expected to sell until delivery."""
        for place in list(self._elsewhere):
            room = self._room()
            if any(room) and self._rng.random() < _ROUND_NOTICE:
                self._columns[int(np.argmax(room))] += 1
                self._elsewhere.remove(place)
                self._tell("put_back", 1, at, place)
        s = self._stocked
        coming = sum(self._columns) + self._backroom + sum(units for _, units in self._orders)
        wait = int(self._rng.choice(_DELIVERY_DAYS))
        point = s.caution * s.daily_demand * (np.mean(_DELIVERY_DAYS) + 1)
        if coming <= point:
            n_cases = max(1, math.ceil((point + 3 * s.daily_demand - coming) / s.case_units))
            self._orders.append((day.number + wait, n_cases * s.case_units))

    def _tell(self, kind: HappeningKind, quantity: int, at: datetime, place: str = "") -> None:
        if quantity:
            self.log.append(Happening(kind, self._stocked.sku, quantity, at, place or self._stocked.place))
