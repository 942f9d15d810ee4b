"""Photos with what a detector got right and wrong drawn in: found, missed and false boxes."""

from __future__ import annotations

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from facings.evaluate.coco_matching import Matches
from facings.evaluate.photo_boxes import FloatRows, PhotoBoxes
from facings.types import UInt8Array

_FOUND, _MISSED, _FALSE = (0, 190, 138), (214, 28, 44), (240, 150, 0)
_LARGEST_ENLARGEMENT = 2.0


def draw_mistakes(pixels: UInt8Array, boxes: PhotoBoxes, match: Matches, confidence: float, side_px: int) -> UInt8Array:
    """A photo with its boxes: true ones that were found thin and green, missed ones thick, red and struck through,
    false ones thick and orange. Boxes on ignored ones are left out.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        boxes: Of this photo.
        match: Who found what in it.
        confidence: Found boxes under it are left out.
        side_px: Longer side of the picture; a small photo is at most doubled.

    Returns:
        uint8 (h, w, 3) RGB, a new array.
    """
    height, width = pixels.shape[:2]
    scale = min(_LARGEST_ENLARGEMENT, side_px / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = PillowImage.fromarray(pixels).resize(size, PillowImage.Resampling.LANCZOS, reducing_gap=3.0)
    draw = ImageDraw.Draw(picture)
    is_found = match.found_with >= confidence
    is_false = (boxes.confidence >= confidence) & ~match.is_right & ~match.is_left_out
    for frame in _frames(boxes.truth[is_found & ~boxes.is_ignored], scale):
        draw.rectangle(frame, outline=_FOUND, width=2)
    for frame in _frames(boxes.found[is_false], scale):
        draw.rectangle(frame, outline=_FALSE, width=4)
    for frame in _frames(boxes.truth[~is_found & ~boxes.is_ignored], scale):
        draw.rectangle(frame, outline=_MISSED, width=4)
        draw.line(frame, fill=_MISSED, width=2)  # told apart without color too
    return np.asarray(picture, np.uint8)


def _frames(xyxy: FloatRows, scale: float) -> list[tuple[float, float, float, float]]:
    """Boxes in the drawing's pixels, the last of which belongs to the frame."""
    return [(x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)) for x1, y1, x2, y2 in (xyxy * scale).tolist()]
