"""The last step of a training: the neck and the classifier, computed from the trunk's view of the photos.

Gradients teach the trunk, where the recipe has any; the map from its stages to the embedding is then found in one pass
over the photos. In that space a product is the mean of its photos, and how sure a cosine is follows from the validation
photos (temperature scaling: Guo et al., "On Calibration of Modern Neural Networks", 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn import functional

from facings.model_card import Preparation
from facings.train.dataset import TrainingSet
from facings.train.discriminants import discriminant_map
from facings.train.fit import features_of
from facings.train.model import Recognizer
from facings.train.neck import Necked, pooled
from facings.train.recipe import Recipe

_SCALES = tuple(2.0 ** (step / 2) for step in range(2, 15))  # 2 to 128


@dataclass(frozen=True, eq=False)
class Finished:
    """A model as it is exported, and its features of the photos, which are not computed twice.

    Args:
        model: In `eval()`.
        train: float32 (n_train, D), in the order of `data.train_rows`; not of length 1.
        val: float32 (n_val, D), the same of `data.val_rows`.
    """

    model: Recognizer
    train: Tensor
    val: Tensor


def finish(model: Recognizer, data: TrainingSet, recipe: Recipe, preparation: Preparation) -> Finished:
    """The model with a neck, if validation photos find their product in the gallery at least as often with it.

    Args:
        model: In `eval()`; its head is used only if it was trained, and if there will be no neck.
        data: What it learned from and what it is checked with.
        recipe: `neck_dim`; without phases nothing was trained.
        preparation: Of the finished model.

    Returns:
        A model whose backbone is a `Necked` one and whose centers are the products' means. The trunk stays alone if the
        neck would be worse, or if nothing is known of how a product's photos vary; it keeps the head that was trained.
    """
    trunk = model.backbone
    train, val = (
        features_of(partial(pooled, trunk), data, rows, preparation) for rows in (data.train_rows, data.val_rows)
    )
    with threadpool_limits(torch.get_num_threads()):
        found = discriminant_map(train.numpy(), data.targets[data.train_rows], recipe.neck_dim)
    n_last = model.centers.shape[1]
    plain = Finished(model, train[:, -n_last:], val[:, -n_last:])
    if found is not None:
        necked = Necked(trunk, *(torch.from_numpy(part) for part in found))
        with torch.inference_mode():
            gallery, queries = necked.neck(train).clone(), necked.neck(val).clone()
        if _recall(gallery, queries, data) >= _recall(plain.train, plain.val, data):
            done = Recognizer(necked, len(data.labels.products), gallery.shape[1]).eval()
            return _with_means(Finished(done, gallery, queries), data)
    return plain if recipe.phases else _with_means(plain, data)


def _with_means(found: Finished, data: TrainingSet) -> Finished:
    """With the products' means as the head."""
    found.model.place_centers(found.train, torch.from_numpy(data.targets[data.train_rows]))
    _set_scale(found.model, found.val, torch.from_numpy(data.targets[data.val_rows]))
    return found


def _recall(gallery: Tensor, queries: Tensor, data: TrainingSet) -> float:
    """Share of the validation photos whose most similar training photo shows the same product."""
    closest = (functional.normalize(queries, dim=1) @ functional.normalize(gallery, dim=1).T).argmax(1)
    right = data.targets[data.train_rows][closest.numpy()] == data.targets[data.val_rows]
    return float(right.mean())


def _set_scale(model: Recognizer, embeddings: Tensor, targets: Tensor) -> None:
    """The scale of the cosines at which the validation photos' products are most probable."""
    with torch.inference_mode():
        cosines = model.logits(embeddings) / model.log_scale.exp()
        losses = [float(functional.cross_entropy(scale * cosines, targets)) for scale in _SCALES]
    with torch.no_grad():
        model.log_scale.fill_(math.log(_SCALES[int(np.argmin(losses))]))
