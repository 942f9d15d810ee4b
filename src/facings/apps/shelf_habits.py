"""How a shelf is sold from and filled, as far as looks at it can tell: many ways it may be, each with its weight.

Besides the rate of demand nobody knows how often the shelf is filled, at night or by day, whether to the top, whether
only when it is low, how much is thrown away. Each of these changes what the same looks say of demand, so none is
fixed: ways are drawn, those that agree with the looks are weighed by how well they do, and more are drawn around these
(adaptive multiple importance sampling; Cornuet, Marin, Mira, Robert 2012). What the looks cannot tell apart stays in
the interval of the rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
_N_FIRST, _N_LATER, _N_TIMES = 128, 160, 3
_TRUST = 0.6  # looks of one day and one weekday are less independent than they are taken for
_NEAR, _NEAR_FRAC = 2.0, 0.75  # so much of the log rate around a guess the first draws look through, with so many
_WANTED_SIZE = 30.0  # of the effective sample that the next draws are fitted to
_FREEDOM = 6  # of the t distribution that ways are drawn from: its tails reach what the fit has not seen yet
_ODD_FRAC = 0.1  # of the shelves, of which the habits of the shop tell nothing
_N_ROUNDS = 15


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


@dataclass(frozen=True)
class Habits:
    """How the shelves of a shop are sold from and filled, as a normal distribution of all but the rate.

    Args:
        center: float64 (7,), their mean in the space that ways are drawn from.
        spread: float64 (7, 7), how they differ from shelf to shelf (covariance).
    """

    center: Floats
    spread: Floats

    def log_density(self, points: Floats) -> Floats:
        """Logarithm of the density of points (R, 8), where all of the box is as likely for some odd shelves."""
        off = points[:, 1:] - self.center
        far = np.einsum("ri,ij,rj->r", off, np.linalg.inv(self.spread), off)
        width = len(self.center)
        normal = -(far + np.linalg.slogdet(self.spread)[1] + width * math.log(2 * math.pi)) / 2
        box = -np.log(_HIGH - _LOW)[1:].sum()
        density: Floats = np.logaddexp(normal + math.log(1 - _ODD_FRAC), box + math.log(_ODD_FRAC))
        return density


class DrawnWays:
    """Ways drawn for one shelf so far, and how well they agree with its looks and with what else is known.

    The same likelihood gives the same ways.

    Args:
        log_likelihood: How well ways agree with what was seen; Ways → float64 (R,).
        guess: About how many units are wanted an open day, above 0. It tells where to look first, and no more.
        habits: Of the shop; without, all in the box of ways are as likely beforehand.
    """

    def __init__(self, log_likelihood: Callable[[Ways], Floats], *, guess: float, habits: Habits | None = None) -> None:
        self._log_likelihood, self._rng = log_likelihood, np.random.default_rng(0)
        self._near = np.clip(math.log(guess), _LOW[0] + _NEAR, _HIGH[0] - _NEAR) + np.array([-_NEAR, _NEAR])
        self.points, self._logs = np.zeros((0, len(_LOW))), np.zeros(0)
        self._fits: list[tuple[Floats, Floats, float]] = []
        self._habits = habits
        self._begin()
        for number in range(_N_TIMES):
            self._add(*(self._as_the_shop(habits) if habits and not number else self._fit()))

    @property
    def ways(self) -> Ways:
        """All of them."""
        return Ways.at(self.points)

    @property
    def likeliest(self) -> Ways:
        """The one that agrees best."""
        return Ways.at(self.points[[self._known().argmax()]])

    def weights(self, power: float = 1.0) -> Floats:
        """Weights of the ways, float64 (R,), which sum to 1; with a power below 1 less different."""
        logs = power * (self._known() - self._log_density())
        weights: Floats = np.exp(logs - logs.max())
        weights /= weights.sum()
        return weights

    def _known(self) -> Floats:
        """What is believed of each way, as a logarithm and up to a constant."""
        seen: Floats = _TRUST * self._logs
        return seen if self._habits is None else seen + self._habits.log_density(self.points)

    def _begin(self) -> None:
        """Look through the whole box once, and closer where the guess is."""
        rng = self._rng
        cells = rng.permuted(np.tile(np.arange(_N_FIRST), (len(_LOW), 1)), axis=1).T
        points = _LOW + (_HIGH - _LOW) * (cells + rng.random(cells.shape)) / _N_FIRST  # Latin hypercube
        n_near = round(_NEAR_FRAC * _N_FIRST)
        points[:n_near, 0] = rng.uniform(self._near[0], self._near[1], n_near)
        self._keep(points)

    def _add(self, center: Floats, spread: Floats) -> None:
        """Draw more around a center."""
        normal = self._rng.multivariate_normal(np.zeros(len(center)), spread, size=6 * _N_LATER)
        points = center + normal / np.sqrt(self._rng.chisquare(_FREEDOM, len(normal)) / _FREEDOM)[:, None]
        is_inside = ((points >= _LOW) & (points <= _HIGH)).all(axis=1)
        points = points[is_inside][:_N_LATER]
        if len(points):
            # What lies outside the box was never drawn, so what lies inside was drawn the more often.
            self._fits.append((center, spread, len(points) / is_inside.mean()))
            self._keep(points)

    def _as_the_shop(self, habits: Habits) -> tuple[Floats, Floats]:
        """Center and covariance of what is known before any look."""
        spread = np.zeros((len(_LOW), len(_LOW)))
        spread[0, 0], spread[1:, 1:] = (_NEAR / 2) ** 2, habits.spread
        return np.concatenate([self._near.mean(keepdims=True), habits.center]), spread

    def _keep(self, points: Floats) -> None:
        self.points = np.vstack([self.points, points])
        self._logs = np.concatenate([self._logs, self._log_likelihood(Ways.at(points))])

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
        width = len(_LOW)
        is_near = (self.points[:, 0] >= self._near[0]) & (self.points[:, 0] <= self._near[1])
        first = (1 - _NEAR_FRAC) / (_HIGH[0] - _LOW[0]) + is_near * _NEAR_FRAC / np.ptp(self._near)
        logs = [np.log(_N_FIRST * first) - np.log(_HIGH - _LOW)[1:].sum()]
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


def learn_habits(several: Sequence[DrawnWays]) -> Habits:
    """The habits of a shop from what each of its shelves tells alone (empirical Bayes by EM; Dempster et al. 1977).

    Args:
        several: Of each shelf, without any habits known; at least one.
    """
    points, alone = [drawn.points[:, 1:] for drawn in several], [drawn.weights() for drawn in several]
    habits = Habits(*_moments(points, alone))
    for _ in range(_N_ROUNDS):
        together = [w * np.exp(habits.log_density(d.points)) for d, w in zip(several, alone, strict=True)]
        habits = Habits(*_moments(points, [each / each.sum() for each in together]))
    return habits


def _moments(points: Sequence[Floats], weights: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Mean and covariance of points (R, D) of several shelves, each shelf counting once."""
    center = np.mean([w @ p for p, w in zip(points, weights, strict=True)], axis=0)
    spread = np.mean(
        [((p - center) * w[:, None]).T @ (p - center) for p, w in zip(points, weights, strict=True)], axis=0
    )
    least = np.diag((0.03 * (_HIGH - _LOW)[-len(center) :]) ** 2)
    return center, spread + least
