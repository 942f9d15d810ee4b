"""How a photo of any size becomes input of a network: rescaled, and cut into overlapping tiles of one shape.

A tile is rescaled from the photo when its turn comes, a strip of rows at a time, so memory grows neither with the photo
nor with the number of tiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from facings.types import FloatArray, UInt8Array

_OVERLAP = 1.5  # sides of a large object
_MARGIN = 1 / 12  # of the overlap; an edge as near as this to a tile's border may have been cut off there
_STRIP_PIXELS = 1_000_000  # of the photo, that are handed to Pillow at a time


@dataclass(frozen=True)
class Tiling:
    """A photo at one scale, and where its tiles lie. Lengths are pixels of the rescaled photo, x before y.

    Args:
        photo_px: Width and height of the photo.
        scale: Pixels of the rescaled photo a pixel of the photo.
        size_px: Width and height of the rescaled photo, rounded.
        tile_px: Width and height of every tile. A tile that reaches beyond the rescaled photo is padded there.
        lefts: Left edges of the tiles.
        tops: Upper edges of the tiles.
        overlap_px: What neighboring tiles share at least.
    """

    photo_px: tuple[int, int]
    scale: float
    size_px: tuple[int, int]
    tile_px: tuple[int, int]
    lefts: tuple[int, ...]
    tops: tuple[int, ...]
    overlap_px: tuple[int, int]

    @property
    def corners(self) -> tuple[tuple[int, int], ...]:
        """Upper left corners of the tiles, row by row."""
        return tuple((left, top) for top, left in product(self.tops, self.lefts))

    @property
    def network_px(self) -> int:
        """Pixels that a network sees in all tiles together."""
        return len(self.corners) * self.tile_px[0] * self.tile_px[1]

    @property
    def margin_px(self) -> tuple[float, float]:
        """How near to a tile's border an edge counts as cut off there."""
        return self.overlap_px[0] * _MARGIN, self.overlap_px[1] * _MARGIN

    @property
    def whole_px(self) -> tuple[float, float]:
        """What is no wider and no higher than this lies whole, margins included, in one tile at least."""
        return (
            self.overlap_px[0] * (1 - 2 * _MARGIN) if len(self.lefts) > 1 else math.inf,
            self.overlap_px[1] * (1 - 2 * _MARGIN) if len(self.tops) > 1 else math.inf,
        )

    def is_cut(self, xyxy: FloatArray, corner: tuple[int, int]) -> NDArray[np.bool_]:
        """Which boxes end at a border of their tile that is not the photo's border too.

        Args:
            xyxy: float32 (N, 4), pixels of the tile.
            corner: Of the tile, one of `corners`.

        Returns:
            bool (N,).
        """
        is_cut = np.zeros(len(xyxy), bool)
        for axis in (0, 1):
            begin, end = xyxy[:, axis], xyxy[:, axis + 2]
            if corner[axis] > 0:
                is_cut |= begin < self.margin_px[axis]
            if corner[axis] + self.tile_px[axis] < self.size_px[axis]:
                is_cut |= end > self.tile_px[axis] - self.margin_px[axis]
        return is_cut

    def in_photo(self, xyxy: FloatArray, corner: tuple[int, int]) -> FloatArray:
        """Boxes of a tile as boxes of the photo, each clipped to what the tile shows of the photo.

        Args:
            xyxy: float32 (N, 4), pixels of the tile.
            corner: Of the tile, one of `corners`.

        Returns:
            float32 (N, 4), pixels of the photo; one outside of it gets no area.
        """
        ends = [
            min(start + length, size) for start, length, size in zip(corner, self.tile_px, self.size_px, strict=True)
        ]
        starts = np.array([*corner, *corner], np.float64)
        placed = np.clip(xyxy + starts, starts, (*ends, *ends))
        ratio = np.divide(self.photo_px, self.size_px)
        boxes: FloatArray = (placed * (*ratio, *ratio)).astype(np.float32)
        return boxes


def plan_tiles(
    photo_px: tuple[int, int],
    scale: float,
    *,
    stride_px: int,
    max_side_px: int,
    large_px: tuple[float, float] = (0.0, 0.0),
) -> Tiling:
    """The fewest tiles of a photo at one scale, as small as their overlap allows.

    Args:
        photo_px: Width and height of the photo.
        scale: Pixels of the rescaled photo a pixel of the photo.
        stride_px: Width and height of a tile are multiples of it.
        max_side_px: The longest side of a tile, `stride_px` or more.
        large_px: Width and height of large objects, in pixels of the rescaled photo. Tiles overlap by one and a half of
            them, but never by more than half of a tile.
    """
    longest_px = max_side_px // stride_px * stride_px
    size_px = (max(1, round(photo_px[0] * scale)), max(1, round(photo_px[1] * scale)))
    overlap_px = tuple(min(math.ceil(_OVERLAP * large), longest_px // 2) for large in large_px)
    (width_px, lefts), (height_px, tops) = (
        _along(size, overlap, longest_px, stride_px) for size, overlap in zip(size_px, overlap_px, strict=True)
    )
    return Tiling(
        photo_px=photo_px,
        scale=scale,
        size_px=size_px,
        tile_px=(width_px, height_px),
        lefts=lefts,
        tops=tops,
        overlap_px=(overlap_px[0], overlap_px[1]),
    )


def cut_tiles(
    pixels: UInt8Array, tiling: Tiling, color: tuple[float, float, float], *, n_together: int
) -> Iterator[tuple[tuple[tuple[int, int], ...], UInt8Array]]:
    """All tiles of a photo, a few at a time.

    Args:
        pixels: uint8 (H, W, 3) RGB, the photo.
        tiling: Where the tiles lie.
        color: RGB, 0 to 255, of the padding.
        n_together: Tiles in a batch.

    Yields:
        Corners of the tiles, and their pixels as network input, uint8 (N, 3, h, w) RGB.
    """
    fill = np.rint(color).astype(np.uint8)
    for start in range(0, len(tiling.corners), n_together):
        corners = tiling.corners[start : start + n_together]
        batch = np.empty((len(corners), tiling.tile_px[1], tiling.tile_px[0], 3), np.uint8)
        batch[:] = fill
        for tile, corner in zip(batch, corners, strict=True):
            _draw(tile, pixels, tiling, corner)
        yield corners, np.ascontiguousarray(batch.transpose(0, 3, 1, 2))


def _along(length: int, overlap: int, longest: int, stride: int) -> tuple[int, tuple[int, ...]]:
    """Length and starts of the tiles along one side of the rescaled photo."""
    if length <= longest:
        return math.ceil(length / stride) * stride, (0,)
    n_tiles = math.ceil((length - overlap) / (longest - overlap))
    tile = math.ceil((length + (n_tiles - 1) * overlap) / n_tiles / stride) * stride
    return tile, tuple((length - tile) * number // (n_tiles - 1) for number in range(n_tiles))


def _draw(tile: UInt8Array, pixels: UInt8Array, tiling: Tiling, corner: tuple[int, int]) -> None:
    """The photo's part of a tile, strip by strip; what one strip is made of overlaps with the next by the filter."""
    left, top = corner
    (tile_width, tile_height), (width, height) = tiling.tile_px, tiling.size_px
    n_columns, n_rows = min(tile_width, width - left), min(tile_height, height - top)
    x_step, y_step = tiling.photo_px[0] / width, tiling.photo_px[1] / height
    n_at_once = max(1, int(_STRIP_PIXELS / (n_columns * x_step * y_step)))
    for row in range(0, n_rows, n_at_once):
        n = min(n_at_once, n_rows - row)
        strip = _rescaled(pixels, (left, top + row, n_columns, n), tiling)
        tile[row : row + n, :n_columns] = np.asarray(strip)


def _rescaled(pixels: UInt8Array, part: tuple[int, int, int, int], tiling: Tiling) -> PillowImage.Image:
    """A part (left, top, width, height) of the rescaled photo, as if all of it had been rescaled."""
    spans = []
    for start, n, photo, size in zip(part[:2], part[2:], tiling.photo_px, tiling.size_px, strict=True):
        begin, end = start * photo / size, (start + n) * photo / size
        reach = math.ceil(2 * max(1.0, photo / size))  # the filter sees a pixel of the rescaled photo more
        spans.append((begin, end, max(0, math.floor(begin) - reach), min(photo, math.ceil(end) + reach)))
    (x1, x2, left, right), (y1, y2, top, bottom) = spans
    source = PillowImage.fromarray(pixels[top:bottom, left:right])
    box = (x1 - left, y1 - top, x2 - left, y2 - top)
    return source.resize(part[2:], PillowImage.Resampling.BILINEAR, box=box, reducing_gap=2.0)
