"""How a detector's training goes, as one value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from facings.errors import BadInput
from facings.train.fpn import STRIDES
from facings.train.loop import warmup_cosine

DEFAULT_KIND = "fcos"


@dataclass(frozen=True)
class DetectorRecipe:
    """The default needs no change for some thousand photos.

    Args:
        kind: "fcos", "retinanet" or "faster_rcnn"; "" for that of the detector that is started from, else "fcos".
        n_channels: Of pyramid and head, a multiple of 32, 64 or more; a detector that is started from keeps its own.
        n_epochs: Times that each photo leads a square.
        canvas_px: Side of the squares, a multiple of 64.
        batch_size: Squares a step.
        n_frozen_stages: 1 keeps the trunk's stem and first stage as they are; 0 trains all.
        lr: Highest learning rate of the trunk's last stage.
        head_lr: Highest learning rate of pyramid and head.
        layer_decay: Each stage has this share of the learning rate of the one after it, in (0, 1].
        weight_decay: Decoupled, AdamW.
        warmup_frac: Share of all steps, in [0, 1), in which the learning rate rises; then it falls to 0 along half a
            cosine.
        ema_decay: Share of the averaged weights that a step keeps, in [0, 1).
        mosaic_prob: Share of the squares that are put together from four photos, in [0, 1].
        plain_frac: Share of all steps, in [0, 1], in which no square is; at the end, so that the network settles on
            photos as they come (Ge et al., "YOLOX", 2021).
        color_jitter: Largest relative change of brightness, contrast and saturation, in [0, 1).
        nms_iou: Of two boxes that overlap more, the less confident one is left out.
        patience: Epochs without a better validation result after which the training ends early.
        seed: Of every random choice.
    """

    kind: str = ""
    n_channels: int = 96
    n_epochs: int = 6
    canvas_px: int = 256
    batch_size: int = 16
    n_frozen_stages: int = 1
    lr: float = 4e-4
    head_lr: float = 1e-3
    layer_decay: float = 0.75
    weight_decay: float = 0.05
    warmup_frac: float = 0.1
    ema_decay: float = 0.99
    mosaic_prob: float = 0.4
    plain_frac: float = 1 / 3
    color_jitter: float = 0.3
    nms_iou: float = 0.6
    patience: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if not all(0 <= rate < math.inf for rate in (self.lr, self.head_lr, self.weight_decay)):
            raise BadInput("Detector recipe: wanted finite learning rates and weight decay of 0 or more.")
        # The head normalizes 32 groups of channels, and a group of a single number is nothing to normalize.
        if min(self.n_epochs, self.batch_size, self.patience) < 1 or self.n_channels < 64 or self.n_channels % 32:
            raise BadInput("Detector recipe: wanted 1 or more epochs, squares and patience; 64, 96, 128, … channels.")
        if self.canvas_px < STRIDES[-1] or self.canvas_px % STRIDES[-1]:
            raise BadInput(f"Detector recipe: got canvas_px {self.canvas_px}, wanted a multiple of {STRIDES[-1]}.")
        if not all(0 <= share < 1 for share in (self.ema_decay, self.color_jitter, self.warmup_frac)):
            raise BadInput("Detector recipe: wanted ema_decay, color_jitter and warmup_frac in [0, 1).")
        if not all(0 <= share <= 1 for share in (self.mosaic_prob, self.plain_frac)):
            raise BadInput("Detector recipe: wanted mosaic_prob and plain_frac in [0, 1].")
        if not 0 < self.layer_decay <= 1 or not 0 < self.nms_iou <= 1:
            raise BadInput("Detector recipe: wanted layer_decay and nms_iou in (0, 1].")

    def lr_factor(self, progress: float) -> float:
        """Share of the highest learning rate at a share of all steps."""
        return warmup_cosine(progress, self.warmup_frac)
