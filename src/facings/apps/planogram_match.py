"""Seen facings ↔ planned facings, twice: first by product and order alone, then by place as well.

First pass: each seen row is aligned with each planned row, where a planned row may begin and end outside of the photo
(`planogram_sequence.align`); those scores align the rows. The facings that agree say where the plan lies in the photo
(`planogram_view.fit_view`; that a consistent neighborhood locates a photo within an aisle is the idea of Tonioni and Di
Stefano, "Product recognition in store shelves as a sub-graph isomorphism problem", ICIAP 2017). Second pass: a planned
facing whose place is outside of the photo costs nothing, and of equal products those are paired that are closest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.apps.planogram_plan import Plan, PlannedFacing, Position
from facings.apps.planogram_sequence import Alignment, Ints, align
from facings.apps.planogram_view import Anchors, Floats, ShelfView, fit_view
from facings.shelf_rows import ShelfRows, find_rows

Box = tuple[float, float, float, float]

_SAME, _CANDIDATE, _UNKNOWN, _OTHER = 1000, 800, 100, -501
_LEFT_OUT = 400  # two of these are dearer than another product near the place, cheaper than one farther away
_APART, _MOST_APART = 100, 3.0  # for each facing's width between place and plan, up to so many
_MIN_ANCHORS = 3
_MIN_VISIBLE_FRAC = 0.6  # of a facing's place, for it to be in the photo
_PITCH = 1.6  # of shelves in heights of products, where one shelf alone was found


@dataclass(frozen=True)
class Sighting:
    """A box of the photo and what may be in it.

    Args:
        box: x1, y1, x2, y2 in pixels.
        skus: The product; or several, of which one it is; or none.
        is_certain: Whether one product was accepted.
    """

    box: Box
    skus: tuple[str, ...]
    is_certain: bool


@dataclass(frozen=True)
class Match:
    """What belongs together; one entry a planned row and in it one a planned facing.

    Args:
        rows: The rows seen in the photo.
        row_of: Number of the seen row, None where the shelf is empty or not in the photo.
        paired: Number of the box that stands in the facing's place, whatever it shows; None where nothing stands.
        is_in_view: Whether the place is in the photo.
        places: Where the facing is or should be, in pixels; None where that cannot be said.
        is_located: Whether enough agreed to say where the plan lies in the photo; else all of it counts as in view.
    """

    rows: ShelfRows
    row_of: tuple[int | None, ...]
    paired: tuple[tuple[int | None, ...], ...]
    is_in_view: tuple[tuple[bool, ...], ...]
    places: tuple[tuple[Box | None, ...], ...]
    is_located: bool


def match_plan(plan: Plan, sightings: Sequence[Sighting], size_px: tuple[int, int]) -> Match:
    """Which box stands in which facing's place.

    Args:
        plan: With the SKUs of the catalog.
        sightings: The boxes of one photo, in any order.
        size_px: Width and height of the photo.
    """
    return _Matcher(plan, sightings, size_px).match()


class _Matcher:
    """One plan and one photo, in arrays."""

    def __init__(self, plan: Plan, sightings: Sequence[Sighting], size_px: tuple[int, int]) -> None:
        self._boxes = np.array([s.box for s in sightings], np.float64).reshape(-1, 4)
        self._rows = find_rows(self._boxes.astype(np.float32))
        self._size_px = size_px
        self._planned = [[(p, f) for p in row for f in p.facings] for row in plan.rows]
        self._x = [np.array([f.x for _, f in row]) for row in self._planned]
        self._width = [np.array([f.width for _, f in row]) for row in self._planned]
        self._gains = self._gains_by_sku(plan, sightings)
        self._skus = [s.skus[0] if s.is_certain else "" for s in sightings]
        self._heights = self._boxes[:, 3] - self._boxes[:, 1]
        self._height_of = {
            sku: float(np.median(self._heights[[other == sku for other in self._skus]])) for sku in set(self._skus)
        }

    def match(self) -> Match:
        first = [[self._by_order(p, list(row.boxes)) for row in self._rows.rows] for p in range(len(self._planned))]
        row_of = self._rows_by_score(first)
        anchors = self._anchors(first, row_of)
        view = fit_view(anchors) if len(anchors.x) >= _MIN_ANCHORS else None
        levels = self._row_levels(row_of)
        paired, is_in_view, places = [], [], []
        for p in range(len(self._planned)):
            expected = self._expected(p, view, float(levels[p]), {})
            visible = [e is None or self._is_visible(e) for e in expected]
            pairs = self._by_place(p, row_of[p], expected, visible)
            paired.append(tuple(pairs.get(i) for i in range(len(visible))))
            is_in_view.append(tuple(seen or i in pairs for i, seen in enumerate(visible)))
            places.append(self._places(p, view, float(levels[p]), pairs))
        return Match(
            self._rows, tuple(row_of), tuple(paired), tuple(is_in_view), tuple(places), is_located=view is not None
        )

    def _gains_by_sku(self, plan: Plan, sightings: Sequence[Sighting]) -> dict[str, Ints]:
        """What it brings to find each box in the place of a product, int64 (N,); "" stands for unknown products."""
        other = np.array([_OTHER if s.skus else _UNKNOWN for s in sightings], np.int64)
        gains = {"": other}
        for sku in {p.sku for p in plan.positions if p.is_known}:
            same = np.array([_SAME if s.is_certain else _CANDIDATE for s in sightings], np.int64)
            gains[sku] = np.where(np.array([sku in s.skus for s in sightings], np.bool_), same, other)
        return gains

    def _gain(self, p: int, boxes: list[int]) -> Ints:
        rows = [self._gains[position.sku if position.is_known else ""][boxes] for position, _ in self._planned[p]]
        gain: Ints = np.stack(rows)
        return gain

    def _by_order(self, p: int, boxes: list[int]) -> Alignment:
        """First pass: planned row p and the boxes of a seen row."""
        gain = self._gain(p, boxes)
        costs = (np.full(side, _LEFT_OUT, np.int64) for side in gain.shape)
        return align(gain, *costs, has_free_ends=True)

    def _rows_by_score(self, first: list[list[Alignment]]) -> list[int | None]:
        """For each planned row its seen row; shelves may be empty or outside of the photo at no cost."""
        seen = self._rows.rows
        if not seen:
            return [None] * len(first)
        score = np.array([[alignment.score for alignment in row] for row in first], np.int64)
        costs = np.array([_LEFT_OUT * len(row.boxes) for row in seen], np.int64)
        pairs = dict(align(score, np.zeros(len(first), np.int64), costs).pairs)
        return [pairs.get(p) for p in range(len(first))]

    def _anchors(self, first: list[list[Alignment]], row_of: Sequence[int | None]) -> Anchors:
        """The facings of which the first pass is certain."""
        found = []
        for p, s in enumerate(row_of):
            if s is not None:
                row = self._rows.rows[s]
                for i, j in first[p][s].pairs:
                    position, facing = self._planned[p][i]
                    if position.is_known and self._skus[row.boxes[j]] == position.sku:
                        x1, _, x2, _ = self._boxes[row.boxes[j]]
                        found.append((facing.x, facing.width, row.level, (x1 + x2) / 2, x2 - x1))
        return Anchors(*np.array(found, np.float64).reshape(-1, 5).T)

    def _row_levels(self, row_of: Sequence[int | None]) -> Floats:
        """The line of each planned row in the photo, found or between and beyond those that were."""
        known = [(p, self._rows.rows[s].level) for p, s in enumerate(row_of) if s is not None]
        if not known:
            return np.zeros(len(row_of))
        numbers, levels = np.array(known, np.float64).T
        pitch = _PITCH * float(np.median(self._heights))
        if len(known) > 1:
            pitch = float(levels[-1] - levels[0]) / float(numbers[-1] - numbers[0])
        every = np.arange(len(row_of), dtype=np.float64)
        beyond = np.minimum(every - numbers[0], 0) + np.maximum(every - numbers[-1], 0)
        result: Floats = np.interp(every, numbers, levels) + pitch * beyond
        return result

    def _expected(self, p: int, view: ShelfView | None, level: float, pairs: dict[int, int]) -> list[Box | None]:
        """Where the facings of a planned row should be, moved with their neighbors that were found."""
        if view is None:
            return [None] * len(self._x[p])
        centers = view.center_px(self._x[p], level)
        if pairs:
            at = sorted(pairs, key=lambda i: float(self._x[p][i]))
            boxes = self._boxes[[pairs[i] for i in at]]
            centers = centers + np.interp(self._x[p], self._x[p][at], (boxes[:, 0] + boxes[:, 2]) / 2 - centers[at])
        widths = self._width[p] * view.scale(self._x[p], level)
        return [
            self._box(position, facing, (float(center), float(width)), level)
            for (position, facing), center, width in zip(self._planned[p], centers, widths, strict=True)
        ]

    def _box(self, position: Position, facing: PlannedFacing, along: tuple[float, float], level: float) -> Box:
        height = self._height_of.get(position.sku) or float(np.median(self._heights))
        center, width = along
        bottom = self._rows.pencil.y_at(level, center) - facing.level * height
        return center - width / 2, bottom - height, center + width / 2, bottom

    def _is_visible(self, box: Box) -> bool:
        x1, y1, x2, y2 = box
        wide = min(x2, self._size_px[0]) - max(x1, 0)
        high = min(y2, self._size_px[1]) - max(y1, 0)
        return wide > 0 and high > 0 and wide * high >= _MIN_VISIBLE_FRAC * (x2 - x1) * (y2 - y1)

    def _by_place(self, p: int, s: int | None, expected: list[Box | None], visible: list[bool]) -> dict[int, int]:
        """Second pass: planned facing → box, for planned row p and seen row s."""
        if s is None:
            return {}
        boxes = list(self._rows.rows[s].boxes)
        gain = self._gain(p, boxes)
        if all(expected):
            wanted = np.array(expected, np.float64)
            widths = np.maximum(wanted[:, 2] - wanted[:, 0], 1.0)
            centers = self._boxes[boxes][:, (0, 2)].mean(axis=1)
            apart = np.abs(wanted[:, (0, 2)].mean(axis=1)[:, None] - centers) / widths[:, None]
            gain = gain - np.round(_APART * np.minimum(apart, _MOST_APART)).astype(np.int64)
        costs = np.where(np.array(visible), _LEFT_OUT, 0).astype(np.int64)
        found = align(gain, costs, np.full(len(boxes), _LEFT_OUT, np.int64))
        return {i: boxes[j] for i, j in found.pairs}

    def _places(self, p: int, view: ShelfView | None, level: float, pairs: dict[int, int]) -> tuple[Box | None, ...]:
        places = self._expected(p, view, level, pairs)
        for i, number in pairs.items():
            places[i] = _as_box(self._boxes[number])
        return tuple(places)


def _as_box(corners: NDArray[np.float64]) -> Box:
    x1, y1, x2, y2 = corners.tolist()
    return x1, y1, x2, y2
