"""A model directory, opened: `model.onnx` with a card inside, and the weights that it points into."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import onnxruntime as ort

from facings.errors import ModelMismatch, ModelNotFound
from facings.model_card import CARD_KEY, CELLS_FILE, MODEL_FILE, WEIGHTS_FILE, WEIGHTS_KEY

Card = TypeVar("Card")

_HINTS = {
    MODEL_FILE: "A model is a directory with model.onnx, its card inside, and weights.safetensors.",
    CELLS_FILE: "An embedder with maps, as ResNets have, gets it by: python -m facings.train.cell_export DIRECTORY",
}


@dataclass(frozen=True)
class OpenedModel(Generic[Card]):
    """A network ready to run.

    Args:
        graph: The file it was read from, for messages.
        session: ONNX Runtime's.
        card: What the graph says about itself.
        graph_id: First 16 hex digits of the graph's SHA-256; the graph holds the card and the hash of the weights.
    """

    graph: Path
    session: ort.InferenceSession
    card: Card
    graph_id: str


def open_model(
    directory: Path, read_card: Callable[[str], Card], *, n_threads: int, file: str = MODEL_FILE
) -> OpenedModel[Card]:
    """A model directory as a network ready to run.

    Args:
        directory: Holds the graph and `weights.safetensors`.
        read_card: JSON → card; refuses a card of another kind.
        n_threads: Threads of ONNX Runtime.
        file: Name of the graph.

    Raises:
        ModelNotFound: No such directory, a file of it is missing, damaged or of another export, or the graph carries
            no card.
        ModelMismatch: The model is of another kind.
    """
    graph = directory / file
    if not graph.is_file():
        raise ModelNotFound(f"{directory}: there is no {file} in it.", _HINTS[file])
    session = _session(graph, n_threads)
    metadata = session.get_modelmeta().custom_metadata_map
    if CARD_KEY not in metadata:
        raise ModelNotFound(f"{graph}: the graph carries no card (metadata {CARD_KEY}).", "Export it with Facings.")
    try:
        card = read_card(metadata[CARD_KEY])
    except (ModelNotFound, ModelMismatch) as error:
        raise type(error)(f"{graph}: {error.message}", error.hint) from error
    weights = directory / WEIGHTS_FILE
    if not weights.is_file() or metadata.get(WEIGHTS_KEY) != _sha256(weights):
        raise ModelNotFound(
            f"{weights}: these are not the weights the graph was exported with.", "Export or copy the model again."
        )
    return OpenedModel(graph, session, card, _sha256(graph)[:16])


def _session(graph: Path, n_threads: int) -> ort.InferenceSession:
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
