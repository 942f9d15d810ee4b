"""How close step 2 looks at a photo: first at all of it at once, then, if its products are too small, closer.

A network finds objects of the sizes that it was trained on (`DetectorCard.object_px`). The first look tells how large
the products are; where the small ones are near the lower end of that range, the next look brings the median to its
middle, and the small ones well into it. A photo that seems nearly empty gets a closer look too. The reasons and the
cost are in docs/decisions/0009-tiling-by-object-size.md.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facings.model_card import DetectorCard
from facings.tiles import Tiling, plan_tiles
from facings.types import FloatArray

MAX_LOOK_PIXELS = 32_000_000  # that the network sees in one look
MAX_BLIND_PIXELS = 2_500_000  # the same, where only an empty photo asks for it
_MAX_ENLARGEMENT = 2.0
_SMALL, _LARGE = 0.25, 0.95  # what counts as a small and as a large product of a photo, as quantiles
_NEAR, _FAR = 1.5, 2.0  # times the smallest size that the network knows: where small products are too small, and go
_EMPTY_FRAC = 0.25  # a photo that is covered by products to a smaller share may show others, too small to be found
_MIN_STEP = 1.25  # a closer look than this one by less is not worth its cost
_TILE_SIDES = 2  # of a tile, in `working_px`: large tiles waste less on overlap


def first_look(photo_px: tuple[int, int], card: DetectorCard) -> Tiling:
    """All of the photo at the size that the network was trained around, in one piece.

    A small photo is enlarged, up to twice.

    Args:
        photo_px: Width and height.
        card: The network's.
    """
    scale = min(card.working_px / max(photo_px), _MAX_ENLARGEMENT)
    return _plan(photo_px, scale, card)


def closer_look(xyxy: FloatArray, tiling: Tiling, card: DetectorCard) -> Tiling | None:
    """The next look at a photo, or None if the last one saw what can be seen.

    Args:
        xyxy: float32 (N, 4), what the last look found, in pixels of the photo.
        tiling: The last look.
        card: The network's.
    """
    smallest_px, largest_px = card.object_px
    middle_px = math.sqrt(smallest_px * largest_px)
    small_px, median_px = _seen_px(xyxy, tiling) if len(xyxy) else (math.inf, math.inf)
    if small_px < _NEAR * smallest_px:
        scale = tiling.scale * max(middle_px / median_px, _FAR * smallest_px / small_px)
        large = np.quantile(xyxy[:, 2:] - xyxy[:, :2], _LARGE, axis=0)
        budget = MAX_LOOK_PIXELS
    elif _found_frac(xyxy, tiling) < _EMPTY_FRAC:  # products too small to be found may be there
        scale = tiling.scale * middle_px / smallest_px
        large = np.full(2, 2 * middle_px / scale)
        budget = MAX_BLIND_PIXELS
    else:
        return None
    scale = min(1.0, scale)
    while scale >= _MIN_STEP * tiling.scale:
        closer = _plan(tiling.photo_px, scale, card, (large[0] * scale, large[1] * scale))
        if closer.network_px <= budget:
            return closer
        scale *= 0.95
    return None


def is_too_large(xyxy: FloatArray, tiling: Tiling, card: DetectorCard) -> NDArray[np.bool_]:
    """Which boxes a look may not show whole, or shows larger than the network knows objects to be.

    Args:
        xyxy: float32 (N, 4), pixels of the photo.
        tiling: The look.
        card: The network's.

    Returns:
        bool (N,).
    """
    sides = (xyxy[:, 2:] - xyxy[:, :2]) * tiling.scale
    is_larger: NDArray[np.bool_] = (sides > tiling.whole_px).any(axis=1) | (sides.min(axis=1) > card.object_px[1])
    return is_larger


def missed_below_px(xyxy: FloatArray, tiling: Tiling, card: DetectorCard) -> float | None:
    """The shorter side, in pixels of the photo, below which products may have been missed for want of a closer look.

    None where the last look was close enough, or the photo has no more pixels.

    Args:
        xyxy: float32 (N, 4), what the last look found, in pixels of the photo.
        tiling: The last look.
        card: The network's.
    """
    smallest_px = card.object_px[0]
    is_close = tiling.scale >= 1 or (len(xyxy) > 0 and _seen_px(xyxy, tiling)[0] >= smallest_px)
    return None if is_close else smallest_px / tiling.scale


def _seen_px(xyxy: FloatArray, tiling: Tiling) -> tuple[float, float]:
    """Lower quartile and median of the shorter sides as the network saw them."""
    quartile, median = np.quantile((xyxy[:, 2:] - xyxy[:, :2]).min(axis=1), (_SMALL, 0.5)) * tiling.scale
    return float(quartile), float(median)


def _found_frac(xyxy: FloatArray, tiling: Tiling) -> float:
    """Share of the photo that the boxes cover, if they do not overlap."""
    return float((xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1).sum()) / math.prod(tiling.photo_px)


def _plan(
    photo_px: tuple[int, int], scale: float, card: DetectorCard, large_px: tuple[float, float] = (0.0, 0.0)
) -> Tiling:
    return plan_tiles(
        photo_px,
        scale,
        stride_px=card.stride_px,
        max_side_px=_TILE_SIDES * card.working_px,
        large_px=large_px,
    )
