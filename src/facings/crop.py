"""Step 3 of the path: boxes in, the pixels of each product out. Gallery photos with a box go through here too."""

from __future__ import annotations

import numpy as np

from facings.errors import BadInput
from facings.types import Crops, Detections, FloatArray, Image, UInt8Array

MIN_SIDE_PX = 8


def crop(image: Image, detections: Detections, *, min_side_px: int = MIN_SIDE_PX) -> Crops:
    """Cut each box out of the photo.

    Corners are rounded outwards, so that no pixel of the product is lost. A box that cuts out a side under
    `min_side_px` gives no crop; it stays visible as a row of `Detections` that no crop points to.

    Args:
        image: The photo.
        detections: Boxes in its pixels.
        min_side_px: The smallest side worth recognizing.
    """
    pieces = [cut(image.pixels, box) for box in detections.xyxy]
    kept = [row for row, piece in enumerate(pieces) if min(piece.shape[:2]) >= min_side_px]
    return Crops(
        pixels=tuple(pieces[row] for row in kept),
        detection_index=np.array(kept, np.int64),
        n_detections=len(pieces),
    )


def cut(pixels: UInt8Array, box: FloatArray) -> UInt8Array:
    """The pixels of one xyxy box, a view of uint8 (h, w, 3); clipped to the picture, possibly without area."""
    height, width = pixels.shape[:2]
    x1, y1 = np.floor(np.clip(box[:2], 0, (width, height))).astype(int)
    x2, y2 = np.ceil(np.clip(box[2:], 0, (width, height))).astype(int)
    return pixels[y1:y2, x1:x2]


def cut_product(image: Image, box: tuple[float, float, float, float] | None) -> UInt8Array:
    """The part of a labelled photo that shows the product: uint8 (h, w, 3), all of it where there is no box.

    Raises:
        BadInput: The box leaves a side under `MIN_SIDE_PX`, also because it lies outside the photo.
    """
    pixels = image.pixels if box is None else cut(image.pixels, np.array(box, np.float32))
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise BadInput(f"{image.source}: got {width}×{height} px of product, wanted {MIN_SIDE_PX} px a side or more.")
    return pixels
