"""How much the days of a product differ by chance, learned from all products of a shop together.

Customers who buy several at a time make good and bad days of what would else be Poisson's: the variance of a day's
units is `spread` times their mean (negative binomial). A product that sold a dozen times tells next to nothing of its
own spread, and the less it happened to sell in large lots, the less it sold: its own estimate alone makes an interval
short just where it lies too low. So no spread is settled on. Each product keeps a weight for every spread, by its own
days and by how the products of its shop are spread (empirical Bayes with a nonparametric prior; Laird 1978).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facings.apps.demand_days import DemandDay, level_of

Floats = NDArray[np.float64]
SPREADS: Floats = np.geomspace(1.001, 9, 14)  # the first is Poisson's, as far as anybody can tell
_SHARE_THERE = 0.3  # of a day, below which its units say nothing of how much they vary
_MIN_DAYS = 3
_PRIOR = 0.25  # products that every spread is thought to have had before the first was seen
_N_ROUNDS = 30
_log_gamma = np.vectorize(math.lgamma, otypes=[np.float64])


def spread_log_likelihood(days: Sequence[DemandDay], week: Sequence[float]) -> Floats:
    """How well each of `SPREADS` agrees with the days of a product; float64 (G,), 0 where they tell nothing.

    Args:
        days: The days.
        week: Demand by weekday against the average day.
    """
    there = [day for day in days if day.there_days > _SHARE_THERE]
    level = level_of(there)
    if len(there) < _MIN_DAYS or not level:
        return np.zeros(len(SPREADS))
    n = np.array([[round(day.n_units)] for day in there], float)
    means = np.array([[level * day.there_days * max(0.05, week[day.day.weekday()])] for day in there])
    sizes = means / (SPREADS - 1)
    logs = _log_gamma(n + sizes) - _log_gamma(sizes) - sizes * np.log(SPREADS) + n * np.log(1 - 1 / SPREADS)
    found: Floats = logs.sum(axis=0)
    return found


def spread_weights(log_likelihoods: Sequence[Floats]) -> list[Floats]:
    """What to believe of the spread of each product of a shop: weights of `SPREADS`, (G,), which sum to 1.

    Args:
        log_likelihoods: Of each product (G,), from `spread_log_likelihood`.
    """
    if not log_likelihoods:
        return []
    logs = np.array(log_likelihoods)
    agreement = np.exp(logs - logs.max(axis=1, keepdims=True))
    shop = np.full(len(SPREADS), 1 / len(SPREADS))
    for _ in range(_N_ROUNDS):
        believed = agreement * shop
        believed /= believed.sum(axis=1, keepdims=True)
        shop = believed.sum(axis=0) + _PRIOR
        shop /= shop.sum()
    return list(believed)
