"""The training loop: centers placed, trunk and head trained together, checked after each epoch, the best epoch kept.

The model stays in `eval()` throughout: stored normalization statistics are used and never updated, which is what small
sets and the starter's weights need (see `resnet.py`). Every random choice follows from the seed and the step, so a
resumed training goes through the same numbers as one that was never stopped, on the same machine with the same number
of threads.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from facings.errors import BadInput
from facings.model_card import Preparation
from facings.progress import Track, untracked
from facings.train.batches import Batches, Schedule, plain_batches
from facings.train.checkpoint import Checkpoint, CtrlC, load_checkpoint, replace_file, save_checkpoint
from facings.train.dataset import TrainingSet, few_of_each
from facings.train.model import Recognizer, parameter_groups
from facings.train.recipe import Recipe
from facings.types import IntArray

METRICS_FILE = "metrics.jsonl"
CHECKPOINT_EVERY_S = 120.0

_EVAL_BATCH = 32
_PHOTOS_A_CENTER = 8
_TINY = 1e-8  # keeps the logarithm of a vanished category finite


@dataclass(frozen=True)
class EpochResult:
    """One line of `metrics.jsonl`.

    Args:
        epoch: 1 for the first.
        size_px: Side of the training pictures.
        loss: Mean over the epoch's steps.
        train_accuracy: Share of the augmented training photos that were named rightly while learning.
        val_accuracy: Share of the validation photos that the classifier names rightly, prepared as at runtime.
        val_category_accuracy: Share whose named product is of the right category; None without categories.
        seconds: Wall time of training so far, checks included, pauses between runs not.
    """

    epoch: int
    size_px: int
    loss: float
    train_accuracy: float
    val_accuracy: float
    val_category_accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class FitResult:
    """How the training went; the model holds the weights of the best epoch.

    Args:
        epochs: In order.
        best_epoch: The last of those with the highest validation accuracy, 1 for the first.
    """

    epochs: tuple[EpochResult, ...]
    best_epoch: int


@dataclass
class _Progress:
    """What changes from step to step, apart from tensors; goes into the checkpoint as JSON."""

    step: int = 0
    loss_sum: float = 0.0
    n_right: int = 0
    n_seen: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    epochs: list[dict[str, Any]] = field(default_factory=list)


class Fit:
    """One training.

    Args:
        model: Trained in place.
        data: What it learns from.
        recipe: How.
        preparation: Of the finished model; validation photos are prepared by it.
        folder: For checkpoint and metrics; made if needed.
        identity: What a checkpoint must agree with to be resumed.
    """

    def __init__(
        self,
        model: Recognizer,
        data: TrainingSet,
        recipe: Recipe,
        preparation: Preparation,
        folder: Path,
        identity: dict[str, Any],
    ) -> None:
        self._model = model.eval().to(memory_format=torch.channels_last)
        self._data, self._recipe, self._preparation = data, recipe, preparation
        self._folder, self._identity = folder, identity
        groups = parameter_groups(
            model,
            lr=recipe.lr,
            head_lr=recipe.head_lr,
            layer_decay=recipe.layer_decay,
            weight_decay=recipe.weight_decay,
            n_frozen_stages=recipe.n_frozen_stages,
        )
        self._optimizer = torch.optim.AdamW(groups, fused=True)
        self._top_rates = [float(group["lr"]) for group in self._optimizer.param_groups]
        self._schedule = Schedule(data.train_rows, recipe.batch_size, recipe.sizes_px, recipe.seed)
        self._batches = Batches(
            data.cache, self._schedule, recipe.augmentation, mean=preparation.mean, std=preparation.std
        )
        self._targets = torch.from_numpy(data.targets)
        self._category_of = torch.tensor(data.labels.category_of, dtype=torch.int64)
        self._in_category = functional.one_hot(self._category_of).to(torch.float32) if data.labels.categories else None
        self._progress = _Progress()
        self._best: dict[str, Tensor] = {}

    def run(
        self, *, is_resumed: bool = False, checkpoint_every_s: float = CHECKPOINT_EVERY_S, track: Track = untracked
    ) -> FitResult:
        """Train to the end, or until validation stops getting better.

        Ctrl-C waits for the end of the step; then a checkpoint is written and `KeyboardInterrupt` raised. A second
        Ctrl-C stops at once and leaves the last checkpoint.

        Args:
            is_resumed: Go on from the folder's checkpoint instead of starting anew.
            checkpoint_every_s: Wall time between checkpoints.
            track: Shows progress.

        Raises:
            BadInput: The loss is no longer a finite number.
            ModelNotFound: Resumed without a checkpoint.
            ModelMismatch: The checkpoint belongs to another training.
            StoreFailed: A checkpoint cannot be written.
        """
        if is_resumed:
            self._restore(load_checkpoint(self._folder, self._identity))
        else:
            self._place_centers()
        self._write_metrics()
        progress = self._progress
        saved = time.perf_counter()
        started = saved - progress.seconds
        n_left = self._schedule.n_steps - progress.step
        with CtrlC() as ctrl_c:
            for rows, pixels in track(self._batches.from_step(progress.step), "Training", n_left):
                if self._is_over():
                    break
                self._step(rows, pixels)
                progress.seconds = time.perf_counter() - started
                if progress.step % self._schedule.steps_per_epoch == 0:
                    self._end_epoch(started)
                if ctrl_c.is_pressed or time.perf_counter() - saved > checkpoint_every_s:
                    self._save()
                    saved = time.perf_counter()
                if ctrl_c.is_pressed:
                    raise KeyboardInterrupt
        self._save()
        self._model.load_state_dict(self._best)
        return FitResult(tuple(EpochResult(**epoch) for epoch in progress.epochs), progress.best_epoch)

    def _is_over(self) -> bool:
        """Whether validation has not become better for as long as the recipe waits; drawing level is not better."""
        accuracies = [epoch["val_accuracy"] for epoch in self._progress.epochs]
        if not accuracies:
            return False
        first_best = accuracies.index(max(accuracies)) + 1
        return len(accuracies) - first_best >= self._recipe.patience

    def _place_centers(self) -> None:
        chosen = few_of_each(self._data.train_rows, self._data.targets, _PHOTOS_A_CENTER)
        first_size = self._recipe.sizes_px[0]
        resize_px = max(first_size, round(first_size * self._preparation.resize_px / self._preparation.input_size_px))
        small = Preparation(
            first_size, resize_px, "center-crop", "bicubic", self._preparation.mean, self._preparation.std
        )
        features = features_of(self._model, self._data, chosen, small)
        self._model.place_centers(features, self._targets[torch.from_numpy(chosen)])

    def _step(self, rows: IntArray, pixels: Tensor) -> None:
        progress, targets = self._progress, self._targets[torch.from_numpy(rows)]
        factor = self._recipe.lr_factor((progress.step + 1) / self._schedule.n_steps)
        for group, top in zip(self._optimizer.param_groups, self._top_rates, strict=True):
            group["lr"] = top * factor
        logits = self._model(pixels)
        loss = self._loss(logits, targets)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise BadInput(
                f"Training: the loss is {value} at step {progress.step + 1} of {self._schedule.n_steps}.",
                f"Train again with a lower learning rate (now {self._recipe.lr:g}); nothing was written over.",
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        progress.step += 1
        progress.loss_sum += value
        progress.n_right += int((logits.detach().argmax(1) == targets).sum())
        progress.n_seen += len(rows)

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        loss = functional.cross_entropy(logits, targets, label_smoothing=self._recipe.label_smoothing)
        if self._in_category is None or not self._recipe.category_weight:
            return loss
        shares = (torch.softmax(logits, 1) @ self._in_category).clamp_min(_TINY)
        return loss + self._recipe.category_weight * functional.nll_loss(shares.log(), self._category_of[targets])

    def _end_epoch(self, started: float) -> None:
        progress = self._progress
        number = len(progress.epochs) + 1
        val_accuracy, val_category_accuracy = self._check()
        progress.seconds = time.perf_counter() - started
        result = EpochResult(
            epoch=number,
            size_px=self._recipe.sizes_px[number - 1],
            loss=progress.loss_sum / self._schedule.steps_per_epoch,
            train_accuracy=progress.n_right / progress.n_seen,
            val_accuracy=val_accuracy,
            val_category_accuracy=val_category_accuracy,
            seconds=progress.seconds,
        )
        best = progress.epochs[progress.best_epoch - 1]["val_accuracy"] if progress.best_epoch else -1.0
        progress.epochs.append(asdict(result))
        progress.loss_sum, progress.n_right, progress.n_seen = 0.0, 0, 0
        if val_accuracy >= best:
            progress.best_epoch = number
            self._best = {name: value.clone() for name, value in self._model.state_dict().items()}
        self._write_metrics()

    def _check(self) -> tuple[float, float | None]:
        """Classifier accuracy on the validation photos: products, categories."""
        rows = self._data.val_rows
        features = features_of(self._model, self._data, rows, self._preparation)
        with torch.inference_mode():
            named = self._model.logits(features).argmax(1)
        targets = self._targets[torch.from_numpy(rows)]
        accuracy = float((named == targets).double().mean())
        if self._in_category is None:
            return accuracy, None
        return accuracy, float((self._category_of[named] == self._category_of[targets]).double().mean())

    def _write_metrics(self) -> None:
        lines = [json.dumps(epoch) + "\n" for epoch in self._progress.epochs]
        replace_file(self._folder / METRICS_FILE, "".join(lines).encode())

    def _save(self) -> None:
        tensors = {f"model.{name}": value for name, value in self._model.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self._best.items()}
        for number, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
        save_checkpoint(Checkpoint(self._identity, asdict(self._progress), tensors), self._folder)

    def _restore(self, checkpoint: Checkpoint) -> None:
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
        for name, value in checkpoint.tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = value
        self._model.load_state_dict(parts["model"])
        self._best = parts["best"]
        parameters = [parameter for group in self._optimizer.param_groups for parameter in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in parts["optimizer"].items():
            number, _, key = name.partition(".")
            like = parameters[int(number)]
            # A moment must lie in memory as its parameter does: the fused step goes through both side by side.
            state.setdefault(int(number), {})[key] = torch.empty_like(like).copy_(value) if value.ndim else value
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": state})
        self._progress = _Progress(**checkpoint.progress)


def features_of(model: Recognizer, data: TrainingSet, rows: IntArray, preparation: Preparation) -> Tensor:
    """The trunk's features of some photos, prepared as at runtime: float32 (n, D), not normalized."""
    batches = plain_batches(data.cache, rows.tolist(), preparation, _EVAL_BATCH)
    with torch.inference_mode():
        found = torch.cat([model.backbone(batch) for batch in batches])
    return found.clone()  # a normal tensor, which may meet parameters
