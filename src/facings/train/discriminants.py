"""A linear map under which photos of one product lie close together, in closed form.

Linear discriminant analysis (Fisher, 1936; Rao, 1948): directions in which products differ most, measured by how much
the photos of one product vary. That variation is estimated with the shrinkage of Ledoit and Wolf (2004), which stays
sound when there are more dimensions than photos. There are at most as many such directions as products less one; the
map goes on with the directions in which photos vary most, scaled to the same variation, so that products which were
not there when it was made differ as well (within-class covariance normalization: Hatch et al., 2006).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from facings.types import FloatArray, IntArray

_TINY = 1e-9  # of the largest ratio: below, products do not differ in that direction


def discriminant_map(features: FloatArray, targets: IntArray, dim: int) -> tuple[FloatArray, FloatArray] | None:
    """Weight and bias of the map x → weight · x + bias.

    Args:
        features: float32 (N, W).
        targets: int64 (N,) classes, at least two different ones.
        dim: Most directions, 1 or more; there are fewer where W is smaller.

    Returns:
        float32 (D, W) and float32 (D,), discriminants first, best first; each has variance 1 within products. None if
        the photos of each product are all alike, so that nothing is known of how they vary.
    """
    _, classes = np.unique(targets, return_inverse=True)
    rows = features.astype(np.float64)
    center = rows.mean(0)
    means = np.stack([rows[classes == one].mean(0) for one in range(int(classes.max()) + 1)])
    residuals = rows - means[classes]
    if not residuals.any():
        return None
    within: NDArray[np.float64] = ledoit_wolf(residuals, assume_centered=True)[0]
    chosen = _discriminants(within, means - center)[:, :dim]
    rest = _principal(within, min(dim, len(within)) - chosen.shape[1], chosen)
    weight = np.concatenate([chosen, rest], axis=1).T
    return weight.astype(np.float32), (-weight @ center).astype(np.float32)


def _discriminants(within: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """(W, ≤ K − 1): best first, each with variance 1 within products and none in common."""
    solved = np.linalg.solve(within, means.T)
    ratios, mixtures = np.linalg.eigh(means @ solved)
    order = np.argsort(-ratios)[: len(means) - 1]
    order = order[ratios[order] > _TINY * ratios[order[0]]]
    return np.asarray(solved @ (mixtures[:, order] / np.sqrt(ratios[order])))


def _principal(within: NDArray[np.float64], n: int, chosen: NDArray[np.float64]) -> NDArray[np.float64]:
    """(W, n): the directions of most variation, scaled to variance 1, less what is chosen already."""
    variances, directions = np.linalg.eigh(within)
    order = np.argsort(-variances)[: max(n, 0)]
    scaled = directions[:, order] / np.sqrt(variances[order])
    return np.asarray(scaled - chosen @ (chosen.T @ within @ scaled))
