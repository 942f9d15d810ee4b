"""How a reference photo would look on a shelf photo: small, and compressed at that size.

References are mostly taken from nearby, and facings are a few dozen pixels wide. What that does to an embedding is a
direction like any other in which photos of one product differ: a gallery that has seen each reference from afar too can
take it out of the comparison, and knows how unlike its own product a facing may be. See docs/decisions/0012.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage

from facings.embed import Embedder, embed_prepared, prepare
from facings.model_card import Preparation
from facings.types import FloatArray, UInt8Array

LONGER_SIDE_PX = 80  # of a product on a shelf photo, at the small end
JPEG_QUALITY = 75  # the compression at that size matters as much as the size


def from_afar(pixels: UInt8Array) -> UInt8Array:
    """A product as it looks in a photo of a whole shelf: uint8 (h, w, 3), the longer side `LONGER_SIDE_PX` at most.

    Args:
        pixels: uint8 (H, W, 3) RGB, the product from nearby.
    """
    picture = PillowImage.fromarray(np.ascontiguousarray(pixels))
    scale = min(1.0, LONGER_SIDE_PX / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    file = io.BytesIO()
    picture.resize(size, PillowImage.Resampling.BOX).save(file, "JPEG", quality=JPEG_QUALITY)
    far: UInt8Array = np.asarray(PillowImage.open(file))
    return far


def both_views(pixels: UInt8Array, preparation: Preparation) -> UInt8Array:
    """A product as model input, as it was photographed and from afar: uint8 (2, 3, S, S).

    Args:
        pixels: uint8 (H, W, 3) RGB.
        preparation: From the model's card.
    """
    return np.stack([prepare(pixels, preparation), prepare(from_afar(pixels), preparation)])


def embed_views(views: Sequence[UInt8Array], embedder: Embedder) -> tuple[FloatArray, FloatArray]:
    """Rows of products as they were photographed, and from afar: two float32 (N, D).

    Args:
        views: N of `both_views`.
        embedder: The network.
    """
    rows = embed_prepared([view for both in views for view in both], embedder).rows
    return rows[0::2], rows[1::2]
