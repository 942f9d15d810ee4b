"""What a network is shown of a pack beside genuine ones, and what it says: how surely each place was tampered with.

The looks of `pack_maps.py` measure print, color and sharpness one by one and cannot tell a hand before the pack from
another print. The network sees the pictures too. It learned on the simulator's forgeries (`train/comparator.py`), whose
likes it may know better than real ones; what it says becomes a p-value by genuine photos alone, as any check does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facings.apps.pack_look import GenuineMaps, Looked
from facings.apps.pack_maps import MAPS, MATCHED, PLACE_PX
from facings.types import FloatArray, UInt8Array

N_LOOKS = 2 * len(MAPS) + 2  # channels a genuine photo: what differs, what usually does, vouched for, seen

_SCALES = np.array([0.5, 10.0, 0.5], np.float32)[:, None, None]  # by `MAPS`: brings differences to about 0 to 1
_LEAST_MATCHED = 12  # places that show the same print, for the light of a pair to be known by them
_DARK = 4.0  # of 255, added to both sides of a ratio


@dataclass(frozen=True, eq=False)
class Beside:
    """A part of a picture and K genuine photos laid over it; both sides of it are multiples of `PLACE_PX`.

    Args:
        part: uint8 (H, W, 3) RGB.
        laid: uint8 (K, H, W, 3), brought to its light.
        looks: float32 (K, `N_LOOKS`, h, w), place by place.
        is_seen: bool (K, h, w), where a photo reaches.
    """

    part: UInt8Array
    laid: UInt8Array
    looks: FloatArray
    is_seen: NDArray[np.bool_]


class PackComparator(Protocol):
    """Tells tampered places."""

    @property
    def network_id(self) -> str:
        """Changes with whatever changes an answer."""
        ...

    def compare(self, beside: Beside) -> FloatArray:
        """float32 (h, w): how surely a place differs from all genuine photos by design; logits."""
        ...


def beside(looked: Looked, known: Mapping[int, GenuineMaps]) -> Beside:
    """What the network is shown.

    Args:
        looked: A picture beside genuine photos; at least one.
        known: What each vouches for in places of the picture.
    """
    laid = [_in_light_of(looked, k) for k in looked.maps]
    looks = [
        np.concatenate([
            one.differences / _SCALES,
            known[k].expected / _SCALES,
            known[k].is_vouched[None],
            one.is_seen[None],
        ])
        for k, one in looked.maps.items()
    ]  # fmt: skip
    seen = [one.is_seen for one in looked.maps.values()]
    return Beside(looked.part, np.stack(laid), np.stack(looks).astype(np.float32), np.stack(seen))


def _in_light_of(looked: Looked, k: int) -> UInt8Array:
    """Photo k with a gain a channel, so that the same print is as light as in the picture."""
    mine, theirs = (_per_place(picture) for picture in (looked.part, looked.laid[k]))
    maps = looked.maps[k]
    is_same = (maps.differences[0] < MATCHED) & maps.is_seen
    if is_same.sum() < _LEAST_MATCHED:
        is_same = maps.is_seen if maps.is_seen.any() else np.ones_like(maps.is_seen)
    gains = np.exp(np.median(np.log((mine[is_same] + _DARK) / (theirs[is_same] + _DARK)), axis=0))
    return np.asarray(np.clip(looked.laid[k] * gains.astype(np.float32), 0, 255), np.uint8)


def _per_place(picture: UInt8Array) -> FloatArray:
    """float32 (h, w, 3): means over places."""
    height, width = (side // PLACE_PX for side in picture.shape[:2])
    pieces = picture.astype(np.float32).reshape(height, PLACE_PX, width, PLACE_PX, 3)
    return np.asarray(pieces.mean((1, 3)))
