"""How much the days of a product differ by chance, learned from all products of a shop together.

Weather, and customers who buy several at a time where nobody tells them apart, make good and bad days of what would
else be Poisson's: the variance of a day's number is `spread` times its mean (negative binomial). A product that sold a
dozen times tells next to nothing of its own spread, and the less it happened to sell in large lots, the less it sold:
its own estimate alone makes an interval short just where it lies too low. So no spread is settled on. Each product
keeps a weight for every spread, by its own days and by how the products of its shop are spread (empirical Bayes with a
nonparametric prior; Laird 1978).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facings.apps.demand_days import DemandDay, level_of

Floats = NDArray[np.float64]
SPREADS: Floats = np.geomspace(1.001, 100, 28)  # the first is Poisson's, as far as anybody can tell
_SHARE_THERE = 0.3  # of a day, below which its units say nothing of how much they vary
_MIN_DAYS = 3
_PRIOR = 0.25  # products that every value is thought to have had before the first was seen …
_USUAL = 9.0  # … but large spreads fewer: sums of a whole shop have them, single products hardly
_N_ROUNDS = 30
_log_gamma = np.vectorize(math.lgamma, otypes=[np.float64])


def spread_log_likelihood(days: Sequence[DemandDay], week: Sequence[float]) -> Floats:
    """How well each of `SPREADS` agrees with the days of a product; float64 (G,), 0 where they tell nothing.

    Args:
        days: The days, with customers for units where these are told apart.
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
    believed = agreement * shop_weights(agreement, np.minimum(1, (_USUAL / SPREADS) ** 2))
    return list(believed / believed.sum(axis=1, keepdims=True))


def shop_weights(agreement: Floats, common: Floats | float = 1.0) -> Floats:
    """How common each of some values is among the products of a shop; float64 (G,), summing to 1.

    Args:
        agreement: float64 (P, G), how well each agrees with what is known of each product, one or more of them.
        common: float64 (G,), how common each is thought to be before anything is known, against one that is.
    """
    shop: Floats = np.full(agreement.shape[1], 1 / agreement.shape[1])
    for _ in range(_N_ROUNDS):
        believed = agreement * shop
        shop = (believed / believed.sum(axis=1, keepdims=True)).sum(axis=0) + _PRIOR * common
        shop /= shop.sum()
    return shop
