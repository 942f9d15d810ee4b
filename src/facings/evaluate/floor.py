"""The floor: what comparing tiny pictures pixel by pixel reaches. A result without it cannot be read.

A set whose queries are frames of the gallery's own films scores high here, whatever the model is worth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage

from facings.types import Embeddings, FloatArray, UInt8Array, stack_rows

SIDE_PX = 24
SPACE_ID = "pixels-24x24"
_N_VALUES = 3 * SIDE_PX * SIDE_PX


def pixel_row(pixels: UInt8Array) -> FloatArray:
    """A picture as 24×24 pixels, area-averaged, less their mean, scaled to length 1.

    A picture of one flat color has no direction; it gets the one that is at right angles to all others.

    Args:
        pixels: uint8 (h, w, 3) RGB.

    Returns:
        float32 (1728,), a unit row: the cosine of two is the correlation of the two tiny pictures.
    """
    tiny = PillowImage.fromarray(pixels).resize((SIDE_PX, SIDE_PX), PillowImage.Resampling.BOX, reducing_gap=3.0)
    values = np.asarray(tiny, np.float64).ravel()
    centered = values - values.mean()
    length = np.linalg.norm(centered)
    if length < 1e-6:
        return np.full(_N_VALUES, 1 / np.sqrt(_N_VALUES), np.float32)
    row: FloatArray = (centered / length).astype(np.float32)
    return row


def pixel_embeddings(rows: Sequence[FloatArray]) -> Embeddings:
    """Rows of `pixel_row` as a space of their own, ranked and measured like any other; 7 kB a photo."""
    return Embeddings(rows=stack_rows(rows, _N_VALUES), space_id=SPACE_ID)
