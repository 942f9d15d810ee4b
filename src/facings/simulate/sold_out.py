"""Gaps: what a composed shelf has sold, so that the wanted number of facings is left in the photo."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from facings.simulate.framing import Framed
from facings.simulate.stocking import Place

_WHOLE_RUN_FRAC = 0.3  # of the gaps that take all facings of a product, where so many may go


def still_stocked(framed: Framed, n_facings: int, rng: np.random.Generator) -> list[Place]:
    """All places but those emptied; of those in the photo exactly `n_facings` are left, stacks lose their top first.

    Args:
        framed: The shelf; its photo shows `n_facings` places or more.
        n_facings: How many stay.
        rng: Chance for which go.
    """
    places = framed.stock.places
    stacks, runs = defaultdict[int, list[int]](list), defaultdict[int, list[int]](list)
    inside = np.flatnonzero(framed.is_inside)
    for i in inside.tolist():
        stacks[places[i].column].append(i)
        runs[places[i].run].append(i)
    gone: set[int] = set()
    for first in rng.permutation(inside).tolist():
        n_left = len(inside) - len(gone) - n_facings
        if n_left == 0:
            break
        run = runs[places[first].run]
        for i in run if len(run) <= n_left and rng.random() < _WHOLE_RUN_FRAC else [first]:
            stack = stacks[places[i].column]
            if stack:
                gone.add(stack.pop())
    return [place for i, place in enumerate(places) if i not in gone]
