"""A simulated store over days: the exact log of what happened, and what photos at intervals show of it.

Customers come as a Poisson process that follows hour, weekday and trend; shelves are filled with delays, so that they
stand empty now and then; goods are stolen, spoil, and lie where they do not belong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from facings.apps.places import Site
from facings.errors import BadInput
from facings.simulate.opening_hours import OpenDay, open_days
from facings.simulate.product_life import Happening, Moment, ProductLife
from facings.simulate.stocked_products import StockedProduct, stock_products

SITE = Site("store-1", "Europe/Berlin", "EUR")
SCAN_EVERY = timedelta(hours=3)
MAX_PRODUCTS, MAX_DAYS = 5000, 3660


@dataclass(frozen=True)
class Noise:
    """How recognition errs, facing by facing and each time anew.

    Args:
        missed_frac: Share of facings that are not seen.
        confused_frac: Share that is taken for another product of the same place.
    """

    missed_frac: float = 0.0
    confused_frac: float = 0.0

    def __post_init__(self) -> None:
        if min(self.missed_frac, self.confused_frac) < 0 or self.missed_frac + self.confused_frac > 1:
            raise BadInput(f"Noise {self.missed_frac}, {self.confused_frac}: wanted shares that add up to at most 1.")


@dataclass(frozen=True)
class Look:
    """A photo of one place.

    Args:
        at: When, aware UTC.
        place: What it shows.
        n_facings: By SKU, facings recognized as this product.
    """

    at: datetime
    place: str
    n_facings: Mapping[str, int]


@dataclass(frozen=True)
class StoreDays:
    """A store and the truth of its days.

    Args:
        site: The store, its clock and its currency.
        products: What it sells.
        days: When it was open.
        log: All that happened, by time.
        moments: The truth at each scan, by time, then product.
        seed: Another seed, other days.
    """

    site: Site
    products: tuple[StockedProduct, ...]
    days: tuple[OpenDay, ...]
    log: tuple[Happening, ...]
    moments: tuple[tuple[Moment, ...], ...]
    seed: int

    @property
    def places(self) -> tuple[str, ...]:
        """Where its products stand."""
        return tuple(dict.fromkeys(stocked.place for stocked in self.products))

    def looks(self, noise: Noise) -> Iterator[Look]:
        """What photos of every place show at every scan, by time, then place."""
        rng = np.random.default_rng((self.seed, 1))
        home = {stocked.sku: stocked.place for stocked in self.products}
        mates = {place: [sku for sku, at in home.items() if at == place] for place in self.places}
        for moments in self.moments:
            shown: dict[str, Counter[str]] = {place: Counter() for place in self.places}
            for moment in moments:
                shown[home[moment.sku]][moment.sku] += moment.n_facings
                for place in moment.elsewhere:
                    shown[place][moment.sku] += 1
            for place, n_facings in shown.items():
                yield Look(moments[0].at, place, _recognized(n_facings, mates[place], noise, rng))


def simulate_days(*, n_products: int, n_days: int, start: date, seed: int = 0) -> StoreDays:
    """A store through its days.

    Args:
        n_products: Products of its catalog.
        n_days: How long.
        start: The first day.
        seed: Another seed, another store and other days.

    Raises:
        BadInput: Too few or too many products or days.
    """
    if not (1 <= n_products <= MAX_PRODUCTS and 1 <= n_days <= MAX_DAYS):
        raise BadInput(
            f"{n_products} products, {n_days} days: wanted 1 to {MAX_PRODUCTS} products and 1 to {MAX_DAYS} days."
        )
    products = stock_products(n_products, SITE.name, np.random.default_rng((seed, 0)))
    days = open_days(SITE, start, n_days)
    places = tuple(dict.fromkeys(stocked.place for stocked in products))
    lives = []
    for number, stocked in enumerate(products):
        life = ProductLife(stocked, places, np.random.default_rng((seed, 2, number)))
        life.live(days, SCAN_EVERY)
        lives.append(life)
    log = sorted((line for life in lives for line in life.log), key=lambda line: line.at)
    moments = tuple(zip(*(life.moments for life in lives), strict=True))
    return StoreDays(SITE, products, days, tuple(log), moments, seed)


def _recognized(
    n_facings: Mapping[str, int], mates: list[str], noise: Noise, rng: np.random.Generator
) -> dict[str, int]:
    """What recognition makes of the facings of a photo."""
    seen: Counter[str] = Counter()
    for sku, n in n_facings.items():
        _, n_confused, n_right = rng.multinomial(
            n, (noise.missed_frac, noise.confused_frac, 1 - noise.missed_frac - noise.confused_frac)
        )
        seen[sku] += int(n_right)
        others = [mate for mate in mates if mate != sku]
        for other in rng.choice(others, n_confused) if others else ():
            seen[str(other)] += 1
    return {sku: n for sku, n in sorted(seen.items()) if n}
