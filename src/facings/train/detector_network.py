"""Detectors of torchvision on a trunk of this project: what they learn from, and what they say, without NMS.

FCOS (Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", 2019) and RetinaNet (Lin et al., "Focal Loss
for Dense Object Detection", 2017). Network, matching and losses are torchvision's; batches of squares that are
normalized already go past its transform, and boxes are decoded here, so that the same lines go into the exported graph.
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.retinanet import RetinaNetHead

from facings.errors import BadInput
from facings.train.fpn import STRIDES, Pyramid

Kind = Literal["fcos", "retinanet"]

_N_HEAD_CONVS = 3  # torchvision takes four; the fourth costs a tenth of the time
_FIRST_DISTANCE = 2.0  # of a side, in strides; a level's products reach up to 8
_ANCHOR_SCALES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
_ASPECTS = (0.5, 1.0, 2.0)
_ANCHOR_SIDE = 4  # of a level's stride
_LONGEST = math.log(1000.0 / 16)  # as torchvision's box coder: no box is more than 62.5 times its anchor


class DetectorNetwork(nn.Module):
    """Boxes of products: normalized pixels in, boxes and scores of every place out.

    Args:
        kind: "fcos" or "retinanet".
        trunk: What sees.
        n_labels: Classes; 1 for products of whatever kind.
        n_channels: Of the pyramid and the head, a multiple of 32.

    Raises:
        BadInput: Unknown kind, or the trunk has no stages of the strides wanted.
    """

    def __init__(self, kind: str, trunk: nn.Module, n_labels: int, n_channels: int) -> None:
        super().__init__()
        if kind not in get_args(Kind):
            raise BadInput(f"Detector: got {kind!r}, wanted one of {', '.join(get_args(Kind))}.")
        self.kind, self.n_labels = kind, n_labels
        pyramid = Pyramid(trunk, n_channels)
        build = _fcos if kind == "fcos" else _retinanet
        self.detector: Any = build(pyramid, n_labels)

    @property
    def trunk(self) -> nn.Module:
        """What sees."""
        trunk: nn.Module = self.detector.backbone.trunk
        return trunk

    def losses(self, pixels: Tensor, targets: list[dict[str, Tensor]]) -> Tensor:
        """The sum of the detector's losses.

        Args:
            pixels: float32 (N, 3, S, S), normalized.
            targets: One a picture: `boxes` float32 (n, 4) xyxy with area, `labels` int64 (n,); n may be 0.

        Returns:
            float32 ().
        """
        levels = list(self.detector.backbone(pixels).values())
        # Float32 whatever the network computes in: bfloat16 knows no parts of a pixel beyond the 128th.
        told = {name: values.float() for name, values in self.detector.head(levels).items()}
        by_level = [self._anchors(maps, level) for level, maps in enumerate(levels)]
        anchors = [torch.cat(by_level)] * len(pixels)
        n_each = [[len(some) for some in by_level]] if self.kind == "fcos" else []  # it matches level by level
        parts: dict[str, Tensor] = self.detector.compute_loss(targets, told, anchors, *n_each)
        return torch.stack(list(parts.values())).sum()

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Every box there could be.

        Args:
            pixels: float32 (N, 3, H, W), normalized, H and W multiples of the coarsest stride.

        Returns:
            float32 (N, L, 4) xyxy in pixels, not clipped; float32 (N, L, C) in [0, 1].
        """
        levels = list(self.detector.backbone(pixels).values())
        told = self.detector.head(levels)
        anchors = torch.cat([self._anchors(maps, level) for level, maps in enumerate(levels)])
        if self.kind == "fcos":
            boxes = _around(anchors, told["bbox_regression"])
            certainty = torch.sigmoid(told["cls_logits"]) * torch.sigmoid(told["bbox_ctrness"])
            return boxes, torch.sqrt(certainty)
        return _moved(anchors, told["bbox_regression"]), torch.sigmoid(told["cls_logits"])

    def _anchors(self, maps: Tensor, level: int) -> Tensor:
        """float32 (h · w · A, 4): the level's anchors around each of its places."""
        height, width = maps.shape[-2:]
        stride = STRIDES[level]
        base: Tensor = self.detector.anchor_generator.cell_anchors[level].to(maps.device)
        down = torch.arange(height, device=maps.device, dtype=base.dtype) * stride
        right = torch.arange(width, device=maps.device, dtype=base.dtype) * stride
        y = down.view(-1, 1, 1).expand(height, width, 1)
        x = right.view(1, -1, 1).expand(height, width, 1)
        places = torch.cat([x, y, x, y], 2)
        return (places.unsqueeze(2) + base).reshape(-1, 4)


def _fcos(pyramid: Pyramid, n_labels: int) -> FCOS:
    anchors = AnchorGenerator(tuple((stride,) for stride in STRIDES), ((1.0,),) * len(STRIDES))
    head = FCOSHead(pyramid.out_channels, 1, n_labels, _N_HEAD_CONVS)
    # Through torchvision's ReLU a side that falls below 0 everywhere learns no more, and from 0 some fall at once.
    nn.init.constant_(head.regression_head.bbox_reg.bias, _FIRST_DISTANCE)
    return FCOS(pyramid, n_labels, anchor_generator=anchors, head=head)


def _retinanet(pyramid: Pyramid, n_labels: int) -> RetinaNet:
    sizes = tuple(tuple(round(_ANCHOR_SIDE * stride * scale) for scale in _ANCHOR_SCALES) for stride in STRIDES)
    anchors = AnchorGenerator(sizes, (_ASPECTS,) * len(STRIDES))
    head = RetinaNetHead(pyramid.out_channels, len(_ANCHOR_SCALES) * len(_ASPECTS), n_labels)
    return RetinaNet(pyramid, n_labels, anchor_generator=anchors, head=head)


def _around(anchors: Tensor, distances: Tensor) -> Tensor:
    """FCOS: distances of the four sides from the anchor's middle, in anchor sides."""
    middle = (anchors[:, :2] + anchors[:, 2:]) / 2
    side = anchors[:, 2:] - anchors[:, :2]
    return torch.cat([middle - distances[..., :2] * side, middle + distances[..., 2:] * side], 2)


def _moved(anchors: Tensor, changes: Tensor) -> Tensor:
    """R-CNN's coding (Girshick et al., 2014): middle moved in anchor sides, sides scaled by an exponential."""
    side = anchors[:, 2:] - anchors[:, :2]
    middle = (anchors[:, :2] + anchors[:, 2:]) / 2 + changes[..., :2] * side
    half = torch.exp(changes[..., 2:].clamp(max=_LONGEST)) * side / 2
    return torch.cat([middle - half, middle + half], 2)
