"""What can stand on a shelf, and how it changes: units, and columns that show one, as states with chances between them.

A photo shows the columns that are not empty; what stands behind the first unit nobody sees. A customer takes the front
unit of any column, so columns empty unevenly, and an uneven shelf stays so until somebody fills it: both numbers, units
and columns, belong to the state. Given both, columns that were full once and lost t units each have chances in
proportion to the product of 1/t! (each unit was taken from any column that had one), which gives the chance that the
next unit is the last of its column. Many units are counted in packets, many columns in groups, to keep states few.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.apps.recognition_noise import USUAL_NOISE, RecognitionNoise

_MAX_COLUMNS, _MAX_UNITS = 9, 72
FINE, COARSE = 56, 32  # states, at most
_WASTED = (0.5, 0.25, 0.25)  # of the times that units are thrown away: one, two, three of them

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)  # each is itself alone, and may be the key of what is remembered of it
class ShelfStates:
    """The states of a shelf.

    Args:
        units: int64 (S,), units in each state, counted as by `scale`; state 0 is the empty shelf.
        fronts: int64 (S,), columns that are not empty.
        full: Number of the state in which nothing is missing.
        taken: float64 (U, S, S), chance to go from a state (row) to another (column) when 0, 1, … units are wanted; who
            wants more than there are takes all.
        raised: float64 (S, S), the same when somebody adds some units, any number as likely as another.
        wasted: float64 (S, S), the same when units are thrown away.
        seen: float64 (F, S), chance that a photo counts 0, 1, … facings (in groups of `group`) in each state.
        scale: Units of the product to one counted here.
        group: Columns counted as one.
    """

    units: Ints
    fronts: Ints
    full: int
    taken: Floats
    raised: Floats
    wasted: Floats
    seen: Floats
    scale: float
    group: int

    @property
    def is_high(self) -> NDArray[np.bool_]:
        """bool (S,), whether more than half of what fits stands there."""
        high: NDArray[np.bool_] = self.units > self.units[self.full] / 2
        return high

    def speaks(self, n_facings: int) -> Floats:
        """How well each state agrees with a photo that counts so many facings; float64 (S,)."""
        look: Floats = self.seen[min(round(n_facings / self.group), len(self.seen) - 1)]
        return look

    def counted(self, n_units: int) -> Floats:
        """How well each state agrees with a person's count; float64 (S,)."""
        off = np.abs(self.units - n_units / self.scale)
        exact: Floats = np.where(off == off.min(), 1.0, 1e-4)
        return exact

    def left(self, n_units: int) -> Floats:
        """Chances (S, S) when so many units of the product are known to have left."""
        left: Floats = self.taken[min(round(n_units / self.scale), len(self.taken) - 1)]
        return left

    def brought(self, n_units: int) -> Floats:
        """Chances (S, S) when so many units of the product are known to have come; what does not fit is elsewhere."""
        after = np.abs(self.units[None] - np.minimum(self.units[:, None] + n_units / self.scale, self.units.max()))
        rows = _not_fewer(self.fronts) * (after == after.min(axis=1, keepdims=True))
        return _shares(np.where(rows.sum(axis=1, keepdims=True) > 0, rows, np.eye(len(rows))[self.full]))

    def filled(self, held: Floats, chance: Floats, to_top: Floats) -> Floats:
        """Probabilities after a time in which somebody may have filled the shelf.

        Args:
            held: float64 (R, S), before.
            chance: float64 (R, S), that somebody did, by state.
            to_top: float64 (R,), share of the fillings that leave nothing missing.
        """
        moving = held * chance
        after: Floats = held - moving + (1 - to_top)[:, None] * (moving @ self.raised)
        after[:, self.full] += to_top * moving.sum(axis=1)
        return after


@functools.lru_cache(maxsize=128)
def shelf_states(
    n_columns: int, depth: int, noise: RecognitionNoise = USUAL_NOISE, max_states: int = FINE
) -> ShelfStates:
    """The states of a shelf.

    Args:
        n_columns: Facings of the full shelf, 1 or more.
        depth: Units behind one another, 1 or more.
        noise: How recognition errs.
        max_states: More are not told apart: units are counted in packets then.
    """
    group = math.ceil(n_columns / _MAX_COLUMNS) if depth > 1 else 1  # single units hide nothing
    columns = math.ceil(n_columns / group)
    deep = max(1, min(depth * group, _MAX_UNITS // columns))
    states, packet = _states(columns, deep, max_states)
    units, fronts = (np.array(numbers) for numbers in zip(*states, strict=True))
    one = _one_packet(states, packet, columns, deep)
    full = len(states) - 1
    powers = [np.eye(len(states))]
    while powers[-1][full, 0] < 1 - 1e-12:
        powers.append(powers[-1] @ one)
    taken = _by_unit(powers, packet, columns * deep)
    wasted = sum(share * taken[min(n, len(taken) - 1)] for n, share in enumerate(_WASTED, 1))
    seen = sightings(columns, noise)[:, fronts]
    scale = depth * group / deep
    raised = _raised(units, fronts, powers)
    return ShelfStates(units, fronts, full, taken, raised, np.asarray(wasted), seen, scale, group)


def _states(columns: int, deep: int, max_states: int) -> tuple[list[tuple[int, int]], int]:
    """(units, columns that show) by units, the empty shelf first and the full one last; and units in a packet."""
    top = columns * deep
    for packet in range(1, top + 1):
        levels = range(top, 0, -packet)
        states = [(n, k) for n in levels for k in range(min(columns, n), math.ceil(n / deep) - 1, -1)]
        if len(states) < max_states:
            break
    return [(0, 0), *reversed(states)], packet


def _one_packet(states: list[tuple[int, int]], packet: int, columns: int, deep: int) -> Floats:
    """Chances (S, S) when one packet is taken, unit by unit."""
    last = _last_of_column(columns, deep)
    found = np.zeros((len(states), len(states)))
    number = {state: n for n, state in enumerate(states)}
    for (units, fronts), row in number.items():
        ways = {fronts: 1.0}
        for n in range(units, max(0, units - packet), -1):
            after: dict[int, float] = {}
            for k, chance in ways.items():
                after[k] = after.get(k, 0.0) + chance * (1 - last[n, k])
                after[k - 1] = after.get(k - 1, 0.0) + chance * last[n, k]
            ways = {k: chance for k, chance in after.items() if chance > 0}
        for k, chance in ways.items():
            found[row, number.get((units - packet, k), 0)] += chance
    return found


def _last_of_column(columns: int, deep: int) -> Floats:
    """Chance that the next unit is the last of its column, by units and columns that show; (units + 1, columns + 1)."""
    one = np.array([0.0, *(1 / math.factorial(deep - n) for n in range(1, deep + 1))])
    one /= one.max()
    ways = [np.ones(1)]
    found = np.zeros((columns * deep + 1, columns + 1))
    for k in range(1, columns + 1):
        ways.append(np.convolve(ways[-1], one))
        for n in range(k, k * deep + 1):
            rest = ways[k - 1][n - 1] if n - 1 < len(ways[k - 1]) else 0.0
            found[n, k] = 1.0 if n == k else min(1.0, one[1] * rest / ways[k][n])
    found[0, 0] = 0.0
    return found


def _by_unit(powers: list[Floats], packet: int, top: int) -> Floats:
    """Chances by units wanted: between two packets, either, so that the mean is right."""
    found = []
    for n in range(top + 1):
        packets, rest = divmod(n, packet)
        few, more = (powers[min(q, len(powers) - 1)] for q in (packets, packets + 1))
        found.append(few + (more - few) * rest / packet)
    found[-1] = powers[-1]
    return np.array(found)


def _raised(units: Ints, fronts: Ints, powers: list[Floats]) -> Floats:
    """Chances when somebody adds some units, any number as likely; columns then show as on a shelf once full."""
    once_full = sum(power[-1] for power in powers)
    level = once_full / np.array([once_full[units == n].sum() for n in units])
    rows = (units[None] >= units[:, None]) * _not_fewer(fronts) * level[None]
    for n in np.unique(units):
        rows[:, units == n] = _shares(rows[:, units == n])
    return _shares(rows)


def _not_fewer(fronts: Ints) -> NDArray[np.bool_]:
    """Whether a state (column) shows as many columns as another (row) or more; (S, S)."""
    found: NDArray[np.bool_] = fronts[None] >= fronts[:, None]
    return found


def _shares(rows: Floats) -> Floats:
    """Rows that sum to 1, or are 0 throughout."""
    sums = rows.sum(axis=1, keepdims=True)
    shares: Floats = rows / np.where(sums > 0, sums, 1.0)
    return shares


def sightings(columns: int, noise: RecognitionNoise) -> Floats:
    """Chance to count so many facings (row) when so many are there (column); float64 (columns + 4, columns + 1)."""
    n = np.arange(columns + 4)
    found = np.zeros((len(n), columns + 1))
    log_factorial = np.array([math.lgamma(k + 1) for k in n])
    found[:, 0] = np.exp(n * math.log(noise.false) - noise.false - log_factorial)  # Poisson
    for k in range(1, columns + 1):  # one facing more is found, or not
        found[:, k] = noise.missed * found[:, k - 1]
        found[1:, k] += (1 - noise.missed) * found[:-1, k - 1]
    return found
