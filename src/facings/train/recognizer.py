"""From labelled photos to a model directory: the whole training of a product recognizer.

A run folder holds `settings.json` (everything that went in, with library versions), `metrics.jsonl` (one line an
epoch), `checkpoint.safetensors`, `summary.json` (figures) and `model/`, which a gallery is built with as it is.
"""

from __future__ import annotations

import importlib.metadata
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from facings.errors import BadInput, Problem
from facings.evaluate.machine import cpu_model, library_versions
from facings.manifest import LabelledPhoto
from facings.model_card import ModelCard, Preparation
from facings.progress import Track, untracked
from facings.train.checkpoint import CHECKPOINT_FILE, replace_file
from facings.train.dataset import TrainingSet, build_training_set
from facings.train.export import export_embedder
from facings.train.fit import Fit, FitResult, features_of
from facings.train.fold import fold_norms, unfolded
from facings.train.model import STARTER, Recognizer, Trunk, load_trunk
from facings.train.recipe import Recipe
from facings.train.resnet import ResNet

MODEL_FOLDER, CACHE_FOLDER = "model", "photos"
SETTINGS_FILE, SUMMARY_FILE = "settings.json", "summary.json"

_SPARE_FRAC = 8 / 7  # photos are stored a little larger than the largest picture made from them
_TRAINING_LIBRARIES = ("torch", "torchvision", "onnx", "safetensors", "timm")


@dataclass(frozen=True)
class TrainSettings:
    """What a training is asked to do.

    Args:
        recipe: How it learns.
        start: Where it starts from: a model directory, a `.safetensors` file with torchvision's ResNet names, or
            `timm:NAME` from the hub.
        name: Of the model, on its card.
        cache_root: Folder for decoded photos, shared by runs; None puts it into the run folder.
        n_threads: Threads that compute.
        is_resumed: Go on with the run that is in the folder.
    """

    recipe: Recipe = field(default_factory=Recipe)
    start: Path | str = STARTER
    name: str = "product-recognizer"
    cache_root: Path | None = None
    n_threads: int = 2
    is_resumed: bool = False


@dataclass(frozen=True)
class TrainSummary:
    """What came out. Accuracies are on the validation photos, with the best epoch's weights.

    Args:
        model: The model directory.
        fit: Epoch by epoch.
        classifier_accuracy: Share named rightly by the head.
        gallery_recall_at_1: Share whose most similar training photo shows the right product.
        n_products: Classes.
        n_train: Photos learned from.
        n_val: Photos checked with.
        seconds: Wall time of everything, of this run alone where it was resumed.
        export_difference: Largest difference of ONNX Runtime from torch.
        problems: Photos that were left out.
    """

    model: Path
    fit: FitResult
    classifier_accuracy: float
    gallery_recall_at_1: float
    n_products: int
    n_train: int
    n_val: int
    seconds: float
    export_difference: float
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it, as it stands in `summary.json`."""
        return {**asdict(self), "kind": "training", "model": self.model.name}


def train_recognizer(
    train_photos: Sequence[LabelledPhoto],
    val_photos: Sequence[LabelledPhoto] | None = None,
    *,
    out: Path,
    settings: TrainSettings | None = None,
    track: Track = untracked,
) -> TrainSummary:
    """Train, check, export.

    Args:
        train_photos: To learn from.
        val_photos: To choose the best epoch with; None holds out a tenth of the training photos.
        out: Run folder; must not hold a run already, unless that is to be resumed.
        settings: None for the defaults.
        track: Shows progress.

    Raises:
        BadInput: The photos cannot be trained on, the folder is taken, or the loss is no number.
        ModelNotFound: The start, or the checkpoint to resume, is missing or damaged.
        ModelMismatch: The start is of an unknown architecture, or the checkpoint of another training.
        StoreFailed: The disk is full or cannot be written.
    """
    settings = settings or TrainSettings()
    started = time.perf_counter()
    if (out / MODEL_FOLDER).exists() or ((out / CHECKPOINT_FILE).exists() and not settings.is_resumed):
        raise BadInput(f"{out}: holds a run already.", "Resume it, or train into another folder.")
    torch.set_num_threads(settings.n_threads)
    recipe = settings.recipe
    trunk = load_trunk(settings.start)
    data = build_training_set(
        train_photos,
        val_photos,
        cache_root=settings.cache_root or out / CACHE_FOLDER,
        shorter_side_px=round(max(*recipe.sizes_px, recipe.embed_size_px) * _SPARE_FRAC),
        seed=recipe.seed,
        track=track,
    )
    identity = _identity(recipe, trunk, data)
    if not settings.is_resumed:
        _write_json(out / SETTINGS_FILE, {**identity, "machine": cpu_model(), "versions": _versions()})
    model = _network(trunk, len(data.labels.products))
    preparation = recipe.preparation(trunk.mean, trunk.std)
    result = Fit(model, data, recipe, preparation, out, identity).run(is_resumed=settings.is_resumed, track=track)
    backbone = unfolded(model.backbone) if isinstance(model.backbone, ResNet) else model.backbone
    difference = export_embedder(backbone, _card(settings.name, trunk, data, preparation), out / MODEL_FOLDER)
    summary = TrainSummary(
        model=out / MODEL_FOLDER,
        fit=result,
        classifier_accuracy=result.epochs[result.best_epoch - 1].val_accuracy,
        gallery_recall_at_1=_gallery_recall(model, data, preparation),
        n_products=len(data.labels.products),
        n_train=len(data.train_rows),
        n_val=len(data.val_rows),
        seconds=time.perf_counter() - started,
        export_difference=difference,
        problems=data.problems,
    )
    _write_json(out / SUMMARY_FILE, summary.to_json())
    return summary


def _network(trunk: Trunk, n_products: int) -> Recognizer:
    """Trunk and head, normalization folded where the trunk is of the project's own kind."""
    if isinstance(trunk.backbone, ResNet):
        fold_norms(trunk.backbone)
    return Recognizer(trunk.backbone, n_products, trunk.embedding_dim)


def _identity(recipe: Recipe, trunk: Trunk, data: TrainingSet) -> dict[str, Any]:
    """What two runs must share to be the same training."""
    return {
        "recipe": asdict(recipe),
        "architecture": trunk.architecture,
        "start": trunk.source,
        "products": list(data.labels.products),
        "data_fingerprint": data.fingerprint,
        "n_val": len(data.val_rows),
    }


def _card(name: str, trunk: Trunk, data: TrainingSet, preparation: Preparation) -> ModelCard:
    n_photos, n_products = len(data.train_rows), len(data.labels.products)
    return ModelCard(
        name=name,
        architecture=trunk.architecture,
        embedding_dim=trunk.embedding_dim,
        preparation=preparation,
        license=trunk.license,
        source=f"Fine-tuned from: {trunk.source}",
        training_data=f"{trunk.training_data}; then {n_photos:,} photos of {n_products:,} products",
        data_fingerprint=data.fingerprint,
    )


def _gallery_recall(model: Recognizer, data: TrainingSet, preparation: Preparation) -> float:
    """Share of the validation photos whose most similar training photo shows the same product."""
    gallery, queries = (
        functional.normalize(features_of(model, data, rows, preparation), dim=1)
        for rows in (data.train_rows, data.val_rows)
    )
    closest: Tensor = (queries @ gallery.T).argmax(1)
    right = data.targets[data.train_rows][closest.numpy()] == data.targets[data.val_rows]
    return float(right.mean())


def _versions() -> dict[str, str]:
    found = library_versions()
    for name in _TRAINING_LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # timm is needed for the hub alone
            continue
    return found


def _write_json(path: Path, content: dict[str, Any]) -> None:
    replace_file(path, json.dumps(content, indent=1).encode())
