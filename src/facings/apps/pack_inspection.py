"""A picture judged by genuine photos laid over it: where it differs from all of them, and how odd that is.

A place is judged where genuine photos vouch for it. What differs and hangs together with the outside of the pack is
taken for something in front of it, a hand most of all, or another side: it is left out of the looks, and counts as not
seen. Appearance, which a network judges that was shown hands too, is looked at in all places that are vouched for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.apps.pack_comparator import PackComparator, beside
from facings.apps.pack_look import Looked, Places, Vouching, carried, vouched_places
from facings.apps.pack_maps import MAPS, PLACE_PX, ring_mean
from facings.apps.registration import PixelBox, moved

LOOKS = (*MAPS, "appearance")  # what has an oddest place
LEAST_PLACES = 100
LEAST_JUDGED_FRAC = 0.2  # of all that genuine photos vouch for
LEAST_CLEAR_FRAC = 0.6  # of what they vouch for in the part of the pack that the picture shows

_COVERED_PRINT, _COVERED_COLOR = 0.45, 8.0  # differences from which on something may lie in front of the pack
_RIM = {"print": 0, "color": 2, "sharpness": 0}  # places at the edge of what is judged: hands throw shade there
_SURELY_GENUINE = -6.0  # logit below which the network's doubts are all one


@dataclass(frozen=True, eq=False)
class Inspection:
    """What came out.

    Args:
        box: The part of the picture that was looked at.
        is_judged: bool (h, w), its places that genuine photos vouch for and that could be seen.
        maps: float64 (4, h, w), by `LOOKS`: how odd a place is; −inf where it is not looked at.
        scores: float64 (4,), the oddest place of each.
        judged_frac: Share of all that the genuine photos vouch for that could be judged, 0 to 1: their mean.
        clear_frac: Share of what they vouch for in the part that the picture shows that could be judged, 0 to 1.
    """

    box: PixelBox
    is_judged: Places
    maps: NDArray[np.float64]
    scores: NDArray[np.float64]
    judged_frac: float
    clear_frac: float

    @property
    def is_enough(self) -> bool:
        """Whether enough was seen to say anything."""
        is_much = bool(self.is_judged.sum() >= LEAST_PLACES) and self.judged_frac >= LEAST_JUDGED_FRAC
        return is_much and self.clear_frac >= LEAST_CLEAR_FRAC and bool(np.isfinite(self.scores).all())

    def spot(self, check: int) -> PixelBox:
        """The oddest place by a check, with the places around it, in pixels of the picture."""
        y, x = np.unravel_index(int(self.maps[check].argmax()), self.maps[check].shape)
        left, top = self.box[0] + int(x) * PLACE_PX, self.box[1] + int(y) * PLACE_PX
        return left - 2 * PLACE_PX, top - 2 * PLACE_PX, left + 3 * PLACE_PX, top + 3 * PLACE_PX


def inspect(looked: Looked, vouching: Mapping[int, Vouching], comparator: PackComparator) -> Inspection:
    """Where a picture differs from all genuine photos that it lies over.

    Args:
        looked: The picture beside them.
        vouching: What each of them can vouch for, by number.
        comparator: Tells tampered places.
    """
    known = {k: carried(vouching[k], looked, k) for k in looked.maps}
    excess = [
        np.where(known[k].is_vouched & one.is_seen, one.differences - known[k].expected, np.inf)
        for k, one in looked.maps.items()
    ]
    least: NDArray[np.float64] = np.min(excess, axis=0)
    is_vouched = vouched_places(looked, known) & np.isfinite(least[0])
    is_judged = _uncovered(least, is_vouched)
    named = zip(least, MAPS, strict=True)
    maps = [_odd(values, _off_the_rim(is_judged, _RIM[name]), is_relative=name != "print") for values, name in named]
    doubts = np.logaddexp(0, comparator.compare(beside(looked, known)).astype(np.float64) - _SURELY_GENUINE)
    every = np.stack([*maps, _odd(doubts, is_vouched, is_relative=False)])
    fracs = [_judged_frac(vouching[k], is_judged, looked, k) for k in looked.maps]
    clear_frac = float(is_judged.sum() / max(1, is_vouched.sum()))
    return Inspection(looked.box, is_judged, every, every.max((1, 2)), float(np.mean(fracs)), clear_frac)


def _judged_frac(vouching: Vouching, is_judged: Places, looked: Looked, k: int) -> float:
    """Share of what photo k vouches for that was judged in the picture."""
    rows, columns = np.nonzero(vouching.maps.is_vouched)
    if not len(rows):
        return 0.0
    centers = np.column_stack([columns, rows]) * PLACE_PX + PLACE_PX / 2 + vouching.box[:2]
    to_picture = np.linalg.inv(looked.fits[k].to_reference).astype(np.float64)
    at = (moved(centers, to_picture) - looked.box[:2]) // PLACE_PX
    is_inside = ((at >= 0) & (at < is_judged.shape[::-1])).all(1)
    column, row = at[is_inside].astype(int).T
    return float(is_judged[row, column].sum() / len(rows))


def _uncovered(least: NDArray[np.float64], is_vouched: Places) -> Places:
    """Vouched places, less what differs and hangs together with the outside, less their own rim."""
    color = least[1] - (np.median(least[1][is_vouched]) if is_vouched.any() else 0)
    is_odd = ~is_vouched | (least[0] > _COVERED_PRINT) | (color > _COVERED_COLOR)
    inside = is_vouched & ~_reached(np.pad(is_odd, 1, constant_values=True))[1:-1, 1:-1]
    return _off_the_rim(inside, 1)


def _off_the_rim(places: Places, reach: int) -> Places:
    """Places all whose neighbors, so far any way, belong to it too."""
    return places & (ring_mean(places.astype(np.float64), reach) > 1 - 1e-9)


def _reached(is_open: Places) -> Places:
    """Open places that can be come to from the corner by steps to the side, up or down."""
    reached = np.zeros_like(is_open)
    reached[0, 0] = True
    n_before = 0
    while (n := int(reached.sum())) > n_before:
        n_before = n
        for _ in range(8):  # between two counts
            reached[1:] |= reached[:-1] & is_open[1:]
            reached[:-1] |= reached[1:] & is_open[:-1]
            reached[:, 1:] |= reached[:, :-1] & is_open[:, 1:]
            reached[:, :-1] |= reached[:, 1:] & is_open[:, :-1]
    return reached


def _odd(values: NDArray[np.float64], is_judged: Places, *, is_relative: bool) -> NDArray[np.float64]:
    """Means of 3×3 judged places; light and blur of the whole photo are taken off."""
    if not is_judged.any():
        return np.full(values.shape, -np.inf)
    usual = np.median(values[is_judged]) if is_relative else 0.0
    total = ring_mean(np.where(is_judged, values - usual, 0.0), 1)
    share = ring_mean(is_judged.astype(np.float64), 1)
    return np.where(is_judged & (share > 0.6), total / np.maximum(share, 0.1), -np.inf)
