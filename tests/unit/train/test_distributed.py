"""Several processes train what one trains: same photos, same losses, same weights, one run folder; and end together.

The processes run this file as a script.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import pytest

from facings.errors import BadInput
from facings.manifest import LabelledPhoto, read_manifest
from facings.model_card import ModelCard, Preparation
from facings.progress import Track, untracked

torch = pytest.importorskip("torch", reason="needs the train extra")

from safetensors.torch import load_file  # noqa: E402

from facings.train.architectures import LAYOUTS  # noqa: E402
from facings.train.batches import Schedule  # noqa: E402
from facings.train.dataset import TrainingSet, build_training_set  # noqa: E402
from facings.train.devices import Devices, share_of  # noqa: E402
from facings.train.export import export_embedder  # noqa: E402
from facings.train.fit import Fit  # noqa: E402
from facings.train.model import Recognizer  # noqa: E402
from facings.train.recipe import Phase, Recipe  # noqa: E402
from facings.train.recognizer import TrainSettings, TrainSummary, train_recognizer  # noqa: E402
from facings.train.resnet import ResNet, ResNetLayout  # noqa: E402

pytestmark = pytest.mark.torch

LAYOUT = ResNetLayout(8, (8, 8, 16, 16), (1, 1, 1, 1), "1x1", "ceil")
RECIPE = Recipe(
    phases=(Phase(1, 32, 2), Phase(1, 32, 0), Phase(1, 32, 4)),
    batch_size=5,  # shares of three and two photos
    lr=1e-3,
    head_lr=1e-2,
    ema_decay=0.8,
    balance=0.5,  # the loss is a weighted mean over all photos
    metric_loss="supcon",  # and compares photos of both shares
    photos_per_product=2,
    mix_prob=0.0,
    crop_scale_min=1.0,
    color_jitter=0.0,
    rotation_deg=0.0,
    embed_size_px=32,
    embed_resize_px=32,
    patience=99,
)
STOP_AT = 6  # of 12 steps; the fourth ends the first epoch
LIMIT_S = 300.0  # other tests run beside
T = TypeVar("T")


def interrupted(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    """A track that presses Ctrl-C in a step."""
    for number, item in enumerate(items):
        if label == "Training" and number == STOP_AT:
            signal.raise_signal(signal.SIGINT)
        yield item


def failing(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    """A track that fails in a step."""
    for number, item in enumerate(items):
        if label == "Training" and number == STOP_AT:
            raise BadInput("This process fails.")
        yield item


def train(folder: Path, out: Path, track: Track = untracked, *, is_resumed: bool = False) -> TrainSummary:
    """What the command does; `track` is for the process that is not the main one."""
    LAYOUTS["small"] = LAYOUT
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(train_recognizer.__globals__, "untracked", track)
        settings = TrainSettings(
            recipe=RECIPE, start=folder / "start", cache_root=out / "photos", n_threads=1, is_resumed=is_resumed
        )
        toys, check = (read_manifest(folder / name).photos for name in ("toys", "check"))
        return train_recognizer(toys, check, out=out, settings=settings)


def one_process_of_two(folder: Path, out: Path, how: str) -> None:
    """What is started: a training that fails, or one that is stopped and resumed."""
    if how == "failing":
        train(folder, out, failing)
    with pytest.raises(KeyboardInterrupt):
        train(folder, out, interrupted)
    n_done = len(losses(out))
    summary = train(folder, out, is_resumed=True)
    told = {"n_done": n_done, "n_epochs": len(summary.fit.epochs), "recall": summary.gallery_recall_at_1}
    sys.stdout.write(json.dumps(told) + "\n")


def launch(folder: Path, out: Path, how: str) -> subprocess.CompletedProcess[str]:
    """Two processes on this machine, which speak over the loopback interface; what they print."""
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "--local-addr=127.0.0.1"]
    command = [sys.executable, "-m", *torchrun, __file__, str(folder), str(out), how]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        "ACCELERATE_USE_CPU": "true",
        "CUDA_VISIBLE_DEVICES": "",
    }
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random network in a model directory."""
    directory = tmp_path_factory.mktemp("start") / "start"
    torch.manual_seed(1)
    preparation = Preparation(32, 32, "squash", "bilinear", (128.0, 128.0, 128.0), (64.0, 64.0, 64.0))
    card = ModelCard("start", "small: random", 16, preparation, "CC0-1.0", "dice", "no photo", "")
    export_embedder(ResNet(LAYOUT), card, directory)
    return directory


@pytest.fixture
def folder(toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], start: Path, tmp_path: Path) -> Path:
    """Photos in `toys` and `check`, and the network in `start`."""
    shutil.copytree(start, tmp_path / "start")
    return tmp_path


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.skipif(sys.platform != "linux", reason="names the loopback interface as Linux does")
def test_two_processes_stop_go_on_and_give_what_one_process_gives(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LAYOUTS, "small", LAYOUT)
    wanted = train(folder, folder / "one")
    done = launch(folder, folder / "two", "stopped and resumed")
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(losses(folder / "two"), losses(folder / "one"), rtol=0, atol=1e-4)
    one, two = (load_file(folder / name / "checkpoint.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        if name.startswith(("model.", "average.", "best.")):
            torch.testing.assert_close(two[name], value, rtol=0, atol=1e-4, msg=name)
        if name.endswith(".exp_avg"):  # the mean gradient: its scale, which AdamW's steps do not show
            assert float((two[name] - value).norm()) <= 0.01 * float(value.norm()), name
    told = [json.loads(line) for line in done.stdout.splitlines()]
    result = {"n_done": 1, "n_epochs": 3, "recall": wanted.gallery_recall_at_1}
    assert told == [result, result]  # both processes stopped in the second epoch, and know how it ended
    assert len(list((folder / "two" / "photos").iterdir())) == 1
    assert {path.name for path in (folder / "two").iterdir()} == {path.name for path in (folder / "one").iterdir()}


@pytest.mark.skipif(sys.platform != "linux", reason="names the loopback interface as Linux does")
def test_error_in_one_process_ends_both(folder: Path) -> None:
    failed = launch(folder, folder / "two", "failing")
    assert failed.returncode == 1
    assert "This process fails." in failed.stderr
    assert not (folder / "two" / "model").exists()


def several(rank: int, n_processes: int) -> Any:
    """Stands for one of several processes."""
    return SimpleNamespace(rank=rank, n_processes=n_processes, device=torch.device("cpu"))


def test_shares_of_a_step_make_the_step_and_are_augmented_differently() -> None:
    schedule = Schedule(np.arange(20), 5, (32, 40), 7)
    shares = [share_of(schedule, several(rank, 2)) for rank in range(2)]
    for number in range(schedule.n_steps):
        rows, size_px = schedule.step(number)
        parts = [share.step(number) for share in shares]
        assert [size for _, size in parts] == [size_px, size_px]
        np.testing.assert_array_equal(parts[0][0], rows[[0, 2, 4]])
        np.testing.assert_array_equal(parts[1][0], rows[[1, 3]])
    assert shares[0].n_steps == schedule.n_steps
    assert len({schedule.seed, shares[0].seed, shares[1].seed}) == 3
    assert share_of(schedule, several(0, 1)) is schedule


def test_batch_smaller_than_the_number_of_processes_is_refused(
    toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], tmp_path: Path
) -> None:
    data = build_training_set(toys, toys_to_check, cache_root=tmp_path / "cache", shorter_side_px=32, seed=0)
    preparation = RECIPE.preparation((128.0,) * 3, (64.0,) * 3)
    model = Recognizer(ResNet(LAYOUT), 4, 16)
    with pytest.raises(BadInput, match="got 5 photos a batch for 6 processes"):
        Fit(model, data, RECIPE, preparation, tmp_path / "run", {}, devices=several(0, 6))


def test_one_process_is_itself_all_of_them() -> None:
    devices = Devices()
    rows = torch.arange(6.0).reshape(3, 2)
    assert devices.is_main
    assert devices.whole(rows, 3) is rows
    assert devices.parallel(torch.nn.Identity()).training
    assert [devices.is_any(True), devices.is_any(False)] == [True, False]
    assert devices.from_main([0.25, 3.0]) == [0.25, 3.0]
    np.testing.assert_array_equal(devices.share(np.array([5, 3, 9])), [5, 3, 9])


@pytest.mark.accelerator
@pytest.mark.skipif(not torch.accelerator.is_available(), reason="needs an accelerator")
def test_training_on_an_accelerator_ends_on_the_cpu_with_what_it_learned(
    toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], tmp_path: Path
) -> None:
    data: TrainingSet = build_training_set(
        toys, toys_to_check, cache_root=tmp_path / "cache", shorter_side_px=32, seed=0
    )
    recipe = replace(RECIPE, phases=(Phase(8, 32, 0),), metric_loss="proxy-anchor", mix_prob=0.5)
    torch.manual_seed(1)
    model = Recognizer(ResNet(LAYOUT), 4, 16)
    devices = Devices()
    assert devices.device.type != "cpu"
    preparation = recipe.preparation((128.0,) * 3, (64.0,) * 3)
    result = Fit(model, data, recipe, preparation, tmp_path / "run", {}, devices=devices).run()
    assert {value.device.type for value in model.state_dict().values()} == {"cpu"}
    assert result.epochs[-1].loss < result.epochs[0].loss
    assert result.epochs[result.best_epoch - 1].val_accuracy == 1.0
    again = Recognizer(ResNet(LAYOUT), 4, 16)
    assert Fit(again, data, recipe, preparation, tmp_path / "run", {}).run(is_resumed=True) == result


if __name__ == "__main__":
    one_process_of_two(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
