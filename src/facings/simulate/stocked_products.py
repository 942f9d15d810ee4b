"""What a simulated store sells: products with known demand, a place on the shelf, and the habits of those who order.

Demand is heavy-tailed, as in shops: a few products sell dozens a day, many less than one. Some sell rarely and then
several at a time; some grow or fade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from facings.catalog import Product

N_IN_BAY = 20
_MEDIAN_DAILY, _SPREAD, _MOST_DAILY = 2.5, 1.1, 40.0
_TRENDS = (-0.9, 0.0, 0.0, 0.0, 0.9)  # growth of the logarithm over 90 days
_RARE_FRAC, _PERISHABLE_FRAC, _STOLEN_FRAC = 0.2, 0.25, 0.015


@dataclass(frozen=True)
class StockedProduct:
    """A product of a simulated store and the truth about it.

    Args:
        product: Its row of the catalog.
        place: Where it stands.
        n_facings: Facings of the full shelf; behind each stand `product.depth` units, the front one included.
        daily_demand: Units wanted a day on the first day, averaged over a week.
        growth: Change of the logarithm of demand in a day.
        mean_basket: Units that a buyer wants, on average.
        stolen_frac: Units stolen for each one wanted.
        spoiled_daily: Chance that a morning finds units on the shelf that expired.
        unit_cost: Paid for one, in minor units of the currency.
        case_units: It is delivered in cases of so many.
        caution: The order covers so many times the demand that is expected until delivery; below 1 it runs out often.
    """

    product: Product
    place: str
    n_facings: int
    daily_demand: float
    growth: float
    mean_basket: float
    stolen_frac: float
    spoiled_daily: float
    unit_cost: int
    case_units: int
    caution: float

    @property
    def sku(self) -> str:
        """Its key."""
        return self.product.sku

    @property
    def depth(self) -> int:
        """Units behind one another at a facing of the full shelf."""
        return self.product.depth or 1

    def demand_on(self, day: int) -> float:
        """Units wanted on a day of average weekday, counted from 0."""
        return self.daily_demand * math.exp(self.growth * day)


def stock_products(n_products: int, site: str, rng: np.random.Generator) -> tuple[StockedProduct, ...]:
    """Products for a store, twenty in a bay.

    Args:
        n_products: How many.
        site: Name of the store.
        rng: Chance for all that they are.
    """
    return tuple(_stock(number, f"{site}/bay-{number // N_IN_BAY + 1}", rng) for number in range(n_products))


def _stock(number: int, place: str, rng: np.random.Generator) -> StockedProduct:
    is_rare = rng.random() < _RARE_FRAC
    daily = rng.uniform(0.1, 0.5) if is_rare else min(_MOST_DAILY, _MEDIAN_DAILY * rng.lognormal(0, _SPREAD))
    n_facings = int(np.clip(round(0.5 + math.sqrt(daily) * rng.uniform(0.8, 1.6)), 1, 8))
    depth = int(np.clip(round(daily * rng.uniform(1, 2.5) / n_facings), 3, 9))
    cents = int(rng.integers(79, 899))
    product = Product(
        f"sku-{number + 1:03d}",
        name=f"Product {number + 1}",
        category=place.rpartition("/")[2],
        price=Decimal(cents) / 100,
        currency="EUR",
        depth=depth,
    )
    return StockedProduct(
        product=product,
        place=place,
        n_facings=n_facings,
        daily_demand=daily,
        growth=float(rng.choice(_TRENDS)) / 90,
        mean_basket=rng.uniform(1.5, 2.5) if is_rare else rng.uniform(1.0, 1.3),
        stolen_frac=_STOLEN_FRAC * rng.choice((0.3, 1.0, 3.0)),
        spoiled_daily=0.08 if rng.random() < _PERISHABLE_FRAC else 0.0,
        unit_cost=int(cents * rng.uniform(0.55, 0.8)),
        case_units=int(rng.choice((4, 6, 12))) if daily > 1 else 3,
        caution=rng.uniform(0.8, 1.9),
    )
