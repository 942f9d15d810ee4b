"""What is known of one product by itself, and what its shop's other products add to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facings.apps.demand_baskets import SIZES, Baskets, size_weights
from facings.apps.demand_days import DemandDay
from facings.apps.demand_rate import CERTAIN, ONE_BY_ONE, Floats, Rate
from facings.apps.demand_spread import SPREADS, spread_log_likelihood, spread_weights
from facings.apps.ledger import Event
from facings.catalog import Product


@dataclass(frozen=True)
class ShelfDemand:
    """What the looks at one shelf tell.

    Args:
        place: The shelf.
        rate: Units wanted an open day; None when they cannot tell, or the till does.
        n_gone: Units that left, as far as can be told.
        n_looks: How many looks there were.
        event_ids: The counts behind it; each names its readings, and so its photos.
    """

    place: str
    rate: Rate | None
    n_gone: float
    n_looks: int
    event_ids: tuple[int, ...]


@dataclass
class Draft:
    """A product of a shop before what its shop's other products tell is known.

    Args:
        product: As the catalog says.
        sales: Of it, by time.
        shelves: What each of them tells.
        days: Units that went by day, and when it was there.
        visits: The same with customers for units, where the till tells these apart.
        baskets: What they took; None where it does not.
    """

    product: Product
    sales: list[Event]
    shelves: tuple[ShelfDemand, ...]
    days: tuple[DemandDay, ...]
    visits: tuple[DemandDay, ...]
    baskets: Baskets | None


@dataclass(frozen=True)
class Doubt:
    """What is believed of how the customers of a product come and buy, as weights.

    Args:
        spreads: Of each of `SPREADS`.
        sizes: What a basket may hold, each 1 or more …
        size_weights: … and of each of these.
    """

    spreads: Floats
    sizes: Floats
    size_weights: Floats

    @property
    def spread(self) -> float:
        """Variance of a day's units over their mean: that of customers, and that of geometric baskets."""
        size = float(self.sizes @ self.size_weights)
        return float(self.spreads @ SPREADS) * size + size - 1


def doubts(drafts: Sequence[Draft], weeks: Sequence[Sequence[float]]) -> list[Doubt]:
    """What the products of a shop tell together of each.

    Args:
        drafts: Of the products.
        weeks: Of each, demand by weekday against the average day.
    """
    spreads = spread_weights([spread_log_likelihood(d.visits, week) for d, week in zip(drafts, weeks, strict=True)])
    sizes = iter(size_weights([draft.baskets for draft in drafts if draft.baskets]))
    return [
        Doubt(spread, SIZES, next(sizes)) if draft.baskets else Doubt(spread, ONE_BY_ONE, CERTAIN)
        for draft, spread in zip(drafts, spreads, strict=True)
    ]
