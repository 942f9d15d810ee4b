"""Boxes of one photo → the rows they stand in, from the top, each from left to right.

Boards are parallel, so their pictures are lines through one vanishing point (Hartley and Zisserman, Multiple View
Geometry, section 8.6). Of all such pencils of lines that one is taken on which the bottoms of the boxes gather most, as
in a Hough transform; small and tall products of one board share its line, and a missing product leaves it as it is.
Bottoms that gather are a row; a product that stands on another joins the row below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.types import FloatArray

Floats = NDArray[np.float64]

_MAX_SLOPE = 0.35  # of a board's line, about 19 degrees
_MAX_FAN = 0.4  # how much closer lines may be at one edge of the boxes than in their middle, as a share
_NEAR = 0.25  # bottoms gather within this many typical heights
_MOST_STEPS = 61  # of the search, each way; then three finer ones
_STRAIGHT = 0.02  # what a slanted pencil must win by, so that few boxes are not fanned into a line
_SPLIT = 0.12  # bottoms this many typical heights apart are two groups, until they are merged
_LEAST_HEIGHT = 0.3  # of a product, in heights of the upright box around it
_BESIDE = 0.25  # share of a box's height that lies above another's bottom: they stand on one board
_TOUCHING = 0.12  # a box stands on another when this many heights or fewer are between them


@dataclass(frozen=True)
class Pencil:
    """Lines through one vanishing point; `level` is a line's height where it crosses x = `center_x`.

    Args:
        slope: Of the line at `center_y`, in pixels down a pixel to the right.
        fan: Change of slope a pixel down.
        center_x: In pixels.
        center_y: In pixels.
    """

    slope: float
    fan: float
    center_x: float
    center_y: float

    def level(self, x: float, y: float) -> float:
        """The line through a point."""
        right = x - self.center_x
        return self.center_y + (y - self.center_y - self.slope * right) / (1 + self.fan * right)

    def y_at(self, level: float, x: float) -> float:
        """Where a line is at x."""
        right = x - self.center_x
        return level + (self.slope + self.fan * (level - self.center_y)) * right


@dataclass(frozen=True)
class ShelfRow:
    """What stands on one board.

    Args:
        columns: From left to right; in each the numbers of its boxes, from the lowest up.
        level: The board's line in the pencil.
    """

    columns: tuple[tuple[int, ...], ...]
    level: float

    @property
    def boxes(self) -> tuple[int, ...]:
        """Numbers of the boxes: columns from the left, each from its lowest box up."""
        return tuple(number for column in self.columns for number in column)


@dataclass(frozen=True)
class ShelfRows:
    """The rows of a photo from the top, and the lines they stand on."""

    rows: tuple[ShelfRow, ...]
    pencil: Pencil


def find_rows(xyxy: FloatArray) -> ShelfRows:
    """The rows that boxes stand in. Every box is in exactly one; the order of the boxes does not matter.

    Args:
        xyxy: float32 (N, 4), pixels.
    """
    if not len(xyxy):
        return ShelfRows((), Pencil(0.0, 0.0, 0.0, 0.0))
    boxes = xyxy.astype(np.float64)
    pencil = _best_pencil(boxes)
    low = _levels(boxes, pencil.slope, pencil.fan, pencil)
    top = _levels(boxes, pencil.slope, pencil.fan, pencil, of_tops=True)
    heights = boxes[:, 3] - boxes[:, 1]
    top = np.minimum(top, low - _LEAST_HEIGHT * heights)  # wide flat boxes on a slope
    order = np.lexsort((*boxes.T, low))
    cuts = np.flatnonzero(np.diff(low[order]) > _SPLIT * np.median(heights)) + 1
    groups = [group.tolist() for group in np.split(order, cuts)]
    rows = [_columns(boxes, group) for group in _merged(boxes, top, low, groups)]
    return ShelfRows(tuple(ShelfRow(columns, _board(low, columns)) for columns in rows), pencil)


def _board(low: Floats, columns: Sequence[Sequence[int]]) -> float:
    return float(np.median([low[column[0]] for column in columns]))


def _levels(
    boxes: Floats, slope: float | Floats, fan: float | Floats, center: Pencil, *, of_tops: bool = False
) -> Floats:
    """Level of each box's bottom or top: (N,), or (K, N) for slopes and fans of (K, 1).

    An upright box around a slanted product touches its bottom at the corner to which that goes down, and its top at
    the opposite one.
    """
    down = boxes[:, 1 if of_tops else 3] - center.center_y
    x = np.where((slope + fan * down > 0) != of_tops, boxes[:, 2], boxes[:, 0])
    right = x - center.center_x
    levels: Floats = center.center_y + (down - slope * right) / (1 + fan * right)
    return levels


def _best_pencil(boxes: Floats) -> Pencil:
    """The pencil on which bottoms gather: sorted levels have the smallest gaps, where a gap counts up to a limit."""
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    middle, (width, height) = (low + high) / 2, high - low
    center = Pencil(0.0, 0.0, *middle.tolist())
    near = _NEAR * float(np.median(boxes[:, 3] - boxes[:, 1]))
    reach = np.array([_MAX_SLOPE, min(2 * _MAX_FAN / width, _MAX_SLOPE / height)])
    at_edge = np.array([width / 2, width * height / 4])  # how far a step moves a level at the edge of the boxes
    steps = np.clip(np.ceil(2 * reach * at_edge / near), 8, _MOST_STEPS).astype(int) // 2 * 2 + 1
    best = np.zeros(2)
    for zoom in (1, 1 / 6, 1 / 36, 1 / 216):
        spans = [np.linspace(b - zoom * r, b + zoom * r, int(n)) for b, r, n in zip(best, reach, steps, strict=True)]
        tried = np.stack(np.meshgrid(*spans, indexing="ij"), axis=-1).reshape(-1, 2)
        tried = tried[np.abs(tried) @ (1 / reach) <= 2]
        levels = np.sort(_levels(boxes, tried[:, :1], tried[:, 1:], center), axis=1)
        cost = np.minimum(np.diff(levels, axis=1), near).sum(axis=1) / near
        cost += _STRAIGHT * len(boxes) * (np.abs(tried) / reach).sum(axis=1)
        best = tried[np.argmin(np.round(cost, 9))]
        steps = np.array([13, 13])
    return Pencil(float(best[0]), float(best[1]), center.center_x, center.center_y)


def _merged(boxes: Floats, top: Floats, low: Floats, groups: list[list[int]]) -> list[list[int]]:
    """Groups of bottoms as rows: those that stand beside or on the group below them join it."""
    rows: list[list[int]] = []
    for group in groups:
        rows.append(group)
        while len(rows) > 1 and _is_one_row(boxes, top, low, rows[-2], rows[-1]):
            rows[-2:] = [rows[-2] + rows[-1]]
    return rows


def _is_one_row(boxes: Floats, top: Floats, low: Floats, upper: list[int], lower: list[int]) -> bool:
    """Whether most boxes below reach up beside the bottoms above, or most boxes above stand on boxes below."""
    heights = low - top
    beside = (float(np.median(low[upper])) - top[lower]) / heights[lower]
    if float(np.median(beside)) > _BESIDE:
        return True
    shorter = np.minimum(heights[upper][:, None], heights[lower])
    touching = np.abs(top[lower] - low[upper][:, None]) <= _TOUCHING * shorter
    over = np.stack([_overlap(boxes[a], boxes[lower], 0) > 0.5 for a in upper])
    return 2 * int((touching & over).any(axis=1).sum()) > len(upper)


def _overlap(one: Floats, several: Floats, axis: int) -> Floats:
    """Shared length along an axis (0: x, 1: y) as a share of the shorter of each two; below 0 where they are apart."""
    shared = np.minimum(one[axis + 2], several[:, axis + 2]) - np.maximum(one[axis], several[:, axis])
    share: Floats = shared / np.minimum(one[axis + 2] - one[axis], several[:, axis + 2] - several[:, axis])
    return share


def _columns(boxes: Floats, row: list[int]) -> tuple[tuple[int, ...], ...]:
    """A box above the top of another, and over most of it, is in its column."""
    columns: list[list[int]] = []
    for number in sorted(row, key=lambda n: (-boxes[n, 3], *boxes[n])):
        tops = boxes[[column[-1] for column in columns]]
        feet = boxes[[column[0] for column in columns]]
        shares = _overlap(boxes[number], feet, 0) if columns else np.zeros(0)
        over = (shares > 0.5) & (_overlap(boxes[number], tops, 1) < 0.3) if columns else shares > 0
        if over.any():
            columns[int(np.argmax(np.where(over, shares, -1)))].append(number)
        else:
            columns.append([number])
    columns.sort(key=lambda column: (boxes[column[0], 0] + boxes[column[0], 2], *boxes[column[0]]))
    return tuple(map(tuple, columns))
