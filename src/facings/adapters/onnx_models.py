"""Embedders that run in ONNX Runtime: step 4's network, read from a model directory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facings.adapters.onnx_directory import open_model
from facings.errors import BadInput
from facings.model_card import ModelCard
from facings.types import FloatArray, UInt8Array


class OnnxEmbedder:
    """An embedder read from a model directory.

    Args:
        directory: Holds `model.onnx` and `weights.safetensors`.
        n_threads: Threads of ONNX Runtime.

    Raises:
        ModelNotFound: No such directory, a file of it is missing, damaged or of another export, or the graph carries
            no card.
        ModelMismatch: The model is a detector.
    """

    def __init__(self, directory: Path, *, n_threads: int) -> None:
        self._model = open_model(directory, ModelCard.from_json, n_threads=n_threads)
        self._input = self._model.session.get_inputs()[0].name

    @property
    def card(self) -> ModelCard:
        """The card inside the graph."""
        return self._model.card

    @property
    def space_id(self) -> str:
        """First 16 hex digits of the graph's SHA-256; the graph holds the card and the hash of the weights."""
        return self._model.graph_id

    def run(self, batch: UInt8Array) -> FloatArray:
        """uint8 (N, 3, S, S) RGB → float32 (N, D), L2-normalized.

        Raises:
            BadInput: The batch has another shape or dtype.
        """
        check_batch(batch, self.card)
        rows: FloatArray = self._model.session.run(None, {self._input: batch})[0]
        return rows


def check_batch(batch: UInt8Array, card: ModelCard) -> None:
    """Do nothing if a model with this card takes the batch.

    Raises:
        BadInput: It has another shape or dtype.
    """
    side = card.preparation.input_size_px
    if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != (3, side, side):
        raise BadInput(f"Batch: got {batch.dtype} {batch.shape}, wanted uint8 (N, 3, {side}, {side}).")
