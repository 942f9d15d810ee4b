"""Models that run in ONNX Runtime: a model directory holds `model.onnx` (with its card) and its weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime as ort

from facings.errors import BadInput, ModelNotFound
from facings.model_card import CARD_KEY, MODEL_FILE, WEIGHTS_FILE, WEIGHTS_KEY, ModelCard
from facings.types import FloatArray, UInt8Array


class OnnxEmbedder:
    """An embedder read from a model directory.

    Args:
        directory: Holds `model.onnx` and `weights.safetensors`.
        n_threads: Threads of ONNX Runtime.

    Raises:
        ModelNotFound: No such directory, a file of it is missing, damaged or of another export, or the graph carries
            no card.
    """

    def __init__(self, directory: Path, *, n_threads: int) -> None:
        graph = directory / MODEL_FILE
        if not graph.is_file():
            raise ModelNotFound(
                f"{directory}: there is no {MODEL_FILE} in it.",
                "A model is a directory with model.onnx, its card inside, and weights.safetensors.",
            )
        self._session = _open(graph, n_threads)
        metadata = self._session.get_modelmeta().custom_metadata_map
        if CARD_KEY not in metadata:
            raise ModelNotFound(f"{graph}: the graph carries no card (metadata {CARD_KEY}).", "Export it with Facings.")
        self._card = ModelCard.from_json(metadata[CARD_KEY])
        if metadata.get(WEIGHTS_KEY) != _sha256(directory / WEIGHTS_FILE):
            raise ModelNotFound(
                f"{directory / WEIGHTS_FILE}: these are not the weights the graph was exported with.",
                "Export or copy the model again.",
            )
        self._space_id = _sha256(graph)[:16]
        self._input = self._session.get_inputs()[0].name

    @property
    def card(self) -> ModelCard:
        """The card inside the graph."""
        return self._card

    @property
    def space_id(self) -> str:
        """First 16 hex digits of the graph's SHA-256; the graph holds the card and the hash of the weights."""
        return self._space_id

    def run(self, batch: UInt8Array) -> FloatArray:
        """uint8 (N, 3, S, S) RGB → float32 (N, D), L2-normalized.

        Raises:
            BadInput: The batch has another shape or dtype.
        """
        side = self._card.preparation.input_size_px
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != (3, side, side):
            raise BadInput(f"Batch: got {batch.dtype} {batch.shape}, wanted uint8 (N, 3, {side}, {side}).")
        rows: FloatArray = self._session.run(None, {self._input: batch})[0]
        return rows


def _open(graph: Path, n_threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads burn the cores that decoding needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(graph.resolve()), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises many classes of its own for one cause: the files are not usable
        raise ModelNotFound(
            f"{graph}: ONNX Runtime cannot load it ({error}).", "Export or copy the model again."
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
