"""The neck: what turns a trunk's stages into the embedding.

A trunk that was fine-tuned on few photos knows more than its last stage says: earlier ones keep colors and print that
the last has given up. The neck averages the last three stages over their positions, brings each to length 1, puts them
side by side and maps them to the embedding with one linear layer. Networks without such stages give their feature
alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from facings.train.resnet import ResNet

N_LEVELS = 3  # the first stage's edges add nothing
NECK_MARK = "; neck"  # ends the architecture on the card of a model that has one

_TRUNK, _NECK = "trunk.", "neck."


class Necked(nn.Module):
    """Trunk and neck: float32 (N, 3, S, S) normalized pixels → float32 (N, D).

    Args:
        trunk: Gives float32 (N, C).
        weight: float32 (D, W) for the W numbers that `pooled` gives.
        bias: float32 (D,).
    """

    def __init__(self, trunk: nn.Module, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.trunk = trunk
        self.neck = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.neck.weight.copy_(weight)
            self.neck.bias.copy_(bias)

    def forward(self, image: Tensor) -> Tensor:
        """The embedding before it is brought to length 1."""
        embedding: Tensor = self.neck(pooled(self.trunk, image))
        return embedding


def pooled(trunk: nn.Module, image: Tensor) -> Tensor:
    """What the neck maps: float32 (N, W), the last stages' means, each of length 1; the last stage's come last."""
    if not isinstance(trunk, ResNet):
        return functional.normalize(trunk(image), dim=1)
    maps = trunk.stages(image)[-N_LEVELS:]
    return torch.cat([functional.normalize(level.mean((2, 3)), dim=1) for level in maps], dim=1)


def without_neck(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The trunk's part of a `Necked` state dict, under the trunk's own names."""
    return {name.removeprefix(_TRUNK): value for name, value in state.items() if not name.startswith(_NECK)}
