"""What a training tells about its detector on the card: which sizes it saw, from which confidence on it is believed."""

from __future__ import annotations

import math

import numpy as np
import torch

from facings.errors import BadInput
from facings.evaluate.coco_matching import CocoMatching
from facings.evaluate.precision_recall import curve_of, rank
from facings.model_card import DetectorCard
from facings.train.backbones import Trunk
from facings.train.batches import Schedule
from facings.train.canvases import Canvases
from facings.train.detector_fit import detected, leading_rows
from facings.train.detector_network import DetectorNetwork
from facings.train.detector_recipe import DetectorRecipe
from facings.train.detector_set import DetectionSet
from facings.train.detector_start import architecture_told
from facings.train.fpn import STRIDES

LOOKED_AT = 0.05  # confidence down to which curves go

_IOU = 0.5
_N_SIZED = 30  # batches that tell how large the products are that training shows
_ORDINARY = (5, 95)  # percentiles


def detector_card(
    name: str,
    network: DetectorNetwork,
    trunk: Trunk,
    data: DetectionSet,
    recipe: DetectorRecipe,
    object_px: tuple[float, float],
) -> DetectorCard:
    """The card; its limit is the confidence of the highest F1 on the validation photos.

    Args:
        name: Of the model.
        network: In `eval()`, with the weights that are stored.
        trunk: What was started from.
        data: What was learned, and what to check with.
        recipe: How.
        object_px: From `ordinary_sizes_px`.
    """
    found = detected(network, data, data.val_rows, recipe, mean=trunk.mean, std=trunk.std)
    best = curve_of(rank(found, CocoMatching(found, by_class=len(data.labels) > 1).matches(_IOU))).best()
    return DetectorCard(
        name=name,
        architecture=architecture_told(recipe, trunk),
        labels=data.labels,
        stride_px=STRIDES[-1],
        working_px=recipe.canvas_px,
        object_px=object_px,
        min_confidence=math.floor(best.confidence * 1000) / 1000 if best else LOOKED_AT,
        nms_iou=recipe.nms_iou,
        mean=trunk.mean,
        std=trunk.std,
        license=trunk.license,
        source=f"Trained from: {trunk.source}",
        training_data=f"{trunk.training_data}; then {data.n_boxes:,} boxes in {len(data.train_rows):,} photos",
        data_fingerprint=data.fingerprint,
    )


def ordinary_sizes_px(data: DetectionSet, recipe: DetectorRecipe) -> tuple[float, float]:
    """Ordinary shorter sides, in pixels, of boxes in the squares that are learned from, from and to.

    Args:
        data: The photos.
        recipe: How the squares are made.

    Raises:
        BadInput: No box is large enough to be learned.
    """
    leaders = leading_rows(data, recipe.canvas_px)
    has_box = np.array([data.truths[row].object_px is not None for row in leaders])
    schedule = Schedule(leaders[has_box], recipe.batch_size, (recipe.canvas_px,) * _N_SIZED, recipe.seed)
    canvases = Canvases(
        data,
        schedule,
        mosaic_prob=recipe.mosaic_prob,
        plain_frac=0.0,
        color_jitter=0.0,
        is_mirrored=False,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    )
    sides: list[float] = []
    for _, batch in zip(range(_N_SIZED), canvases.from_step(0), strict=False):
        boxes = torch.cat([target["boxes"] for target in batch.targets])
        sides += (boxes[:, 2:] - boxes[:, :2]).amin(1).tolist()
    if not sides:
        raise BadInput(
            f"Detector: got {data.n_boxes} boxes, all too small to learn; wanted some of ten pixels or more."
        )
    small_px, large_px = np.percentile(sides, _ORDINARY).round(1).tolist()
    return small_px, large_px
