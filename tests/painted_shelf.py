"""A shelf of plain colored rectangles, and a stand-in network that finds them: truth that tiling must not change."""

from __future__ import annotations

import numpy as np

from facings.model_card import DetectorCard
from facings.types import FloatArray, Image, UInt8Array

CARD = DetectorCard(
    name="painted",
    architecture="none",
    labels=("product",),
    stride_px=32,
    working_px=256,
    object_px=(16.0, 96.0),
    min_confidence=0.3,
    nms_iou=0.5,
    mean=(124.0, 116.0, 104.0),
    std=(58.0, 57.0, 57.0),
    license="Apache-2.0",
    source="tests",
    training_data="none",
    data_fingerprint="",
)
_N_SHADES = 43  # of red and of green; a rectangle is one of each with full blue, which nothing blended has


class PaintReader:
    """Finds painted rectangles as a trained network finds products: several boxes each, none of them exact.

    What ends at the picture's border is found as far as it is seen. What is too small or too large for a network of
    this card is not found.

    Args:
        card: What it is asked for.
        jitter: How far an edge is off at most, as a share of the side.
    """

    network_id = "0123456789abcdef"

    def __init__(self, card: DetectorCard = CARD, *, jitter: float = 0.04) -> None:
        self.card = card
        self.shapes: list[tuple[int, ...]] = []
        self._jitter = jitter

    @property
    def network_px(self) -> int:
        """Pixels that it was given so far."""
        return sum(n * height * width for n, _, height, width in self.shapes)

    def run(self, batch: UInt8Array) -> tuple[FloatArray, FloatArray]:
        """uint8 (N, 3, H, W) → boxes and scores, the same number for each picture, filled up with doubtful ones."""
        self.shapes.append(batch.shape)
        rng = np.random.default_rng(int(batch.sum(dtype=np.int64)))
        several = [self._seen(picture, rng) for picture in batch]
        n_most = max(map(len, several)) + 1
        boxes = np.zeros((len(batch), n_most, 4), np.float32)
        scores = np.full((len(batch), n_most, 1), 0.01, np.float32)
        for row, seen in enumerate(several):
            boxes[row, : len(seen)] = seen
            scores[row, : len(seen), 0] = rng.uniform(0.4, 1.0, len(seen))
        return boxes, scores

    def _seen(self, picture: UInt8Array, rng: np.random.Generator) -> FloatArray:
        height, width = picture.shape[1:]
        ys, xs = np.nonzero(picture[2] == 255)
        shades, which = np.unique(picture[0, ys, xs].astype(int) * 256 + picture[1, ys, xs], return_inverse=True)
        low, high = np.full((2, len(shades)), 1e9), np.full((2, len(shades)), -1.0)
        for axis, values in enumerate((xs, ys)):
            np.minimum.at(low[axis], which, values)
            np.maximum.at(high[axis], which, values)
        limit = np.array([[width], [height]])
        begin = np.where(low > 0, low - 0.5, 0)  # the pixel beside is blended
        end = np.where(high < limit - 1, high + 1.5, limit)
        is_cut = ((low == 0) | (high == limit - 1)).any(axis=0)
        shorter = (end - begin).min(axis=0)
        small_px, large_px = self.card.object_px
        is_seen = (is_cut | (shorter > 0.7 * small_px)) & (shorter < 2 * large_px)
        exact = np.vstack([begin, end]).T[is_seen].repeat(3, axis=0)
        sides = np.tile(exact[:, 2:] - exact[:, :2], 2)
        seen: FloatArray = (exact + sides * rng.uniform(-self._jitter, self._jitter, exact.shape)).astype(np.float32)
        return seen


def paint(width: int, height: int, truth: FloatArray) -> Image:
    """A photo of rectangles, each in a color of its own."""
    pixels = np.full((height, width, 3), (90, 90, 0), np.uint8)
    for number, (x1, y1, x2, y2) in enumerate(truth.astype(int).tolist()):
        pixels[y1:y2, x1:x2] = (number % _N_SHADES * 6, number // _N_SHADES * 6, 255)
    return Image(pixels, "0" * 64, "painted.png")


def random_shelf(seed: int, *, width: int, n_rows: int, row_px: int, spread: float = 1.0) -> tuple[FloatArray, int]:
    """Rows of rectangles side by side, and how high the photo is that holds them.

    Args:
        seed: Of the sizes.
        width: Of the photo, pixels.
        n_rows: Boards.
        row_px: Height of the lowest row.
        spread: How much higher the highest row is.
    """
    rng = np.random.default_rng(seed)
    truth, top = [], 0
    for _ in range(n_rows):
        row_height = int(row_px * rng.uniform(1, spread))
        gap = max(3, row_height // 12)
        left = int(rng.integers(0, row_height))
        while True:
            box_width = int(row_height * rng.uniform(0.4, 0.9))
            if left + box_width > width:
                break
            box_height = int(row_height * rng.uniform(0.75, 1.0))
            truth.append((left, top + row_height - box_height, left + box_width, top + row_height))
            left += box_width + gap
        top += row_height + gap
    return np.array(truth, np.float32).reshape(-1, 4), top


def unmatched(found: FloatArray, truth: FloatArray) -> tuple[int, int]:
    """Boxes found that are no rectangle, or one that was found before, and rectangles that were not found."""
    x1, y1, x2, y2 = found[:, None].transpose(2, 0, 1)
    widths = np.minimum(x2, truth[:, 2]) - np.maximum(x1, truth[:, 0])
    heights = np.minimum(y2, truth[:, 3]) - np.maximum(y1, truth[:, 1])
    both = np.maximum(widths, 0) * np.maximum(heights, 0)
    is_hit = both / ((x2 - x1) * (y2 - y1) + (truth[:, 2:] - truth[:, :2]).prod(axis=1) - both) > 0.5
    n_found_truths = int(is_hit.any(axis=0).sum())
    return len(found) - n_found_truths, len(truth) - n_found_truths
