"""How many units a customer takes at a time, as the lines of a till tell, and what the empty shelf cut off of it.

Who wants three and finds one takes one. Such a sale is not small because little was wanted, so it tells only that at
least so much was (right censoring), and a product that runs out often is wanted more than it sold even while it was
there. Baskets are taken to be geometric: of all with one mean the most even-handed guess (maximum entropy). As with
the spread of days, no mean is settled on: each product keeps a weight for every one, by its own baskets and by those of
its shop (nonparametric empirical Bayes; Laird 1978).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from facings.apps.demand_rate import Floats
from facings.apps.demand_spread import shop_weights
from facings.apps.ledger import Event
from facings.apps.shelf_course import Gap, ShelfLook

_COARSE: Floats = np.array([0.001, *np.geomspace(0.01, 8, 15)])  # units beside the first: a shop is learned here …
_N_BETWEEN = 16  # … and filled in between with straight lines
_AT = np.arange((len(_COARSE) - 1) * _N_BETWEEN + 1) / _N_BETWEEN
_HATS: Floats = np.maximum(0, 1 - np.abs(_AT - np.arange(len(_COARSE))[:, None]))
SIZES: Floats = 1 + np.exp(np.interp(_AT, np.arange(len(_COARSE)), np.log(_COARSE)))
_MIN_SALES = 100  # tell whether each is a customer's …
_MOST_AT_ONCE = 0.4  # … unless so many share one minute of the hour: sums of hours or days


@dataclass(frozen=True, slots=True)
class Baskets:
    """What the customers of a product took.

    Args:
        n_customers: How many came and found some.
        n_units: What they took together.
        n_cut: How many of them emptied the shelf and may have wanted more, as expected.
    """

    n_customers: int
    n_units: int
    n_cut: float


def tells_customers(sales: Iterable[Event]) -> bool:
    """Whether the sales of a shop are what one customer took each, and not what was sold in an hour or a day."""
    minutes = Counter(event.at.minute for event in sales)
    return minutes.total() >= _MIN_SALES and max(minutes.values()) <= _MOST_AT_ONCE * minutes.total()


def customer_times(sales: Iterable[Event]) -> list[datetime]:
    """When customers bought a product: what was sold of it at one time is one customer's."""
    return sorted({event.at for event in sales})


def n_cut_off(looks: Sequence[ShelfLook], gaps: Sequence[Gap]) -> float:
    """How many sales emptied a shelf, as expected: the last before each look that shows it empty.

    Args:
        looks: In order of time.
        gaps: What is believed of the times between them; none where the looks tell nothing.
    """
    return sum(gap.p_empty[1] for gap, look in zip(gaps, looks[1:], strict=bool(gaps)) if look.sold_between)


def size_weights(products: Sequence[Baskets]) -> list[Floats]:
    """What to believe of the mean basket of each product of a shop: weights of `SIZES`, (S,), which sum to 1."""
    if not products:
        return []
    logs = np.array([_log_likelihood(baskets) for baskets in products])
    agreement = np.exp(logs - logs.max(axis=1, keepdims=True))
    believed = agreement * (shop_weights(agreement @ _HATS.T) @ _HATS)
    return list(believed / believed.sum(axis=1, keepdims=True))


def _log_likelihood(baskets: Baskets) -> Floats:
    """How well each of `SIZES` agrees: every unit beside the first had to be wanted; a whole basket also had to end."""
    n_whole = max(0.0, baskets.n_customers - baskets.n_cut)
    found: Floats = (baskets.n_units - baskets.n_customers) * np.log(1 - 1 / SIZES) - n_whole * np.log(SIZES)
    return found
