"""Plane-to-plane geometry: one homography moves pixels and boxes alike, so that truth follows the picture exactly.

Points are (x, y) in pixels, origin at the top-left corner of the top-left pixel; a pixel's center is at +0.5.
Reference: Hartley and Zisserman, Multiple View Geometry, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from facings.errors import BadInput
from facings.types import UInt8Array

Points = NDArray[np.float64]
_RIM_PX = 2  # transparent frame around a face, so that its edges come out smooth


@dataclass(frozen=True, eq=False)
class Homography:
    """A projective map of the plane.

    Args:
        matrix: float64 (3, 3), invertible.
    """

    matrix: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.matrix.shape != (3, 3):
            raise BadInput(f"Homography: got a matrix of shape {self.matrix.shape}, wanted (3, 3).")
        if not np.isfinite(self.matrix).all() or abs(np.linalg.det(self.matrix)) < 1e-12:
            raise BadInput("Homography: got a matrix that cannot be inverted.")

    @staticmethod
    def from_quads(source: Points, target: Points) -> Homography:
        """The map that takes four points to four points.

        Args:
            source: float64 (4, 2), no three on a line.
            target: float64 (4, 2), in the same order, no three on a line.

        Raises:
            BadInput: The shapes are wrong or three points lie on a line.
        """
        if source.shape != (4, 2) or target.shape != (4, 2):
            raise BadInput(f"Homography: got points of shape {source.shape} and {target.shape}, wanted (4, 2) twice.")
        rows = np.zeros((8, 8))
        rows[:4, 0:2], rows[:4, 2] = source, 1
        rows[4:, 3:5], rows[4:, 5] = source, 1
        rows[:4, 6:8] = -source * target[:, :1]
        rows[4:, 6:8] = -source * target[:, 1:]
        try:
            solved = np.linalg.solve(rows, target.T.ravel())
        except np.linalg.LinAlgError:
            raise BadInput("Homography: got three points on a line, wanted two proper quads.") from None
        return Homography(np.append(solved, 1.0).reshape(3, 3).astype(np.float64))

    def inverse(self) -> Homography:
        """The map back."""
        return Homography(np.linalg.inv(self.matrix).astype(np.float64))

    def apply(self, points: Points) -> Points:
        """Where points go: float64 (N, 2) to float64 (N, 2)."""
        moved = np.column_stack([points, np.ones(len(points))]) @ self.matrix.T
        result: Points = moved[:, :2] / moved[:, 2:]
        return result

    def warp(self, image: Image.Image, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
        """The image moved into a frame of `size` (width, height); what has no source is black or transparent."""
        back = self.inverse().matrix
        coefficients = (back / back[2, 2]).ravel()[:8]
        return image.transform(size, Image.Transform.PERSPECTIVE, tuple(coefficients.tolist()), resample)


def rectangle_corners(x0: float, y0: float, x1: float, y1: float) -> Points:
    """Corners of an upright rectangle, clockwise from the top left: float64 (4, 2)."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)


def rotation(yaw_rad: float, pitch_rad: float, roll_rad: float) -> Points:
    """A turn about the upright axis, then about the level one, then about the line of sight: float64 (3, 3)."""
    cy, sy, cp, sp = np.cos(yaw_rad), np.sin(yaw_rad), np.cos(pitch_rad), np.sin(pitch_rad)
    cr, sr = np.cos(roll_rad), np.sin(roll_rad)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    turned: Points = about_z @ about_x @ about_y
    return turned


def with_rim(face: Image.Image) -> Image.Image:
    """An RGBA face in the transparent frame that `warp_face` wants around it."""
    return ImageOps.expand(face, _RIM_PX, (0, 0, 0, 0))


def warp_face(framed: Image.Image, quad: Points, frame_px: tuple[int, int]) -> tuple[Image.Image, tuple[int, int]]:
    """A face as it looks in a picture, and where it goes.

    Args:
        framed: RGBA picture of the face, from `with_rim`.
        quad: float64 (4, 2), where the corners of the face go, clockwise from the top left.
        frame_px: Width and height of the picture.

    Returns:
        RGBA patch, smooth at its edges, and the whole-pixel place of its top left corner, both inside the picture.
    """
    corner, size = _patch(quad, frame_px)
    patch = Homography.from_quads(_inside_rim(framed), quad - corner).warp(framed, size, Image.Resampling.BILINEAR)
    return patch, (int(corner[0]), int(corner[1]))


def lay_face(layer: Image.Image, face: Image.Image, quad: Points) -> Points:
    """Paint a face into a picture, smooth at its edges.

    Args:
        layer: RGBA or RGB picture, painted in place.
        face: RGBA picture of the face.
        quad: float64 (4, 2), where its corners go, clockwise from the top left.

    Returns:
        float64 (N, 2), points of `layer` whose convex hull is that of the face's opaque part.
    """
    framed = with_rim(face)
    patch, at = warp_face(framed, quad, layer.size)
    if layer.mode == "RGBA":
        layer.alpha_composite(patch, at)
    else:
        layer.paste(patch, at, patch)
    return Homography.from_quads(_inside_rim(framed), quad).apply(silhouette_points(np.asarray(framed.getchannel("A"))))


def _inside_rim(framed: Image.Image) -> Points:
    return rectangle_corners(_RIM_PX, _RIM_PX, framed.width - _RIM_PX, framed.height - _RIM_PX)


def _patch(quad: Points, frame_px: tuple[int, int]) -> tuple[Points, tuple[int, int]]:
    """Whole-pixel corner and size of the part of the frame that a face with its rim needs."""
    limit = np.array(frame_px, np.float64)
    low = np.clip(np.floor(quad.min(axis=0)) - _RIM_PX, 0, limit - 1)
    high = np.clip(np.ceil(quad.max(axis=0)) + _RIM_PX, low + 1, limit)
    return low, (int(high[0] - low[0]), int(high[1] - low[1]))


def silhouette_points(alpha: UInt8Array, threshold: int = 128) -> Points:
    """Points whose convex hull is that of the opaque pixels.

    Args:
        alpha: uint8 (H, W), opacity.
        threshold: Least opacity that counts.

    Returns:
        float64 (N, 2): for each row with opaque pixels, the corners of its first and last one.
    """
    opaque = alpha >= threshold
    rows = np.flatnonzero(opaque.any(axis=1))
    left = opaque[rows].argmax(axis=1)
    right = alpha.shape[1] - opaque[rows, ::-1].argmax(axis=1)
    x = np.concatenate([left, right, left, right])
    y = np.concatenate([rows, rows, rows + 1, rows + 1])
    return np.column_stack([x, y]).astype(np.float64)


def bounding_box(points: Points) -> NDArray[np.float32]:
    """The smallest xyxy box around points: float32 (4,)."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)
