"""How a training goes, as one value: everything that decides its result, apart from photos and starting weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

from facings.errors import BadInput
from facings.model_card import Preparation
from facings.train.batches import Augmentation


@dataclass(frozen=True)
class Recipe:
    """The default needs no change for a few thousand photos of a few dozen to a few hundred products.

    Args:
        sizes_px: Side of the training pictures, one an epoch: small ones first, which are cheap.
        batch_size: Photos a step.
        lr: Highest learning rate of the trunk's last stage.
        head_lr: Highest learning rate of the head.
        layer_decay: Each stage has this share of the learning rate of the one after it, in (0, 1].
        n_frozen_stages: 1 keeps the stem and the first stage as they are; 0 trains all; 4 trains the head alone.
        weight_decay: Of the trunk's weights (decoupled, AdamW).
        warmup_frac: Share of all steps in which the learning rate rises; then it falls to 0 along half a cosine.
        label_smoothing: Probability given to the other products, in [0, 1).
        category_weight: Weight of the categories' loss beside the products'.
        crop_scale_min: Smallest share of a photo's area that a training crop keeps.
        color_jitter: Largest relative change of brightness, contrast and saturation.
        rotation_deg: Half of the photos are turned by at most this.
        erase_prob: Share of the photos that lose a rectangle.
        embed_size_px: Side of the pictures of the finished model.
        embed_resize_px: Its `Preparation.resize_px`.
        patience: Epochs without a better validation result after which the training ends early.
        seed: Of every random choice.
    """

    sizes_px: tuple[int, ...] = (128, 128, 128, 128, 128, 160, 160, 160, 160, 192, 192)
    batch_size: int = 24
    lr: float = 5e-4
    head_lr: float = 2e-3
    layer_decay: float = 0.75
    n_frozen_stages: int = 1
    weight_decay: float = 0.05
    warmup_frac: float = 0.1
    label_smoothing: float = 0.1
    category_weight: float = 0.3
    crop_scale_min: float = 0.25
    color_jitter: float = 0.4
    rotation_deg: float = 15.0
    erase_prob: float = 0.25
    embed_size_px: int = 192
    embed_resize_px: int = 192
    patience: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        rates = (self.lr, self.head_lr, self.weight_decay, self.category_weight)
        if not all(0 <= rate < math.inf for rate in rates):
            raise BadInput(f"Recipe: got rates {rates}, wanted finite numbers of 0 or more.")
        if not (0 < self.layer_decay <= 1 and 0 <= self.warmup_frac < 1 and 0 <= self.label_smoothing < 1):
            raise BadInput("Recipe: wanted layer_decay in (0, 1], warmup_frac and label_smoothing in [0, 1).")
        if not 0 <= self.n_frozen_stages <= 4 or self.patience < 1:
            raise BadInput("Recipe: wanted n_frozen_stages from 0 to 4 and a patience of 1 or more.")

    @property
    def augmentation(self) -> Augmentation:
        """How training photos vary."""
        return Augmentation(self.crop_scale_min, self.color_jitter, self.rotation_deg, self.erase_prob)

    def preparation(self, mean: tuple[float, float, float], std: tuple[float, float, float]) -> Preparation:
        """How the finished model's input is made, for a trunk with this mean and std."""
        return Preparation(self.embed_size_px, self.embed_resize_px, "center-crop", "bicubic", mean, std)

    def lr_factor(self, progress: float) -> float:
        """Share of the highest learning rate.

        Args:
            progress: Steps done over all steps, in [0, 1].

        Examples:
            >>> recipe = Recipe(warmup_frac=0.5)
            >>> [round(recipe.lr_factor(progress), 3) for progress in (0.25, 0.5, 0.75, 1.0)]
            [0.5, 1.0, 0.5, 0.0]
        """
        if progress < self.warmup_frac:
            return progress / self.warmup_frac
        return 0.5 * (1 + math.cos(math.pi * (progress - self.warmup_frac) / (1 - self.warmup_frac)))
