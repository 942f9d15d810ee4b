"""Cells: what the middle of an embedder's network sees, place by place, before it is averaged to an embedding.

An embedding says what a product is; its cells say where in the picture something is. Each covers a square of
`stride_px` pixels of the network's input and knows some of what lies around it. They tell apart products whose
embeddings are nearly the same, and show where a picture differs from another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from facings.embed import BATCH_SIZE, prepare
from facings.model_card import ModelCard
from facings.types import FloatArray, UInt8Array


class CellNetwork(Protocol):
    """The first stages of an embedder; its input is prepared as the embedder's."""

    @property
    def card(self) -> ModelCard:
        """The embedder's card."""
        ...

    @property
    def stride_px(self) -> int:
        """Side of the square of input pixels that a cell stands for; its view reaches further, as stages overlap."""
        ...

    def run(self, batch: UInt8Array) -> FloatArray:
        """uint8 (N, 3, S, S) RGB → float32 (N, h, w, C), h = w = ⌈S / stride⌉; as the stage gives them, not scaled."""
        ...


def cells_of(crops: Sequence[UInt8Array], network: CellNetwork) -> FloatArray:
    """The cells of crops, as float32 (N, h, w, C), not scaled.

    Args:
        crops: One uint8 (h, w, 3) RGB array or more, of any size.
        network: What sees them.
    """
    prepared = [prepare(piece, network.card.preparation) for piece in crops]
    batches = (prepared[start : start + BATCH_SIZE] for start in range(0, len(prepared), BATCH_SIZE))
    return np.concatenate([network.run(np.stack(batch)) for batch in batches])
