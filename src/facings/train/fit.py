"""The training loop: centers placed, trunk and head trained together, checked after each epoch, the best epoch kept.

What is checked and kept is not the last step's weights but their exponential moving average, which is better at any
time (Polyak and Juditsky, 1992; Tarvainen and Valpola, "Mean teachers", 2017).

The model stays in `eval()`: stored normalization statistics are used and never updated, which is what small sets and
the starter's weights need (see `resnet.py`). A model from scratch has none, and learns in `train()`. Every random
choice follows from the seed, the step and the process, so a resumed training goes through the same numbers as one that
was never stopped, on the same machine with the same number of threads and processes.

All processes go through this loop together and hold the same weights; the main one alone writes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from facings.errors import BadInput
from facings.model_card import Preparation
from facings.progress import Track, untracked
from facings.train.batches import Batch, Batches, Schedule, plain_batches
from facings.train.checkpoint import Checkpoint, CtrlC, load_checkpoint, replace_file, save_checkpoint
from facings.train.dataset import TrainingSet, few_of_each
from facings.train.devices import Devices, share_of
from facings.train.learning import Learning
from facings.train.model import Recognizer, freeze, parameter_groups
from facings.train.objective import Objective
from facings.train.recipe import Recipe
from facings.types import IntArray

METRICS_FILE = "metrics.jsonl"
CHECKPOINT_EVERY_S = 120.0

Watch: TypeAlias = "Callable[[EpochResult, Recognizer], None]"

_CPU = torch.device("cpu")
_EVAL_BATCH = 32
_PHOTOS_A_CENTER = 8


@dataclass(frozen=True)
class EpochResult:
    """One line of `metrics.jsonl`.

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
        is_scratch: The trunk has no normalization statistics yet: learn with those of each batch, of each process's
            share of it where there are several.
        devices: Where it computes; None finds out.

    Raises:
        BadInput: A batch has fewer photos than there are processes.
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
        self._is_scratch = is_scratch
        self._devices = devices or Devices()
        device = self._devices.device
        self._model = model.eval().to(device).to(memory_format=torch.channels_last)
        self._data, self._recipe, self._preparation = data, recipe, preparation
        self._folder, self._identity = folder, identity
        groups = parameter_groups(
            model,
            lr=recipe.lr,
            head_lr=recipe.head_lr,
            layer_decay=recipe.layer_decay,
            weight_decay=recipe.weight_decay,
        )
        self._objective = Objective(recipe, data, model.centers.shape[1]).to(device)
        self._optimizer = torch.optim.AdamW([*groups, *self._objective.groups()], fused=True)
        self._top_rates = [float(group["lr"]) for group in self._optimizer.param_groups]
        self._schedule = Schedule(
            data.train_rows,
            recipe.batch_size,
            recipe.sizes_px,
            recipe.seed,
            recipe.photos_per_product,
            data.targets[data.train_rows],
        )
        self._batch_size = min(recipe.batch_size, len(data.train_rows))
        if self._batch_size < self._devices.n_processes:
            raise BadInput(
                f"Training: got {self._batch_size} photos a batch for {self._devices.n_processes} processes, "
                "wanted at least one photo for each.",
                "Start fewer processes, or use larger batches or more photos.",
            )
        own = share_of(self._schedule, self._devices)
        self._batches = Batches(data.cache, own, recipe.augmentation, mean=preparation.mean, std=preparation.std)
        self._targets = torch.from_numpy(data.targets)
        self._learning = Learning(model, self._objective, self._targets, self._devices)
        self._parallel: nn.Module = self._learning
        self._n_frozen: int | None = None
        self._category_of = torch.tensor(data.labels.category_of, dtype=torch.int64)
        average = get_ema_multi_avg_fn(recipe.ema_decay)  # type: ignore[no-untyped-call]
        self._average = AveragedModel(model, multi_avg_fn=average, use_buffers=True)
        self._progress = _Progress()
        self._best: dict[str, Tensor] = {}

    def run(
        self,
        *,
        is_resumed: bool = False,
        checkpoint_every_s: float = CHECKPOINT_EVERY_S,
        watch: Watch | None = None,
        track: Track = untracked,
    ) -> FitResult:
        """Train to the end, or until validation stops getting better.

        Ctrl-C waits for the end of the step; then a checkpoint is written and `KeyboardInterrupt` raised. A second
        Ctrl-C stops at once and leaves the last checkpoint.

        Args:
            is_resumed: Go on from the folder's checkpoint instead of starting anew.
            checkpoint_every_s: Wall time between checkpoints.
            watch: Called after each epoch with its result and the averaged model, for reading only.
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
        self._enter_epoch()
        progress = self._progress
        saved = time.perf_counter()
        started = saved - progress.seconds
        n_left = self._schedule.n_steps - progress.step
        with CtrlC() as ctrl_c:
            for batch in track(self._batches.from_step(progress.step), "Training", n_left):
                if self._is_over():
                    break
                self._step(batch)
                progress.seconds = time.perf_counter() - started
                if progress.step % self._schedule.steps_per_epoch == 0:
                    result = self._end_epoch(started)
                    if watch:
                        watch(result, self._averaged)
                    self._enter_epoch()
                is_pressed = self._devices.is_any(ctrl_c.is_pressed)
                if is_pressed or time.perf_counter() - saved > checkpoint_every_s:
                    self._save()
                    saved = time.perf_counter()
                if is_pressed:
                    self._devices.wait()  # whoever ends first ends all
                    raise KeyboardInterrupt
        self._save()
        self._model.load_state_dict(self._best)
        self._model.eval().to(_CPU)
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
        features = self._features(self._model, chosen, small)
        self._model.place_centers(features, self._targets[torch.from_numpy(chosen)].to(features.device))

    def _features(self, model: Recognizer, rows: IntArray, preparation: Preparation) -> Tensor:
        """The trunk's features of some photos, each process computing some; on the device."""
        found = features_of(model.backbone, self._data, self._devices.share(rows), preparation, self._devices.device)
        return self._devices.whole(found, len(rows))

    def _enter_epoch(self) -> None:
        """What this epoch trains and what it keeps."""
        number = self._progress.step // self._schedule.steps_per_epoch
        n_frozen = self._recipe.epochs[min(number, len(self._recipe.epochs) - 1)].n_frozen_stages
        self._model.train(self._is_scratch)
        if n_frozen != self._n_frozen:
            freeze(self._model, n_frozen)
            self._n_frozen = n_frozen
            self._parallel = self._devices.parallel(self._learning)

    def _step(self, batch: Batch) -> None:
        progress = self._progress
        factor = self._recipe.lr_factor((progress.step + 1) / self._schedule.n_steps)
        for group, top in zip(self._optimizer.param_groups, self._top_rates, strict=True):
            group["lr"] = top * factor
        loss, n_right = self._parallel(batch, self._batch_size)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise BadInput(
                f"Training: the loss is {value} at step {progress.step + 1} of {self._schedule.n_steps}.",
                f"Train again with a lower learning rate (now {self._recipe.lr:g}); nothing was written over.",
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        if self._is_scratch:
            self._devices.average_buffers(self._model)
        self._average.update_parameters(self._model)
        progress.step += 1
        progress.loss_sum += value
        progress.n_right += int(n_right)
        progress.n_seen += self._batch_size

    @property
    def _averaged(self) -> Recognizer:
        return cast(Recognizer, self._average.module)

    def _end_epoch(self, started: float) -> EpochResult:
        progress = self._progress
        number = len(progress.epochs) + 1
        val_accuracy, val_category_accuracy = self._check()
        progress.seconds = time.perf_counter() - started
        result = EpochResult(
            epoch=number,
            size_px=self._recipe.epochs[number - 1].size_px,
            n_frozen_stages=self._recipe.epochs[number - 1].n_frozen_stages,
            lr=self._recipe.lr * self._recipe.lr_factor(progress.step / self._schedule.n_steps),
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
            self._best = {name: value.clone() for name, value in self._averaged.state_dict().items()}
        self._write_metrics()
        return result

    def _check(self) -> tuple[float, float | None]:
        """Classifier accuracy on the validation photos: products, categories."""
        rows = self._data.val_rows
        model = self._averaged.eval()
        features = self._features(model, rows, self._preparation)
        with torch.inference_mode():
            named = model.logits(features).argmax(1).cpu()
        targets = self._targets[torch.from_numpy(rows)]
        accuracy = float((named == targets).double().mean())
        if not self._data.labels.categories:
            return accuracy, None
        return accuracy, float((self._category_of[named] == self._category_of[targets]).double().mean())

    def _write_metrics(self) -> None:
        if not self._devices.is_main:
            return
        lines = [json.dumps(epoch) + "\n" for epoch in self._progress.epochs]
        replace_file(self._folder / METRICS_FILE, "".join(lines).encode())

    def _save(self) -> None:
        if not self._devices.is_main:
            return
        tensors = {f"model.{name}": value for name, value in self._model.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self._average.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self._best.items()}
        tensors |= {f"objective.{name}": value for name, value in self._objective.state_dict().items()}
        for number, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
        save_checkpoint(Checkpoint(self._identity, asdict(self._progress), tensors), self._folder)

    def _restore(self, checkpoint: Checkpoint) -> None:
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "best": {}, "objective": {}, "optimizer": {}}
        for name, value in checkpoint.tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = value
        self._model.load_state_dict(parts["model"])
        self._average.load_state_dict(parts["average"])
        self._objective.load_state_dict(parts["objective"])
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
