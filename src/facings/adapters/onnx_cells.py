"""Cells by ONNX Runtime: the first stages of an embedder, read from `cells.onnx` of its model directory."""

from __future__ import annotations

from pathlib import Path

from facings.adapters.onnx_directory import open_model
from facings.adapters.onnx_models import check_batch
from facings.model_card import CELLS_FILE, ModelCard
from facings.types import FloatArray, UInt8Array


class OnnxCells:
    """A `cells.CellNetwork` read from a model directory.

    Args:
        directory: Holds `cells.onnx` and `weights.safetensors`.
        n_threads: Threads of ONNX Runtime.

    Raises:
        ModelNotFound: A file is missing, damaged or of another export; networks without maps have no cells.
    """

    def __init__(self, directory: Path, *, n_threads: int) -> None:
        self._model = open_model(directory, ModelCard.from_json, n_threads=n_threads, file=CELLS_FILE)
        self._input, (output,) = self._model.session.get_inputs()[0].name, self._model.session.get_outputs()
        self._side = int(output.shape[1])

    @property
    def card(self) -> ModelCard:
        """The embedder's card, which lies in this graph too."""
        return self._model.card

    @property
    def stride_px(self) -> int:
        """See `cells.CellNetwork`."""
        return -(-self.card.preparation.input_size_px // self._side)

    def run(self, batch: UInt8Array) -> FloatArray:
        """uint8 (N, 3, S, S) RGB → float32 (N, h, w, C).

        Raises:
            BadInput: The batch has another shape or dtype.
        """
        check_batch(batch, self.card)
        cells: FloatArray = self._model.session.run(None, {self._input: batch})[0]
        return cells
