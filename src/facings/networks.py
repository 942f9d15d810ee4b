"""Networks by their names: bundled ones, and those of a directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from threadpoolctl import threadpool_limits

from facings.adapters.onnx_cells import OnnxCells
from facings.adapters.onnx_comparator import OnnxComparator
from facings.adapters.onnx_detector import OnnxBoxNetwork
from facings.adapters.onnx_models import OnnxEmbedder
from facings.detect import Detector, NetworkDetector, WholePhoto
from facings.errors import ModelNotFound

BUNDLED_MODEL = "product-embedder"
STARTER_MODEL = "starter"  # what it was trained from; also in the package
BUNDLED_DETECTOR = "product-detector"
BUNDLED_COMPARATOR = "pack-comparator"
_WEIGHTS = files("facings") / "weights"


def model_name(given: str) -> str:
    """How the store names a model, wherever it is used from: a bundled one by its name, another by its directory."""
    return given if given in (BUNDLED_MODEL, STARTER_MODEL) else str(Path(given).resolve())


def load_model(model: str = BUNDLED_MODEL, *, n_threads: int = 1) -> OnnxEmbedder:
    """The bundled model by its name, or one from a directory; NumPy's libraries get its number of threads too.

    Raises:
        ModelNotFound: Neither a bundled name nor a model directory.
    """
    threadpool_limits(n_threads)
    ways = f"Give a model directory, {BUNDLED_MODEL!r} or {STARTER_MODEL!r} (bundled)."
    with _directory(model, (BUNDLED_MODEL, STARTER_MODEL), ways) as directory:
        return OnnxEmbedder(directory, n_threads=n_threads)


def load_cells(model: str = BUNDLED_MODEL, *, n_threads: int = 1) -> OnnxCells:
    """The first stages of a bundled embedder by its name, or of one from a directory.

    Raises:
        ModelNotFound: Neither a bundled name nor a model directory, or a model without cells.
    """
    ways = f"Give a model directory, {BUNDLED_MODEL!r} or {STARTER_MODEL!r} (bundled)."
    with _directory(model, (BUNDLED_MODEL, STARTER_MODEL), ways) as directory:
        return OnnxCells(directory, n_threads=n_threads)


def load_detector(name_or_directory: str, *, n_threads: int, min_confidence: float | None = None) -> Detector:
    """A detector by its name, or one from a directory; NumPy's libraries get its number of threads too.

    Args:
        name_or_directory: "product-detector", which is bundled; "whole-photo", for photos of one product each; or a
            detector's directory.
        n_threads: Threads of every library.
        min_confidence: Less certain boxes are left out, 0 to 1; None for the detector's own limit.

    Raises:
        ModelNotFound: None of these, or a damaged directory.
        ModelMismatch: The directory holds an embedder.
    """
    name = name_or_directory
    if name == WholePhoto.name:
        return WholePhoto()
    threadpool_limits(n_threads)
    ways = f"Give a detector's directory, {BUNDLED_DETECTOR!r} (bundled), or {WholePhoto.name!r} (no detection)."
    with _directory(name, (BUNDLED_DETECTOR,), ways) as directory:
        return NetworkDetector(OnnxBoxNetwork(directory, n_threads=n_threads), min_confidence=min_confidence)


def load_comparator(*, n_threads: int) -> OnnxComparator:
    """The bundled comparator, which tells tampered places of a pack.

    Args:
        n_threads: Threads of ONNX Runtime.
    """
    with _directory(BUNDLED_COMPARATOR, (BUNDLED_COMPARATOR,), "Install Facings again.") as directory:
        return OnnxComparator(directory, n_threads=n_threads)


@contextmanager
def _directory(model: str, bundled: tuple[str, ...], ways: str) -> Iterator[Path]:
    """Where a model lies: a bundled one by its name, any other as a directory."""
    if model in bundled and (_WEIGHTS / model).is_dir():
        with as_file(_WEIGHTS / model) as directory:
            yield directory
    elif Path(model).is_dir():
        yield Path(model)
    else:
        raise ModelNotFound(f"Model {model!r}: there is no such directory.", ways)
