"""Step 4 of the path: crops in, one unit row each out. Gallery and query go through the same function.

`prepare` is the only preparation there is: the runtime, the gallery and the training all call it. Color
normalization happens inside the model's graph, so it cannot be forgotten or done twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from PIL import Image as PillowImage

from facings.model_card import ModelCard, Preparation
from facings.types import Embeddings, FloatArray, UInt8Array, stack_rows

BATCH_SIZE = 8

_FILTERS = {
    "bilinear": PillowImage.Resampling.BILINEAR,
    "bicubic": PillowImage.Resampling.BICUBIC,
    "lanczos": PillowImage.Resampling.LANCZOS,
}


class Embedder(Protocol):
    """A network that turns prepared crops into unit rows."""

    @property
    def card(self) -> ModelCard:
        """What the network is and how its input is prepared."""
        ...

    @property
    def space_id(self) -> str:
        """Identity of the embedding space: a hash of weights and preparation."""
        ...

    def run(self, batch: UInt8Array) -> FloatArray:
        """uint8 (N, 3, S, S) RGB → float32 (N, D), L2-normalized."""
        ...


def embed(crops: Sequence[UInt8Array], embedder: Embedder) -> Embeddings:
    """One unit row a crop.

    Args:
        crops: uint8 (h, w, 3) RGB arrays of any size.
        embedder: The network.

    Returns:
        float32 (N, D) rows with the space they live in; (0, D) for no crops.
    """
    return embed_prepared([prepare(piece, embedder.card.preparation) for piece in crops], embedder)


def embed_prepared(prepared: Sequence[UInt8Array], embedder: Embedder) -> Embeddings:
    """The same for crops that went through `prepare` already, which keeps less in memory than their photos.

    Args:
        prepared: uint8 (3, S, S) RGB arrays.
        embedder: The network.
    """
    rows: list[FloatArray] = []
    for start in range(0, len(prepared), BATCH_SIZE):  # bounded, so that memory does not grow with the photo
        rows.extend(embedder.run(np.stack(prepared[start : start + BATCH_SIZE])))
    return Embeddings(rows=stack_rows(rows, embedder.card.embedding_dim), space_id=embedder.space_id)


def prepare(pixels: UInt8Array, preparation: Preparation) -> UInt8Array:
    """A crop as model input.

    Args:
        pixels: uint8 (h, w, 3) RGB.
        preparation: From the model's card.

    Returns:
        uint8 (3, S, S) RGB with S = `input_size_px`.
    """
    picture = PillowImage.fromarray(pixels)
    side = preparation.input_size_px
    resample = _FILTERS[preparation.interpolation]
    if preparation.fit == "squash":
        square = picture.resize((side, side), resample, reducing_gap=3.0)
    elif preparation.fit == "letterbox":
        square = _letterbox(picture, side, resample, preparation.mean)
    else:
        square = _center_crop(picture, side, preparation.resize_px, resample)
    return np.ascontiguousarray(np.asarray(square, np.uint8).transpose(2, 0, 1))


def _letterbox(
    picture: PillowImage.Image, side: int, resample: PillowImage.Resampling, color: tuple[float, float, float]
) -> PillowImage.Image:
    scale = side / max(picture.size)
    width, height = (max(1, round(length * scale)) for length in picture.size)
    small = picture.resize((width, height), resample, reducing_gap=3.0)
    square = PillowImage.new("RGB", (side, side), (round(color[0]), round(color[1]), round(color[2])))
    square.paste(small, ((side - width) // 2, (side - height) // 2))
    return square


def _center_crop(
    picture: PillowImage.Image, side: int, resize_px: int, resample: PillowImage.Resampling
) -> PillowImage.Image:
    # The middle square is cut first and only it is resized: the same pixels for less work on long pictures.
    length = min(picture.size) * side / resize_px
    left, top = ((extent - length) / 2 for extent in picture.size)
    box = (left, top, left + length, top + length)
    return picture.resize((side, side), resample, box=box, reducing_gap=3.0)
