"""From annotated photos to a model directory: the whole training of a detector.

A run folder holds `settings.json`, `metrics.jsonl` (one line an epoch), `checkpoint.safetensors`, `report.html` and
`report.json` (how good the detector is on the validation photos, as it runs where it is used), `summary.json` and
`model/`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from facings.annotations import AnnotatedPhoto
from facings.detect import NetworkDetector
from facings.errors import ModelMismatch, Problem
from facings.evaluate.detection_page import Training, detection_page
from facings.evaluate.detection_run import DetectionEvaluation, evaluate_detector
from facings.evaluate.machine import code_commit, cpu_model, library_versions
from facings.images import MAX_MEGAPIXELS
from facings.model_card import DetectorCard
from facings.progress import Track, untracked
from facings.train.backbones import BUNDLED, Trunk
from facings.train.checkpoint import CHECKPOINT_FILE, check_folder, replace_file
from facings.train.curves_chart import frozen_in_words
from facings.train.detector_card import LOOKED_AT, detector_card, ordinary_sizes_px
from facings.train.detector_export import export_detector
from facings.train.detector_fit import fit_detector
from facings.train.detector_network import DetectorNetwork
from facings.train.detector_recipe import DEFAULT_KIND, DetectorRecipe
from facings.train.detector_set import DetectionSet, build_detection_set
from facings.train.detector_start import fitting_recipe, load_start, started_network
from facings.train.devices import Devices
from facings.train.loop import Epoch
from facings.train.model_directory import stored_state
from facings.train.torch_box_network import TorchBoxNetwork

MODEL_FOLDER, CACHE_FOLDER = "model", "photos"
REPORT_PAGE, REPORT_FILE, SETTINGS_FILE, SUMMARY_FILE = "report.html", "report.json", "settings.json", "summary.json"

_IS_HALF = True  # kernels on disk


@dataclass(frozen=True)
class DetectorSettings:
    """What a training is asked to do.

    Args:
        recipe: How it learns.
        start: A trunk, as for a recognizer, or a detector: see `detector_start.py`.
        is_by_class: Learn the annotations' classes; else each box is a product.
        name: Of the model, on its card.
        cache_root: Folder for decoded photos, shared by runs; None puts it into the run folder.
        n_threads: Threads that compute.
        is_resumed: Go on with the run that is in the folder.
    """

    recipe: DetectorRecipe = field(default_factory=DetectorRecipe)
    start: Path | str = BUNDLED
    is_by_class: bool = False
    name: str = "product-detector"
    cache_root: Path | None = None
    n_threads: int = 2
    is_resumed: bool = False


@dataclass(frozen=True)
class DetectorSummary:
    """What came out.

    Args:
        model: The model directory.
        epochs: Figures of each epoch.
        best_epoch: Whose weights were kept, 1 for the first.
        ap50: On the validation photos, as the detector runs where it is used.
        ap75: The same.
        min_confidence: The limit on its card: the one of the highest F1 on the validation photos.
        n_train: Photos learned from.
        n_boxes: Boxes in them.
        n_val: Photos checked with.
        seconds: Wall time of everything.
        export_difference: Largest difference of ONNX Runtime from torch.
        problems: Photos that were left out.
    """

    model: Path
    epochs: tuple[Epoch, ...]
    best_epoch: int
    ap50: float
    ap75: float
    min_confidence: float
    n_train: int
    n_boxes: int
    n_val: int
    seconds: float
    export_difference: float
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it, as it stands in `summary.json`."""
        return {**asdict(self), "kind": "detector training", "model": self.model.name}


def train_detector(
    train_photos: Sequence[AnnotatedPhoto],
    val_photos: Sequence[AnnotatedPhoto] | None = None,
    *,
    out: Path,
    settings: DetectorSettings | None = None,
    track: Track = untracked,
) -> DetectorSummary | None:
    """Train, check, export.

    Args:
        train_photos: To learn from.
        val_photos: To choose the best epoch with; None holds out a tenth of the training photos.
        out: Run folder; must not hold a run already, unless that is to be resumed.
        settings: None for the defaults.
        track: Shows progress.

    Returns:
        What came out; None in all processes but the main one.

    Raises:
        BadInput: The photos cannot be trained on, the folder is taken, or the loss is no number.
        ModelNotFound: The start, or the checkpoint to resume, is missing or damaged.
        ModelMismatch: The start is of an unknown architecture, the checkpoint of another training, or ONNX Runtime
            does not say what torch says; then checkpoint and report stay.
        StoreFailed: The disk is full or cannot be written.
    """
    settings = settings or DetectorSettings()
    started = time.perf_counter()
    check_folder(out, out / MODEL_FOLDER, is_resumed=settings.is_resumed)
    devices = Devices()
    torch.set_num_threads(settings.n_threads)
    track = track if devices.is_main else untracked
    with devices.main_first():
        start = load_start(settings.start, seed=settings.recipe.seed)
        recipe, trunk = fitting_recipe(settings.recipe, start), start.trunk
        data = build_detection_set(
            train_photos,
            val_photos,
            cache_root=settings.cache_root or out / CACHE_FOLDER,
            seed=recipe.seed,
            is_by_class=settings.is_by_class,
            track=track,
        )
    object_px = ordinary_sizes_px(data, recipe)
    identity = _identity(recipe, trunk, data)
    if devices.is_main and not settings.is_resumed:
        facts = {"machine": cpu_model(), "versions": library_versions(), "commit": code_commit()}
        _write_json(out / SETTINGS_FILE, {**identity, **facts})
    network = started_network(start, recipe, data.labels)
    epochs, best_epoch = fit_detector(
        network,
        data,
        recipe,
        out,
        identity,
        mean=trunk.mean,
        std=trunk.std,
        is_resumed=settings.is_resumed,
        devices=devices,
        track=track,
    )
    if not devices.is_main:
        return None
    network.load_state_dict(stored_state(network, is_half=_IS_HALF))  # measured is what a reader gets
    card = detector_card(settings.name, network, trunk, data, recipe, object_px)
    evaluation = _evaluation(network, card, data, val_photos, train_photos, track)
    _write_report(out, evaluation, Training(epochs, best_epoch, _facts(identity, data)))
    difference = _exported(network, card, out)
    summary = DetectorSummary(
        model=out / MODEL_FOLDER,
        epochs=tuple(epochs),
        best_epoch=best_epoch,
        ap50=evaluation.metrics.ap50.value,
        ap75=evaluation.metrics.ap75.value,
        min_confidence=card.min_confidence,
        n_train=len(data.train_rows),
        n_boxes=data.n_boxes,
        n_val=len(data.val_rows),
        seconds=time.perf_counter() - started,
        export_difference=difference,
        problems=data.problems,
    )
    _write_json(out / SUMMARY_FILE, summary.to_json())
    return summary


def _identity(recipe: DetectorRecipe, trunk: Trunk, data: DetectionSet) -> dict[str, Any]:
    """What a checkpoint must agree with."""
    return {
        "recipe": asdict(recipe),
        "start": trunk.source,
        "architecture": trunk.architecture,
        "labels": list(data.labels),
        "data_fingerprint": data.fingerprint,
        "n_train": len(data.train_rows),
        "n_val": len(data.val_rows),
    }


def _exported(network: DetectorNetwork, card: DetectorCard, out: Path) -> float:
    """Write the model directory; the largest difference of ONNX Runtime from torch.

    Raises:
        ModelMismatch: It is too large. The training is not lost.
    """
    try:
        return export_detector(network, card, out / MODEL_FOLDER, is_half=_IS_HALF)
    except ModelMismatch as error:
        raise ModelMismatch(
            f"{error.message} The training itself is complete: {out / CHECKPOINT_FILE} and {REPORT_PAGE} stay.",
            "Resuming the run exports it anew without training, for instance with other versions of the libraries.",
        ) from error


def _evaluation(
    network: DetectorNetwork,
    card: DetectorCard,
    data: DetectionSet,
    val_photos: Sequence[AnnotatedPhoto] | None,
    train_photos: Sequence[AnnotatedPhoto],
    track: Track,
) -> DetectionEvaluation:
    """The validation photos as the detector sees them where it is used."""
    given = {str(photo.path): photo for photo in (*train_photos, *(val_photos or ()))}
    checked = [given[path] for path in dict.fromkeys(str(data.cache.photos[row].path) for row in data.val_rows)]
    detector = NetworkDetector(TorchBoxNetwork(network, card), min_confidence=LOOKED_AT)
    return evaluate_detector(
        checked,
        detector=detector,
        own_limit=card.min_confidence,
        n_threads=torch.get_num_threads(),
        max_megapixels=MAX_MEGAPIXELS,
        track=track,
    )


def _facts(identity: dict[str, Any], data: DetectionSet) -> dict[str, str]:
    """How the detector came to be, for the report."""
    recipe = identity["recipe"]
    return {
        "learned from": f"{data.n_boxes:,} boxes in {len(data.train_rows):,} photos",
        "started from": identity["start"],
        "trunk": identity["architecture"],
        "network": f"{recipe['kind'] or DEFAULT_KIND}, {recipe['n_channels']} channels",
        "epochs": f"{recipe['n_epochs']} at {recipe['canvas_px']} px, {frozen_in_words(recipe['n_frozen_stages'])}",
        "batch, learning rates (trunk, head)": f"{recipe['batch_size']}, {recipe['lr']:g}, {recipe['head_lr']:g}",
        "seed": str(recipe["seed"]),
        "commit": code_commit() or "not known",
    }


def _write_report(out: Path, evaluation: DetectionEvaluation, training: Training) -> None:
    page = detection_page(evaluation, max_megapixels=MAX_MEGAPIXELS, training=training, json_name=REPORT_FILE)
    replace_file(out / REPORT_PAGE, page.encode())
    _write_json(out / REPORT_FILE, {**evaluation.to_json(), "epochs": list(training.epochs), "facts": training.facts})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    replace_file(path, json.dumps(content, indent=1, default=str).encode())
