"""How a detector learns: it goes on where it stopped, leaves alone what is frozen, and is measured in whole photos.

Two processes run this file as a script.
"""

from __future__ import annotations

import hashlib
import json
import os
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

from facings.annotations import read_annotations, write_annotations
from facings.errors import BadInput, ModelMismatch
from toy_boxes import toy_boxes

torch = pytest.importorskip("torch", reason="needs the train extra")

from torch import nn  # noqa: E402

from facings.train.detector_fit import detected, fit_detector, leading_rows  # noqa: E402
from facings.train.detector_network import DetectorNetwork  # noqa: E402
from facings.train.detector_recipe import DetectorRecipe  # noqa: E402
from facings.train.detector_set import DetectionSet, PhotoTruth, build_detection_set  # noqa: E402
from facings.train.devices import Devices  # noqa: E402
from small_trunk import MEAN, STD, small_trunk  # noqa: E402

pytestmark = pytest.mark.torch

RECIPE = DetectorRecipe(
    n_channels=64, n_epochs=2, canvas_px=64, batch_size=4, lr=1e-3, head_lr=1e-3, ema_decay=0.8, patience=99
)
LIMIT_S = 600.0
T = TypeVar("T")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """More threads only wait for one another on networks this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data(tmp_path: Path) -> DetectionSet:
    """Eight photos to learn from, two steps an epoch, and two to check with."""
    train, val = toy_boxes(tmp_path / "train", 8), toy_boxes(tmp_path / "val", 2, seed=1)
    return build_detection_set(train, val, cache_root=tmp_path / "cache", seed=0)


def network_of(kind: str = "fcos", n_labels: int = 1) -> Any:
    torch.manual_seed(1)
    return DetectorNetwork(kind, small_trunk(), n_labels, 64)


def fit(network: Any, data: DetectionSet, folder: Path, recipe: DetectorRecipe = RECIPE, **how: Any) -> Any:
    return fit_detector(network, data, recipe, folder, {"recipe": str(recipe)}, mean=MEAN, std=STD, **how)


class StopAt:
    """A track that presses Ctrl-C in a step; 0 is the first."""

    def __init__(self, n_steps: int) -> None:
        self.n_steps = n_steps

    def __call__(self, items: Iterable[T], label: str, total: int) -> Iterator[T]:  # noqa: ARG002
        for number, item in enumerate(items):
            if number == self.n_steps:
                signal.raise_signal(signal.SIGINT)
            yield item


def timeless(epochs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in epochs]


def test_resumed_training_equals_one_that_was_never_stopped(data: DetectionSet, tmp_path: Path) -> None:
    whole, fresh = network_of(), network_of()
    wanted, best = fit(whole, data, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(network_of(), data, tmp_path / "parted", track=StopAt(2))
    with pytest.raises(ModelMismatch, match="another training: recipe is"):
        fit(network_of(), data, tmp_path / "parted", replace(RECIPE, seed=1), is_resumed=True)
    got, found = fit(fresh, data, tmp_path / "parted", is_resumed=True)
    assert (timeless(got), found) == (timeless(wanted), best)
    assert not fresh.training
    for name, value in whole.state_dict().items():
        assert torch.equal(value, fresh.state_dict()[name]), name
    assert [epoch["n_boxes"] > 0 and 0 <= epoch["val_ap"] <= epoch["val_ap50"] <= 1 for epoch in got] == [True] * 2


def test_frozen_stages_and_normalization_statistics_do_not_change(data: DetectionSet, tmp_path: Path) -> None:
    network = network_of()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit(network, data, tmp_path / "run", replace(RECIPE, n_epochs=1))
    for name, value in network.state_dict().items():
        is_still = ".trunk." in name and any(part in name for part in ("trunk.conv1", "trunk.bn1", "trunk.layer1"))
        is_statistic = "running" in name or "num_batches" in name
        assert torch.equal(value, before[name]) == (is_still or is_statistic), name


def test_loss_that_is_no_number_stops_with_advice(data: DetectionSet, tmp_path: Path) -> None:
    network = network_of()
    network.detector.head.regression_head.bbox_ctrness.bias.data.fill_(float("nan"))
    with pytest.raises(BadInput, match=r"loss is nan at step 1 of 4.*lower learning rates"):
        fit(network, data, tmp_path / "run")


def test_retinanet_learns_classes_and_may_find_nothing_at_first(tmp_path: Path) -> None:
    train, val = toy_boxes(tmp_path / "train", 4), toy_boxes(tmp_path / "val", 4, seed=1)
    data = build_detection_set(train, val, cache_root=tmp_path / "cache", seed=0, is_by_class=True)
    network = network_of("retinanet", n_labels=2)
    recipe = replace(RECIPE, kind="retinanet", n_epochs=1, lr=0.0, head_lr=0.0)
    found = detected(network.eval(), data, data.val_rows, recipe, mean=MEAN, std=STD)
    assert sum(len(photo.found) for photo in found) == 0  # each place is as sure as 0.01
    epochs, best = fit(network, data, tmp_path / "run", recipe)
    assert (epochs[0]["val_ap50"], best) == (0.0, 1)


class Saying(nn.Module):
    """Stands for a network: says the same of every picture, and keeps what it was shown."""

    def __init__(self, boxes: list[list[float]], scores: list[list[float]]) -> None:
        super().__init__()
        self.place = torch.nn.Parameter(torch.zeros(1))
        self.boxes, self.scores = torch.tensor([boxes]).float(), torch.tensor([scores])
        self.seen: list[Any] = []

    def forward(self, pixels: Any) -> tuple[Any, Any]:
        self.seen.append(pixels)
        return self.boxes, self.scores


def stand_in(photo: Any, truth: PhotoTruth, labels: tuple[str, ...]) -> Any:
    """A set of one photo."""
    cache = SimpleNamespace(
        photo=lambda _row: photo, shapes=(photo.shape[:2],), photos=(SimpleNamespace(path=Path("photo.png")),)
    )
    return SimpleNamespace(cache=cache, truths=(truth,), labels=labels, train_rows=np.array([0]))


def truth_of(*boxes: tuple[float, float, float, float], label: int = 0) -> PhotoTruth:
    n = len(boxes)
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return PhotoTruth(xyxy, np.full(n, label), np.zeros(n, bool))


def test_boxes_are_found_in_pixels_of_the_photo(tmp_path: Path) -> None:
    """A photo of 101×50 px into 64: 64×32 px (31.7 is rounded), filled up to 64×64 with the mean."""
    photo = np.full((50, 101, 3), 192, np.uint8)
    data = stand_in(photo, truth_of((0, 0, 60, 40), label=1), ("tea", "coffee"))
    network: Any = Saying(
        [[0, 0, 32, 16], [1, 1, 32, 16], [60, 20, 90, 50], [8, 40, 30, 60], [2, 2, 9, 9]],
        [[0.9, 0.0], [0.8, 0.0], [0.3, 0.6], [0.7, 0.0], [0.05, 0.04]],
    )
    (found,) = detected(network, data, np.array([0]), replace(RECIPE, nms_iou=0.5), mean=MEAN, std=STD)
    (pixels,) = network.seen
    assert pixels.shape == (1, 3, 64, 64)
    assert (pixels[:, :, :32] == 1).all()  # (192 − 128) / 64
    assert (pixels[:, :, 32:] == 0).all()
    # The second is the first again, the fourth lies in the filling, the fifth is not sure enough.
    wanted = [[0, 0, 50.5, 25], [60 * 101 / 64, 31.25, 101, 50], [60 * 101 / 64, 31.25, 101, 50]]
    np.testing.assert_allclose(found.found, wanted, rtol=1e-6)
    np.testing.assert_allclose(found.confidence, [0.9, 0.6, 0.3], rtol=1e-6)
    assert found.found_labels == ("tea", "coffee", "tea")
    assert (found.photo, found.labels) == ("photo.png", ("coffee",))


@pytest.mark.parametrize(
    "shape, object_px, wanted",
    [
        pytest.param((100, 200), 80.0, 1, id="fits as a whole: 64×32 px are half of a square, and one is the least"),
        pytest.param((100, 200), 40.0, 7, id="at 48/40: 240×120 px are 7.03 squares"),
        pytest.param((100, 300), 30.0, 8, id="at 48/30: 480×160 px are 18.75, and eight are the most"),
        pytest.param((100, 200), None, 1, id="no boxes: fits as a whole"),
    ],
)
def test_photo_leads_as_many_squares_as_cover_it(shape: tuple[int, int], object_px: float | None, wanted: int) -> None:
    truth = truth_of(*([(0.0, 0.0, object_px, 2 * object_px)] if object_px else []))
    data = stand_in(np.zeros((*shape, 3), np.uint8), truth, ("product",))
    assert leading_rows(data, 64).tolist() == [0] * wanted


def test_batch_smaller_than_the_number_of_processes_is_refused(data: DetectionSet, tmp_path: Path) -> None:
    several = SimpleNamespace(rank=0, n_processes=6, device=torch.device("cpu"))
    with pytest.raises(BadInput, match="got 4 squares a batch for 6 processes"):
        fit(network_of(), data, tmp_path / "run", devices=several)


def one_process_of_two(folder: Path) -> None:
    """What is started: a training from the annotations in a folder; says how it went and ended."""
    torch.set_num_threads(1)
    devices = Devices()
    with devices.main_first():
        sides = [read_annotations(folder / name).photos for name in ("train.json", "val.json")]
        data = build_detection_set(*sides, cache_root=folder / "cache", seed=0)
    network = network_of()
    epochs, best = fit(network, data, folder / "run", replace(RECIPE, batch_size=5, n_epochs=1), devices=devices)
    weights = b"".join(value.numpy().tobytes() for value in network.state_dict().values())
    told = {"epochs": timeless(epochs), "best": best, "weights": hashlib.sha256(weights).hexdigest()}
    sys.stdout.write(json.dumps(told) + "\n")


@pytest.mark.skipif(sys.platform != "linux", reason="names the loopback interface as Linux does")
def test_two_processes_learn_the_same_from_different_squares(tmp_path: Path) -> None:
    for name, photos in (("train", toy_boxes(tmp_path / "a", 10)), ("val", toy_boxes(tmp_path / "b", 2, seed=1))):
        write_annotations(photos, tmp_path / f"{name}.json", "coco")
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "--local-addr=127.0.0.1"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        "ACCELERATE_USE_CPU": "true",
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-m", *torchrun, __file__, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == second
    (epoch,) = first["epochs"]
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert timeless([json.loads(line) for line in lines]) == [epoch]
    assert epoch["n_boxes"] >= 10  # of both: ten squares with a product or two each, few of them cut off


if __name__ == "__main__":
    one_process_of_two(Path(sys.argv[1]))
