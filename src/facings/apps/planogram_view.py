"""Where the plan lies in the photo: a projective map of the plan's shelves, fitted to facings that were found.

Along and across boards the map is u = (a·x + b·v + c) / (1 + g·x + h·v) with x along the board in the plan's unit and v
the board's line in the photo: one row of a homography (Hartley and Zisserman, section 4.1). It is fitted by least
squares, reweighted against outliers (Geman and McClure, 1987), and held near a plain enlargement where few facings say
otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_N_ROUNDS = 8
_TIES = np.array([0.01, 0.1, 0.0, 0.3, 0.3])  # of a, b, c, g, h to 1, 0, –, 0, 0; one facing weighs 1
_LEAST_DEPTH = 0.2  # of a place far beside the photo, which would come to lie behind the camera


@dataclass(frozen=True)
class Anchors:
    """Facings of the plan that were found, one an entry of each float64 (N,) array.

    Args:
        x: Planned center, in the plan's unit.
        width: Planned width.
        level: Line of the board in the photo, in pixels.
        center_px: Where the facing's center is, from the left.
        width_px: How wide it is there.
    """

    x: Floats
    width: Floats
    level: Floats
    center_px: Floats
    width_px: Floats


@dataclass(frozen=True, eq=False)
class ShelfView:
    """The fitted map; see `fit_view`."""

    weights: Floats
    x: tuple[float, float]
    level: tuple[float, float]
    u: tuple[float, float]

    def center_px(self, x: Floats, level: float | Floats) -> Floats:
        """Where centers of facings are, in pixels from the left, for places of the plan: float64 (N,)."""
        top, depth = self._terms(x, level)
        result: Floats = self.u[0] + self.u[1] * top / depth
        return result

    def scale(self, x: Floats, level: float | Floats) -> Floats:
        """Pixels for one unit of the plan, along the board, at places of the plan: float64 (N,)."""
        a, _, _, g, _ = self.weights
        top, depth = self._terms(x, level)
        result: Floats = np.abs((a * depth - g * top) / depth**2) * self.u[1] / self.x[1]
        return result

    def _terms(self, x: Floats, level: float | Floats) -> tuple[Floats, Floats]:
        a, b, c, g, h = self.weights
        along, across = (x - self.x[0]) / self.x[1], (level - self.level[0]) / self.level[1]
        return a * along + b * across + c, np.maximum(1 + g * along + h * across, _LEAST_DEPTH)


def fit_view(anchors: Anchors) -> ShelfView:
    """The map that takes most of the facings that were found to where they are.

    Args:
        anchors: One or more.
    """
    spread = max(float(np.ptp(anchors.center_px)) / 2, float(np.median(anchors.width_px)))
    enlargement = float(np.median(anchors.width_px / anchors.width))
    rise = max(float(np.ptp(anchors.level)) / 2, 1.0)
    scales = {
        "x": (float(np.median(anchors.x)), spread / enlargement),
        "level": (float(np.median(anchors.level)), rise),
        "u": (float(np.median(anchors.center_px)), spread),
    }
    x, v, u = (
        (values - middle) / unit
        for values, (middle, unit) in zip((anchors.x, anchors.level, anchors.center_px), scales.values(), strict=True)
    )
    terms = np.column_stack([x, v, np.ones_like(x), -x * u, -v * u])
    wanted = np.array([1.0, 0, 0, 0, 0])
    trust = np.ones_like(u)
    solved = wanted
    for _ in range(_N_ROUNDS):
        weighted = terms.T * trust
        solved = np.linalg.solve(weighted @ terms + np.diag(_TIES), weighted @ u + _TIES * wanted)
        misses = np.abs(terms @ solved - u)
        typical = 1.4826 * float(np.median(misses)) + 0.02
        trust = 1 / (1 + (misses / (2 * typical)) ** 2) ** 2
    return ShelfView(solved, **scales)
