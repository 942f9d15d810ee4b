"""Alignment of two sequences, in whole numbers, so that equal scores are equal.

Method: Needleman and Wunsch, "A general method applicable to the search for similarities in the amino acid sequence of
two proteins", J. Mol. Biol. 48 (1970), with a cost of its own for each item that is left out. Used for shelves before:
Yücel, Topaloğlu and Ünsalan, "Embedded Planogram Compliance Control System", arXiv:2401.06690 (2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Alignment:
    """The best way to pair items in order.

    Args:
        score: Gains of the pairs less the costs of what was left out.
        pairs: (planned, seen), both ascending.
    """

    score: int
    pairs: tuple[tuple[int, int], ...]


def align(gain: Ints, planned_cost: Ints, seen_cost: Ints, *, has_free_ends: bool = False) -> Alignment:
    """The pairs with the highest score; of equal ones the same every time, with pairs as late as they can be.

    Args:
        gain: int64 (n, m), what it brings to pair planned item i with seen item j; may be negative.
        planned_cost: int64 (n,), 0 or more, of leaving out a planned item.
        seen_cost: int64 (m,), 0 or more, of leaving out a seen item.
        has_free_ends: Whether planned items before the first and after the last pair cost nothing.
    """
    n, m = gain.shape
    # To leave out seen items k+1 … j after a cell k costs left[j] − left[k], so a row is one running maximum.
    left = np.concatenate([[0], np.cumsum(seen_cost)]).astype(np.int64)
    best = np.empty((n + 1, m + 1), np.int64)
    best[0] = -left
    for i in range(1, n + 1):
        row = best[i - 1] - planned_cost[i - 1]
        if has_free_ends:
            row[0] = 0
        row[1:] = np.maximum(row[1:], best[i - 1, :-1] + gain[i - 1])
        best[i] = np.maximum.accumulate(row + left) - left
    end = n - int(np.argmax(best[::-1, m])) if has_free_ends else n
    return Alignment(int(best[end, m]), _traced(best, gain, planned_cost, end))


def _traced(best: Ints, gain: Ints, planned_cost: Ints, end: int) -> tuple[tuple[int, int], ...]:
    """The pairs that lead to a cell of the last column."""
    pairs = []
    i, j = end, gain.shape[1]
    while i and j:
        if best[i, j] == best[i - 1, j - 1] + gain[i - 1, j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif best[i, j] == best[i - 1, j] - planned_cost[i - 1]:
            i -= 1
        else:
            j -= 1
    return tuple(reversed(pairs))
