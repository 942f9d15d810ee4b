"""Squares to learn boxes from, cut out of photos or put together from several; all by (seed, step).

A detector must find products of any size, so every square shows them in another one. A photo of a few large products is
fitted into the square, or into a quarter of it beside three others (mosaics: Bochkovskiy et al., "YOLOv4", 2020); of a
photo of many small ones a part is cut out, in which they have a size that can be learned. Which product it is does not
matter to a class-agnostic detector, so its squares may be mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor

from facings.train.batches import Schedule, channel_values, one_ahead, recolored
from facings.train.detector_set import DetectionSet
from facings.types import FloatArray, IntArray, UInt8Array

SMALLEST_PX = 20.0  # shorter side of products, median of a photo; below, a part is cut out
_PART_PX = (24.0, 96.0)  # what it is brought to then
_FITTED = (0.7, 1.4)  # a photo's longer side in a square, in sides of the square
_ASPECT = 1.12  # widths change by up to this factor either way
_MOST_ENLARGED = 2.0
_LEAST_SEEN_FRAC = 0.35  # of a box's area, for it to be learned
_LEAST_SIDE_PX = 4.0
_UNKNOWN_OBJECT_FRAC = 0.4  # of the shorter side, where a photo has no boxes


@dataclass(frozen=True, eq=False)
class CanvasBatch:
    """What one step learns from.

    Args:
        pixels: float32 (n, 3, S, S), normalized.
        targets: One a square: `boxes` float32 (m, 4) xyxy in its pixels, `labels` int64 (m,).
    """

    pixels: Tensor
    targets: list[dict[str, Tensor]]


@dataclass(frozen=True, eq=False)
class _Piece:
    """A square part of a canvas: uint8 (s, s, 3), float32 (m, 4) boxes in its pixels, int64 (m,) labels."""

    pixels: UInt8Array
    xyxy: FloatArray
    labels: IntArray


class Canvases:
    """Batches of squares, the next one made while the last one is learned from.

    Args:
        data: The photos.
        schedule: Which photo leads each square, how many, and how large.
        mosaic_prob: Share of the squares that are put together from four photos, in [0, 1].
        plain_frac: Share of all steps, the last ones, whose squares show one photo each, in [0, 1].
        color_jitter: Largest relative change of brightness, contrast and saturation, in [0, 1).
        is_mirrored: Mirror half of the pieces.
        mean: RGB, 0 to 255: subtracted, and the color of what no photo covers.
        std: RGB, in units of 0 to 255: divided by.
    """

    def __init__(
        self,
        data: DetectionSet,
        schedule: Schedule,
        *,
        mosaic_prob: float,
        plain_frac: float,
        color_jitter: float,
        is_mirrored: bool,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
    ) -> None:
        self._data, self._schedule = data, schedule
        self._mosaic_prob, self._color_jitter, self._is_mirrored = mosaic_prob, color_jitter, is_mirrored
        self._n_mixed_steps = round((1 - plain_frac) * schedule.n_steps)
        self._mean, self._std = channel_values(mean), channel_values(std)
        self._blank = np.array([round(value) for value in mean], np.uint8)

    def from_step(self, first: int) -> Iterator[CanvasBatch]:
        """The batch of each step from `first` on."""
        return one_ahead(self._make, first, self._schedule.n_steps)

    def _make(self, number: int) -> CanvasBatch:
        rows, side = self._schedule.step(number)
        rng = np.random.default_rng((self._schedule.seed, 2, number))
        mosaic_prob = self._mosaic_prob if number < self._n_mixed_steps else 0.0
        squares = [self._square(row, side, mosaic_prob, rng) for row in rows.tolist()]
        pixels = torch.from_numpy(np.stack([square.pixels for square in squares])).permute(0, 3, 1, 2).float()
        pixels = (recolored(pixels, self._color_jitter, rng) - self._mean) / self._std
        targets = [
            {"boxes": torch.from_numpy(square.xyxy), "labels": torch.from_numpy(square.labels)} for square in squares
        ]
        return CanvasBatch(pixels.contiguous(memory_format=torch.channels_last), targets)

    def _square(self, row: int, side: int, mosaic_prob: float, rng: np.random.Generator) -> _Piece:
        if self._is_dense(row, side) or rng.random() >= mosaic_prob:
            return self._piece(row, side, rng)
        half = side // 2
        rows = [row, *rng.choice(self._data.train_rows, 3).tolist()]
        quarters = [self._piece(one, half, rng) for one in rows]
        pixels = np.vstack([np.hstack([q.pixels for q in quarters[:2]]), np.hstack([q.pixels for q in quarters[2:]])])
        offsets = [np.array([x, y, x, y], np.float32) * half for y in (0, 1) for x in (0, 1)]
        xyxy = np.concatenate([q.xyxy + offset for q, offset in zip(quarters, offsets, strict=True)])
        return _Piece(pixels, xyxy, np.concatenate([quarter.labels for quarter in quarters]))

    def _object_px(self, row: int) -> float:
        height, width = self._data.cache.shapes[row]
        return self._data.truths[row].object_px or _UNKNOWN_OBJECT_FRAC * min(height, width)

    def _is_dense(self, row: int, side: int) -> bool:
        """Whether the photo as a whole would show its products too small."""
        return self._object_px(row) * side / max(self._data.cache.shapes[row]) < SMALLEST_PX

    def _piece(self, row: int, side: int, rng: np.random.Generator) -> _Piece:
        truth, photo = self._data.truths[row], self._data.cache.photo(row)
        height, width = photo.shape[:2]
        if self._is_dense(row, side):
            scale = math.exp(rng.uniform(*np.log(_PART_PX))) / self._object_px(row)
        else:
            scale = side / max(height, width) * math.exp(rng.uniform(*np.log(_FITTED)))
        down = min(scale, _MOST_ENLARGED)
        right = down * math.exp(rng.uniform(-math.log(_ASPECT), math.log(_ASPECT)))
        window = np.array([side / right, side / down])  # of the photo's pixels: width, height
        free = np.array([width, height]) - window
        left, top = rng.uniform(np.minimum(free, 0), np.maximum(free, 0))
        pixels = _cut(photo, (left, top), (right, down), side, self._blank)
        moved = (truth.xyxy - np.array([left, top, left, top])) * np.array([right, down, right, down])
        seen, is_kept = _seen(moved.astype(np.float32), side)
        is_learned = is_kept & ~truth.is_ignored
        _hide(pixels, seen[truth.is_ignored], seen[is_learned], self._blank)
        piece = _Piece(pixels, seen[is_learned], truth.labels[is_learned])
        return _mirrored(piece) if self._is_mirrored and rng.random() < 0.5 else piece


def fitted_scale(object_px: float | None, shape: tuple[int, int], side: int) -> float:
    """How much a whole photo is scaled to be looked at: into a square, or so that its products have a middling size.

    Args:
        object_px: Median shorter side of its products; None where it has none.
        shape: (height, width), pixels.
        side: Of the square.
    """
    fitted = side / max(shape)
    if object_px is None or object_px * fitted >= SMALLEST_PX:
        return fitted
    return min(math.sqrt(_PART_PX[0] * _PART_PX[1]) / object_px, _MOST_ENLARGED)


def _cut(
    photo: UInt8Array, corner: tuple[float, float], scale: tuple[float, float], side: int, blank: UInt8Array
) -> UInt8Array:
    """uint8 (side, side, 3): the photo from a corner on, scaled; blank where it does not reach."""
    height, width = photo.shape[:2]
    (left, top), (right, down) = corner, scale
    x1, y1 = max(0, math.ceil(-left * right)), max(0, math.ceil(-top * down))
    x2, y2 = min(side, math.floor((width - left) * right)), min(side, math.floor((height - top) * down))
    square = np.empty((side, side, 3), np.uint8)
    square[:] = blank
    if x2 > x1 and y2 > y1:
        ends = np.array([left + x1 / right, top + y1 / down, left + x2 / right, top + y2 / down])
        x_start, y_start, x_end, y_end = np.clip(ends, 0, [width, height, width, height]).tolist()
        picture = PillowImage.fromarray(photo)
        bilinear = PillowImage.Resampling.BILINEAR
        scaled = picture.resize((x2 - x1, y2 - y1), bilinear, (x_start, y_start, x_end, y_end), 2.0)
        square[y1:y2, x1:x2] = np.asarray(scaled)
    return square


def _seen(xyxy: FloatArray, side: int) -> tuple[FloatArray, np.typing.NDArray[np.bool_]]:
    """Boxes cut off at a square's border, and which of them show enough."""
    seen = xyxy.clip(0, side)
    sides = seen[:, 2:] - seen[:, :2]
    whole = (xyxy[:, 2:] - xyxy[:, :2]).prod(1)
    return seen, (sides.min(1, initial=math.inf) >= _LEAST_SIDE_PX) & (sides.prod(1) >= _LEAST_SEEN_FRAC * whole)


def _hide(pixels: UInt8Array, ignored: FloatArray, learned: FloatArray, blank: UInt8Array) -> None:
    """Blank what is ignored, in place; not the products to learn in it: a crowd's box lies around single ones too."""
    is_hidden = np.zeros(pixels.shape[:2], bool)
    for boxes, is_blank in ((ignored, True), (learned, False)):
        for x1, y1, x2, y2 in boxes.round().astype(int).tolist():
            is_hidden[y1:y2, x1:x2] = is_blank
    pixels[is_hidden] = blank


def _mirrored(piece: _Piece) -> _Piece:
    side = piece.pixels.shape[1]
    x1, y1, x2, y2 = piece.xyxy.T
    return _Piece(piece.pixels[:, ::-1], np.stack([side - x2, y1, side - x1, y2], 1), piece.labels)
