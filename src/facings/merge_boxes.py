"""Many boxes for one product become one: boxes of one tile, of tiles that overlap, and of looks at several scales.

Greedy suppression by IoU is the usual one (Neubeck and Van Gool, "Efficient non-maximum suppression", 2006). What ends
at a tile's border is a cut view of a product. Its IoU with the whole view says little, so it is judged by how much of
it the whole view covers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.types import Detections, FloatArray, IntArray

_COVERED = 0.5  # share of a box's area

_Reals = NDArray[np.float64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Views:
    """Boxes as single tiles show them.

    Args:
        xyxy: float32 (N, 4), pixels of the photo, each with an area.
        confidence: float32 (N,), in [0, 1].
        is_cut: bool (N,), whether a box ends at its tile's border while the photo goes on.
    """

    xyxy: FloatArray
    confidence: FloatArray
    is_cut: _Bools


def suppress(xyxy: FloatArray, confidence: FloatArray, max_iou: float) -> IntArray:
    """Rows that stay when of two boxes with too large an IoU the less confident one goes.

    Equal confidence is decided by position (left, upper, right, lower edge, the smaller first), so the answer does not
    depend on the order of the boxes.

    Args:
        xyxy: float32 (N, 4), pixels, each with an area.
        confidence: float32 (N,).
        max_iou: The largest IoU that two boxes may have and both stay, above 0.

    Returns:
        int64 (M,), most confident first.
    """
    in_row = np.argsort(xyxy[:, ::2].sum(axis=1, dtype=np.float64), kind="stable")
    boxes = xyxy[in_row]
    low, high = np.ascontiguousarray(boxes.T, np.float64).reshape(2, 2, -1)
    # IoU > m is (1 + m) · intersection > m · (area + other area).
    parts = (high - low).prod(axis=0) * (max_iou / (1 + max_iou))
    # It needs an intersection of more than m of the wider width, which bounds how far apart the centers can be.
    centers, reach = low[0] + high[0], (high[0] - low[0]) * (1 - max_iou) * max(2.0, 1 / max_iou)
    firsts = np.searchsorted(centers, centers - reach, "left").tolist()
    lasts = np.searchsorted(centers, centers + reach, "right").tolist()
    is_left = np.ones(len(boxes), bool)
    kept = []
    for row in _ranked(boxes, confidence[in_row]).tolist():
        if not is_left[row]:
            continue
        kept.append(row)
        near = slice(firsts[row], lasts[row])
        widths, heights = np.minimum(high[:, near], high[:, row, None]) - np.maximum(low[:, near], low[:, row, None])
        is_left[near] &= np.maximum(widths, 0) * heights <= parts[near] + parts[row]
    return in_row[np.array(kept, np.int64)]


def merge_views(
    views: Views, larger: Detections, *, max_iou: float, sure: float, slack: tuple[float, float]
) -> Detections:
    """One box a product, from what overlapping tiles show and what a look from farther away found.

    1. Of whole views of one product the most confident stays (`suppress`).
    2. A box found from farther away stays unless whole views explain half of its area or more.
    3. A cut view goes when one of these covers half of it or more. Its share is of its own area: a small product in
       front of a large cut one does not remove it.
    4. Cut views that nothing whole covers stay, the largest first, each unless a larger one covers it.

    In 2 to 4 a doubtful box says nothing against one that is more confident.

    Args:
        views: What the tiles show.
        larger: Products that may be too large for the tiles, without doubles.
        max_iou: Of step 1.
        sure: Confidence from which a box is not doubtful.
        slack: Pixels of the photo, across and down, by which boxes grow before they cover another one; for borders of
            products that differ between two views.

    Returns:
        The boxes, most confident first, equal ones by position.
    """
    whole = Detections(views.xyxy[~views.is_cut], views.confidence[~views.is_cut])
    whole = _rows(whole, suppress(whole.xyxy, whole.confidence, max_iou))
    explained = np.array([shares.sum() for shares in _shares(larger, whole, sure)])
    base = _joined(whole, _rows(larger, np.flatnonzero(explained < _COVERED)))
    cut = Detections(views.xyxy[views.is_cut], views.confidence[views.is_cut])
    covered = np.array([shares.max(initial=0) for shares in _shares(cut, _grown(base, slack), sure)])
    cut = _rows(cut, np.flatnonzero(covered < _COVERED))
    found = _joined(base, _rows(cut, _uncovered(cut, slack, sure)))
    return _rows(found, _ranked(found.xyxy, found.confidence))


def _ranked(xyxy: FloatArray, confidence: FloatArray) -> IntArray:
    """Rows, most confident first, equal ones by position."""
    order: IntArray = np.lexsort((*xyxy.T[::-1], -confidence))
    return order


def _uncovered(cut: Detections, slack: tuple[float, float], sure: float) -> IntArray:
    """Rows of cut views that no larger one covers."""
    sides = cut.xyxy[:, 2:] - cut.xyxy[:, :2]
    order = np.lexsort((*cut.xyxy.T[::-1], -cut.confidence, -sides.prod(axis=1)))
    largest_first = _rows(cut, order)
    kept: list[int] = []
    for row, shares in enumerate(_shares(largest_first, _grown(largest_first, slack), sure)):
        if shares[kept].max(initial=0) < _COVERED:
            kept.append(row)
    return order[kept]


def _shares(boxes: Detections, others: Detections, sure: float) -> Iterator[_Reals]:
    """For each box, the share of it that each other box covers; none where that one is doubtful beside it."""
    left, top, right, bottom = others.xyxy.T.astype(np.float64)
    for (x1, y1, x2, y2), confidence in zip(boxes.xyxy.tolist(), boxes.confidence.tolist(), strict=True):
        widths = np.minimum(right, x2) - np.maximum(left, x1)
        heights = np.minimum(bottom, y2) - np.maximum(top, y1)
        is_evidence = others.confidence >= min(confidence, sure)
        yield np.maximum(widths, 0) * np.maximum(heights, 0) * is_evidence / ((x2 - x1) * (y2 - y1))


def _grown(boxes: Detections, slack: tuple[float, float]) -> Detections:
    outwards = np.array([-slack[0], -slack[1], *slack], np.float32)
    return Detections(boxes.xyxy + outwards, boxes.confidence)


def _rows(detections: Detections, rows: IntArray) -> Detections:
    return Detections(detections.xyxy[rows], detections.confidence[rows])


def _joined(first: Detections, second: Detections) -> Detections:
    return Detections(np.concatenate([first.xyxy, second.xyxy]), np.concatenate([first.confidence, second.confidence]))
