"""Which product stands where on a shelf: the plan that a photo is then taken of.

A plan is data: a later visit to the same shelf is the same plan with other slots empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from facings.errors import BadInput
from facings.simulate.packs import Pack

MAX_FACINGS = 1000
_BAY_ASPECT = 1.33  # width over height that an automatic number of rows aims at
_AIR_CM = 4.0


@dataclass(frozen=True)
class Slot:
    """A place for one facing.

    Args:
        pack: The product that belongs here.
        is_empty: Whether nothing stands here.
    """

    pack: Pack
    is_empty: bool = False


@dataclass(frozen=True)
class ShelfPlan:
    """A fixture, from its top board to its lowest.

    Args:
        rows: For each board, its slots from left to right; at least one row, none empty of slots.
    """

    rows: tuple[tuple[Slot, ...], ...]

    def __post_init__(self) -> None:
        if not self.rows or not all(self.rows):
            raise BadInput("ShelfPlan: got no rows or a row without slots, wanted at least one slot in every row.")

    @property
    def n_facings(self) -> int:
        """How many units stand on the shelf."""
        return sum(not slot.is_empty for row in self.rows for slot in row)


def plan_shelf(
    packs: Sequence[Pack],
    rng: np.random.Generator,
    *,
    n_facings: int = 60,
    n_rows: int | None = None,
    empty_frac: float = 0.05,
) -> ShelfPlan:
    """Packs side by side in their given order, one to five facings each, started over when they run out.

    Args:
        packs: Products in the order in which they stand; neighbors in the catalog make a believable shelf.
        rng: Source of chance for the number of facings and the empty slots.
        n_facings: Units that stand on the shelf, 1 to `MAX_FACINGS`.
        n_rows: Boards, 1 to `n_facings`; chosen for a bay a little wider than high when None.
        empty_frac: Empty slots for each filled one, 0 to 1.

    Raises:
        BadInput: There are no packs, or a number is out of range.
    """
    if not packs:
        raise BadInput("packs: got none, wanted at least one.")
    if not 1 <= n_facings <= MAX_FACINGS:
        raise BadInput(f"n_facings: got {n_facings}, wanted 1 to {MAX_FACINGS}.")
    if n_rows is not None and not 1 <= n_rows <= n_facings:
        raise BadInput(f"n_rows: got {n_rows}, wanted 1 to n_facings ({n_facings}).")
    if not 0 <= empty_frac <= 1:
        raise BadInput(f"empty_frac: got {empty_frac}, wanted 0 to 1.")
    slots = _runs(packs, rng, n_facings, round(n_facings * empty_frac))
    return ShelfPlan(_split(slots, _best_n_rows(slots) if n_rows is None else n_rows))


def row_width_cm(row: Sequence[Slot]) -> float:
    """Sum of the widths of a row's packs."""
    return sum(slot.pack.size_cm[0] for slot in row)


def row_height_cm(row: Sequence[Slot]) -> float:
    """Height of a row's tallest pack."""
    return max(slot.pack.size_cm[1] for slot in row)


def _runs(packs: Sequence[Pack], rng: np.random.Generator, n_facings: int, n_empty: int) -> list[Slot]:
    n_slots = n_facings + n_empty
    empty = set(rng.choice(n_slots, n_empty, replace=False).tolist())
    slots: list[Slot] = []
    i = 0
    while len(slots) < n_slots:
        for _ in range(min(int(rng.integers(1, 6)), n_slots - len(slots))):
            slots.append(Slot(packs[i % len(packs)], len(slots) in empty))
        i += 1
    return slots


def _split(slots: list[Slot], n_rows: int) -> tuple[tuple[Slot, ...], ...]:
    """Cut into rows of about equal width, at least one slot each."""
    ends = np.cumsum([slot.pack.size_cm[0] for slot in slots])
    cuts = [0]
    for row in range(1, n_rows):
        wanted = int(np.searchsorted(ends, ends[-1] * row / n_rows))
        cuts.append(min(max(wanted, cuts[-1] + 1), len(slots) - (n_rows - row)))
    cuts.append(len(slots))
    return tuple(tuple(slots[a:b]) for a, b in pairwise(cuts))


def _best_n_rows(slots: list[Slot]) -> int:
    """Boards that bring the bay closest to `_BAY_ASPECT`."""

    def misfit(n_rows: int) -> float:
        rows = _split(slots, n_rows)
        width = max(row_width_cm(row) for row in rows)
        height = sum(row_height_cm(row) + _AIR_CM for row in rows)
        return abs(float(np.log(width / height / _BAY_ASPECT)))

    return min(range(1, min(len(slots), 16) + 1), key=misfit)
