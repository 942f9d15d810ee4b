"""How a photo of a pack differs from a genuine one that was laid over it, place by place: three looks at the same pair.

- print: normalized cross-correlation of fine detail; sees letters, lines, and what was moved, left out or replaced.
- color: CIEDE2000 after the light of one picture is brought to that of the other by a gain a channel (von Kries, 1902).
- sharpness: fine detail that one has and the other has not, beyond what blur of the whole photo explains.

A registration is off by a pixel, so print compares with its neighbors too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facings.apps.color_difference import delta_e, lab, linear
from facings.types import FloatArray, UInt8Array

PLACE_PX = 4
MAPS: tuple[Literal["print", "color", "sharpness"], ...] = ("print", "color", "sharpness")
MATCHED = 0.35  # print difference up to which two places show the same print

_WINDOW = {"print": 2, "color": 1, "sharpness": 2}  # places that are looked at around each, any way
_FINE_PX, _COARSE_PX = 1, 4  # box blurs between which print lies
_SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
_LEAST_DETAIL = 4.0  # gray levels of 255 that noise and compression make
_LEAST_MATCHED = 12  # places, for light and blur of a pair to be known
_LIGHT = linear(np.arange(256)).astype(np.float32)  # of every byte
_LIGHTNESS_SCALE = 3.0  # k_L of CIEDE2000: how much less lightness counts than hue, as shadows fall unevenly


@dataclass(frozen=True, eq=False)
class PackMaps:
    """A query against one genuine photo.

    Args:
        differences: float32 (3, h, w), by `MAPS`, places of `PLACE_PX` pixels; 0 for no difference.
        is_seen: bool (h, w), where the genuine photo reaches.
    """

    differences: FloatArray
    is_seen: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Blurs:
    """A picture in gray, float32 (H, W), and blurred by a box twice, which is nearly a bell."""

    gray: FloatArray
    fine: FloatArray
    coarse: FloatArray


def compare(query: UInt8Array, laid: UInt8Array, reach: NDArray[np.bool_]) -> PackMaps:
    """The differences of two pictures in one frame.

    Args:
        query: uint8 (H, W, 3) RGB, both sides multiples of `PLACE_PX`.
        laid: uint8 (H, W, 3), the genuine photo laid over it.
        reach: bool (H, W), where that one has pixels.
    """
    one, other = _blurs(query), _blurs(laid)
    is_seen = _per_place(reach.astype(np.float32)) > 0.95
    print_map = _print(one, other)
    is_same = (print_map < MATCHED) & is_seen
    if is_same.sum() < _LEAST_MATCHED:
        is_same = is_seen if is_seen.any() else np.ones_like(is_seen)
    maps = [print_map, _color(query, laid, is_same), _sharpness(one, other, is_same)]
    return PackMaps(np.stack(maps).astype(np.float32), is_seen)


def _print(one: _Blurs, other: _Blurs) -> NDArray[np.float64]:
    first, second = (blurs.fine - blurs.coarse for blurs in (one, other))
    reach = _WINDOW["print"]
    floor = _LEAST_DETAIL**2
    energy = ring_mean(_per_place(first**2), reach) + floor
    best = np.full(energy.shape, -1.0)
    for shift in _SHIFTS:
        near = np.roll(second, shift, (0, 1))
        shared, own = ring_mean(_per_place(first * near), reach), ring_mean(_per_place(near**2), reach) + floor
        # Where neither shows print the two are alike, as far as print goes; color may still tell them apart.
        np.maximum(best, (shared + floor) / np.sqrt(energy * own), out=best)
    return np.asarray(np.clip(1 - best, 0, 2))


def _color(query: UInt8Array, laid: UInt8Array, is_same: NDArray[np.bool_]) -> NDArray[np.float64]:
    mine, theirs = (
        np.stack([ring_mean(_per_place(light[..., k]), _WINDOW["color"]) for k in range(3)], -1)
        for light in (_LIGHT[query], _LIGHT[laid])
    )
    gains = np.exp(np.median(np.log((mine[is_same] + 3e-3) / (theirs[is_same] + 3e-3)), axis=0))
    return delta_e(lab(mine), lab(np.clip(theirs * gains, 0, 1)), lightness_scale=_LIGHTNESS_SCALE)


def _sharpness(one: _Blurs, other: _Blurs, is_same: NDArray[np.bool_]) -> NDArray[np.float64]:
    detail = [
        ring_mean(_per_place((blurs.gray - blurs.fine) ** 2), _WINDOW["sharpness"]) + _LEAST_DETAIL / 2
        for blurs in (one, other)
    ]
    ratio = np.log(detail[1] / detail[0])
    return np.asarray(np.abs(ratio - np.median(ratio[is_same])))


def _per_place(values: FloatArray) -> NDArray[np.float64]:
    """Means over places."""
    height, width = values.shape
    rows = values.reshape(height // PLACE_PX, PLACE_PX, width).sum(1, dtype=np.float64)
    return np.asarray(rows.reshape(len(rows), width // PLACE_PX, PLACE_PX).sum(2) / PLACE_PX**2)


def ring_mean(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """float64 (h, w): mean over the square that reaches so many places to each side; edges are continued."""
    size = 2 * reach + 1
    padded = np.pad(values, ((reach + 1, reach), (reach + 1, reach)), "edge")
    total = padded.cumsum(0).cumsum(1)
    box = total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]
    return np.asarray(box / size**2)


def _blurs(picture: UInt8Array) -> _Blurs:
    gray = picture.mean(2, dtype=np.float32)
    fine, coarse = (ring_mean(ring_mean(gray.astype(np.float64), reach), reach) for reach in (_FINE_PX, _COARSE_PX))
    return _Blurs(gray, fine.astype(np.float32), coarse.astype(np.float32))
