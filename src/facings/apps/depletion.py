"""What photos of a shelf tell of demand, without any till: how fast it empties between scans.

In: the looks at one product at one place, in order of time: facings counted, or units that a person counted; beside
each what the ledger knows came and went since the look before. Out: the rate at which units leave while there are any,
and for each gap between looks how many left and how long the shelf stood empty.

A look is not the truth: a facing is missed, another product is taken for this one, and the units behind the first are
not seen at all. So the difference between two counts is no sale. Here the true number of units is a hidden state
(hidden Markov model; Rabiner 1989): it falls by units that are bought (negative binomial: people buy several at a
time), rises when somebody fills the shelf, and each look speaks for the numbers that would look like it. An empty shelf
sells nothing, so it says nothing of demand (censoring); a rise between two looks hides what left beside it, and the
sum over all ways it can have been is exactly what can be said. The rate is believed by its likelihood under all of
this, so that every doubt is in its interval.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from facings.apps.demand_rate import COVERAGE, Floats, Rate, negative_binomial, posterior_rate
from facings.apps.shelf_belief import facings_likelihood
from facings.apps.shop_hours import ShopHours

_LOWEST, _HIGHEST, _N_COARSE, _N_FINE = 0.004, 150.0, 20, 15
_DISPERSIONS = (1.0, 2.2)  # variance of a day's units over their mean, as likely as each other beforehand
_FILLED_EVERY = (0.8, 3.0, 12.0)  # days between fillings of the shelf, likewise
_FILLED_UP = 0.7  # of the fillings; the others bring less
_STRAY_LOSS = 0.02  # units that leave unseen in a gap of which the till tells the others
_MAX_UNITS, _MAX_FACINGS = 48, 24
_HABITS = tuple(itertools.product(_DISPERSIONS, _FILLED_EVERY))
_FLOOR = 1e-12  # what cannot be may be all the same: a till, a catalog, a person erred
_DAY = timedelta(days=1)
_STEP = 0.02  # open days; gaps are told apart no finer


@dataclass(frozen=True, slots=True)
class ShelfLook:
    """One look at a product at a place.

    Args:
        at: When, aware.
        n_facings: Facings that a photo showed; None where a person counted.
        n_units: Units that a person counted; None where a photo did.
        n_sold: Units that the till says were sold since the look before; None where the till does not tell.
        n_brought: Units that the ledger says came to this very place since the look before; below 0, went from it.
    """

    at: datetime
    n_facings: int | None = None
    n_units: int | None = None
    n_sold: int | None = None
    n_brought: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """What is believed of the time between two looks.

    Args:
        start: Time of the first look.
        end: Time of the second.
        n_gone: Expected units that left.
        open_days: Its length in days of opening hours.
        p_empty: Probability that the shelf was empty at its start and at its end.
    """

    start: datetime
    end: datetime
    n_gone: float
    open_days: float
    p_empty: tuple[float, float]

    @property
    def n_empty_days(self) -> float:
        """Expected open days in which there was none."""
        return self.open_days * sum(self.p_empty) / 2


@dataclass(frozen=True)
class Depletion:
    """What the looks at one shelf tell together.

    Args:
        rate: Units wanted an open day; None when it was known, or the looks cannot tell: too few, or no open time.
        gaps: Between the looks, by time.
    """

    rate: Rate | None
    gaps: tuple[Gap, ...]


def deplete(
    looks: Sequence[ShelfLook],
    depth: int,
    hours: ShopHours,
    *,
    coverage: float = COVERAGE,
    is_rate_known: bool = False,
) -> Depletion:
    """The rate of demand that looks at one shelf tell, and what happened between them.

    Args:
        looks: In order of time; two of one time count as one moment.
        depth: Units behind one another at a facing of the full shelf, 1 or more.
        hours: When the shop is open.
        coverage: Of the rate's interval.
        is_rate_known: The till tells the rate; wanted is only when the shelf was empty.
    """
    if len(looks) < 2:
        return Depletion(None, ())
    shelf = _Shelf(looks, depth, hours)
    if sum(shelf.open_days) <= 0:
        return Depletion(None, ())
    if is_rate_known:
        return Depletion(None, shelf.gaps(np.array([[1.0, *_HABITS[1]]])))
    log_rates, joint = _believed(shelf)
    rate = posterior_rate(log_rates, np.logaddexp.reduce(joint, axis=1), coverage=coverage)
    likeliest = _HABITS[int(np.argmax(np.logaddexp.reduce(joint, axis=0)))]
    return Depletion(rate.times(shelf.scale), shelf.gaps(np.array([[rate.per_day, *likeliest]])))


def _believed(shelf: _Shelf) -> tuple[Floats, Floats]:
    """Logarithms of rates, close to what is likely, (G,); and how likely each is with each habit, (G, H)."""
    coarse = np.linspace(math.log(_LOWEST), math.log(_HIGHEST), _N_COARSE)
    near = np.flatnonzero((believed := _joint(shelf, coarse, _HABITS[1::2]).max(axis=1)) > believed.max() - 9)
    step = coarse[1] - coarse[0]
    fine = np.linspace(coarse[near[0]] - step, coarse[near[-1]] + step, _N_FINE)
    return fine, _joint(shelf, fine, _HABITS)


def _joint(shelf: _Shelf, log_rates: Floats, habits: Sequence[tuple[float, float]]) -> Floats:
    """Logarithm of the likelihood, (G, H): the prior is flat in the logarithm of the rate."""
    ways = np.array([[math.exp(rate), *habit] for rate in log_rates for habit in habits])
    return shelf.log_likelihood(ways).reshape(len(log_rates), len(habits))


class _Shelf:
    """The hidden state of one shelf: units in columns, large shelves in coarser units."""

    def __init__(self, looks: Sequence[ShelfLook], depth: int, hours: ShopHours) -> None:
        self.looks = looks
        columns = min(_MAX_FACINGS, _columns(looks, depth))
        deep = min(depth, max(1, _MAX_UNITS // columns))
        self.scale = depth / deep
        self.n_states = columns * deep + 1
        self._likelihood = facings_likelihood(columns, deep)
        pairs = list(itertools.pairwise(looks))
        self.open_days = [hours.open_days(a.at, b.at) for a, b in pairs]
        self.all_days = [max(0.0, (b.at - a.at) / _DAY) for a, b in pairs]

    def log_likelihood(self, ways: Floats) -> Floats:
        """How well each way (rate, dispersion, days between fillings) agrees with all looks; (R, 3) → (R,)."""
        held = np.full((len(ways), self.n_states), 1 / self.n_states)
        total = np.zeros(len(ways))
        for k, look in enumerate(self.looks):
            if k:
                held = self._moved_on(held, k, ways)
            held = held * self._speaks(look)
            size = held.sum(axis=1)
            total += np.log(size)
            held = held / size[:, None]
        return total

    def gaps(self, way: Floats) -> tuple[Gap, ...]:
        """What happened between the looks if things go one way, (1, 3), by all looks before and after."""
        forward = [self._speaks(self.looks[0]) / self.n_states]
        for k, look in enumerate(self.looks[1:], 1):
            moved = self._moved_on(forward[-1][None], k, way)[0] * self._speaks(look)
            forward.append(moved / moved.sum())
        later, found = np.ones(self.n_states), []
        p_after = _p_empty(forward[-1], later)
        for k in range(len(self.looks) - 1, 0, -1):
            chances, gone = self._looking_back(k, way, self._speaks(self.looks[k]) * later)
            n_gone = float(forward[k - 1] @ gone / (forward[k - 1] @ chances))
            later = chances / chances.max()
            p_before = _p_empty(forward[k - 1], later)
            start, end = self.looks[k - 1].at, self.looks[k].at
            found.append(Gap(start, end, n_gone * self.scale, self.open_days[k - 1], (p_before, p_after)))
            p_after = p_before
        return tuple(reversed(found))

    def _speaks(self, look: ShelfLook) -> Floats:
        """How well each number of units agrees with a look; float64 (S,)."""
        if look.n_units is None:
            return np.asarray(self._likelihood[min(look.n_facings or 0, len(self._likelihood) - 1)])
        exact = np.full(self.n_states, 1e-4)
        exact[min(self.n_states - 1, round(look.n_units / self.scale))] = 1.0
        return exact

    def _falls(self, k: int, ways: Floats) -> Floats:
        """Chance to go from so many units (row) to so many (column) by what leaves in gap k; float64 (R, S, S)."""
        sold = self.looks[k].n_sold
        if sold is not None:
            return _falls_by(self.n_states, min(round(sold / self.scale), self.n_states - 1))
        days = max(round(self.open_days[k - 1] / _STEP), 0.1) * _STEP
        return _falls_at(self.n_states, days, ways.tobytes())

    def _filled(self, k: int, ways: Floats) -> Floats:
        """Chance that somebody filled the shelf in gap k; (R, 1)."""
        chance: Floats = 1 - np.exp(-self.all_days[k - 1] / ways[:, 2:])
        return chance

    def _moved_on(self, held: Floats, k: int, ways: Floats) -> Floats:
        """Probabilities (R, S) after gap k: it was filled before what left, or after, or not."""
        held, falls = _shifted(held, round(self.looks[k].n_brought / self.scale)), self._falls(k, ways)
        filled, rises = self._filled(k, ways), _rises(self.n_states)
        before = held + filled / 2 * (held @ rises)
        fell = np.matmul(before[:, None, :], falls)[:, 0]
        moved: Floats = fell + filled / 2 * (fell @ rises) + _FLOOR
        return moved

    def _looking_back(self, k: int, way: Floats, wanted: Floats) -> tuple[Floats, Floats]:
        """By units at the start of gap k: probability of all that follows, and the same times units that left."""
        falls, rises, filled = self._falls(k, way)[0], _rises(self.n_states), float(self._filled(k, way)[0, 0])
        going = falls * np.maximum(0, np.subtract.outer(np.arange(self.n_states), np.arange(self.n_states)))
        later = wanted + filled / 2 * (rises @ wanted)
        chances, gone = falls @ later, going @ later
        chances, gone = chances + filled / 2 * (rises @ chances), gone + filled / 2 * (rises @ gone)
        brought = round(self.looks[k].n_brought / self.scale)
        after = np.clip(np.arange(self.n_states) + brought, 0, self.n_states - 1)
        return (chances + _FLOOR * wanted.sum())[after], gone[after]


def _columns(looks: Sequence[ShelfLook], depth: int) -> int:
    """Facings of the full shelf: a tenth of the looks count so many; fewer may have taken other products for this."""
    counts = sorted(
        (math.ceil(look.n_units / depth) if look.n_units is not None else look.n_facings or 0 for look in looks),
        reverse=True,
    )
    return max(1, counts[math.ceil(len(counts) / 10) - 1])


def _p_empty(before: Floats, later: Floats) -> float:
    both = before * later
    return float(both[0] / both.sum())


def _shifted(held: Floats, n: int) -> Floats:
    """After so many units came for certain, or went if below zero."""
    if not n:
        return held
    moved, top = np.zeros_like(held), held.shape[1] - 1
    for before in range(top + 1):
        moved[:, min(max(before + n, 0), top)] += held[:, before]
    return moved


@functools.lru_cache(maxsize=24)
def _falls_at(n_states: int, days: float, ways: bytes) -> Floats:
    """The falls by sales over so many open days, for each way; who wants more than there is gets all."""
    rates, dispersions, _ = np.frombuffer(ways).reshape(-1, 3).T
    gone = negative_binomial(rates * days, dispersions, n_states)
    lost = np.subtract.outer(np.arange(n_states), np.arange(n_states))
    falls: Floats = np.where(lost >= 0, gone[:, np.maximum(lost, 0)], 0.0)
    falls[:, :, 0] = np.maximum(0, 1 - falls[:, :, 1:].sum(axis=2))
    return falls


@functools.lru_cache(maxsize=256)
def _falls_by(n_states: int, n_sold: int) -> Floats:
    """The falls when it is known how many were sold; from fewer there is no way. (1, S, S)."""
    falls = np.eye(n_states, k=-n_sold)
    stray = falls * (1 - _STRAY_LOSS)
    stray[:, :-1] += falls[:, 1:] * _STRAY_LOSS
    stray[:, 0] += falls[:, 0] * _STRAY_LOSS
    stray[0] *= n_sold == 0
    return stray[None]


@functools.lru_cache(maxsize=256)
def _rises(n_states: int) -> Floats:
    """Change of the chances (S, S) when somebody fills the shelf: row, units before; column, units after.

    The diagonal takes what the others give, so that rows sum to 0.
    """
    rises = np.zeros((n_states, n_states))
    for n in range(n_states):
        rises[n, n:] = (1 - _FILLED_UP) / (n_states - n)
        rises[n, -1] += _FILLED_UP
    rises -= np.eye(n_states)
    return rises
