"""A phone in front of a shelf: a pinhole camera that takes points in space to pixels.

Space is in centimeters: x to the right, y down, z into the shelf; the front edges of its boards lie at z = 0.
Reference: Hartley and Zisserman, Multiple View Geometry, section 6.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facings.simulate.geometry import Homography, Points, rotation

_LEAST_DISTANCE_CM = 45.0


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """Where a photo is taken from.

    Args:
        matrix: float64 (3, 4), takes (x, y, z, 1) in centimeters to homogeneous pixels.
        eye: float64 (3,), the camera's place in centimeters.
    """

    matrix: Points
    eye: Points

    def project(self, points: Points) -> Points:
        """Where points of space go in the photo: float64 (N, 3) to float64 (N, 2)."""
        moved = points @ self.matrix[:, :3].T + self.matrix[:, 3]
        result: Points = moved[:, :2] / moved[:, 2:]
        return result

    def depth_cm(self, points: Points) -> Points:
        """How far points are before the camera, along its line of sight: float64 (N, 3) to (N,); behind it below 0."""
        result: Points = points @ self.matrix[2, :3] + self.matrix[2, 3]
        return result

    def front_plane(self) -> Homography:
        """The map from (x, y) in centimeters at z = 0 to pixels."""
        return Homography(self.matrix[:, [0, 1, 3]])


@dataclass(frozen=True)
class Stance:
    """How somebody stands before a shelf, whatever its size.

    Args:
        yaw_rad: Turn about the upright axis; the camera moves so that it still looks at its target.
        pitch_rad: Turn about the level axis, in the same way.
        roll_rad: Turn about the line of sight.
        distance: From the target, in longer sides of what the photo shows.
    """

    yaw_rad: float = 0.0
    pitch_rad: float = 0.0
    roll_rad: float = 0.0
    distance: float = 1.0

    def view(self, target_cm: tuple[float, float], width_cm: float, size_px: tuple[int, int]) -> Viewpoint:
        """The viewpoint whose photo has a place of the front plane in its center.

        Args:
            target_cm: That place, (x, y).
            width_cm: What the photo shows of the front plane from left to right, seen straight on.
            size_px: Width and height of the photo.
        """
        turn = rotation(self.yaw_rad, self.pitch_rad, self.roll_rad)
        longer_cm = width_cm * max(1.0, size_px[1] / size_px[0])
        away = np.array([0.0, 0.0, max(self.distance * longer_cm, _LEAST_DISTANCE_CM)])
        target = np.array([*target_cm, 0.0])
        focal = away[2] / width_cm * size_px[0]
        lens = np.array([[focal, 0, size_px[0] / 2], [0, focal, size_px[1] / 2], [0, 0, 1]])
        matrix = lens @ np.column_stack([turn, away - turn @ target])
        return Viewpoint(matrix, target - turn.T @ away)


def random_stance(rng: np.random.Generator) -> Stance:
    """Nearly straight on, as people take photos of shelves: at most 14 degrees to a side, 9 up or down, 3 askew."""
    return Stance(
        yaw_rad=float(np.clip(rng.normal(0, 0.09), -0.24, 0.24)),
        pitch_rad=float(np.clip(rng.normal(0, 0.05), -0.15, 0.15)),
        roll_rad=float(np.clip(rng.normal(0, 0.013), -0.05, 0.05)),
        distance=float(rng.uniform(0.75, 1.5)),
    )
