"""How detector networks tell boxes: as what becomes of an anchor."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LONGEST = math.log(1000.0 / 16)  # as torchvision's box coder: no box is more than 62.5 times its anchor


def around(anchors: Tensor, distances: Tensor) -> Tensor:
    """FCOS: distances of the four sides from the anchor's middle, in anchor sides.

    Args:
        anchors: float32 (L, 4) xyxy, pixels.
        distances: float32 (N, L, 4), 0 or more.

    Returns:
        float32 (N, L, 4) xyxy.
    """
    middle = (anchors[:, :2] + anchors[:, 2:]) / 2
    side = anchors[:, 2:] - anchors[:, :2]
    return torch.cat([middle - distances[..., :2] * side, middle + distances[..., 2:] * side], 2)


def moved(anchors: Tensor, changes: Tensor) -> Tensor:
    """R-CNN's coding (Girshick et al., 2014): middle moved in anchor sides, sides scaled by an exponential.

    Args:
        anchors: float32 (L, 4) or (N, L, 4) xyxy, pixels.
        changes: float32 (N, L, 4): of x and y, in sides; of width and height, natural logarithms.

    Returns:
        float32 (N, L, 4) xyxy.
    """
    side = anchors[..., 2:] - anchors[..., :2]
    middle = (anchors[..., :2] + anchors[..., 2:]) / 2 + changes[..., :2] * side
    half = torch.exp(changes[..., 2:].clamp(max=_LONGEST)) * side / 2
    return torch.cat([middle - half, middle + half], 2)
