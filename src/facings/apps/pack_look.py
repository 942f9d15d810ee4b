"""A picture with genuine photos laid over it, and which of its places they vouch for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.apps.pack_maps import PLACE_PX, PackMaps, ring_mean
from facings.apps.registration import PixelBox, Registration, moved
from facings.types import FloatArray, UInt8Array

Places = NDArray[np.bool_]

_BEYOND_POINTS = 6  # places that a pack goes on beyond the points that fit
_N_DIRECTIONS = 64


@dataclass(frozen=True, eq=False)
class GenuineMaps:
    """Of one genuine photo, places of its own box.

    Args:
        is_vouched: bool (h, w), where others agree.
        expected: float32 (3, h, w), by `MAPS`: how much these differ there.
    """

    is_vouched: Places
    expected: FloatArray


@dataclass(frozen=True, eq=False)
class Vouching:
    """What a genuine photo can vouch for, and in which part of it (sides are multiples of `PLACE_PX`)."""

    box: PixelBox
    maps: GenuineMaps


@dataclass(frozen=True, eq=False)
class Looked:
    """A picture beside the genuine photos that it fits best.

    Args:
        fits: Number of the photo → how the picture lies over it, best first.
        box: The part of the picture that is looked at.
        part: uint8 (H, W, 3) RGB, what the picture shows there.
        laid: Number of the photo → uint8 (H, W, 3), the photo laid over that part.
        maps: Number of the photo → what differs.
    """

    fits: Mapping[int, Registration]
    box: PixelBox
    part: UInt8Array
    laid: Mapping[int, UInt8Array]
    maps: Mapping[int, PackMaps]


def vouched_places(looked: Looked, known: Mapping[int, GenuineMaps]) -> Places:
    """bool (h, w): places of the picture that genuine photos vouch for, two of them where several lie there.

    Args:
        looked: The picture beside them.
        known: What each vouches for in places of the picture, see `carried`.
    """
    several = [known[k].is_vouched & maps.is_seen for k, maps in looked.maps.items()]
    points = np.concatenate([one.inliers[:, :2] for one in looked.fits.values()])
    is_known = np.sum(several, axis=0) >= min(2, len(several))
    return _closed(is_known) & around(points, looked.box, is_known.shape)


def carried(vouching: Vouching, looked: Looked, k: int) -> GenuineMaps:
    """What photo k vouches for, in places of the picture: the nearest of its own.

    Args:
        vouching: What it vouches for, in its own places.
        looked: The picture beside it.
        k: Its number.
    """
    x1, y1, x2, y2 = looked.box
    x, y = np.meshgrid(np.arange(x1, x2, PLACE_PX), np.arange(y1, y2, PLACE_PX))
    centers = np.column_stack([x.ravel(), y.ravel()]) + PLACE_PX / 2
    at = (moved(centers, looked.fits[k].to_reference) - vouching.box[:2]) // PLACE_PX
    height, width = vouching.maps.is_vouched.shape
    is_inside = np.asarray(((at >= 0) & (at < (width, height))).all(1))
    column, row = np.where(is_inside[:, None], at, 0).astype(int).T
    is_vouched = vouching.maps.is_vouched[row, column] & is_inside
    expected = vouching.maps.expected[:, row, column].reshape(-1, *x.shape)
    return GenuineMaps(is_vouched.reshape(x.shape), expected)


def around(points: NDArray[np.floating], box: PixelBox, shape: tuple[int, ...]) -> Places:
    """Places in the convex hull of points, or a little beyond: beyond no line that all points lie within.

    Args:
        points: (N, 2), pixels of the picture.
        box: The part of it that the places cover.
        shape: Of the places, rows and columns.
    """
    angles = np.linspace(0, 2 * np.pi, _N_DIRECTIONS, endpoint=False)
    normals = np.column_stack([np.cos(angles), np.sin(angles)])
    limits = ((points - box[:2]) / PLACE_PX @ normals.T).max(0) + _BEYOND_POINTS
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    places = np.column_stack([x.ravel(), y.ravel()]) + 0.5
    return np.asarray((places @ normals.T <= limits).all(1).reshape(shape))


def _closed(places: Places) -> Places:
    """With holes filled that are under three places wide."""
    grown = ring_mean(places.astype(np.float64), 1) > 1e-9
    return np.asarray(ring_mean(grown.astype(np.float64), 1) > 1 - 1e-9)
