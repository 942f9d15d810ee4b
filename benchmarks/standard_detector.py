"""The baseline of the bundled detector: FCOS on the trunk that it starts from too, by torchvision's reference recipe.

python benchmarks/standard_detector.py --out FOLDER --budget-s SECONDS [--px 256] [--n-train N] [--n-val N]

As `references/detection` of torchvision trains `fcos_resnet50_fpn`: pyramid and head of 256 channels, stem and first
stage frozen, normalization frozen, SGD with momentum 0.9 and weight decay 1e-4, learning rate 0.01 for 16 photos (so
0.00125 for the 2 of one device), the first epoch's warm-up of at most 1,000 steps, photos of like shape together,
mirrored at random, shorter side 800 and longer side 1333 at most. Its 26 epochs, with a tenth of the learning rate from
the 16th and again from the 22nd, are stretched or squeezed to the budget. `--px N` brings the longer side to N instead.

The budget is processor time over threads: what it takes by the clock on a machine with nothing else to do. Checks and
checkpoints are not in it. A run that was stopped goes on. FOLDER/standard-PX.json is for `detection.py report`.
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import json
import math
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelP6P7

from detection import LEAST_CONFIDENCE, SEED, groceries
from facings.annotations import AnnotatedPhoto
from facings.detect import MAX_DETECTIONS
from facings.evaluate.detection_run import evaluate_detector
from facings.images import decode, read_bytes
from facings.terminal import track
from facings.train.backbones import BUNDLED, Trunk, load_trunk
from facings.train.checkpoint import CHECKPOINT_FILE, Checkpoint, load_checkpoint, save_checkpoint
from facings.train.fpn import last_stages
from facings.train.model import freeze
from facings.types import Detections, Image
from results_page import machine

N_CHANNELS, BATCH, N_FROZEN_STAGES = 256, 2, 1
LR, MOMENTUM, WEIGHT_DECAY = 0.01 / 16 * BATCH, 0.9, 1e-4
N_EPOCHS, LR_EPOCHS, LR_GAMMA = 26, (16, 22), 0.1
WARMUP_STEPS, WARMUP_FROM = 1000, 1e-3
SHORTER_PX, LONGER_PX = 800, 1333
SHAPE_BOUNDS = tuple(2.0 ** (step / 3) for step in range(-3, 4))  # width over height
CHECKPOINT_EVERY_S = 180.0


def main() -> None:
    """Train for the budget, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget-s", type=float, required=True)
    parser.add_argument("--px", type=int, default=None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--n-train", type=int, default=None, help="the first photos only, to try it out")
    parser.add_argument("--n-val", type=int, default=None, help="the same")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    train, val = groceries("train")[: given.n_train], groceries("val")[: given.n_val]
    name = f"standard-{given.px or SHORTER_PX}"
    model, spent = train_standard(
        train, folder=given.out / name, budget_s=given.budget_s, px=given.px, n_threads=given.threads
    )
    measured = evaluate_detector(val, detector=Standard(model, name), n_threads=given.threads, track=track).to_json()
    told = {"machine": machine(), "n_threads": given.threads, "seed": SEED, **spent, **measured, "photos": []}
    (given.out / f"{name}.json").write_text(json.dumps(told, indent=1))
    print(name, json.dumps(spent), json.dumps(measured["figures"]), flush=True)


class Features(nn.Module):
    """Trunk and pyramid as torchvision builds them: levels of stride 8 to 128, of 256 channels."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk, self.out_channels = trunk, N_CHANNELS
        with torch.inference_mode():
            widths = [maps.shape[1] for maps in last_stages(trunk, torch.zeros(1, 3, 64, 64))]
        self.fpn = FeaturePyramidNetwork(widths, N_CHANNELS, LastLevelP6P7(N_CHANNELS, N_CHANNELS))

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Maps, finest first."""
        stages = last_stages(self.trunk, pixels)
        found: dict[str, Tensor] = self.fpn(OrderedDict((str(level), maps) for level, maps in enumerate(stages)))
        return found


def standard_fcos(trunk: Trunk, px: int | None) -> FCOS:
    """torchvision's FCOS; only the limits of its answer are those of the bundled detector: a favor to it."""
    freeze(trunk.backbone, N_FROZEN_STAGES)
    for module in trunk.backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.requires_grad_(False)
    torch.manual_seed(SEED)
    return FCOS(
        Features(trunk.backbone),
        num_classes=1,
        min_size=px or SHORTER_PX,
        max_size=px or LONGER_PX,
        image_mean=[value / 255 for value in trunk.mean],
        image_std=[value / 255 for value in trunk.std],
        score_thresh=LEAST_CONFIDENCE,
        detections_per_img=MAX_DETECTIONS,
    )


@dataclass
class Spent:
    """What a training has cost so far, checkpoints not counted."""

    n_steps: int = 0
    spent_s: float = 0.0
    wall_s: float = 0.0


def train_standard(
    photos: Sequence[AnnotatedPhoto], *, folder: Path, budget_s: float, px: int | None, n_threads: int
) -> tuple[FCOS, dict[str, Any]]:
    """Train until the budget is spent, going on where an earlier run stopped.

    Args:
        photos: To learn from.
        folder: For the checkpoint.
        budget_s: Processor time over threads.
        px: Longer side of the photos; None for torchvision's sizes.
        n_threads: Threads that compute.

    Returns:
        The detector, in `eval()`, and what was spent.
    """
    model = standard_fcos(load_trunk(BUNDLED), px)
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(learned, lr=LR, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    identity = {"budget_s": budget_s, "px": px, "seed": SEED, "n_train": len(photos), "n_threads": n_threads}
    spent = _restored(model, optimizer, folder, identity)
    _learning(model)
    batches = itertools.islice(_batches(photos), spent.n_steps, None)
    saved = time.perf_counter()
    while spent.spent_s < budget_s:
        began, began_cpu = time.perf_counter(), time.process_time()
        optimizer.param_groups[0]["lr"] = LR * lr_factor(spent.n_steps, spent.spent_s / budget_s)
        images, targets = _read(next(batches), np.random.default_rng((SEED, spent.n_steps)))
        loss = torch.stack(list(model(images, targets).values())).sum()
        if not math.isfinite(float(loss.detach())):
            raise SystemExit(f"The loss is {float(loss.detach())} at step {spent.n_steps}.")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        spent.n_steps += 1
        spent.spent_s += (time.process_time() - began_cpu) / n_threads
        spent.wall_s += time.perf_counter() - began
        if time.perf_counter() - saved > CHECKPOINT_EVERY_S or spent.spent_s >= budget_s:
            _save(model, optimizer, spent, folder, identity)
            saved = time.perf_counter()
            print(
                f"step {spent.n_steps}, {spent.spent_s:.0f} of {budget_s:.0f} s, loss {float(loss.detach()):.3f}",
                flush=True,
            )
    return model.eval(), {**identity, **vars(spent), "n_epochs": BATCH * spent.n_steps / len(photos)}


def lr_factor(step: int, budget_frac: float) -> float:
    """Share of the learning rate at a step, when this share of the budget is spent."""
    warm = min(1.0, max(step / WARMUP_STEPS, budget_frac * N_EPOCHS))
    n_falls = sum(budget_frac * N_EPOCHS >= epoch for epoch in LR_EPOCHS)
    return float((WARMUP_FROM + (1 - WARMUP_FROM) * warm) * LR_GAMMA**n_falls)


def _batches(photos: Sequence[AnnotatedPhoto]) -> Iterator[list[AnnotatedPhoto]]:
    """Pairs of photos of like shape, each photo about once an epoch, without end."""
    groups = [bisect.bisect_right(SHAPE_BOUNDS, photo.width / photo.height) for photo in photos]
    waiting: dict[int, list[AnnotatedPhoto]] = {}
    for epoch in itertools.count():
        for row in np.random.default_rng((SEED, 1, epoch)).permutation(len(photos)).tolist():
            together = waiting.setdefault(groups[row], [])
            together.append(photos[row])
            if len(together) == BATCH:
                yield waiting.pop(groups[row])


def _read(photos: Sequence[AnnotatedPhoto], rng: np.random.Generator) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """float32 (3, H, W) in [0, 1], and boxes; half of the photos mirrored."""
    images, targets = [], []
    for photo in photos:
        pixels = _pixels(decode(read_bytes(photo.path), source=str(photo.path)))
        boxes = torch.tensor([box.xyxy for box in photo.boxes if not box.is_ignored]).reshape(-1, 4)
        if rng.random() < 0.5:
            pixels = pixels.flip(2)
            boxes[:, ::2] = pixels.shape[2] - boxes[:, [2, 0]]
        images.append(pixels)
        targets.append({"boxes": boxes, "labels": torch.zeros(len(boxes), dtype=torch.int64)})
    return images, targets


def _pixels(image: Image) -> Tensor:
    return torch.from_numpy(image.pixels.transpose(2, 0, 1).copy()).float() / 255


def _learning(model: FCOS) -> None:
    """Into `train()`, but for the trunk's normalization, which keeps its statistics."""
    model.train()
    model.backbone.trunk.eval()


def _save(model: FCOS, optimizer: torch.optim.SGD, spent: Spent, folder: Path, identity: dict[str, Any]) -> None:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors[f"momentum.{number}"] = state["momentum_buffer"]
    save_checkpoint(Checkpoint(identity, vars(spent), tensors), folder)


def _restored(model: FCOS, optimizer: torch.optim.SGD, folder: Path, identity: dict[str, Any]) -> Spent:
    """What an earlier run spent, its weights and momentum put in place; nothing spent where there was none."""
    if not (folder / CHECKPOINT_FILE).exists():
        return Spent()
    found = load_checkpoint(folder, identity)
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "momentum": {}}
    for name, value in found.tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = value
    model.load_state_dict(parts["model"])
    state = {int(number): {"momentum_buffer": value} for number, value in parts["momentum"].items()}
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return Spent(**found.progress)


class Standard:
    """Behind the port of the runtime; see `facings.detect.Detector`."""

    def __init__(self, model: FCOS, name: str) -> None:
        self._model, self.name = model, name

    def detect(self, image: Image) -> Detections:
        """What torchvision's detector answers, most confident first."""
        with torch.inference_mode():
            (found,) = self._model([_pixels(image)])
        xyxy, confidence = found["boxes"].numpy(), found["scores"].numpy()
        is_sound = (xyxy[:, 2:] > xyxy[:, :2]).all(1)
        return Detections(xyxy[is_sound], confidence[is_sound], is_capped=len(xyxy) >= MAX_DETECTIONS)


if __name__ == "__main__":
    main()
