"""The loop by itself, on a task of two numbers: what it keeps, when it ends, how it goes on."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from facings.errors import BadInput, ModelMismatch, ModelNotFound

torch = pytest.importorskip("torch", reason="needs the train extra")

from facings.train.checkpoint import CHECKPOINT_FILE  # noqa: E402
from facings.train.devices import Devices  # noqa: E402
from facings.train.loop import METRICS_FILE, Course, Loop, warmup_cosine  # noqa: E402

pytestmark = pytest.mark.torch

T = TypeVar("T")


class Line:
    """Learns a line from points that follow from the step; its scores are given, an epoch each."""

    def __init__(self, scores: Sequence[float], nan_at: int | None = None) -> None:
        torch.manual_seed(5)
        self.model = torch.nn.Linear(1, 1)
        self.extra = torch.nn.Linear(1, 1)  # a loss with parameters
        self.scores, self.nan_at = scores, nan_at
        self.averages: list[dict[str, Any]] = []
        self.calls: list[str] = []

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [
            {"params": list(self.model.parameters()), "lr": 0.1, "weight_decay": 0.0},
            {"params": list(self.extra.parameters()), "lr": 0.01, "weight_decay": 0.0},
        ]

    def begin(self) -> None:
        self.calls.append("begin")

    def enter_epoch(self, number: int) -> None:
        self.calls.append(f"epoch {number}")

    def batches(self, first_step: int) -> Iterator[int]:
        return iter(range(first_step, 2 * len(self.scores)))

    def learn(self, batch: int) -> tuple[Any, dict[str, int]]:
        self.calls.append(f"step {batch}")
        x = torch.tensor([[math.sin(batch)]])
        loss = (self.model(x) - 3 * x + 1 + self.extra(x)).square().sum()
        return loss * (math.nan if batch == self.nan_at else 1), {"n_seen": 2, "n_odd": batch % 2}

    def end_epoch(self, number: int, averaged: Any, counts: Mapping[str, int]) -> dict[str, Any]:
        self.averages.append({name: value.clone() for name, value in averaged.state_dict().items()})
        return {"score": self.scores[number], **counts}

    def score(self, epoch: Mapping[str, Any]) -> float:
        return float(epoch["score"])


class Run:
    """A loop over it: two steps an epoch."""

    def __init__(self, folder: Path, identity: str = "a") -> None:
        self.folder, self.identity = folder, {"task": identity}

    def __call__(
        self, task: Line, *, patience: int = 99, ema_decay: float = 0.5, **how: Any
    ) -> tuple[list[dict[str, Any]], int]:
        course = Course(len(task.scores), 2, lambda progress: 1 - progress / 2, ema_decay, patience)
        loop: Loop[int] = Loop(task, course, self.folder, self.identity, Devices())
        return loop.run(**how)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run")


def stop_at(n_steps: int) -> Callable[..., Any]:
    """A track that presses Ctrl-C in a step; 0 is the first."""

    def track(items: Iterable[T], label: str, total: int) -> Iterator[T]:
        for number, item in enumerate(items):
            if number == n_steps:
                signal.raise_signal(signal.SIGINT)
            yield item

    return track


def timeless(epochs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in epochs]


def test_averaged_weights_of_the_best_epoch_are_what_is_left(run: Run) -> None:
    task = Line([0.1, 0.9, 0.3, 0.2])
    epochs, best = run(task)
    assert (best, len(epochs)) == (2, 4)
    assert not task.model.training
    for name, value in task.model.state_dict().items():
        assert torch.equal(value, task.averages[1][name])
        assert not torch.equal(value, task.averages[3][name])


def test_of_equal_epochs_the_last_is_kept(run: Run) -> None:
    task = Line([0.1, 0.9, 0.9, 0.2])
    assert run(task)[1] == 3
    assert torch.equal(task.model.weight, task.averages[2]["weight"])


@pytest.mark.parametrize(
    "scores, patience, n_epochs, best",
    [
        pytest.param([0.5, 0.5, 0.5, 0.5, 0.5], 2, 3, 3, id="drawing level is not better"),
        pytest.param([0.5, 0.4, 0.6, 0.5, 0.5, 0.9], 2, 5, 3, id="begins anew with each better one"),
        pytest.param([0.5, 0.4, 0.6, 0.5, 0.7], 2, 5, 5, id="to the end"),
        pytest.param([0.5, 0.4], 1, 2, 1, id="at the end"),
    ],
)
def test_training_ends_when_nothing_has_got_better(
    run: Run, scores: list[float], patience: int, n_epochs: int, best: int
) -> None:
    epochs, found = run(Line(scores), patience=patience)
    assert (len(epochs), found) == (n_epochs, best)


def test_epochs_are_counted_told_and_written(run: Run) -> None:
    task = Line([0.1, 0.2])
    seen: list[int] = []
    epochs, _ = run(task, watch=lambda epoch, _averaged: seen.append(epoch["epoch"]))
    steps = ["step 0", "step 1", "epoch 1", "step 2", "step 3", "epoch 1"]
    assert task.calls == ["begin", "epoch 0", *steps]
    assert seen == [1, 2]
    assert [(epoch["n_seen"], epoch["n_odd"], epoch["score"]) for epoch in epochs] == [(4, 1, 0.1), (4, 1, 0.2)]
    assert [epoch["lr_factor"] for epoch in epochs] == [0.75, 0.5]  # after 2 and after 4 of 4 steps
    assert epochs[1]["seconds"] >= epochs[0]["seconds"] > 0
    assert [json.loads(line) for line in (run.folder / METRICS_FILE).read_text().splitlines()] == epochs


def test_average_keeps_its_share_of_what_it_was(run: Run) -> None:
    """Decay 0 takes the last step's weights, so the average is that; decay 0.5 lags behind."""
    last, lagging = Line([0.1]), Line([0.1])
    run(last, ema_decay=0.0)
    Run(run.folder.with_name("other"))(lagging, ema_decay=0.5)
    steps: list[Any] = []
    slow = Line([0.1, 0.2])
    learn = slow.learn

    def watched(batch: int) -> Any:
        steps.append(slow.model.weight.detach().clone())
        return learn(batch)

    slow.learn = watched  # type: ignore[method-assign]
    Run(run.folder.with_name("third"))(slow, ema_decay=0.5)
    torch.testing.assert_close(slow.averages[0]["weight"], (steps[1] + steps[2]) / 2)  # after the first two steps
    assert not torch.equal(last.model.weight, lagging.model.weight)


@pytest.mark.parametrize("n_done", range(6))
def test_resumed_training_equals_one_that_was_never_stopped(run: Run, tmp_path: Path, n_done: int) -> None:
    scores = [0.2, 0.3, 0.1]
    whole, resumed = Line(scores), Line(scores)
    wanted, best = Run(tmp_path / "whole")(whole)
    with pytest.raises(KeyboardInterrupt):
        run(Line(scores), track=stop_at(n_done))
    torch.nn.init.constant_(resumed.model.weight, 7)  # what it starts from does not matter
    got, found = run(resumed, is_resumed=True)
    assert (timeless(got), found) == (timeless(wanted), best)
    assert "begin" not in resumed.calls
    assert resumed.calls[:1] == [f"epoch {min((n_done + 1) // 2, 2)}"]
    for name in ("model", "extra"):
        for one, other in zip(getattr(whole, name).parameters(), getattr(resumed, name).parameters(), strict=True):
            assert torch.equal(one, other)


def test_what_was_saved_before_a_crash_is_gone_on_with(run: Run, tmp_path: Path) -> None:
    whole, resumed = Line([0.2, 0.3, 0.1]), Line([0.2, 0.3, 0.1])
    wanted, _ = Run(tmp_path / "whole")(whole)
    with pytest.raises(BadInput, match=r"the loss is nan at step 4 of 6.*lower learning rates"):
        run(Line([0.2, 0.3, 0.1], nan_at=3), checkpoint_every_s=0.0)
    assert len((run.folder / METRICS_FILE).read_text().splitlines()) == 1
    got, _ = run(resumed, is_resumed=True)
    assert resumed.calls[:2] == ["epoch 1", "step 3"]
    assert timeless(got) == timeless(wanted)
    assert torch.equal(whole.model.weight, resumed.model.weight)


def test_finished_training_is_not_trained_further(run: Run) -> None:
    task, again = Line([0.2, 0.3, 0.1]), Line([0.2, 0.3, 0.1])
    wanted = run(task)
    assert run(again, is_resumed=True) == wanted
    assert not [call for call in again.calls if call.startswith("step")]
    assert torch.equal(task.model.weight, again.model.weight)


def test_checkpoint_of_another_training_is_refused(run: Run) -> None:
    run(Line([0.2]))
    with pytest.raises(ModelMismatch, match="another training: task is 'a', wanted 'b'"):
        Run(run.folder, "b")(Line([0.2]), is_resumed=True)
    (run.folder / CHECKPOINT_FILE).unlink()
    with pytest.raises(ModelNotFound, match="no checkpoint"):
        run(Line([0.2]), is_resumed=True)


@pytest.mark.parametrize(
    "progress, warmup_frac, wanted",
    [
        (0.25, 0.5, 0.5),
        (0.5, 0.5, 1.0),
        (0.75, 0.5, 0.5),  # half of the way down
        (1.0, 0.5, 0.0),
        (0.0, 0.0, 1.0),
        (1 / 3, 0.0, 0.75),  # (1 + cos 60°) / 2
        (1.0, 0.0, 0.0),
    ],
)
def test_learning_rate_rises_straight_and_falls_along_half_a_cosine(
    progress: float, warmup_frac: float, wanted: float
) -> None:
    assert warmup_cosine(progress, warmup_frac) == pytest.approx(wanted)
