"""Which pixel of a picture belongs to which facing: the map that makes boxes right whatever hides or cuts a facing.

A map is int32 (H, W): 0 where nobody's, else 1 + the facing's number. Whoever is painted later owns the pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facings.types import FloatArray, IntArray

Owner = NDArray[np.int32]


def owned_boxes(owner: Owner, n_facings: int) -> tuple[FloatArray, IntArray]:
    """The tight box of the pixels each facing owns, and how many these are.

    Args:
        owner: int32 (H, W), the map.
        n_facings: How many facings there are.

    Returns:
        float32 (n_facings, 4), xyxy in whole pixels, right and bottom exclusive, without meaning for a facing that
        owns nothing; and int64 (n_facings,), pixels owned.
    """
    ys, xs = np.nonzero(owner)
    numbers = owner[ys, xs] - 1
    counts = np.bincount(numbers, minlength=n_facings)
    low, high = np.full((n_facings, 2), max(owner.shape)), np.zeros((n_facings, 2), np.int64)
    for axis, places in enumerate((xs, ys)):
        np.minimum.at(low[:, axis], numbers, places)
        np.maximum.at(high[:, axis], numbers, places + 1)
    return np.concatenate([low, high], axis=1).astype(np.float32), counts
