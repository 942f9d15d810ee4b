"""How large things are: pixels a millimeter where a box stands, from the products beside it that are known.

Products of one row stand about as far from the camera, so what is known of some measures the others: this tells 0.33 l
from 0.5 l of one design (single-view metrology: Criminisi, Reid and Zisserman, 2000, of which a shelf row is the plain
case).
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from facings.catalog import Product
from facings.shelf_rows import find_rows
from facings.types import Recognition

_N_NEAREST = 8  # of one row
_N_FOR_LINE = 4  # neighbors; of fewer the middle is taken
_LEAST = 2  # neighbors; one alone may be taken for another product
_MIN_SIDE_PX = 24  # of a box: below, a pixel is more than the difference that is looked for
_TURNED = 0.15  # log of height over width against the catalog: a turned pack, or not the product
_MOST_SPREAD = 0.08  # log; neighbors that differ more are of no use together
_FITS = 0.06  # log of measured over true; boxes are that exact
_CLEAR = 0.06  # log; how much worse another product must fit


@dataclass(frozen=True)
class Scale:
    """What the neighbors of a box say.

    Args:
        px_per_mm: Pixels a millimeter.
        n_neighbors: How many neighbors it was taken from.
    """

    px_per_mm: float
    n_neighbors: int


class RowScale:
    """The scale at each box of one photo.

    Args:
        recognitions: All boxes of the photo.
        products: The catalog by SKU; products without height say nothing.
        width_px: Of the photo.
        height_px: Of the photo; boxes that its edge cuts are not measured.
    """

    def __init__(
        self, recognitions: Sequence[Recognition], products: Mapping[str, Product], width_px: int, height_px: int
    ) -> None:
        self._boxes = [r.box for r in recognitions]
        self._is_whole = [_is_whole(box, width_px, height_px) for box in self._boxes]
        self._known = {
            number: (product.sku, scale)
            for number, r in enumerate(recognitions)
            if self._is_whole[number]
            and (product := products.get(r.decision.sku or "")) is not None
            and (scale := _scale_of(r.box, product)) is not None
        }

    def at(self, number: int, *, without: Collection[str]) -> Scale | None:
        """The scale at a box; None where too few neighbors are known, or they disagree.

        Args:
            number: Of the box.
            without: SKUs that do not count: what is in question cannot be its own measure.
        """
        if not self._is_whole[number]:
            return None
        beside = [n for n in self._row_of[number] if n in self._known and self._known[n][0] not in without]
        beside.sort(key=lambda n: abs(_center_x(self._boxes[n]) - _center_x(self._boxes[number])))
        points = [(_center_x(self._boxes[n]), self._known[n][1]) for n in beside if n != number][:_N_NEAREST]
        if len(points) < _LEAST:
            return None
        slope, at_zero = _line(points)
        lines = [at_zero + slope * x for x, _ in points]
        scale = at_zero + slope * _center_x(self._boxes[number])
        if min(scale, *lines) <= 0:
            return None
        spread = statistics.median(abs(math.log(y / line)) for (_, y), line in zip(points, lines, strict=True))
        return Scale(scale, len(points)) if spread <= _MOST_SPREAD else None

    @cached_property
    def _row_of(self) -> dict[int, tuple[int, ...]]:
        rows = find_rows(np.array(self._boxes, np.float32).reshape(-1, 4)).rows
        return {number: row.boxes for row in rows for number in row.boxes}


def fitting(box: Sequence[float], scale: Scale, products: Sequence[Product]) -> tuple[str, ...]:
    """The SKUs whose size a box may have; those without a height in the catalog are always among them.

    Args:
        box: x1, y1, x2, y2 in pixels.
        scale: Where it stands.
        products: What it may be.

    Returns:
        All of them where none fits: then the box, the scale or the catalog is wrong.
    """
    misfits = {p.sku: _misfit(box, scale, p) for p in products if p.height_mm is not None}
    best = min(misfits.values(), default=math.inf)
    if best > _FITS:
        return tuple(p.sku for p in products)
    return tuple(p.sku for p in products if misfits.get(p.sku, 0) < best + _CLEAR)


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Slope and height at zero of the line through points, by medians (Theil 1950, Sen 1968); of few points a level.

    The scale along a row is a line: pixels a millimeter are as the inverse of the distance, and that is linear in the
    picture of a plane.
    """
    pairs = itertools.combinations(points, 2) if len(points) >= _N_FOR_LINE else ()
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in pairs if x1 != x2]
    slope = statistics.median(slopes) if slopes else 0.0
    return slope, statistics.median(y - slope * x for x, y in points)


def _misfit(box: Sequence[float], scale: Scale, product: Product) -> float:
    width_px, height_px = box[2] - box[0], box[3] - box[1]
    sides = [(height_px, product.height_mm), (width_px, product.width_mm)]
    return max(abs(math.log(px / (mm * scale.px_per_mm))) for px, mm in sides if mm is not None)


def _scale_of(box: Sequence[float], product: Product) -> float | None:
    if product.height_mm is None:
        return None
    width_px, height_px = box[2] - box[0], box[3] - box[1]
    by_height = height_px / product.height_mm
    if product.width_mm is not None and abs(math.log(by_height * product.width_mm / width_px)) > _TURNED:
        return None
    return by_height


def _is_whole(box: Sequence[float], width_px: int, height_px: int) -> bool:
    is_inside = box[0] >= 1 and box[1] >= 1 and box[2] <= width_px - 1 and box[3] <= height_px - 1
    return is_inside and min(box[2] - box[0], box[3] - box[1]) >= _MIN_SIDE_PX


def _center_x(box: Sequence[float]) -> float:
    return (box[0] + box[2]) / 2
