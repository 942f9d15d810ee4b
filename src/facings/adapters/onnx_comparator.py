"""The comparator by ONNX Runtime, read from a model directory."""

from __future__ import annotations

from pathlib import Path

from facings.adapters.onnx_directory import open_model
from facings.apps.pack_comparator import Beside
from facings.model_card import ComparatorCard
from facings.types import FloatArray


class OnnxComparator:
    """A `pack_comparator.PackComparator` read from a model directory.

    Args:
        directory: Holds `model.onnx` and `weights.safetensors`.
        n_threads: Threads of ONNX Runtime.

    Raises:
        ModelNotFound: A file is missing, damaged or of another export.
        ModelMismatch: The model is of another kind.
    """

    def __init__(self, directory: Path, *, n_threads: int) -> None:
        self._model = open_model(directory, ComparatorCard.from_json, n_threads=n_threads)

    @property
    def card(self) -> ComparatorCard:
        """The card inside the graph."""
        return self._model.card

    @property
    def network_id(self) -> str:
        """First 16 hex digits of the graph's SHA-256; the graph holds the card and the hash of the weights."""
        return self._model.graph_id

    def compare(self, beside: Beside) -> FloatArray:
        """See `PackComparator.compare`."""
        shown = {"part": beside.part, "laid": beside.laid, "looks": beside.looks, "is_seen": beside.is_seen}
        logits: FloatArray = self._model.session.run(["logits"], shown)[0]
        return logits
