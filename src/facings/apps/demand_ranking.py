"""What is in high demand, what is dead, and what was lost while there was none, in the order to look at it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from facings.apps.demand import Demand

_DEAD_A_DAY = 1 / 14  # surely less than a unit in two weeks …
_DEAD_DAYS = 14.0  # … after being there for so many days


@dataclass(frozen=True)
class Ranking:
    """Demand in order of what it asks for.

    Args:
        high: Wanted most first, by units a day; only those with a rate.
        dead: There for long enough, and hardly anybody wants it; the longest there first.
        lost: Not there when wanted; by money, then, of those without a price, by units.
        unknown: Products nobody can say anything about.
    """

    high: tuple[Demand, ...]
    dead: tuple[Demand, ...]
    lost: tuple[Demand, ...]
    unknown: tuple[Demand, ...]

    def lost_money(self) -> dict[str, Decimal]:
        """What was not sold, by currency; shops of several currencies are never added up."""
        sums: dict[str, Decimal] = {}
        for demand in self.lost:
            if demand.lost_money:
                sums[demand.currency] = sums.get(demand.currency, Decimal(0)) + demand.lost_money
        return sums

    @property
    def n_units_lost(self) -> float:
        """Units not sold."""
        return sum(demand.lost.per_day for demand in self.lost if demand.lost)


def rank(demands: Iterable[Demand]) -> Ranking:
    """The same demand in the orders people ask for; ties by shop and SKU."""
    several = sorted(demands, key=lambda demand: (demand.site, demand.sku))
    known = [demand for demand in several if demand.rate]
    dead = [demand for demand in known if is_dead(demand)]
    lost = [demand for demand in known if demand.lost and round(demand.lost.per_day, 1) > 0]
    return Ranking(
        high=tuple(sorted(known, key=lambda demand: -_per_day(demand))),
        dead=tuple(sorted(dead, key=lambda demand: -demand.there_days)),
        lost=tuple(sorted(lost, key=_by_loss)),
        unknown=tuple(demand for demand in several if not demand.rate),
    )


def is_dead(demand: Demand) -> bool:
    """Whether it was there for two weeks or more and even the upper end of its rate is under a unit in two weeks."""
    return bool(demand.rate) and demand.there_days >= _DEAD_DAYS and _high(demand) < _DEAD_A_DAY


def _per_day(demand: Demand) -> float:
    return demand.rate.per_day if demand.rate else 0.0


def _high(demand: Demand) -> float:
    return demand.rate.high if demand.rate else 0.0


def _by_loss(demand: Demand) -> tuple[bool, Decimal, float]:
    money, units = demand.lost_money, demand.lost.per_day if demand.lost else 0.0
    return (money is None, -(money or Decimal(0)), -units)
