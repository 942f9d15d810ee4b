"""From labelled photos to a model directory: the whole training of a product recognizer.

A run folder holds `settings.json` (everything that went in, with library versions), `metrics.jsonl` (one line an
epoch), `checkpoint.safetensors`, `report.html` and `report.json` (how good it is and where it fails), `summary.json`
and `model/`, which a gallery is built with as it is.

Started by `accelerate launch` or `torchrun`, several processes train together (see `devices.py`); the main one writes,
and makes the finished model. They share the folders of the run and of the decoded photos.
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
from torch import nn

from facings.errors import Problem
from facings.evaluate.machine import code_commit, cpu_model, library_versions
from facings.manifest import LabelledPhoto
from facings.model_card import ModelCard, Preparation
from facings.progress import Track, untracked
from facings.train.assess import Assessment, assess
from facings.train.backbones import BUNDLED, Trunk, load_trunk
from facings.train.blend import blend
from facings.train.checkpoint import check_folder, replace_file
from facings.train.closed_form import finish
from facings.train.curves_chart import frozen_in_words
from facings.train.dataset import HELD_OUT_FRAC, TrainingSet, build_training_set
from facings.train.devices import Devices
from facings.train.export import export_embedder
from facings.train.fit import Fit, FitResult, Watch
from facings.train.fold import fold_norms, is_folded, unfolded
from facings.train.model import Recognizer
from facings.train.neck import NECK_MARK, Necked
from facings.train.recipe import Recipe
from facings.train.resnet import ResNet
from facings.train.training_page import training_page

MODEL_FOLDER, CACHE_FOLDER = "model", "photos"
SETTINGS_FILE, SUMMARY_FILE = "settings.json", "summary.json"
REPORT_PAGE, REPORT_FILE = "report.html", "report.json"

_SPARE_FRAC = 8 / 7  # photos are stored a little larger than the largest picture made from them
_TUNED = "Fine-tuned from: "
# In a gallery they look more certain than photos to come will.
_LEARNED = " (to decide in a gallery of these: facings calibrate with others, --save)"
_TRAINING_LIBRARIES = ("torch", "torchvision", "onnx", "safetensors", "timm")


@dataclass(frozen=True)
class TrainSettings:
    """What a training is asked to do.

    Args:
        recipe: How it learns.
        start: Where it starts from: a model directory, or `torchvision:NAME` or `timm:NAME` (weights from the hub),
            either with `@FILE.safetensors`.
        is_scratch: Start from random weights of that architecture, to see what transfer is worth.
        name: Of the model, on its card.
        held_out_frac: Share of each product's photos to check with where no validation photos are given, (0, 0.5].
        cache_root: Folder for decoded photos, shared by runs; None puts it into the run folder.
        n_threads: Threads that compute, of each process.
        is_resumed: Go on with the run that is in the folder.
    """

    recipe: Recipe = field(default_factory=Recipe)
    start: Path | str = BUNDLED
    is_scratch: bool = False
    name: str = "product-recognizer"
    held_out_frac: float = HELD_OUT_FRAC
    cache_root: Path | None = None
    n_threads: int = 2
    is_resumed: bool = False


@dataclass(frozen=True)
class TrainSummary:
    """What came out. Accuracies are on the validation photos, with the best epoch's weights.

    Args:
        model: The model directory.
        fit: Epoch by epoch.
        classifier_accuracy: Share named rightly by the finished model's classifier.
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
    watch: Watch | None = None,
    track: Track = untracked,
) -> TrainSummary:
    """Train, check, export; the same summary in every process.

    Args:
        train_photos: To learn from.
        val_photos: To choose the best epoch with; None holds out some of the training photos.
        out: Run folder; must not hold a run already, unless that is to be resumed.
        settings: None for the defaults.
        watch: Called after each epoch, see `Fit.run`; in the main process.
        track: Shows progress of the main process.

    Raises:
        BadInput: The photos cannot be trained on, the folder is taken, or the loss is no number.
        ModelNotFound: The start, or the checkpoint to resume, is missing or damaged.
        ModelMismatch: The start is of an unknown architecture, or the checkpoint of another training.
        StoreFailed: The disk is full or cannot be written.
    """
    settings = settings or TrainSettings()
    started = time.perf_counter()
    check_folder(out, out / MODEL_FOLDER, is_resumed=settings.is_resumed)
    devices = Devices()
    torch.set_num_threads(settings.n_threads)
    recipe = settings.recipe
    track, watch = (track, watch) if devices.is_main else (untracked, None)
    with devices.main_first():
        trunk = load_trunk(settings.start, is_scratch=settings.is_scratch, seed=recipe.seed)
        data = build_training_set(
            train_photos,
            val_photos,
            cache_root=settings.cache_root or out / CACHE_FOLDER,
            shorter_side_px=round(max([*recipe.sizes_px, recipe.embed_size_px]) * _SPARE_FRAC),
            seed=recipe.seed,
            held_out_frac=settings.held_out_frac,
            track=track,
        )
    identity = _identity(recipe, trunk, data)
    if devices.is_main and not settings.is_resumed:
        _write_json(
            out / SETTINGS_FILE, {**identity, "machine": cpu_model(), "versions": _versions(), "commit": code_commit()}
        )
    model = _network(trunk, len(data.labels.products))
    preparation = recipe.preparation(trunk.mean, trunk.std)
    result = FitResult((), 0)
    if recipe.phases:
        start = {name: value.detach().clone() for name, value in model.backbone.named_parameters()}
        fit = Fit(model, data, recipe, preparation, out, identity, is_scratch=trunk.is_scratch, devices=devices)
        result = fit.run(is_resumed=settings.is_resumed, watch=watch, track=track)
        if not trunk.is_scratch:
            blend(model.backbone, start, recipe.start_share)
    figures = [0.0, 0.0, 0.0]
    if devices.is_main:
        finished = finish(model.eval().to(memory_format=torch.channels_last), data, recipe, preparation)
        card = _card(settings.name, trunk, data, preparation, finished.model)
        difference = export_embedder(_exported(finished.model.backbone), card, out / MODEL_FOLDER, is_half=True)
        assessment = assess(finished, data)
        facts = {"architecture": card.architecture, "ONNX Runtime differs from torch by": f"{difference:.1g} at most"}
        _write_report(out, assessment, result, identity, facts)
        figures = [assessment.classifier.value, assessment.gallery.value, difference]
    classifier_accuracy, gallery_recall_at_1, difference = devices.from_main(figures)
    summary = TrainSummary(
        model=out / MODEL_FOLDER,
        fit=result,
        classifier_accuracy=classifier_accuracy,
        gallery_recall_at_1=gallery_recall_at_1,
        n_products=len(data.labels.products),
        n_train=len(data.train_rows),
        n_val=len(data.val_rows),
        seconds=time.perf_counter() - started,
        export_difference=difference,
        problems=data.problems,
    )
    if devices.is_main:
        _write_json(out / SUMMARY_FILE, summary.to_json())
    return summary


def _network(trunk: Trunk, n_products: int) -> Recognizer:
    """Trunk and head, normalization folded where the trunk is of the project's own kind and has statistics."""
    if isinstance(trunk.backbone, ResNet) and not trunk.is_scratch:
        fold_norms(trunk.backbone)
    return Recognizer(trunk.backbone, n_products, trunk.embedding_dim)


def _exported(backbone: nn.Module) -> nn.Module:
    """The network as it is stored: with its normalizations."""
    if isinstance(backbone, Necked):
        return Necked(_exported(backbone.trunk), backbone.neck.weight.detach(), backbone.neck.bias.detach())
    return unfolded(backbone) if isinstance(backbone, ResNet) and is_folded(backbone) else backbone


def _identity(recipe: Recipe, trunk: Trunk, data: TrainingSet) -> dict[str, Any]:
    """What two runs must share to be the same training."""
    return {
        "recipe": asdict(recipe),
        "architecture": trunk.architecture,
        "start": trunk.source,
        "is_scratch": trunk.is_scratch,
        "products": list(data.labels.products),
        "data_fingerprint": data.fingerprint,
        "n_val": len(data.val_rows),
    }


def _card(name: str, trunk: Trunk, data: TrainingSet, preparation: Preparation, model: Recognizer) -> ModelCard:
    n_photos, n_products = len(data.train_rows), len(data.labels.products)
    neck = model.backbone.neck if isinstance(model.backbone, Necked) else None
    return ModelCard(
        name=name,
        architecture=trunk.architecture + (f"{NECK_MARK} {neck.in_features} to {neck.out_features}" if neck else ""),
        embedding_dim=model.centers.shape[1],
        preparation=preparation,
        license=trunk.license,
        source=trunk.source if trunk.source.startswith(_TUNED) else f"{_TUNED}{trunk.source}",
        training_data=f"{trunk.training_data}; then {n_photos:,} photos of {n_products:,} products{_LEARNED}",
        data_fingerprint=data.fingerprint,
    )


def _write_report(
    out: Path, assessment: Assessment, result: FitResult, identity: dict[str, Any], of_model: dict[str, str]
) -> None:
    recipe = identity["recipe"]
    facts = {
        "machine": cpu_model(),
        "started from": identity["start"],
        **of_model,
        "phases": "; ".join(
            f"{phase['n_epochs']} {'epoch' if phase['n_epochs'] == 1 else 'epochs'} at {phase['size_px']} px, "
            f"{frozen_in_words(phase['n_frozen_stages'])}"
            for phase in recipe["phases"]
        )
        or "none: the neck and the classifier in closed form",
        "batch, learning rates (trunk, head)": f"{recipe['batch_size']}, {recipe['lr']:g}, {recipe['head_lr']:g}",
        "share of the starting weights": f"{recipe['start_share']:g}",
        "seed": str(recipe["seed"]),
        "versions": ", ".join(f"{name} {version}" for name, version in _versions().items()),
        "commit": code_commit() or "not known",
    }
    replace_file(out / REPORT_PAGE, training_page(assessment, result.epochs, facts).encode())
    epochs = [asdict(epoch) for epoch in result.epochs]
    _write_json(out / REPORT_FILE, {**assessment.to_json(), "epochs": epochs, "facts": facts})


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
