"""A rate of demand with its interval, as what is believed of it after the data (a posterior on a grid).

Prior of Jeffreys throughout (density ∝ rate^-½; Brown, Cai, DasGupta 2003, "Interval estimation in exponential
families"): its intervals hold what they say also for products that sell a few units a quarter, or none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.errors import BadInput

COVERAGE = 0.9
Floats = NDArray[np.float64]
_N_GRID = 1500
_LEAST = 1e-300
POISSON, CERTAIN = np.ones(1), np.ones(1)  # one spread, and no other
ONE_BY_ONE = np.ones(1)  # the size of baskets
_HARDLY = 1e-9  # of the likeliest: what weighs no more is left out


@dataclass(frozen=True, slots=True)
class Rate:
    """Units a day that customers want while the product is there.

    Args:
        per_day: Expected units an open day.
        low: With `coverage`, so many or more …
        high: … and so many or fewer.
        deviation: Standard deviation of what is believed.
        coverage: Probability that the true rate lies between them, 0 to 1.
    """

    per_day: float
    low: float
    high: float
    deviation: float
    coverage: float = COVERAGE

    def times(self, days: float) -> Rate:
        """The same over so many days: units instead of units a day."""
        return Rate(self.per_day * days, self.low * days, self.high * days, self.deviation * days, self.coverage)


def poisson_rate(
    n_units: float,
    n_days: float,
    *,
    spreads: Floats = POISSON,
    weights: Floats = CERTAIN,
    sizes: Floats = ONE_BY_ONE,
    size_weights: Floats = CERTAIN,
    coverage: float = COVERAGE,
) -> Rate:
    """The rate behind units that went in so many days of being there, or customers, each with a basket of units.

    With a variance of φ times the mean, n of them carry the information of n/φ that come one by one
    (quasi-likelihood, McCullagh and Nelder 1989, ch. 9): posterior Gamma(n/φ + ½, days/φ). Where φ is not known, all
    of them are mixed, and so are the mean sizes of a basket, by which the rate of customers is multiplied.

    Args:
        n_units: Units or customers, 0 or more.
        n_days: Days, above 0.
        spreads: float64 (G,), what the variance of a day's number over its mean may be, each 1 or more.
        weights: float64 (G,), how likely each of these is, summing to 1.
        sizes: float64 (S,), what the mean size of a basket may be, each 1 or more.
        size_weights: float64 (S,), how likely each of these is, summing to 1.
        coverage: Of the interval, above 0 and below 1.

    Raises:
        BadInput: A figure out of range.
    """
    if not (n_units >= 0 and n_days > 0 and min(spreads.min(), sizes.min()) >= 1 and 0 < coverage < 1):
        raise BadInput(
            f"Rate of {n_units} units in {n_days} days, spread {spreads.min()}, basket {sizes.min()}, coverage "
            f"{coverage}: wanted 0 or more units, days above 0, spreads and baskets of 1 or more, coverage between 0 "
            "and 1."
        )
    shapes, scales = n_units / spreads + 0.5, n_days / spreads
    reach = 12 / np.sqrt(shapes)
    middles = np.log(shapes / scales)
    logs = np.linspace((middles - reach - 3 / shapes).min(), (middles + np.minimum(reach, 6)).max(), _N_GRID)
    norms = np.array([math.lgamma(shape) for shape in shapes])[:, None]
    units = logs + np.log(scales)[:, None]
    density = weights @ np.exp(shapes[:, None] * units - np.exp(units) - norms)
    logs, density = _in_baskets(logs, density, sizes, size_weights)
    return posterior_rate(logs, np.log(density + _LEAST), coverage=coverage)


def _in_baskets(logs: Floats, density: Floats, sizes: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The density of the logarithm of a rate of customers as that of the units in their baskets."""
    counts = weights > _HARDLY * weights.max()
    shifts = np.log(sizes[counts])
    wide = np.linspace(logs[0] + shifts.min(), logs[-1] + shifts.max(), len(logs))
    moved = [np.interp(wide - shift, logs, density, left=0, right=0) for shift in shifts]
    return wide, weights[counts] @ np.array(moved)


def gamma_rate(shape: float, days: float, *, coverage: float = COVERAGE) -> Rate:
    """The rate believed to be Gamma distributed with this shape and inverse scale."""
    spread = 12 / np.sqrt(shape)
    logs = np.log(shape) + np.linspace(-spread - 3 / shape, min(spread, 6.0), _N_GRID)
    return posterior_rate(logs - np.log(days), shape * logs - np.exp(logs), coverage=coverage)


def posterior_rate(log_rates: Floats, log_weights: Floats, *, coverage: float = COVERAGE) -> Rate:
    """Mean and equal-tailed interval of what is believed.

    Args:
        log_rates: float64 (G,), natural logarithms of rates, evenly spaced, rising.
        log_weights: float64 (G,), logarithm of the density of `log_rates`, up to a constant.
        coverage: Of the interval, above 0 and below 1.
    """
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    below = np.cumsum(weights) - weights / 2
    low, high = np.exp(np.interp(((1 - coverage) / 2, (1 + coverage) / 2), below, log_rates))
    rates = np.exp(log_rates)
    mean = float(weights @ rates)
    return Rate(mean, float(low), float(high), float(np.sqrt(weights @ (rates - mean) ** 2)), coverage)


def weighed_rate(rates: Floats, weights: Floats, *, coverage: float = COVERAGE) -> Rate:
    """Mean and equal-tailed interval of rates that were drawn, each with its weight.

    Args:
        rates: float64 (R,), above 0.
        weights: float64 (R,), 0 or more, summing to 1.
        coverage: Of the interval, above 0 and below 1.
    """
    order = np.argsort(rates)
    below = np.cumsum(weights[order]) - weights[order] / 2
    low, high = np.exp(np.interp(((1 - coverage) / 2, (1 + coverage) / 2), below, np.log(rates[order])))
    mean = float(weights @ rates)
    return Rate(mean, float(low), float(high), float(np.sqrt(weights @ (rates - mean) ** 2)), coverage)


def sum_rates(rates: list[Rate]) -> Rate:
    """The rate of several shelves together, believed independently: a Gamma of the summed mean and variance.

    Args:
        rates: At least one, of one coverage.
    """
    if len(rates) == 1:
        return rates[0]
    mean, variance = sum(rate.per_day for rate in rates), sum(rate.deviation**2 for rate in rates)
    return gamma_rate(mean**2 / variance, mean / variance, coverage=rates[0].coverage)


def negative_binomial(means: Floats, dispersions: Floats, n: int) -> Floats:
    """Probabilities of 0 … n-1 by mean and variance over mean, each (R,); at a dispersion of 1 Poisson's. (R, n)."""
    excess = dispersions - 1
    chance = np.empty((len(means), n))
    chance[:, 0] = np.where(excess > 0, np.exp(-means * np.log(dispersions) / np.maximum(excess, 1e-9)), np.exp(-means))
    for k in range(1, n):
        chance[:, k] = chance[:, k - 1] * (means + excess * (k - 1)) / (dispersions * k)
    return chance
