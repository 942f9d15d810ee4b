"""How a recognizer learns: centers placed, trunk and head trained together, checked on the validation photos.

The model stays in `eval()`: stored normalization statistics are used and never updated, which is what small sets and
the starter's weights need (see `resnet.py`). A model from scratch has none, and learns in `train()`. The loop itself is
in `loop.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor, nn

from facings.errors import BadInput
from facings.model_card import Preparation
from facings.progress import Track, untracked
from facings.train.batches import Batch, Batches, Schedule, plain_batches
from facings.train.dataset import TrainingSet, few_of_each
from facings.train.devices import Devices, share_of
from facings.train.learning import Learning
from facings.train.loop import CHECKPOINT_EVERY_S, Course, Epoch, Loop
from facings.train.model import Recognizer, freeze, parameter_groups
from facings.train.objective import Objective
from facings.train.recipe import Recipe
from facings.types import IntArray

Watch: TypeAlias = "Callable[[EpochResult, Recognizer], None]"

_CPU = torch.device("cpu")
_EVAL_BATCH = 32
_PHOTOS_A_CENTER = 8


@dataclass(frozen=True)
class EpochResult:
    """What one epoch came to.

    Args:
        epoch: 1 for the first.
        size_px: Side of the training pictures.
        n_frozen_stages: Stages that were kept as they are, as in `Phase`.
        lr: Learning rate of the trunk's last stage at the end.
        loss: Mean over the epoch's steps.
        train_accuracy: Share of the augmented training photos that were named rightly while learning; a photo with
            a part of another counts by the larger part.
        val_accuracy: Share of the validation photos that the classifier names rightly, prepared as at runtime.
        val_category_accuracy: Share whose named product is of the right category; None without categories.
        seconds: Wall time of training so far, checks included, pauses between runs not.
    """

    epoch: int
    size_px: int
    n_frozen_stages: int
    lr: float
    loss: float
    train_accuracy: float
    val_accuracy: float
    val_category_accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class FitResult:
    """How the training went; the model holds the averaged weights of the best epoch.

    Args:
        epochs: In order.
        best_epoch: The last of those with the highest validation accuracy, 1 for the first.
    """

    epochs: tuple[EpochResult, ...]
    best_epoch: int


class _Recognition:
    """What a recognizer learns: the task of the loop. Arguments as those of `Fit`."""

    def __init__(
        self,
        model: Recognizer,
        data: TrainingSet,
        recipe: Recipe,
        preparation: Preparation,
        *,
        is_scratch: bool,
        devices: Devices,
    ) -> None:
        self.model = model.eval().to(devices.device).to(memory_format=torch.channels_last)
        self.extra = Objective(recipe, data, model.centers.shape[1]).to(devices.device)
        self.schedule = Schedule(
            data.train_rows,
            recipe.batch_size,
            recipe.sizes_px,
            recipe.seed,
            recipe.photos_per_product,
            data.targets[data.train_rows],
        )
        self._data, self._recipe, self._preparation = data, recipe, preparation
        self._is_scratch, self._devices = is_scratch, devices
        self._batch_size = min(recipe.batch_size, len(data.train_rows))
        if self._batch_size < devices.n_processes:
            raise BadInput(
                f"Training: got {self._batch_size} photos a batch for {devices.n_processes} processes, "
                "wanted at least one photo for each.",
                "Start fewer processes, or use larger batches or more photos.",
            )
        own = share_of(self.schedule, devices)
        self._batches = Batches(data.cache, own, recipe.augmentation, mean=preparation.mean, std=preparation.std)
        self._targets = torch.from_numpy(data.targets)
        self._category_of = torch.tensor(data.labels.category_of, dtype=torch.int64)
        self._learning = Learning(model, self.extra, self._targets, devices)
        self._parallel: nn.Module = self._learning
        self._n_frozen: int | None = None

    def parameter_groups(self) -> list[dict[str, Any]]:
        recipe = self._recipe
        groups = parameter_groups(
            self.model,
            lr=recipe.lr,
            head_lr=recipe.head_lr,
            layer_decay=recipe.layer_decay,
            weight_decay=recipe.weight_decay,
        )
        return [*groups, *self.extra.groups()]

    def begin(self) -> None:
        """The head starts from the products' means."""
        chosen = few_of_each(self._data.train_rows, self._data.targets, _PHOTOS_A_CENTER)
        first_size = self._recipe.sizes_px[0]
        resize_px = max(first_size, round(first_size * self._preparation.resize_px / self._preparation.input_size_px))
        small = Preparation(
            first_size, resize_px, "center-crop", "bicubic", self._preparation.mean, self._preparation.std
        )
        features = self._features(self.model, chosen, small)
        self.model.place_centers(features, self._targets[torch.from_numpy(chosen)].to(features.device))

    def enter_epoch(self, number: int) -> None:
        n_frozen = self._recipe.epochs[number].n_frozen_stages
        self.model.train(self._is_scratch)
        if n_frozen != self._n_frozen:
            freeze(self.model.backbone, n_frozen)
            self._n_frozen = n_frozen
            self._parallel = self._devices.parallel(self._learning)

    def batches(self, first_step: int) -> Iterator[Batch]:
        return self._batches.from_step(first_step)

    def learn(self, batch: Batch) -> tuple[Tensor, dict[str, int]]:
        loss, n_right = self._parallel(batch, self._batch_size)
        return loss, {"n_right": int(n_right), "n_seen": self._batch_size}

    def end_epoch(self, number: int, averaged: nn.Module, counts: Mapping[str, int]) -> Epoch:
        """Accuracy of the classifier on the validation photos."""
        data, phase = self._data, self._recipe.epochs[number]
        model = cast(Recognizer, averaged).eval()
        features = self._features(model, data.val_rows, self._preparation)
        with torch.inference_mode():
            named = model.logits(features).argmax(1).cpu()
        targets = self._targets[torch.from_numpy(data.val_rows)]
        categories = (self._category_of[named] == self._category_of[targets]) if data.labels.categories else None
        return {
            "size_px": phase.size_px,
            "n_frozen_stages": phase.n_frozen_stages,
            "train_accuracy": counts.get("n_right", 0) / counts["n_seen"],
            "val_accuracy": float((named == targets).double().mean()),
            "val_category_accuracy": None if categories is None else float(categories.double().mean()),
        }

    def score(self, epoch: Epoch) -> float:
        return float(epoch["val_accuracy"])

    def _features(self, model: Recognizer, rows: IntArray, preparation: Preparation) -> Tensor:
        """The trunk's features of some photos, each process computing some; on the device."""
        found = features_of(model.backbone, self._data, self._devices.share(rows), preparation, self._devices.device)
        return self._devices.whole(found, len(rows))


class Fit:
    """One training.

    Args:
        model: Trained in place.
        data: What it learns from.
        recipe: How.
        preparation: Of the finished model; validation photos are prepared by it.
        folder: For checkpoint and metrics; made if needed.
        identity: What a checkpoint must agree with to be resumed.
        is_scratch: The trunk has no normalization statistics yet: learn with those of each batch, of each process's
            share of it where there are several.
        devices: Where it computes; None finds out.

    Raises:
        BadInput: The recipe has no phases, or a batch has fewer photos than there are processes.
    """

    def __init__(
        self,
        model: Recognizer,
        data: TrainingSet,
        recipe: Recipe,
        preparation: Preparation,
        folder: Path,
        identity: dict[str, Any],
        *,
        is_scratch: bool = False,
        devices: Devices | None = None,
    ) -> None:
        devices = devices or Devices()
        self._model, self._recipe = model, recipe
        task = _Recognition(model, data, recipe, preparation, is_scratch=is_scratch, devices=devices)
        n_epochs, n_steps = len(recipe.epochs), task.schedule.steps_per_epoch
        course = Course(n_epochs, n_steps, recipe.lr_factor, recipe.ema_decay, recipe.patience)
        self._loop = Loop(task, course, folder, identity, devices)

    def run(
        self,
        *,
        is_resumed: bool = False,
        checkpoint_every_s: float = CHECKPOINT_EVERY_S,
        watch: Watch | None = None,
        track: Track = untracked,
    ) -> FitResult:
        """Train to the end, or until validation stops getting better; the model is on the CPU then. See `Loop.run`.

        Args:
            is_resumed: Go on from the folder's checkpoint instead of starting anew.
            checkpoint_every_s: Wall time between checkpoints.
            watch: Called after each epoch with its result and the averaged model, for reading only.
            track: Shows progress.
        """

        def told(epoch: Epoch, averaged: nn.Module) -> None:
            if watch:
                watch(self._result(epoch), cast(Recognizer, averaged))

        epochs, best_epoch = self._loop.run(
            is_resumed=is_resumed, checkpoint_every_s=checkpoint_every_s, watch=told, track=track
        )
        self._model.to(_CPU)
        return FitResult(tuple(self._result(epoch) for epoch in epochs), best_epoch)

    def _result(self, epoch: Epoch) -> EpochResult:
        figures = {name: value for name, value in epoch.items() if name != "lr_factor"}
        return EpochResult(lr=self._recipe.lr * epoch["lr_factor"], **figures)


def features_of(
    network: Callable[[Tensor], Tensor],
    data: TrainingSet,
    rows: IntArray,
    preparation: Preparation,
    device: torch.device = _CPU,
) -> Tensor:
    """What a network says of some photos, prepared as at runtime.

    Args:
        network: float32 (n, 3, S, S) normalized → float32 (n, D), in `eval()`.
        data: Has the photos.
        rows: int64 (N,), rows of its cache.
        preparation: Of the photos.
        device: Where the network is; the batches are brought there.

    Returns:
        float32 (N, D) in the order of the rows, on that device.
    """
    batches = plain_batches(data.cache, rows.tolist(), preparation, _EVAL_BATCH)
    with torch.inference_mode():
        found = torch.cat([network(batch.to(device)) for batch in batches])
    return found.clone()  # a normal tensor, which may meet parameters
