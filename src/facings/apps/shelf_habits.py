"""How a shelf is sold from and filled, as far as looks at it can tell: many ways it may be, each with its weight.

Besides the rate of demand nobody knows how often the shelf is filled, at night or by day, whether to the top, whether
only when it is low, how much is thrown away. Each of these changes what the same looks say of demand, so none is
fixed: ways are drawn, those that agree with the looks are weighed by how well they do, and more are drawn around these
(adaptive multiple importance sampling; Cornuet, Marin, Mira, Robert 2012). What the looks cannot tell apart stays in
the interval of the rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Log of units an open day; growth of that log from the middle of the time to its end; log of variance over mean; logit
# of the chance of a filling in a night; log of fillings an open day; share of fillings to the top; log of how much less
# is filled while more than half is there; log of the chance that a night sees units thrown away.
_BOX = np.array(
    [
        (math.log(0.002), math.log(150)), (-1.2, 1.2), (0.0, math.log(4)), (-3.5, 3.5), (math.log(0.02), math.log(2)),
        (0.5, 1.0), (math.log(0.03), 0.0), (math.log(0.002), math.log(0.15)),
    ]
)  # fmt: skip
_LOW, _HIGH = _BOX.T
_N_FIRST, _N_LATER, _N_TIMES = 256, 128, 9
_WANTED_SIZE = 30.0  # of the effective sample that the next draws are fitted to
_FREEDOM = 6  # of the t distribution that ways are drawn from: its tails reach what the fit has not seen yet


@dataclass(frozen=True)
class Ways:
    """Ways that a shelf is sold from and filled.

    Args:
        rates: float64 (R,), units wanted an open day in the middle of the time.
        growth: float64 (R,), of the rate's logarithm from there to the end.
        dispersions: float64 (R,), variance of what is wanted over its mean, 1 or more.
        filled_nightly: float64 (R,), chance that a night sees the shelf filled.
        filled_daily: float64 (R,), fillings an open day.
        to_top: float64 (R,), share of the fillings that leave nothing missing.
        when_high: float64 (R,), how much less it is filled while more than half is there, 0 to 1.
        wasted_nightly: float64 (R,), chance that a night sees units thrown away.
    """

    rates: Floats
    growth: Floats
    dispersions: Floats
    filled_nightly: Floats
    filled_daily: Floats
    to_top: Floats
    when_high: Floats
    wasted_nightly: Floats

    @classmethod
    def at(cls, points: Floats) -> Ways:
        """The ways at points (R, 8) of the space that they are drawn from."""
        p = points.T
        filled = 1 / (1 + np.exp(-p[3]))
        return cls(np.exp(p[0]), p[1], np.exp(p[2]), filled, np.exp(p[4]), p[5], *np.exp(p[6:]))

    def __len__(self) -> int:
        return len(self.rates)


USUAL = Ways.at(
    np.array([[0.0, 0.0, 0.3, 0.5, *np.log([0.2]), 0.9, *np.log([0.3, 0.01])]])
)  # where nothing is to be learned


def draw_ways(log_likelihood: Callable[[Ways], Floats]) -> tuple[Ways, Floats]:
    """Ways and their weights, float64 (R,), which sum to 1; beforehand all in the box of ways are as likely.

    The same likelihood gives the same ways.

    Args:
        log_likelihood: How well ways agree with what was seen; Ways → float64 (R,).
    """
    rng = np.random.default_rng(0)
    cells = rng.permuted(np.tile(np.arange(_N_FIRST), (len(_LOW), 1)), axis=1).T
    points = _LOW + (_HIGH - _LOW) * (cells + rng.random(cells.shape)) / _N_FIRST  # Latin hypercube
    drawn = _Drawn(points, log_likelihood(Ways.at(points)))
    for _ in range(_N_TIMES):
        drawn.add(rng, log_likelihood)
    return Ways.at(drawn.points), drawn.weights()


class _Drawn:
    """Points drawn so far, how well they agree with what was seen, and what they were drawn from."""

    def __init__(self, points: Floats, logs: Floats) -> None:
        self.points, self._logs = points, logs
        self._fits: list[tuple[Floats, Floats, float]] = []

    def add(self, rng: np.random.Generator, log_likelihood: Callable[[Ways], Floats]) -> None:
        """Draw more around those that agree best."""
        center, spread = self._fit()
        normal = rng.multivariate_normal(np.zeros(len(center)), spread, size=6 * _N_LATER)
        points = center + normal / np.sqrt(rng.chisquare(_FREEDOM, len(normal)) / _FREEDOM)[:, None]
        is_inside = ((points >= _LOW) & (points <= _HIGH)).all(axis=1)
        points = points[is_inside][:_N_LATER]
        if len(points):
            # What lies outside the box was never drawn, so what lies inside was drawn the more often.
            self._fits.append((center, spread, len(points) / is_inside.mean()))
            self.points = np.vstack([self.points, points])
            self._logs = np.concatenate([self._logs, log_likelihood(Ways.at(points))])

    def weights(self, power: float = 1.0) -> Floats:
        """Weights of the points, which sum to 1; with a power below 1 less different."""
        logs = power * (self._logs - self._log_density())
        weights: Floats = np.exp(logs - logs.max())
        weights /= weights.sum()
        return weights

    def _fit(self) -> tuple[Floats, Floats]:
        """Center and covariance of the points that agree; while these are few, of more than agree."""
        power, weights = 1.0, self.weights()
        while 1 / (weights**2).sum() < _WANTED_SIZE and power > 1e-3:
            power *= 0.8
            weights = self.weights(power)
        center = weights @ self.points
        off = self.points - center
        least = np.diag((0.01 * (_HIGH - _LOW)) ** 2)
        return center, 1.2 * ((off * weights[:, None]).T @ off + least)

    def _log_density(self) -> Floats:
        """Logarithm of the density that all points were drawn from together, up to a constant."""
        width, n = len(_LOW), len(self.points)
        logs = [np.full(n, math.log(_N_FIRST) - np.log(_HIGH - _LOW).sum())]
        norm = (
            math.lgamma((_FREEDOM + width) / 2) - math.lgamma(_FREEDOM / 2) - width / 2 * math.log(_FREEDOM * math.pi)
        )
        for center, spread, n_points in self._fits:
            off = self.points - center
            far = np.einsum("ri,ij,rj->r", off, np.linalg.inv(spread), off)
            scale = norm - np.linalg.slogdet(spread)[1] / 2
            logs.append(math.log(n_points) + scale - (_FREEDOM + width) / 2 * np.log1p(far / _FREEDOM))
        density: Floats = np.logaddexp.reduce(logs)
        return density
