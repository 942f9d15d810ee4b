"""One picture of a pack laid over another: points that can be found again, and the homography between them.

A pack's side is nearly flat, so two photos of it differ by a homography. A registration that would show the side from
behind, or torn across its vanishing line, or hugely enlarged, is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facings.types import FloatArray, UInt8Array

MIN_INLIERS = 18  # wrong pairs of real cartons give up to a dozen; docs/results.md
_MOST_ENLARGED = 5.0  # a side of the query in the reference, either way, over its own length
_MOST_KEYSTONED = 3.0  # opposite sides

Homography = NDArray[np.float64]
PixelBox = tuple[int, int, int, int]  # x1, y1, x2, y2; right and bottom exclusive


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Points of a picture that can be found again in another.

    Args:
        xy: float32 (N, 2), pixels of the picture.
        descriptors: float32 (N, D), what the surroundings look like.
        size_px: Width and height of the picture.
    """

    xy: FloatArray
    descriptors: FloatArray
    size_px: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Registration:
    """How a query lies over a reference.

    Args:
        to_reference: float64 (3, 3), pixels of the query → pixels of the reference.
        inliers: float32 (M, 4), points that agree: x, y in the query, then x, y in the reference.
        error_px: Root of their mean squared distance, in pixels of the reference.
    """

    to_reference: Homography
    inliers: FloatArray
    error_px: float

    @property
    def quality(self) -> int:
        """How many points agree."""
        return len(self.inliers)

    def turned_round(self) -> Registration:
        """How the reference lies over the query."""
        back = np.linalg.inv(self.to_reference)
        to_query = np.asarray(back / back[2, 2])
        apart = moved(self.inliers[:, 2:], to_query) - self.inliers[:, :2]
        error_px = float(np.sqrt((apart**2).sum(1).mean()))
        return Registration(to_query, self.inliers[:, [2, 3, 0, 1]], error_px)


class Registrar(Protocol):
    """Finds points, compares them, bends pictures. A photo lies over another by the same side of the same product."""

    def landmarks(self, pixels: UInt8Array) -> Landmarks:
        """The points of a uint8 (h, w, 3) RGB picture."""
        ...

    def register(self, query: Landmarks, reference: Landmarks) -> Registration | None:
        """The plausible homography that most points agree on, at least `MIN_INLIERS`; else None."""
        ...

    def laid_over(
        self, query: UInt8Array, reference: UInt8Array, found: Registration, box: PixelBox
    ) -> tuple[UInt8Array, NDArray[np.bool_]]:
        """The reference bent to lie over a part of the query: uint8 (H, W, 3), and bool (H, W) where it reaches.

        What a homography leaves (a bulging side, a lens) is evened out, as far as it is smooth: a misplaced logo stays.
        """
        ...


def moved(xy: NDArray[np.floating], homography: Homography) -> NDArray[np.float64]:
    """float64 (N, 2): points under a homography.

    Args:
        xy: (N, 2).
        homography: (3, 3).
    """
    homogeneous = np.column_stack([np.asarray(xy, np.float64), np.ones(len(xy))]) @ homography.T
    return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:])


def is_plausible(homography: Homography, size_px: tuple[int, int]) -> bool:
    """Whether a photo of this size may show the same side of a pack as the one the homography leads to.

    Args:
        homography: float64 (3, 3), pixels of the photo → pixels of the other, not mirrored.
        size_px: Width and height of the photo.
    """
    width, height = size_px
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    depth = np.column_stack([corners, np.ones(4)]) @ homography[2]
    if not np.isfinite(homography).all() or (depth * depth[0] <= 0).any():
        return False  # torn across the vanishing line
    quad = moved(corners, homography)
    sides = np.roll(quad, -1, axis=0) - quad
    following = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    if (turns <= 0).any():  # seen from behind, or folded
        return False
    lengths = np.hypot(*sides.T)
    enlarged = lengths / [width, height, width, height]
    keystoned = lengths[:2] / lengths[2:]
    return bool(
        (np.abs(np.log(enlarged)) <= np.log(_MOST_ENLARGED)).all()
        and (np.abs(np.log(keystoned)) <= np.log(_MOST_KEYSTONED)).all()
    )
