"""How a training goes, as one value: everything that decides its result, apart from photos and starting weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

from facings.errors import BadInput
from facings.model_card import Preparation
from facings.train.batches import Augmentation
from facings.train.loop import warmup_cosine
from facings.train.metric_losses import needs_pairs


@dataclass(frozen=True)
class Phase:
    """Epochs that are alike.

    Args:
        n_epochs: 1 or more.
        size_px: Side of the training pictures.
        n_frozen_stages: 1 keeps the stem and the first stage as they are; 0 trains all; 4 trains the head alone.
    """

    n_epochs: int
    size_px: int
    n_frozen_stages: int

    def __post_init__(self) -> None:
        if self.n_epochs < 1 or self.size_px < 1 or not 0 <= self.n_frozen_stages <= 4:
            raise BadInput(f"{self}: wanted positive epochs and size, and n_frozen_stages from 0 to 4.")


@dataclass(frozen=True)
class Recipe:
    """The default needs no change for a few thousand photos of a few dozen to a few hundred products.

    Args:
        phases: What is trained at which size, in order; none for the closed form alone (see `closed_form.py`).
        batch_size: Photos a step.
        lr: Highest learning rate of the trunk's last stage, for weights of usual size (see `model.parameter_groups`).
        head_lr: Highest learning rate of the head.
        layer_decay: Each stage has this share of the learning rate of the one after it, in (0, 1].
        weight_decay: Of the trunk's weights (decoupled, AdamW).
        warmup_frac: Share of all steps in which the learning rate rises; then it falls to 0 along half a cosine.
        ema_decay: Share of the averaged weights that a step keeps, in [0, 1); the average is checked and exported.
        label_smoothing: Probability given to the other products, in [0, 1).
        category_weight: Weight of the categories' loss beside the products'.
        metric_loss: "" or a name of `metric_losses.py`: a loss on the features beside the classifier's.
        metric_weight: Of it.
        photos_per_product: Photos of one product in a batch, if there are so many; a loss that compares photos needs 2
            or more.
        balance: 0 counts every photo alike, 1 every product, whatever its number of photos; in [0, 1].
        mix_prob: Share of the steps whose photos lose a rectangle to one another (CutMix), in [0, 1].
        crop_scale_min: Smallest share of a photo's area that a training crop keeps.
        color_jitter: Largest relative change of brightness, contrast and saturation.
        rotation_deg: Half of the photos are turned by at most this.
        erase_prob: Share of the photos that lose a rectangle.
        start_share: How far the trained trunk is moved back towards the weights it started from, in [0, 1); see
            `blend.py`. One from scratch is not: random weights are nothing to keep.
        neck_dim: Length of the embedding, if it has a neck (see `neck.py`) and the trunk's stages give more numbers.
        embed_size_px: Side of the pictures of the finished model.
        embed_resize_px: Its `Preparation.resize_px`.
        patience: Epochs without a better validation result after which the training ends early.
        seed: Of every random choice.
    """

    phases: tuple[Phase, ...] = (Phase(4, 128, 1), Phase(7, 192, 0))
    batch_size: int = 24
    lr: float = 1e-4
    head_lr: float = 2e-3
    layer_decay: float = 0.9
    weight_decay: float = 0.05
    warmup_frac: float = 0.1
    ema_decay: float = 0.99
    label_smoothing: float = 0.1
    category_weight: float = 0.3
    metric_loss: str = ""
    metric_weight: float = 0.1
    photos_per_product: int = 1
    balance: float = 0.0
    mix_prob: float = 0.3
    crop_scale_min: float = 0.08
    color_jitter: float = 0.4
    rotation_deg: float = 15.0
    erase_prob: float = 0.0
    start_share: float = 0.2
    neck_dim: int = 256
    embed_size_px: int = 192
    embed_resize_px: int = 192
    patience: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        rates = (self.lr, self.head_lr, self.weight_decay, self.category_weight, self.metric_weight)
        if not all(0 <= rate < math.inf for rate in rates):
            raise BadInput(f"Recipe: got rates {rates}, wanted finite numbers of 0 or more.")
        if not (0 < self.layer_decay <= 1 and 0 <= self.warmup_frac < 1 and 0 <= self.label_smoothing < 1):
            raise BadInput("Recipe: wanted layer_decay in (0, 1], warmup_frac and label_smoothing in [0, 1).")
        if not (0 <= self.ema_decay < 1 and 0 <= self.balance <= 1 and 0 <= self.mix_prob <= 1):
            raise BadInput("Recipe: wanted ema_decay in [0, 1), balance and mix_prob in [0, 1].")
        if not 0 <= self.start_share < 1:
            raise BadInput(f"Recipe: got start_share {self.start_share}, wanted a share in [0, 1).")
        if min(self.patience, self.neck_dim) < 1:
            raise BadInput("Recipe: wanted patience and neck_dim of 1 or more.")

        if needs_pairs(self.metric_loss) and self.photos_per_product < 2:
            raise BadInput(
                f"Recipe: {self.metric_loss} compares photos of one product, and each batch holds one of each.",
                "Set photos_per_product to 2 or more.",
            )

    @property
    def epochs(self) -> tuple[Phase, ...]:
        """The phase of each epoch."""
        return tuple(phase for phase in self.phases for _ in range(phase.n_epochs))

    @property
    def sizes_px(self) -> tuple[int, ...]:
        """Side of the training pictures in each epoch."""
        return tuple(phase.size_px for phase in self.epochs)

    @property
    def augmentation(self) -> Augmentation:
        """How training photos vary."""
        return Augmentation(self.crop_scale_min, self.color_jitter, self.rotation_deg, self.erase_prob, self.mix_prob)

    def preparation(self, mean: tuple[float, float, float], std: tuple[float, float, float]) -> Preparation:
        """How the finished model's input is made, for a trunk with this mean and std."""
        return Preparation(self.embed_size_px, self.embed_resize_px, "center-crop", "bicubic", mean, std)

    def lr_factor(self, progress: float) -> float:
        """Share of the highest learning rate at a share of all steps, see `warmup_cosine`."""
        return warmup_cosine(progress, self.warmup_frac)


# Two epochs, the first of small pictures, and the closed form: most of the accuracy for a small part of the time.
QUICK = Recipe(phases=(Phase(1, 128, 1), Phase(1, 192, 1)), ema_decay=0.95, mix_prob=0.0)
