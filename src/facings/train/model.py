"""The network while it learns: a trunk that gives features, and a head that names the products.

The head is a cosine classifier (Wang et al., "NormFace", 2017): one unit row a product, compared with the unit feature
of the photo. It ranks products by the same cosine as the gallery does, so what it learns is what matching uses. A
category's probability is the sum of its products' probabilities: the hierarchy costs no parameter and cannot contradict
the products.

Training freezes and slows a trunk by stages: a stem (0) and four stages (1 to 4), in the order of the photo's way.
"""

from __future__ import annotations

import bisect
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

START_SCALE = 16.0  # logits lie in ±16 at first; the scale is learned
N_STAGES = 4
USUAL_SIZE = 0.02  # root mean square of the weights in the middle of a ResNet, before normalization is folded in

_LEAST_SIZE = 1e-4  # a tensor of zeros has to begin somewhere
_LAYERS = ("layer1", "layer2", "layer3", "layer4")
_STEM_STRIDE = 2  # maps at half of the picture's size come from a stem


class Recognizer(nn.Module):
    """Trunk and head: float32 (N, 3, S, S) normalized pixels → float32 (N, K) logits.

    Args:
        backbone: Gives float32 (N, D).
        n_products: K.
        embedding_dim: D.
    """

    def __init__(self, backbone: nn.Module, n_products: int, embedding_dim: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.centers = nn.Parameter(torch.zeros(n_products, embedding_dim))
        self.log_scale = nn.Parameter(torch.tensor(math.log(START_SCALE)))

    def forward(self, image: Tensor) -> Tensor:
        """Scaled cosines of the photos' features with the products' centers."""
        return self.logits(self.backbone(image))

    def logits(self, features: Tensor) -> Tensor:
        """The head alone: float32 (N, D) features → float32 (N, K)."""
        cosines = functional.normalize(features, dim=1) @ functional.normalize(self.centers, dim=1).T
        return self.log_scale.exp() * cosines

    def place_centers(self, features: Tensor, targets: Tensor) -> None:
        """Put each product's center on the mean of its unit features: a head that is right before any step.

        Args:
            features: float32 (N, D), at least one of each product.
            targets: int64 (N,) classes.
        """
        with torch.no_grad():
            sums = torch.zeros_like(self.centers).index_add_(0, targets, functional.normalize(features, dim=1))
            self.centers.copy_(functional.normalize(sums, dim=1))


def stages_of(backbone: nn.Module) -> dict[str, int]:
    """The stage of every parameter: 0 for what comes before stage 1; 4 for all where nothing tells of stages.

    ResNets have `layer1` to `layer4`; timm's other networks say which modules end a stage (`feature_info`). Where those
    are more than four, as in a transformer, each stage is a quarter of them; where they are fewer, the last is stage 4.

    Args:
        backbone: Its modules are registered in the order of the picture's way through them.
    """
    order = [name for name, _ in backbone.named_modules()]
    stem, marks = _marks(backbone)
    spans = _spans(order, marks)
    if not spans:
        return {name: N_STAGES for name, _ in backbone.named_parameters()}
    stem_spans = _spans(order, stem)
    start = stem_spans[-1][1] + 1 if stem_spans else spans[0][0]
    n_ends = min(len(spans), N_STAGES)
    ends = [spans[math.ceil(number * len(spans) / n_ends) - 1][1] for number in range(1, n_ends + 1)]
    places = {name: place for place, name in enumerate(order)}
    found = {}
    for name, _ in backbone.named_parameters():
        place = places[name.rpartition(".")[0]]
        stage = N_STAGES - n_ends + 1 + bisect.bisect_left(ends, place)
        found[name] = 0 if place < start else min(stage, N_STAGES)
    return found


def parameter_groups(
    model: Recognizer, *, lr: float, head_lr: float, layer_decay: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer, in an order that depends on the network alone.

    Adam moves each number by about the learning rate, however large the number is. Weights that normalization is folded
    into have sizes from 0.0005 (a stem that takes pixels up to 255) to 0.4, so that one rate would wipe out the ones
    and hardly move the others. Each tensor's rate therefore grows with its own size, as in Shazeer and Stern,
    "Adafactor" (2018, section 8).

    Args:
        model: Trunk and head.
        lr: Of stage 4, for a tensor whose root mean square is `USUAL_SIZE` and for vectors (biases, normalization);
            each stage below has `layer_decay` times the one above.
        head_lr: Of the head, as it is; the head has no weight decay.
        layer_decay: In (0, 1].
        weight_decay: Of the trunk's weights; vectors have none.
    """
    stages = stages_of(model.backbone)
    groups = [
        {
            "params": [parameter],
            "lr": lr * _times(parameter) * layer_decay ** (N_STAGES - stages[name]),
            "weight_decay": weight_decay * (parameter.ndim > 1),
        }
        for name, parameter in model.backbone.named_parameters()
    ]
    return [*groups, {"params": [model.centers, model.log_scale], "lr": head_lr, "weight_decay": 0.0}]


def _times(parameter: Tensor) -> float:
    """Its size over the usual one; 1 for vectors."""
    if parameter.ndim < 2:
        return 1.0
    return max(_LEAST_SIZE, float(parameter.detach().square().mean().sqrt())) / USUAL_SIZE


def freeze(trunk: nn.Module, n_frozen_stages: int) -> None:
    """Let only the stages above the frozen ones take gradients.

    Args:
        trunk: What is frozen loses its gradients, so that an optimizer passes over it.
        n_frozen_stages: 0 trains everything; 1 freezes the stem and stage 1; 4 all of the trunk.
    """
    stages = stages_of(trunk)
    for name, parameter in trunk.named_parameters():
        parameter.requires_grad_(n_frozen_stages == 0 or stages[name] > n_frozen_stages)
        if not parameter.requires_grad:
            parameter.grad = None


def _marks(backbone: nn.Module) -> tuple[list[str], list[str]]:
    """Names of the modules that end the stem, and of those that end a stage."""
    if all(hasattr(backbone, name) for name in _LAYERS):
        return [], list(_LAYERS)
    told: Any = getattr(backbone, "feature_info", ())
    stem = [entry["module"] for entry in told if entry["reduction"] <= _STEM_STRIDE]
    return stem, [entry["module"] for entry in told if entry["reduction"] > _STEM_STRIDE]


def _spans(order: list[str], modules: list[str]) -> list[tuple[int, int]]:
    """Places of the first and the last part of each module that there is, in order."""
    found = set()
    for module in modules:
        places = [place for place, name in enumerate(order) if f"{name}.".startswith(f"{module}.")]
        if places:
            found.add((places[0], places[-1]))
    return sorted(found)
