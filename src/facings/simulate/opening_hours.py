"""When a simulated store is open, by the clock on its wall, and how its customers spread over week and day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from facings.apps.places import Site

OPENING_HOURS = ((8, 20),) * 6 + ((10, 18),)  # Monday to Sunday
WEEKDAY_FACTORS = (0.85, 0.85, 0.9, 1.0, 1.2, 1.5, 0.7)  # their mean is 1
_HOURLY = (1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 4, 6, 7, 5, 4, 5, 7, 9, 8, 5, 3, 2, 1, 1)  # customers by hour of the wall


@dataclass(frozen=True)
class OpenDay:
    """One day of a store.

    Args:
        number: Of the day, from 0.
        opens_at: Aware UTC.
        closes_at: Aware UTC.
        weekday: Monday is 0.
    """

    number: int
    opens_at: datetime
    closes_at: datetime
    weekday: int

    @property
    def customer_factor(self) -> float:
        """Customers of this weekday against the average day."""
        return WEEKDAY_FACTORS[self.weekday]

    def scan_times(self, every: timedelta) -> tuple[datetime, ...]:
        """Moments from opening to closing, so far apart."""
        n = (self.closes_at - self.opens_at) // every + 1
        return tuple(self.opens_at + every * k for k in range(n))

    def draw_times(self, mean: float, rng: np.random.Generator) -> list[datetime]:
        """Moments of a Poisson process over the opening hours, more in some hours of the day than in others.

        Args:
            mean: Expected number.
            rng: Chance.
        """
        n = rng.poisson(mean)
        hours = rng.choice(len(self._weights), n, p=self._weights) + rng.random(n)
        return [self.opens_at + timedelta(hours=float(hour)) for hour in np.sort(hours)]

    @property
    def _weights(self) -> NDArray[np.float64]:
        opens, closes = OPENING_HOURS[self.weekday]
        weights = np.array(_HOURLY[opens:closes], float)
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares


def open_days(site: Site, start: date, n_days: int) -> tuple[OpenDay, ...]:
    """The days of a store from a date on; a change of its clock makes no day longer, for none is at night."""
    days = []
    for number in range(n_days):
        day = start + timedelta(days=number)
        opens, closes = (
            site.to_utc(datetime.combine(day, time(hour))).astimezone(UTC) for hour in OPENING_HOURS[day.weekday()]
        )
        days.append(OpenDay(number, opens, closes, day.weekday()))
    return tuple(days)
