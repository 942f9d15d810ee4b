"""Detector networks that run in ONNX Runtime: step 2's network, read from a model directory.

The graph's contract: input `image`, uint8 (N, 3, H, W) RGB; outputs `boxes`, float32 (N, L, 4) xyxy in pixels of that
input, and `scores`, float32 (N, L, C) in [0, 1], a column for each label of the card. Suppression is not in the graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facings.adapters.onnx_directory import open_model
from facings.errors import BadInput, ModelMismatch
from facings.model_card import DetectorCard
from facings.types import FloatArray, UInt8Array

_Shape = tuple[int | str | None, ...]
_HINT = "Export the detector again, with Facings."


class OnnxBoxNetwork:
    """A detector network read from a model directory.

    Args:
        directory: Holds `model.onnx` and `weights.safetensors`.
        n_threads: Threads of ONNX Runtime.

    Raises:
        ModelNotFound: No such directory, a file of it is missing, damaged or of another export, or the graph carries
            no card.
        ModelMismatch: The model is an embedder, or its inputs and outputs are not those of a detector.
    """

    def __init__(self, directory: Path, *, n_threads: int) -> None:
        self._model = open_model(directory, DetectorCard.from_json, n_threads=n_threads)
        n_labels = len(self.card.labels)
        session = self._model.session
        self._check("inputs", session.get_inputs(), {"image": ("tensor(uint8)", ("N", 3, "H", "W"))})
        self._check(
            "outputs",
            session.get_outputs(),
            {"boxes": ("tensor(float)", (None, None, 4)), "scores": ("tensor(float)", (None, None, n_labels))},
        )

    @property
    def card(self) -> DetectorCard:
        """The card inside the graph."""
        return self._model.card

    @property
    def network_id(self) -> str:
        """First 16 hex digits of the graph's SHA-256; the graph holds the card and the hash of the weights."""
        return self._model.graph_id

    def run(self, batch: UInt8Array) -> tuple[FloatArray, FloatArray]:
        """Every box that the network considers, and how sure it is of each.

        Args:
            batch: uint8 (N, 3, H, W) RGB, H and W multiples of the card's `stride_px`.

        Returns:
            float32 (N, L, 4) xyxy in pixels of the input, not clipped, and float32 (N, L, C) in [0, 1].

        Raises:
            BadInput: The batch has another shape or dtype.
            ModelMismatch: The network fails, or gives something else, or numbers that are not finite.
        """
        stride_px = self.card.stride_px
        is_picture = batch.dtype == np.uint8 and batch.ndim == 4 and batch.shape[1] == 3
        if not is_picture or any(length == 0 or length % stride_px for length in batch.shape[2:]):
            raise BadInput(
                f"Batch: got {batch.dtype} {batch.shape}, wanted uint8 (N, 3, H, W) with multiples of {stride_px}."
            )
        try:
            boxes, scores = self._model.session.run(["boxes", "scores"], {"image": batch})
        except Exception as error:  # of many classes of ONNX Runtime; the photo fails, the next one may not
            raise ModelMismatch(f"{self._model.graph}: fails on an input {batch.shape} ({error}).", _HINT) from error
        self._check_answer(len(batch), boxes, scores)
        return boxes, scores

    def _check(self, side: str, found: list[Any], wanted: dict[str, tuple[str, _Shape]]) -> None:
        told = {node.name: (node.type, tuple(node.shape)) for node in found}
        is_right = told.keys() == wanted.keys() and all(
            told[name][0] == kind and _fits(told[name][1], shape) for name, (kind, shape) in wanted.items()
        )
        if not is_right:
            raise ModelMismatch(f"{self._model.graph}: got {side} {told}, wanted {wanted}.", _HINT)

    def _check_answer(self, n_pictures: int, boxes: FloatArray, scores: FloatArray) -> None:
        wanted = (n_pictures, boxes.shape[1] if boxes.ndim == 3 else 0)
        if boxes.shape != (*wanted, 4) or scores.shape != (*wanted, len(self.card.labels)):
            raise ModelMismatch(
                f"{self._model.graph}: got boxes {boxes.shape} and scores {scores.shape} for {n_pictures} pictures, "
                f"wanted (N, L, 4) and (N, L, {len(self.card.labels)}).",
                _HINT,
            )
        if not np.isfinite(boxes).all() or not ((scores >= 0) & (scores <= 1)).all():  # a NaN score fails this too
            raise ModelMismatch(f"{self._model.graph}: got boxes that are not finite or scores outside [0, 1].", _HINT)


def _fits(told: _Shape, wanted: _Shape) -> bool:
    """Whether a shape as the graph states it can be the wanted one.

    Args:
        told: A number where it is fixed, else a name or None.
        wanted: A number, a name for a length that must not be fixed, or None for any.
    """
    if len(told) != len(wanted):
        return False
    fixed = [(got, want) for got, want in zip(told, wanted, strict=True) if isinstance(got, int)]
    return all(want is None or got == want for got, want in fixed)
