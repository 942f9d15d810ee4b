"""All that a pack is judged by, as one row of scores: larger is odder, and not a number where a check abstains.

- of the looks, the oddest place of each (`pack_maps.py`, `pack_comparator.py`, `pack_inspection.py`);
- proportions: how much wider or narrower a pack is than the genuine one it resembles most, which a homography would
  even out;
- text: the line that is spelled most unlike genuine ones (`pack_text.py`); abstains where nothing was read.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facings.apps.pack_inspection import LOOKS, Inspection
from facings.apps.pack_text import Misread
from facings.apps.registration import Registration

CHECKS = (*LOOKS, "proportions", "text")
LEAST_LEVELS = (0.05, 1.0, 0.1, 1.0, 0.02, 0.05)  # of a product's mean score, by `CHECKS`

Scores = NDArray[np.float64]


def scores_of(found: Inspection, fits: Mapping[int, Registration], misread: Misread | None) -> Scores:
    """float64 (C,), by `CHECKS`.

    Args:
        found: What the looks say.
        fits: How the picture lies over genuine photos; at least one.
        misread: The line that differs most; None where nothing was read.
    """
    text = np.nan if misread is None else misread.distance
    return np.array([*found.scores, min(map(stretch, fits.values())), text])


def stretch(fit: Registration) -> float:
    """How much longer one way than across a picture's middle becomes, laid over the other; the logarithm, 0 for not.

    That is the ratio of the singular values of the homography's derivative where the points that agree lie.
    """
    x, y = fit.inliers[:, :2].mean(0, dtype=np.float64)
    h = fit.to_reference
    u, v, w = h @ (x, y, 1.0)
    derivative = (h[:2, :2] - np.outer((u / w, v / w), h[2, :2])) / w
    longer, shorter = np.linalg.svd(derivative, compute_uv=False)
    return float(np.log(longer / shorter))
