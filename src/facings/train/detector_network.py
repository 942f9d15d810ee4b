"""Detectors of torchvision on a trunk of this project: what they learn from, and what they say, without NMS.

FCOS (Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", 2019), RetinaNet (Lin et al., "Focal Loss
for Dense Object Detection", 2017) and Faster R-CNN (see `two_stage.py`). Network, matching and losses are
torchvision's; batches of squares that are normalized already go past its transform, and boxes are decoded here, so that
the same lines go into the exported graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.retinanet import RetinaNetHead

from facings.errors import BadInput
from facings.train.box_coding import around, moved
from facings.train.fpn import STRIDES, Pyramid
from facings.train.two_stage import faster_rcnn, two_stage_boxes, two_stage_losses

Kind = Literal["fcos", "retinanet", "faster_rcnn"]

_FIRST_DISTANCE = 2.0  # of a side, in strides; a level's products reach up to 8
_ANCHOR_SCALES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
_PROPOSAL_SCALES = (0.75, 0.75 * 2**0.5)  # of Faster R-CNN: fewer, since its second stage moves boxes once more
_ASPECTS = (0.5, 1.0, 2.0)
_ANCHOR_SIDE = 4  # of a level's stride
_N_GROUPS = 32  # of channels that a head normalizes together


@dataclass(frozen=True)
class HeadLayout:
    """What heads of one kind differ in.

    Args:
        n_convs: Convolutions before the answer, of FCOS; torchvision takes 4, the fourth costs a tenth of the time.
        is_normalized: Whether RetinaNet's head normalizes groups of channels, as torchvision's "v2" does.
    """

    n_convs: int = 3
    is_normalized: bool = False


OWN_HEAD = HeadLayout()


class DetectorNetwork(nn.Module):
    """Boxes of products: normalized pixels in, boxes and scores of every place out.

    Args:
        kind: "fcos", "retinanet" or "faster_rcnn".
        trunk: What sees.
        n_labels: Classes; 1 for products of whatever kind.
        n_channels: Of the pyramid and the head, a multiple of 32.
        head: Its layout.

    Raises:
        BadInput: Unknown kind, or the trunk has no stages of the strides wanted.
    """

    def __init__(
        self, kind: str, trunk: nn.Module, n_labels: int, n_channels: int, head: HeadLayout = OWN_HEAD
    ) -> None:
        super().__init__()
        if kind not in get_args(Kind):
            raise BadInput(f"Detector: got {kind!r}, wanted one of {', '.join(get_args(Kind))}.")
        self.kind, self.n_labels = kind, n_labels
        pyramid = Pyramid(trunk, n_channels)
        build = {"fcos": _fcos, "retinanet": _retinanet, "faster_rcnn": _faster_rcnn}[kind]
        self.detector: Any = build(pyramid, n_labels, head)

    @property
    def trunk(self) -> nn.Module:
        """What sees."""
        trunk: nn.Module = self.detector.backbone.trunk
        return trunk

    @property
    def _anchor_generator(self) -> AnchorGenerator:
        return (self.detector.rpn if self.kind == "faster_rcnn" else self.detector).anchor_generator

    def losses(self, pixels: Tensor, targets: list[dict[str, Tensor]]) -> Tensor:
        """The sum of the detector's losses.

        Args:
            pixels: float32 (N, 3, S, S), normalized.
            targets: One a picture: `boxes` float32 (n, 4) xyxy with area, `labels` int64 (n,); n may be 0.

        Returns:
            float32 ().
        """
        maps = self.detector.backbone(pixels)
        if self.kind == "faster_rcnn":
            return torch.stack(list(two_stage_losses(self.detector, pixels, maps, targets).values())).sum()
        levels = list(maps.values())
        # Float32 whatever the network computes in: bfloat16 knows no parts of a pixel beyond the 128th.
        told = {name: values.float() for name, values in self.detector.head(levels).items()}
        by_level = [self._anchors(values, level) for level, values in enumerate(levels)]
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
        maps = self.detector.backbone(pixels)
        levels = list(maps.values())
        by_level = [self._anchors(values, level) for level, values in enumerate(levels)]
        if self.kind == "faster_rcnn":
            return two_stage_boxes(self.detector, maps, by_level, (pixels.shape[2], pixels.shape[3]))
        told, anchors = self.detector.head(levels), torch.cat(by_level)
        if self.kind == "fcos":
            boxes = around(anchors, told["bbox_regression"])
            certainty = torch.sigmoid(told["cls_logits"]) * torch.sigmoid(told["bbox_ctrness"])
            return boxes, torch.sqrt(certainty)
        return moved(anchors, told["bbox_regression"]), torch.sigmoid(told["cls_logits"])

    def _anchors(self, maps: Tensor, level: int) -> Tensor:
        """float32 (h · w · A, 4): the level's anchors around each of its places."""
        height, width = maps.shape[-2:]
        stride = STRIDES[level]
        base: Tensor = self._anchor_generator.cell_anchors[level].to(maps.device)
        down = torch.arange(height, device=maps.device, dtype=base.dtype) * stride
        right = torch.arange(width, device=maps.device, dtype=base.dtype) * stride
        y = down.view(-1, 1, 1).expand(height, width, 1)
        x = right.view(1, -1, 1).expand(height, width, 1)
        places = torch.cat([x, y, x, y], 2)
        return (places.unsqueeze(2) + base).reshape(-1, 4)


def _fcos(pyramid: Pyramid, n_labels: int, head_layout: HeadLayout) -> FCOS:
    anchors = AnchorGenerator(tuple((stride,) for stride in STRIDES), ((1.0,),) * len(STRIDES))
    head = FCOSHead(pyramid.out_channels, 1, n_labels, head_layout.n_convs)
    # Through torchvision's ReLU a side that falls below 0 everywhere learns no more, and from 0 some fall at once.
    nn.init.constant_(head.regression_head.bbox_reg.bias, _FIRST_DISTANCE)
    return FCOS(pyramid, n_labels, anchor_generator=anchors, head=head)


def _retinanet(pyramid: Pyramid, n_labels: int, head_layout: HeadLayout) -> RetinaNet:
    anchors = _many_anchors(_ANCHOR_SCALES)
    norm_layer = partial(nn.GroupNorm, _N_GROUPS) if head_layout.is_normalized else None
    n_anchors = len(_ANCHOR_SCALES) * len(_ASPECTS)
    head = RetinaNetHead(pyramid.out_channels, n_anchors, n_labels, norm_layer=norm_layer)
    return RetinaNet(pyramid, n_labels, anchor_generator=anchors, head=head)


def _faster_rcnn(pyramid: Pyramid, n_labels: int, _head_layout: HeadLayout) -> FasterRCNN:
    return faster_rcnn(pyramid, pyramid.out_channels, n_labels, _many_anchors(_PROPOSAL_SCALES))


def _many_anchors(scales: tuple[float, ...]) -> AnchorGenerator:
    sizes = tuple(tuple(round(_ANCHOR_SIDE * stride * scale) for scale in scales) for stride in STRIDES)
    return AnchorGenerator(sizes, (_ASPECTS,) * len(STRIDES))
