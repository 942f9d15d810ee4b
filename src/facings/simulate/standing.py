"""How packs stand at their places: a little out of line, turned, leaning, pushed back, and another one behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.simulate.geometry import Points
from facings.simulate.stocking import Place

N_DEEP = 2  # packs behind one another that are painted
_BEHIND_GAIN = 0.62  # light on a pack behind another
_CLEARANCE_CM = 0.6


@dataclass(frozen=True, eq=False)
class Unit:
    """One pack on the shelf.

    Args:
        place: Where it belongs.
        quad_cm: float64 (4, 3), corners of its front in space, clockwise from the top left.
        gain: Light on it.
        is_front: Whether no other pack of its place is before it.
    """

    place: Place
    quad_cm: Points
    gain: float
    is_front: bool


def stand(places: Sequence[Place], rng: np.random.Generator) -> list[Unit]:
    """Every pack at these places: for each place the one in front, then those behind it.

    Args:
        places: Where packs stand.
        rng: Source of chance for the small disorder.
    """
    if not places:
        return []
    sizes = np.array([place.product.size_cm for place in places])
    behind = np.abs(rng.normal(0, 0.7, len(places))) + np.where(rng.random(len(places)) < 0.03, sizes[:, 2], 0.0)
    units: list[list[Unit]] = [[] for _ in places]
    for depth in range(N_DEEP):
        quads = _quads(places, sizes, behind + depth * (sizes[:, 2] + _CLEARANCE_CM), rng)
        gains = rng.uniform(0.93, 1.05, len(places)) * _BEHIND_GAIN**depth
        for here, place, quad, gain in zip(units, places, quads, gains.tolist(), strict=True):
            here.append(Unit(place, quad, gain, depth == 0))
    return [unit for here in units for unit in here]


def _quads(
    places: Sequence[Place], sizes: NDArray[np.float64], behind_cm: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Corners of each pack's front: float64 (N, 4, 3). It stands on its lowest corner, its nearest edge so far back."""
    n = len(places)
    yaw = np.clip(rng.normal(0, 0.05, n), -0.2, 0.2)
    lean = np.clip(rng.normal(0, 0.006, n), -0.03, 0.03)
    lean = np.where(rng.random(n) < 0.03, rng.uniform(-0.08, 0.08, n), lean)
    lean[[place.is_stacked for place in places]] = 0.0
    x = sizes[:, :1] / 2 * np.array([[-1, 1, 1, -1]])
    y = sizes[:, 1:2] * np.array([[-1, -1, 0, 0]])
    across, deep = x * np.cos(yaw)[:, None], -x * np.sin(yaw)[:, None]
    turned_x = across * np.cos(lean)[:, None] - y * np.sin(lean)[:, None]
    turned_y = across * np.sin(lean)[:, None] + y * np.cos(lean)[:, None]
    middle = np.array([place.left_cm for place in places]) + sizes[:, 0] / 2 + rng.normal(0, 0.05, n)
    bottom = np.array([place.bottom_cm for place in places]) - turned_y.max(axis=1)
    back = behind_cm + 0.15 - deep.min(axis=1)
    return np.stack([turned_x + middle[:, None], turned_y + bottom[:, None], deep + back[:, None]], axis=2)
