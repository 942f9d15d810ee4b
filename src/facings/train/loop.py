"""The training loop, whatever is learned: steps, averaged weights, a check after each epoch, the best epoch kept.

What is checked and kept is not the last step's weights but their exponential moving average, which is better at any
time (Polyak and Juditsky, 1992; Tarvainen and Valpola, "Mean teachers", 2017). Every random choice follows from the
seed, the step and the process, so a resumed training goes through the same numbers as one that was never stopped, on
the same machine with the same number of threads and processes.

All processes go through this loop together and hold the same weights; the main one alone writes.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from facings.errors import BadInput
from facings.progress import Track, untracked
from facings.train.checkpoint import Checkpoint, CtrlC, load_checkpoint, replace_file, save_checkpoint
from facings.train.devices import Devices

METRICS_FILE = "metrics.jsonl"
CHECKPOINT_EVERY_S = 120.0

Epoch = dict[str, Any]
Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Course:
    """How long a training goes on.

    Args:
        n_epochs: At most, 1 or more.
        steps_per_epoch: 1 or more.
        lr_factor: Share of the highest learning rates, by the share of all steps that are done.
        ema_decay: Share of the averaged weights that a step keeps, in [0, 1).
        patience: Epochs without a better score after which it ends early; drawing level is not better.
    """

    n_epochs: int
    steps_per_epoch: int
    lr_factor: Callable[[float], float]
    ema_decay: float
    patience: int

    @property
    def n_steps(self) -> int:
        """Of the whole training."""
        return self.n_epochs * self.steps_per_epoch


class Task(Protocol[Batch]):
    """What is learned: a network, batches for it, and what is good."""

    @property
    def model(self) -> nn.Module:
        """On its device; trained in place."""
        ...

    @property
    def extra(self) -> nn.Module:
        """What else has a state to keep: a loss with parameters."""
        ...

    def parameter_groups(self) -> list[dict[str, Any]]:
        """For the optimizer, each with the highest learning rate as `lr`, in an order of their own."""
        ...

    def begin(self) -> None:
        """Before the first step of a training that is not resumed."""
        ...

    def enter_epoch(self, number: int) -> None:
        """Before an epoch, 0 for the first, also of a resumed training."""
        ...

    def batches(self, first_step: int) -> Iterator[Batch]:
        """The batch of each step from there on."""
        ...

    def learn(self, batch: Batch) -> tuple[Tensor, dict[str, int]]:
        """The loss, the same in every process, and what to count over the epoch."""
        ...

    def end_epoch(self, number: int, averaged: nn.Module, counts: Mapping[str, int]) -> Epoch:
        """Figures of the epoch, JSON values; `averaged` is to be looked at, in `eval()` or not, not to be changed."""
        ...

    def score(self, epoch: Epoch) -> float:
        """How good an epoch was; the highest is kept."""
        ...


@dataclass
class _Progress:
    """What changes from step to step, apart from tensors; goes into the checkpoint as JSON."""

    step: int = 0
    loss_sum: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    best_epoch: int = 0
    epochs: list[Epoch] = field(default_factory=list)


class Loop(Generic[Batch]):
    """One training.

    Args:
        task: What is learned.
        course: How long.
        folder: For checkpoint and metrics; made if needed.
        identity: What a checkpoint must agree with to be resumed.
        devices: Where it computes.
    """

    def __init__(
        self, task: Task[Batch], course: Course, folder: Path, identity: dict[str, Any], devices: Devices
    ) -> None:
        self._task, self._course, self._devices = task, course, devices
        self._folder, self._identity = folder, identity
        self._optimizer = torch.optim.AdamW(task.parameter_groups(), fused=True)
        self._top_rates = [float(group["lr"]) for group in self._optimizer.param_groups]
        average = get_ema_multi_avg_fn(course.ema_decay)  # type: ignore[no-untyped-call]
        self._average = AveragedModel(task.model, multi_avg_fn=average, use_buffers=True)
        self._progress = _Progress()
        self._best: dict[str, Tensor] = {}

    def run(
        self,
        *,
        is_resumed: bool = False,
        checkpoint_every_s: float = CHECKPOINT_EVERY_S,
        watch: Callable[[Epoch, nn.Module], None] | None = None,
        track: Track = untracked,
    ) -> tuple[list[Epoch], int]:
        """Train to the end, or until the score stops getting better.

        Ctrl-C waits for the end of the step; then a checkpoint is written and `KeyboardInterrupt` raised. A second
        Ctrl-C stops at once and leaves the last checkpoint.

        Args:
            is_resumed: Go on from the folder's checkpoint instead of starting anew.
            checkpoint_every_s: Wall time between checkpoints.
            watch: Called after each epoch with its figures and the averaged model, for reading only.
            track: Shows progress.

        Returns:
            The figures of each epoch, and which is the best, 1 for the first and 0 without any: the last of those with
            the highest score. The model has its averaged weights and is in `eval()`.

        Raises:
            BadInput: The loss is no longer a finite number.
            ModelNotFound: Resumed without a checkpoint.
            ModelMismatch: The checkpoint belongs to another training.
            StoreFailed: A checkpoint cannot be written.
        """
        if is_resumed:
            self._restore(load_checkpoint(self._folder, self._identity))
        else:
            self._task.begin()
        self._write_metrics()
        self._enter_epoch()
        progress = self._progress
        saved = time.perf_counter()
        started = saved - progress.seconds
        n_left = self._course.n_steps - progress.step
        with CtrlC() as ctrl_c:
            for batch in track(self._task.batches(progress.step), "Training", n_left):
                if self._is_over():
                    break
                self._step(batch)
                progress.seconds = time.perf_counter() - started
                if progress.step % self._course.steps_per_epoch == 0:
                    epoch = self._end_epoch(started)
                    if watch:
                        watch(epoch, self._average.module)
                    self._enter_epoch()
                is_pressed = self._devices.is_any(ctrl_c.is_pressed)
                if is_pressed or time.perf_counter() - saved > checkpoint_every_s:
                    self._save()
                    saved = time.perf_counter()
                if is_pressed:
                    self._devices.wait()  # whoever ends first ends all
                    raise KeyboardInterrupt
        self._save()
        self._task.model.load_state_dict(self._best)
        self._task.model.eval()
        return progress.epochs, progress.best_epoch

    def _is_over(self) -> bool:
        scores = [self._task.score(epoch) for epoch in self._progress.epochs]
        return bool(scores) and len(scores) - scores.index(max(scores)) - 1 >= self._course.patience

    def _enter_epoch(self) -> None:
        number = self._progress.step // self._course.steps_per_epoch
        self._task.enter_epoch(min(number, self._course.n_epochs - 1))

    def _step(self, batch: Batch) -> None:
        progress, course = self._progress, self._course
        factor = course.lr_factor((progress.step + 1) / course.n_steps)
        for group, top in zip(self._optimizer.param_groups, self._top_rates, strict=True):
            group["lr"] = top * factor
        loss, counts = self._task.learn(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise BadInput(
                f"Training: the loss is {value} at step {progress.step + 1} of {course.n_steps}.",
                "Train into another folder with lower learning rates: lr and head_lr of the recipe. "
                "Nothing was written over.",
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self._task.model.training:
            self._devices.average_buffers(self._task.model)
        self._average.update_parameters(self._task.model)
        progress.step += 1
        progress.loss_sum += value
        progress.counts = dict(Counter(progress.counts) + Counter(counts))

    def _end_epoch(self, started: float) -> Epoch:
        progress, course = self._progress, self._course
        number = len(progress.epochs) + 1
        figures = self._task.end_epoch(number - 1, self._average.module, progress.counts)
        progress.seconds = time.perf_counter() - started
        epoch = {
            "epoch": number,
            "loss": progress.loss_sum / course.steps_per_epoch,
            "lr_factor": course.lr_factor(progress.step / course.n_steps),
            "seconds": progress.seconds,
            **figures,
        }
        best = self._task.score(progress.epochs[progress.best_epoch - 1]) if progress.best_epoch else -math.inf
        progress.epochs.append(epoch)
        progress.loss_sum, progress.counts = 0.0, {}
        if self._task.score(epoch) >= best:
            progress.best_epoch = number
            self._best = {name: value.clone() for name, value in self._average.module.state_dict().items()}
        self._write_metrics()
        return epoch

    def _write_metrics(self) -> None:
        if not self._devices.is_main:
            return
        lines = [json.dumps(epoch) + "\n" for epoch in self._progress.epochs]
        replace_file(self._folder / METRICS_FILE, "".join(lines).encode())

    def _save(self) -> None:
        if not self._devices.is_main:
            return
        tensors = {f"model.{name}": value for name, value in self._task.model.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self._average.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self._best.items()}
        tensors |= {f"extra.{name}": value for name, value in self._task.extra.state_dict().items()}
        for number, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
        save_checkpoint(Checkpoint(self._identity, asdict(self._progress), tensors), self._folder)

    def _restore(self, checkpoint: Checkpoint) -> None:
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "best": {}, "extra": {}, "optimizer": {}}
        for name, value in checkpoint.tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = value
        self._task.model.load_state_dict(parts["model"])
        self._average.load_state_dict(parts["average"])
        self._task.extra.load_state_dict(parts["extra"])
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


def warmup_cosine(progress: float, warmup_frac: float) -> float:
    """A straight rise to 1, then half a cosine down to 0 (Loshchilov and Hutter, "SGDR", 2017).

    Args:
        progress: Steps done over all steps, in [0, 1].
        warmup_frac: Share of them in which it rises, in [0, 1).

    Examples:
        >>> [round(warmup_cosine(progress, 0.5), 3) for progress in (0.25, 0.5, 0.75, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warmup_frac:
        return progress / warmup_frac
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup_frac) / (1 - warmup_frac)))
