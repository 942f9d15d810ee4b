"""How a detector learns: squares in, torchvision's losses down, average precision on the validation photos up.

The trunk's normalizations use their stored statistics throughout, as in the training of a recognizer; pyramid and head
have none that depend on a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor, nn
from torchvision.ops import batched_nms

from facings.detect import MAX_DETECTIONS
from facings.errors import BadInput
from facings.evaluate.coco_matching import CocoMatching, Precisions
from facings.evaluate.photo_boxes import PhotoBoxes
from facings.progress import Track, untracked
from facings.train.batches import Schedule, channel_values
from facings.train.canvases import CanvasBatch, Canvases, fitted_scale
from facings.train.detector_network import DetectorNetwork
from facings.train.detector_recipe import DetectorRecipe
from facings.train.detector_set import DetectionSet
from facings.train.devices import Devices, share_of
from facings.train.fpn import STRIDES
from facings.train.loop import CHECKPOINT_EVERY_S, Course, Epoch, Loop
from facings.train.model import N_STAGES, freeze, stages_of
from facings.types import IntArray, UInt8Array

_LEAST_CONFIDENCE = 0.05  # of boxes that are looked at; below, precision is next to nothing
_MOST_SQUARES = 8  # that one large photo leads in an epoch


class _Losses(nn.Module):
    """A batch's loss, as one module that several devices can compute together."""

    def __init__(self, network: DetectorNetwork, devices: Devices) -> None:
        super().__init__()
        self.network, self._devices = network, devices

    def forward(self, batch: CanvasBatch) -> Tensor:
        device = self._devices.device
        targets = [{name: value.to(device) for name, value in target.items()} for target in batch.targets]
        with self._devices.autocast():
            return self.network.losses(batch.pixels.to(device), targets)


class _Detection:
    """What a detector learns: the task of the loop. Arguments as those of `fit_detector`."""

    def __init__(
        self,
        network: DetectorNetwork,
        data: DetectionSet,
        recipe: DetectorRecipe,
        *,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        devices: Devices,
    ) -> None:
        self.model = network.to(devices.device).to(memory_format=torch.channels_last)
        self.extra = nn.Module()  # the losses have no parameters
        self._data, self._recipe, self._mean, self._std, self._devices = data, recipe, mean, std, devices
        leaders = leading_rows(data, recipe.canvas_px)
        self.schedule = Schedule(leaders, recipe.batch_size, (recipe.canvas_px,) * recipe.n_epochs, recipe.seed)
        n_squares = min(recipe.batch_size, len(leaders))
        if n_squares < devices.n_processes:
            raise BadInput(
                f"Training: got {n_squares} squares a batch for {devices.n_processes} processes, "
                "wanted at least one for each.",
                "Start fewer processes, or use larger batches or more photos.",
            )
        self._canvases = Canvases(
            data,
            share_of(self.schedule, devices),
            mosaic_prob=recipe.mosaic_prob,
            plain_frac=recipe.plain_frac,
            color_jitter=recipe.color_jitter,
            is_mirrored=len(data.labels) == 1,
            mean=mean,
            std=std,
        )
        freeze(network.trunk, recipe.n_frozen_stages)
        self._parallel = devices.parallel(_Losses(network, devices))

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The trunk by stages, and all else."""
        recipe, network = self._recipe, self.model
        trunk = _stage_groups(
            network.trunk, lr=recipe.lr, layer_decay=recipe.layer_decay, weight_decay=recipe.weight_decay
        )
        own = set(network.trunk.parameters())
        others = [parameter for parameter in network.parameters() if parameter not in own]
        return [
            *trunk,
            *(
                {
                    "params": [parameter for parameter in others if (parameter.ndim > 1) == is_weight],
                    "lr": recipe.head_lr,
                    "weight_decay": recipe.weight_decay * is_weight,
                }
                for is_weight in (False, True)
            ),
        ]

    def begin(self) -> None:
        """Nothing: pyramid and head start from the dice."""

    def enter_epoch(self, number: int) -> None:  # noqa: ARG002 (all epochs are alike)
        """Losses are computed in `train()`, the trunk's normalizations in `eval()`."""
        self.model.train()
        self.model.trunk.eval()

    def batches(self, first_step: int) -> Iterator[CanvasBatch]:
        """Squares."""
        return self._canvases.from_step(first_step)

    def learn(self, batch: CanvasBatch) -> tuple[Tensor, dict[str, int]]:
        """The loss, the mean over the processes with the gradient of this one's; and how many boxes it is of."""
        loss = self._parallel(batch)
        mean = float(np.mean(self._devices.from_each(float(loss.detach()))))
        return loss + (mean - loss.detach()), {"n_boxes": sum(len(target["boxes"]) for target in batch.targets)}

    def end_epoch(self, number: int, averaged: nn.Module, counts: Mapping[str, int]) -> Epoch:  # noqa: ARG002
        """Average precision on the validation photos."""
        network = cast(DetectorNetwork, averaged).eval()
        found = detected(network, self._data, self._data.val_rows, self._recipe, mean=self._mean, std=self._std)
        # (the validation photos have a box)
        reached = cast(Precisions, CocoMatching(found, by_class=len(self._data.labels) > 1).precisions())
        ap50, ap75, ap = self._devices.from_main([reached.ap50, reached.ap75, reached.ap])  # all decide by the same
        n_boxes = int(sum(self._devices.from_each(counts.get("n_boxes", 0))))
        return {"n_boxes": n_boxes, "val_ap50": ap50, "val_ap75": ap75, "val_ap": ap}

    def score(self, epoch: Epoch) -> float:
        """AP@[.50:.95]."""
        return float(epoch["val_ap"])


def _stage_groups(trunk: nn.Module, *, lr: float, layer_decay: float, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups of a trunk, two a stage: weights and vectors, which have no weight decay."""
    stages = stages_of(trunk)
    gathered: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in trunk.named_parameters():
        gathered.setdefault((stages[name], parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "lr": lr * layer_decay ** (N_STAGES - stage), "weight_decay": weight_decay * is_weight}
        for (stage, is_weight), parameters in sorted(gathered.items(), key=lambda item: item[0])
    ]


def fit_detector(
    network: DetectorNetwork,
    data: DetectionSet,
    recipe: DetectorRecipe,
    folder: Path,
    identity: dict[str, Any],
    *,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    is_resumed: bool = False,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    devices: Devices | None = None,
    track: Track = untracked,
) -> tuple[list[Epoch], int]:
    """Train to the end, or until validation stops getting better; the network is on the CPU then. See `Loop.run`.

    Args:
        network: Trained in place.
        data: What it learns from.
        recipe: How.
        folder: For checkpoint and metrics.
        identity: What a checkpoint must agree with to be resumed.
        mean: RGB, 0 to 255, of the trunk.
        std: RGB, in units of 0 to 255, of the trunk.
        is_resumed: Go on from the folder's checkpoint.
        checkpoint_every_s: Wall time between checkpoints.
        devices: Where it computes; None finds out.
        track: Shows progress.

    Returns:
        Figures of each epoch (`loss`, `val_ap50`, `val_ap75`, `val_ap`, `seconds`, …), and the best one's number.
    """
    devices = devices or Devices()
    task = _Detection(network, data, recipe, mean=mean, std=std, devices=devices)
    course = Course(recipe.n_epochs, task.schedule.steps_per_epoch, recipe.lr_factor, recipe.ema_decay, recipe.patience)
    loop = Loop(task, course, folder, identity, devices)
    epochs = loop.run(is_resumed=is_resumed, checkpoint_every_s=checkpoint_every_s, track=track)
    network.to("cpu")
    return epochs


def leading_rows(data: DetectionSet, canvas_px: int) -> IntArray:
    """int64: each training row as often as squares of this side are needed to cover its photo, up to eight times."""
    squares = []
    for row in data.train_rows:
        height, width = data.cache.shapes[row]
        scale = fitted_scale(data.truths[row].object_px, (height, width), canvas_px)
        squares.append(round(height * width * scale**2 / canvas_px**2))
    return np.repeat(data.train_rows, np.clip(squares, 1, _MOST_SQUARES))


def detected(
    network: DetectorNetwork,
    data: DetectionSet,
    rows: IntArray,
    recipe: DetectorRecipe,
    *,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> list[PhotoBoxes]:
    """What the network finds in whole photos, beside what is there; sorted by path.

    Args:
        network: In `eval()`.
        data: Has the photos.
        rows: int64, which.
        recipe: `canvas_px` and `nms_iou`.
        mean: RGB, 0 to 255.
        std: RGB, in units of 0 to 255.
    """
    device = next(network.parameters()).device
    found = []
    for row in rows.tolist():
        truth, photo = data.truths[row], data.cache.photo(row)
        scale = fitted_scale(truth.object_px, data.cache.shapes[row], recipe.canvas_px)
        height, width = photo.shape[:2]
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = _padded(photo, size, mean)
        batch = ((pixels - channel_values(mean)) / channel_values(std)).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            boxes, scores = network(batch.to(device))
        xyxy, confidence, labels = _suppressed(boxes[0].cpu(), scores[0].cpu(), recipe.nms_iou)
        xyxy = (xyxy * ([width / size[0], height / size[1]] * 2)).clip(0, [width, height, width, height])
        is_sound = (xyxy[:, 2:] > xyxy[:, :2]).all(1)
        found.append(
            PhotoBoxes(
                photo=str(data.cache.photos[row].path),
                truth=truth.xyxy.astype(np.float64),
                is_ignored=truth.is_ignored,
                labels=tuple(data.labels[label] for label in truth.labels),
                found=xyxy[is_sound],
                confidence=confidence[is_sound],
                found_labels=tuple(data.labels[label] for label in labels[is_sound]),
            )
        )
    return sorted(found, key=lambda each: each.photo)


def _padded(photo: UInt8Array, size: tuple[int, int], mean: tuple[float, float, float]) -> Tensor:
    """float32 (1, 3, H, W), 0 to 255: the photo in this size, and filled up to multiples of the coarsest stride."""
    small = PillowImage.fromarray(photo).resize(size, PillowImage.Resampling.BILINEAR, reducing_gap=3.0)
    (width, height), stride = size, STRIDES[-1]
    padded = np.empty((-(-height // stride) * stride, -(-width // stride) * stride, 3), np.uint8)
    padded[:] = [round(value) for value in mean]
    padded[:height, :width] = np.asarray(small)
    return torch.from_numpy(padded).permute(2, 0, 1).unsqueeze(0).float()


def _suppressed(
    boxes: Tensor, scores: Tensor, nms_iou: float
) -> tuple[np.typing.NDArray[np.float64], np.typing.NDArray[np.float64], IntArray]:
    """Boxes, confidence and classes after NMS within each class, most confident first."""
    places, labels = (scores > _LEAST_CONFIDENCE).nonzero().unbind(1)
    confidence = scores[places, labels]
    kept = batched_nms(boxes[places], confidence, labels, nms_iou)[:MAX_DETECTIONS]
    return boxes[places[kept]].double().numpy(), confidence[kept].double().numpy(), labels[kept].numpy()
