"""A finished trunk keeps a share of what it started from.

What a training learns holds best for photos like those it saw: the same stores, the same light. Weights on the straight
line between the start and the end know other photos better (Wortsman et al., "Robust fine-tuning of zero-shot models",
2022), and cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def blend(trunk: nn.Module, start: Mapping[str, Tensor], start_share: float) -> None:
    """Move the trunk back towards its start, in place.

    Args:
        trunk: As the training left it.
        start: Its parameters before the training, by name.
        start_share: How far: 0 leaves it as it is, 1 gives the start.
    """
    with torch.no_grad():
        for name, value in trunk.named_parameters():
            value.lerp_(start[name], start_share)
