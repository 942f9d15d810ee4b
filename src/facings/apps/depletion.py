"""What photos of a shelf tell of demand, without any till: how fast it empties between scans.

In: the looks at one product at one place, in order of time: facings counted, or units that a person counted; beside
each what the ledger knows came and went since the look before. Out: the rate at which units leave while there are any,
and for each gap between looks how many left and how long the shelf stood empty.

A look is not the truth: a facing is missed, another product is taken for this one, and the units behind the first are
not seen at all. So the difference between two counts is no sale. Here what stands on the shelf is a hidden state
(`shelf_states`; hidden Markov model, Rabiner 1989): it falls by units that are bought (negative binomial: people buy
several at a time) and, at night, thrown away, rises when somebody fills the shelf, and each look speaks for the states
that would look like it. An empty shelf sells nothing, so it says nothing of demand (censoring); a rise between two
looks hides what left beside it, and the sum over all ways it can have been is exactly what can be said. How the shelf
is filled nobody knows either (`shelf_habits`), so that every doubt is in the interval of the rate.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import numpy as np

from facings.apps.demand_rate import COVERAGE, Floats, Rate, negative_binomial, weighed_rate
from facings.apps.recognition_noise import USUAL_NOISE, RecognitionNoise
from facings.apps.shelf_habits import USUAL, Ways, draw_ways
from facings.apps.shelf_states import shelf_states
from facings.apps.shop_hours import ShopHours

_STRAY_LOSS = 0.02  # units that leave unseen in a gap of which the till tells the others
_MAX_FACINGS = 24
_FLOOR = 1e-12  # what cannot be may be all the same: a till, a catalog, a person erred
_DAY = timedelta(days=1)
_STEP = 0.025  # open days; gaps are told apart no finer
_MAX_NIGHTS = 7  # after so many the shelf may be as if nobody had looked before
_PART, _MAX_PARTS = timedelta(days=18), 5  # of the time, in each of which the rate is one


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
    noise: RecognitionNoise = USUAL_NOISE,
) -> Depletion:
    """The rate of demand that looks at one shelf tell, and what happened between them.

    Args:
        looks: In order of time; two of one time count as one moment.
        depth: Units behind one another at a facing of the full shelf, 1 or more.
        hours: When the shop is open.
        coverage: Of the rate's interval.
        is_rate_known: The till tells the rate; wanted is only when the shelf was empty.
        noise: How recognition errs.
    """
    if len(looks) < 2:
        return Depletion(None, ())
    shelf = _Shelf(looks, depth, hours, noise)
    if sum(shelf.open_days) <= 0:
        return Depletion(None, ())
    if is_rate_known:
        return Depletion(None, shelf.gaps(USUAL))
    ways, weights = draw_ways(shelf.log_likelihood)
    rates = ways.rates * np.exp(np.outer(shelf.parts, ways.growth)).mean(axis=0) * shelf.states.scale
    likeliest = Ways(*(getattr(ways, field.name)[[weights.argmax()]] for field in fields(ways)))
    return Depletion(weighed_rate(rates, weights, coverage=coverage), shelf.gaps(likeliest))


class _Shelf:
    """The hidden state of one shelf and the looks at it.

    Args:
        looks: As they come.
        depth: Units behind one another.
        hours: Of the shop.
        noise: How recognition errs.
    """

    def __init__(self, looks: Sequence[ShelfLook], depth: int, hours: ShopHours, noise: RecognitionNoise) -> None:
        self.looks = looks
        self.states = shelf_states(min(_MAX_FACINGS, _columns(looks, depth)), depth, noise)
        pairs = list(itertools.pairwise(looks))
        self.open_days = [round(hours.open_days(a.at, b.at) / _STEP) * _STEP for a, b in pairs]
        days = [hours.clock.to_wall(look.at).date() for look in looks]
        self.nights = [min(max(0, (b - a).days), _MAX_NIGHTS) for a, b in itertools.pairwise(days)]
        span = looks[-1].at - looks[0].at
        n_parts = int(min(_MAX_PARTS, max(1, span // _PART)))
        self.parts = (np.arange(n_parts) * 2 + 1) / n_parts - 1  # their middles, −1 to 1
        self.part_of = [
            min(n_parts - 1, max(0, int((b.at - looks[0].at) / max(span, _DAY) * n_parts))) for _, b in pairs
        ]

    def log_likelihood(self, ways: Ways) -> Floats:
        """How well each way agrees with all looks; float64 (R,)."""
        n_states, total, going = len(self.states.units), np.zeros(len(ways)), _Going(self, ways)
        held = np.full((len(ways), n_states), 1 / n_states)
        for k, look in enumerate(self.looks):
            if k:
                held = going.on(held, k)
            held = held * self.speaks(look)
            size = held.sum(axis=1)
            total += np.log(size)
            held = held / size[:, None]
        return total

    def gaps(self, way: Ways) -> tuple[Gap, ...]:
        """What happened between the looks if things go one way, by all looks before and after."""
        going, n_states = _Going(self, way), len(self.states.units)
        forward = [_shares(self.speaks(self.looks[0]))]
        for k, look in enumerate(self.looks[1:], 1):
            forward.append(_shares(going.on(forward[-1][None], k)[0] * self.speaks(look)))
        later, found = np.ones(n_states), []
        p_after = _p_empty(forward[-1], later)
        for k in range(len(self.looks) - 1, 0, -1):
            chances, gone = going.back(k, self.speaks(self.looks[k]) * later)
            n_gone = float(forward[k - 1] @ gone / (forward[k - 1] @ chances)) * self.states.scale
            later = chances / chances.max()
            p_before = _p_empty(forward[k - 1], later)
            start, end = self.looks[k - 1].at, self.looks[k].at
            found.append(Gap(start, end, n_gone, self.open_days[k - 1], (p_before, p_after)))
            p_after = p_before
        return tuple(reversed(found))

    def speaks(self, look: ShelfLook) -> Floats:
        """How well each state agrees with a look; float64 (S,)."""
        if look.n_units is not None:
            return self.states.counted(look.n_units)
        return self.states.speaks(look.n_facings or 0)


class _Going:
    """From look to look, for several ways at once: what comes is told by the ledger, then the shelf is filled, or sold
    from, or cleared of what is too old, and filled again."""

    def __init__(self, shelf: _Shelf, ways: Ways) -> None:
        self._shelf, self._ways = shelf, ways
        self._sales: dict[tuple[float, int], Floats] = {}
        self._fillings: dict[tuple[float, int], Floats] = {}

    def on(self, held: Floats, k: int) -> Floats:
        """Probabilities (R, S) after gap k."""
        states, look, nights = self._shelf.states, self._shelf.looks[k], self._shelf.nights[k - 1]
        if look.n_brought:
            held = held @ self._brought(look.n_brought)
        filled = self._filled(k)
        held = states.filled(held, filled, self._ways.to_top)
        falls = self._falls(k)
        held = held @ falls[0] if len(falls) == 1 else (held.astype(np.float32)[:, None] @ falls)[:, 0].astype(float)
        if nights:
            kept = (1 - self._ways.wasted_nightly[:, None]) ** nights
            held = kept * held + (1 - kept) * (held @ states.wasted)
        return states.filled(held, filled, self._ways.to_top) + _FLOOR

    def back(self, k: int, wanted: Floats) -> tuple[Floats, Floats]:
        """By state at the start of gap k, of the first way: chance of all that follows, and that times units sold."""
        states, look, unit = self._shelf.states, self._shelf.looks[k], np.eye(len(wanted))
        filling = states.filled(
            unit, np.repeat(self._filled(k)[:1], len(unit), axis=0), self._ways.to_top[[0] * len(unit)]
        )
        kept = (1 - self._ways.wasted_nightly[0]) ** self._shelf.nights[k - 1]
        wasting = kept * unit + (1 - kept) * states.wasted
        falls = self._falls(k)[0].astype(float)
        going = falls * np.maximum(0, np.subtract.outer(states.units, states.units))
        later = wasting @ (filling @ wanted)
        chances, gone = filling @ (falls @ later) + _FLOOR * wanted.sum(), filling @ (going @ later)
        if look.n_brought:
            brought = self._brought(look.n_brought)
            chances, gone = brought @ chances, brought @ gone
        return chances, gone

    def _brought(self, n_units: int) -> Floats:
        states = self._shelf.states
        return states.brought(n_units) if n_units > 0 else states.left(-n_units)

    def _falls(self, k: int) -> Floats:
        """Chances to go from one state to another by what is sold in gap k; (R, S, S), or (1, S, S) for all ways."""
        states, look = self._shelf.states, self._shelf.looks[k]
        if look.n_sold is not None:
            stray = states.left(look.n_sold + math.ceil(states.scale))
            told: Floats = states.left(look.n_sold) * (1 - _STRAY_LOSS) + stray * _STRAY_LOSS
            return told[None]
        key = days, part = self._shelf.open_days[k - 1], self._shelf.part_of[k - 1]
        if key not in self._sales:
            ways, n_taken = self._ways, len(states.taken)
            means = ways.rates * np.exp(ways.growth * self._shelf.parts[part]) * days
            wanted = negative_binomial(means, ways.dispersions, n_taken)
            wanted[:, -1] += np.maximum(0, 1 - wanted.sum(axis=1))
            falls = wanted @ states.taken.reshape(n_taken, -1)
            self._sales[key] = falls.reshape(len(ways), *states.taken.shape[1:]).astype(np.float32)
        return self._sales[key]

    def _filled(self, k: int) -> Floats:
        """Chance that somebody fills the shelf before what is sold in gap k, the same after it; (R, S)."""
        key = days, nights = self._shelf.open_days[k - 1], self._shelf.nights[k - 1]
        if key not in self._fillings:
            ways, is_high = self._ways, self._shelf.states.is_high
            calm = (nights * np.log(1 - ways.filled_nightly) - days * ways.filled_daily)[:, None]
            calm = calm * np.where(is_high, ways.when_high[:, None], 1.0)
            self._fillings[key] = 1 - np.exp(calm / 2)
        return self._fillings[key]


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


def _shares(weights: Floats) -> Floats:
    shares: Floats = weights / weights.sum()
    return shares
