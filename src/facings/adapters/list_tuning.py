"""In how many lists an index should look, found on the gallery itself: few enough to be quick, enough to be right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from facings.types import FloatArray, IntArray

K = 10
_COSINE = 0.8  # of a query to the row that it stands near
_WANTED_RECALL = 0.99
_FIRST = 4


def queries_near(rows: FloatArray) -> FloatArray:
    """Unit rows at cosine 0.8 to the given ones, as further photos of the same products would be.

    Args:
        rows: float32 (N, D), unit rows.
    """
    aside = np.random.default_rng(0).normal(size=rows.shape)
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    near: FloatArray = (_COSINE * rows + (1 - _COSINE**2) ** 0.5 * aside).astype(np.float32)
    return near


def enough_lists(look: Callable[[int], IntArray], wanted: IntArray, n_lists: int) -> int:
    """The least number of lists, doubling from 4, in which 0.99 of the rows that are wanted are found.

    Args:
        look: From a number of lists to the ids that are found in them, (N, K).
        wanted: int64 (N, K), the ids of the most similar rows of all.
        n_lists: All there are.
    """
    n_probes = _FIRST
    while n_probes < n_lists:
        n_found = sum(len(np.intersect1d(*pair)) for pair in zip(look(n_probes), wanted, strict=True))
        if n_found >= _WANTED_RECALL * wanted.size:
            return n_probes
        n_probes *= 2
    return n_lists
