"""The loop: it learns, stops and goes on exactly, freezes what is frozen, and says what went wrong."""

from __future__ import annotations

import errno
import json
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from facings.errors import BadInput, ModelMismatch, ModelNotFound, StoreFailed
from facings.manifest import LabelledPhoto
from facings.train.dataset import TrainingSet, build_training_set

torch = pytest.importorskip("torch", reason="needs the train extra")

from facings.train.checkpoint import CHECKPOINT_FILE  # noqa: E402
from facings.train.fit import Fit, FitResult  # noqa: E402
from facings.train.loop import METRICS_FILE  # noqa: E402
from facings.train.model import Recognizer  # noqa: E402
from facings.train.recipe import Phase, Recipe  # noqa: E402
from facings.train.resnet import ResNet, ResNetLayout  # noqa: E402

pytestmark = pytest.mark.torch

LAYOUT = ResNetLayout(8, (8, 8, 16, 16), (1, 1, 1, 1), "1x1", "ceil")
MEAN, STD = (128.0, 128.0, 128.0), (64.0, 64.0, 64.0)
RECIPE = Recipe(
    phases=(Phase(2, 32, 1), Phase(1, 40, 0)),
    batch_size=4,
    lr=1e-3,
    head_lr=1e-2,
    ema_decay=0.8,
    embed_size_px=40,
    embed_resize_px=40,
    patience=99,
)
T = TypeVar("T")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """More threads only wait for one another on networks this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def recognizer() -> Any:
    torch.manual_seed(1)
    return Recognizer(ResNet(LAYOUT), 4, 16)


@pytest.fixture
def data(toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], tmp_path: Path) -> TrainingSet:
    return build_training_set(toys, toys_to_check, cache_root=tmp_path / "cache", shorter_side_px=40, seed=0)


def fit(model: Any, data: TrainingSet, folder: Path, recipe: Recipe = RECIPE, **how: Any) -> FitResult:
    identity = {"recipe": str(recipe), "layout": str(model.backbone.layout)}
    return Fit(model, data, recipe, recipe.preparation(MEAN, STD), folder, identity).run(**how)


class StopAt:
    """A track that presses Ctrl-C in a step; 0 is the first."""

    def __init__(self, n_steps: int) -> None:
        self.n_steps = n_steps

    def __call__(self, items: Iterable[T], label: str, total: int) -> Iterator[T]:  # noqa: ARG002
        for number, item in enumerate(items):
            if number == self.n_steps:
                signal.raise_signal(signal.SIGINT)
            yield item


def figures(result: FitResult) -> list[Any]:
    return [replace(epoch, seconds=0.0) for epoch in result.epochs]


def test_separable_products_are_learned(data: TrainingSet, tmp_path: Path) -> None:
    recipe = replace(RECIPE, phases=(Phase(12, 40, 0),), color_jitter=0.1, mix_prob=0.0)
    result = fit(recognizer(), data, tmp_path / "run", recipe)
    assert result.epochs[result.best_epoch - 1].val_accuracy == 1.0
    assert result.epochs[result.best_epoch - 1].val_category_accuracy == 1.0
    assert result.epochs[-1].loss < result.epochs[0].loss
    lines = (tmp_path / "run" / METRICS_FILE).read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, 13))


@pytest.mark.parametrize("stop_at", [2, 5, 13], ids=["first epoch", "end of an epoch", "last epoch"])
def test_resumed_training_equals_one_that_was_never_stopped(data: TrainingSet, tmp_path: Path, stop_at: int) -> None:
    whole, parted = recognizer(), recognizer()
    wanted = fit(whole, data, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(parted, data, tmp_path / "parted", track=StopAt(stop_at))
    fresh = recognizer()
    got = fit(fresh, data, tmp_path / "parted", is_resumed=True)
    assert figures(got) == figures(wanted)
    assert got.best_epoch == wanted.best_epoch
    for name, value in whole.state_dict().items():
        assert torch.equal(value, fresh.state_dict()[name]), name


def test_finished_training_can_be_resumed_and_stays_as_it_was(data: TrainingSet, tmp_path: Path) -> None:
    model, again = recognizer(), recognizer()
    wanted = fit(model, data, tmp_path / "run")
    assert fit(again, data, tmp_path / "run", is_resumed=True) == wanted
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def test_ctrl_c_is_given_back_and_works_off_the_main_thread(data: TrainingSet, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(recognizer(), data, tmp_path / "run", track=StopAt(1))
    assert signal.getsignal(signal.SIGINT) is before
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(fit, recognizer(), data, tmp_path / "other").result()
    assert len(result.epochs) == 3


def test_frozen_stages_and_normalization_statistics_do_not_change(data: TrainingSet, tmp_path: Path) -> None:
    model = recognizer()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fit(model, data, tmp_path / "run", replace(RECIPE, phases=(Phase(3, 32, 2),)))
    assert not any(module.training for module in model.modules())
    for name, value in model.state_dict().items():
        is_still = name.startswith(("backbone.conv1", "backbone.bn1", "backbone.layer1", "backbone.layer2"))
        if is_still or "running" in name or "num_batches" in name:
            assert torch.equal(value, before[name]), name
    assert not torch.equal(model.backbone.layer3[0].conv1.weight, before["backbone.layer3.0.conv1.weight"])


def test_loss_that_is_no_number_stops_with_advice(data: TrainingSet, tmp_path: Path) -> None:
    model = recognizer()
    model.log_scale.data.fill_(float("nan"))
    with pytest.raises(BadInput, match=r"loss is nan at step 1 of 18.*lower learning rates"):
        fit(model, data, tmp_path / "run")


def test_training_ends_early_when_nothing_gets_better(data: TrainingSet, tmp_path: Path) -> None:
    recipe = replace(RECIPE, phases=(Phase(8, 32, 1),), lr=0.0, head_lr=0.0, patience=2)
    result = fit(recognizer(), data, tmp_path / "run", recipe)
    assert len(result.epochs) == 3  # the first, and two that are no better
    assert result.best_epoch == 3  # of equals the last, which has learned longest


def test_checkpoint_of_another_architecture_is_refused(data: TrainingSet, tmp_path: Path) -> None:
    fit(recognizer(), data, tmp_path / "run")
    wider = Recognizer(ResNet(replace(LAYOUT, stem_width=16)), 4, 16)
    with pytest.raises(ModelMismatch, match="another training: layout is"):
        fit(wider, data, tmp_path / "run", is_resumed=True)


@pytest.mark.parametrize("content", [None, b"", b"half a file"], ids=["missing", "empty", "damaged"])
def test_resuming_without_a_readable_checkpoint_is_refused(
    data: TrainingSet, tmp_path: Path, content: bytes | None
) -> None:
    (tmp_path / "run").mkdir()
    if content is not None:
        (tmp_path / "run" / CHECKPOINT_FILE).write_bytes(content)
    with pytest.raises(ModelNotFound, match="no checkpoint that can be read"):
        fit(recognizer(), data, tmp_path / "run", is_resumed=True)


def test_full_disk_keeps_the_checkpoint_before(
    data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(recognizer(), data, tmp_path / "run", track=StopAt(3))
    before = (tmp_path / "run" / CHECKPOINT_FILE).read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreFailed, match=r"No space left.*before is intact"):
        fit(recognizer(), data, tmp_path / "run", is_resumed=True)
    assert (tmp_path / "run" / CHECKPOINT_FILE).read_bytes() == before
    assert not list((tmp_path / "run").glob(".*"))


@pytest.mark.parametrize("loss, n_each", [("proxy-anchor", 1), ("supcon", 2)])
def test_metric_loss_learns_beside_the_classifier_and_survives_a_stop(
    data: TrainingSet, tmp_path: Path, loss: str, n_each: int
) -> None:
    recipe = replace(RECIPE, metric_loss=loss, photos_per_product=n_each)
    plain, whole, parted = recognizer(), recognizer(), recognizer()
    fit(plain, data, tmp_path / "plain")
    wanted = fit(whole, data, tmp_path / "whole", recipe)
    with pytest.raises(KeyboardInterrupt):
        fit(recognizer(), data, tmp_path / "parted", recipe, track=StopAt(7))
    assert figures(fit(parted, data, tmp_path / "parted", recipe, is_resumed=True)) == figures(wanted)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parted.state_dict()[name]), name
    assert not torch.equal(whole.state_dict()["centers"], plain.state_dict()["centers"])


def test_phases_freeze_stage_after_stage(data: TrainingSet, tmp_path: Path) -> None:
    model = recognizer()
    seen: list[tuple[int, bool, bool]] = []

    def watch(result: Any, averaged: Any) -> None:
        parameters = dict(model.backbone.named_parameters())
        trained = [parameters[name].requires_grad for name in ("conv1.weight", "layer3.0.conv1.weight")]
        seen.append((result.n_frozen_stages, trained[0], trained[1]))
        assert averaged is not model

    phases = (Phase(1, 32, 4), Phase(1, 32, 2), Phase(1, 32, 0))
    result = fit(model, data, tmp_path / "run", replace(RECIPE, phases=phases), watch=watch)
    assert seen == [(4, False, False), (2, False, True), (0, True, True)]
    assert [epoch.n_frozen_stages for epoch in result.epochs] == [4, 2, 0]


def test_kept_weights_are_the_average_of_the_steps(data: TrainingSet, tmp_path: Path) -> None:
    """One step an epoch, decay 0.5: the first average is the first step's weights, the second halves the way."""
    steps: list[Any] = []
    averages: list[Any] = []
    model = recognizer()

    def watch(_result: Any, averaged: Any) -> None:
        steps.append(model.centers.detach().clone())
        averages.append(averaged.centers.detach().clone())

    recipe = replace(RECIPE, phases=(Phase(2, 32, 1),), batch_size=24, ema_decay=0.5)
    fit(model, data, tmp_path / "run", recipe, watch=watch)
    torch.testing.assert_close(averages[0], steps[0])
    torch.testing.assert_close(averages[1], (steps[0] + steps[1]) / 2)


def test_network_from_scratch_learns_with_the_statistics_of_its_batches(data: TrainingSet, tmp_path: Path) -> None:
    model = recognizer()
    preparation = RECIPE.preparation(MEAN, STD)
    Fit(model, data, RECIPE, preparation, tmp_path / "run", {}, is_scratch=True).run()
    assert not model.training
    assert float(model.backbone.bn1.running_mean.abs().sum()) > 0
