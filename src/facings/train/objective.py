"""What a step makes smaller: the loss of naming the products, their categories, and shaping the feature space.

A category's probability is the sum of its products' probabilities, so the hierarchy needs no head of its own. A photo
that shows a part of another counts for both products, by the share of each (CutMix).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from facings.train.dataset import TrainingSet
from facings.train.metric_losses import make_metric_loss, proxy_groups
from facings.train.recipe import Recipe

_TINY = 1e-8  # keeps the logarithm of a vanished category finite


class Objective(nn.Module):
    """The loss of one training; its parameters are the metric loss's proxies, if it has any.

    Args:
        recipe: Weights of the parts.
        data: Products, categories and how many photos there are of each product.
        embedding_dim: Length of the trunk's features.
    """

    _weights: Tensor
    _category_of: Tensor
    _in_category: Tensor | None

    def __init__(self, recipe: Recipe, data: TrainingSet, embedding_dim: int) -> None:
        super().__init__()
        self._recipe = recipe
        category_of = torch.tensor(data.labels.category_of, dtype=torch.int64)
        in_category = functional.one_hot(category_of).to(torch.float32) if data.labels.categories else None
        # Buffers go to the device with the module; a checkpoint need not hold them.
        self.register_buffer("_weights", _class_weights(data, recipe.balance), persistent=False)
        self.register_buffer("_category_of", category_of, persistent=False)
        self.register_buffer("_in_category", in_category, persistent=False)
        self.metric = make_metric_loss(recipe.metric_loss, len(data.labels.products), embedding_dim, recipe.seed)

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups for the optimizer: the proxies at the head's learning rate."""
        return proxy_groups(self.metric, self._recipe.head_lr)

    def forward(self, features: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of photos that show one product each.

        Args:
            features: float32 (n, D) of the trunk.
            logits: float32 (n, K) of the head.
            targets: int64 (n,).
        """
        smoothing = self._recipe.label_smoothing
        loss = functional.cross_entropy(logits, targets, self._weights, label_smoothing=smoothing)
        if self._in_category is not None and self._recipe.category_weight:
            shares = (torch.softmax(logits, 1) @ self._in_category).clamp_min(_TINY)
            named = functional.nll_loss(shares.log(), self._category_of[targets])
            loss = loss + self._recipe.category_weight * named
        if self.metric is not None:
            loss = loss + self._recipe.metric_weight * self.metric(features, targets)
        return loss

    def mixed(self, features: Tensor, logits: Tensor, targets: Tensor, others: Tensor, kept_frac: float) -> Tensor:
        """The loss of photos of which `kept_frac` shows `targets` and the rest `others`."""
        own: Tensor = self(features, logits, targets)
        other: Tensor = self(features, logits, others)
        return kept_frac * own + (1 - kept_frac) * other


def _class_weights(data: TrainingSet, balance: float) -> Tensor:
    """float32 (K,), mean 1 over the training photos: what each product's photos count."""
    n_photos = np.bincount(data.targets[data.train_rows], minlength=len(data.labels.products)).clip(1)
    weights = (1.0 / n_photos) ** balance
    return torch.from_numpy(weights * (n_photos.sum() / (weights * n_photos).sum())).to(torch.float32)
