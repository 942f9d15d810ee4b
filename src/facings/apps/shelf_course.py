"""The course of one shelf from look to look, as far as its looks tell it: sold from, cleared, filled.

What stands there is a hidden state (`shelf_states`; hidden Markov model, Rabiner 1989). Between two looks the ledger's
deliveries come first; then somebody may fill the shelf, customers take what they want (negative binomial: people buy
several at a time), at night something may be thrown away, and somebody may fill it again. Each look speaks for the
states that would look like it.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from facings.apps.demand_rate import Floats, negative_binomial
from facings.apps.recognition_noise import RecognitionNoise
from facings.apps.shelf_habits import Ways
from facings.apps.shelf_states import COARSE, shelf_states
from facings.apps.shop_hours import ShopHours

_STRAY_LOSS = 0.02  # units that leave unseen in a gap of which the till tells the others
_MAX_FACINGS = 24
_FLOOR, _LEAST = 1e-12, 1e-18  # what cannot be may be all the same: a till, a catalog, a person erred
_DAY = timedelta(days=1)
_STEP = 0.025  # open days; gaps are told apart no finer
_MAX_NIGHTS = 7  # after so many the shelf may be as if nobody had looked before
_PART, _MAX_PARTS = timedelta(days=18), 5  # of the time, in each of which the rate is one
Singles = NDArray[np.float32]  # enough for chances, and twice as fast


@dataclass(frozen=True, slots=True)
class ShelfLook:
    """One look at a product at a place.

    Args:
        at: When, aware.
        n_facings: Facings that a photo showed; None where a person counted.
        n_units: Units that a person counted; None where a photo did.
        n_sold: Units that the till says were sold since the look before; None where the till does not tell.
        n_brought: Units that the ledger says came to this very place since the look before; below 0, went from it.
        sold_between: Times of the first and the last of those sales; None without any.
    """

    at: datetime
    n_facings: int | None = None
    n_units: int | None = None
    n_sold: int | None = None
    n_brought: int = 0
    sold_between: tuple[datetime, datetime] | None = None


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


class ShelfCourse:
    """The course of one shelf.

    Args:
        looks: In order of time, two or more; two of one time count as one moment.
        depth: Units behind one another at a facing of the full shelf, 1 or more.
        hours: When the shop is open.
        noise: How recognition errs.
    """

    def __init__(self, looks: Sequence[ShelfLook], depth: int, hours: ShopHours, noise: RecognitionNoise) -> None:
        self.looks = looks
        self.states = shelf_states(min(_MAX_FACINGS, _columns(looks, depth)), depth, noise, COARSE)
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

    def mean_rates(self, ways: Ways) -> Floats:
        """Units of the product wanted an open day over all the time; float64 (R,)."""
        rates: Floats = ways.rates * np.exp(np.outer(self.parts, ways.growth)).mean(axis=0) * self.states.scale
        return rates

    @functools.cached_property
    def naive_rate(self) -> float:
        """Units counted as by `states` that every fall between looks makes an open day; above 0."""
        per_front = self.states.units[-1] / self.states.fronts[-1] / self.states.group
        units = [
            (look.n_facings or 0) * per_front if look.n_units is None else look.n_units / self.states.scale
            for look in self.looks
        ]
        fallen = sum(max(0.0, float(a - b)) for a, b in itertools.pairwise(units))
        return (fallen + 1) / (sum(self.open_days) + 1)

    @property
    def n_changes(self) -> int:
        """How often a look showed another number than the one before."""
        return sum((a.n_facings, a.n_units) != (b.n_facings, b.n_units) for a, b in itertools.pairwise(self.looks))

    def log_likelihood(self, ways: Ways) -> Floats:
        """How well each way agrees with all looks; float64 (R,)."""
        n_states, total, going = len(self.states.units), np.zeros(len(ways)), _Going(self, ways)
        held = np.full((len(ways), n_states), 1 / n_states, np.float32)
        for k, look in enumerate(self.looks):
            if k:
                held = np.matmul(held[:, None], going.over(k))[:, 0] + np.float32(_FLOOR)
            held *= self._speaks(look)
            size = held.sum(axis=1)
            total += np.log(size)
            held /= size[:, None]
        return total

    def gaps(self, way: Ways) -> tuple[Gap, ...]:
        """What happened between the looks if things go one way, by all looks before and after."""
        going, speaks = _Going(self, way), [self._speaks(look) for look in self.looks]
        forward = [_shares(speaks[0])]
        for k in range(1, len(self.looks)):
            forward.append(_shares((forward[-1] @ going.over(k)[0] + _FLOOR) * speaks[k]))
        later, found = np.ones(len(self.states.units)), []
        p_after = _p_empty(forward[-1], later)
        for k in range(len(self.looks) - 1, 0, -1):
            wanted = speaks[k] * later
            later = going.over(k)[0] @ wanted + _FLOOR * wanted.sum()
            n_gone = float(forward[k - 1] @ (going.sold(k) @ wanted) / (forward[k - 1] @ later)) * self.states.scale
            later = later / later.max()
            p_before = _p_empty(forward[k - 1], later)
            found.append(
                Gap(self.looks[k - 1].at, self.looks[k].at, n_gone, self.open_days[k - 1], (p_before, p_after))
            )
            p_after = p_before
        return tuple(reversed(found))

    def _speaks(self, look: ShelfLook) -> Floats:
        """How well each state agrees with a look; float64 (S,)."""
        states = self.states
        speaks = states.speaks(look.n_facings or 0) if look.n_units is None else states.counted(look.n_units)
        return np.maximum(speaks, _LEAST)


class _Going:
    """Chances to go from state to state between two looks, for each of some ways; gaps that are alike share them."""

    def __init__(self, course: ShelfCourse, ways: Ways) -> None:
        self._course, self._ways = course, ways
        self._found: dict[Hashable, Singles] = {}

    def over(self, k: int) -> Singles:
        """From one state (row) to another in gap k; (R, S, S)."""
        return self._once(k, "all", lambda: np.matmul(np.matmul(self._before(k), self._falls(k)), self._after(k)))

    def sold(self, k: int) -> Singles:
        """The same of the first way times the units sold, as counted by the states; (S, S)."""
        units = self._course.states.units
        sold = np.maximum(0, np.subtract.outer(units, units)).astype(np.float32)
        return self._once(k, "sold", lambda: self._before(k)[0] @ (self._falls(k)[0] * sold) @ self._after(k)[0])

    def _once(self, k: int, what: str, find: Callable[[], Singles]) -> Singles:
        course, look = self._course, self._course.looks[k]
        days = course.open_days[k - 1]
        part = course.part_of[k - 1] if days else 0  # while a shop is closed, it sells nothing in any part
        key = what, days, course.nights[k - 1], part, look.n_sold, look.n_brought
        if key not in self._found:
            self._found[key] = find()
        return self._found[key]

    def _before(self, k: int) -> Singles:
        """What happens before anything is sold."""
        states, n_brought = self._course.states, self._course.looks[k].n_brought
        filling = self._filling(k)
        if not n_brought:
            return filling
        brought = states.brought(n_brought) if n_brought > 0 else states.left(-n_brought)
        before: Singles = np.matmul(brought.astype(np.float32), filling)
        return before

    def _after(self, k: int) -> Singles:
        """What happens after all that is sold."""
        filling = self._filling(k)
        kept = ((1 - self._ways.wasted_nightly) ** self._course.nights[k - 1]).astype(np.float32)[:, None, None]
        cleared: Singles = np.matmul(self._course.states.wasted.astype(np.float32), filling)
        return kept * filling + (1 - kept) * cleared

    def _falls(self, k: int) -> Singles:
        """What is sold, as the till says (1, S, S), or as is wanted."""
        course, states, ways, look = self._course, self._course.states, self._ways, self._course.looks[k]
        if look.n_sold is not None:
            stray = states.left(look.n_sold + math.ceil(states.scale))
            told: Floats = states.left(look.n_sold) * (1 - _STRAY_LOSS) + stray * _STRAY_LOSS
            return told[None].astype(np.float32)
        means = ways.rates * np.exp(ways.growth * course.parts[course.part_of[k - 1]]) * course.open_days[k - 1]
        wanted = negative_binomial(means, ways.dispersions, len(states.taken))
        wanted[:, -1] += np.maximum(0, 1 - wanted.sum(axis=1))  # who wants more than there can be takes all
        falls: Singles = np.tensordot(wanted.astype(np.float32), states.taken.astype(np.float32), 1)
        return falls

    def _filling(self, k: int) -> Singles:
        """Somebody fills the shelf, or not, in one half of what happens in a gap."""
        states, ways = self._course.states, self._ways
        days, nights = self._course.open_days[k - 1], self._course.nights[k - 1]
        calm_nights, calm_days = nights * np.log(1 - ways.filled_nightly), -days * ways.filled_daily
        calm = (calm_nights + calm_days)[:, None] * np.where(states.is_high, ways.when_high[:, None], 1.0)
        chance = (1 - np.exp(calm / 2)).astype(np.float32)
        to_top = ways.to_top.astype(np.float32)[:, None]
        filling: Singles = (chance * (1 - to_top))[:, :, None] * states.raised.astype(np.float32)
        filling[:, :, states.full] += chance * to_top
        same = np.arange(len(states.units))
        filling[:, same, same] += 1 - chance
        return filling


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
