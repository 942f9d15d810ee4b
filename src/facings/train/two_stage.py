"""Faster R-CNN by its two stages: where something may be (proposals), then what it is and where exactly.

Ren et al., "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks" (2015), with the pyramid of
Lin et al. (2017). Modules, matching and losses are torchvision's. Inference is written here with arrays of fixed length
for a picture, whatever is in it, so that it can be exported: see docs/decisions/0014-faster-rcnn-in-one-graph.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign, nms, roi_align

from facings.train.box_coding import moved
from facings.train.fpn import STRIDES

_POOLED_LEVELS = ("0", "1", "2")  # of the pyramid; the coarsest only proposes
_POOLED_SIDE, _N_SAMPLES = 7, 2
_N_HIDDEN = 256  # torchvision takes 1,024: four times the time of the second stage
_N_LEARNED = 128  # proposals of a picture that the second stage learns from
_CANDIDATES, _PROPOSALS = 2000, 1000  # of a picture, before and after suppression
_PROPOSAL_IOU = 0.7
_BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # how finely the second stage tells x, y, width, height


class _Predictor(nn.Module):
    """Logits of background and classes, and one box whatever the class; torchvision's has a box for each."""

    def __init__(self, n_labels: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(_N_HIDDEN, n_labels + 1)
        self.bbox_pred = nn.Linear(_N_HIDDEN, 4)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """float32 (n, C + 1), and float32 (n, 4 · (C + 1)), where torchvision looks for the box of a class."""
        logits = self.cls_score(hidden)
        return logits, self.bbox_pred(hidden).repeat(1, logits.shape[1])


def faster_rcnn(pyramid: nn.Module, n_channels: int, n_labels: int, anchors: AnchorGenerator) -> FasterRCNN:
    """torchvision's detector on a pyramid.

    Args:
        pyramid: Gives the levels "0", "1", … of `STRIDES`, finest first.
        n_channels: Of each.
        n_labels: Classes, background not counted.
        anchors: Where the first stage looks.
    """
    return FasterRCNN(
        pyramid,
        rpn_anchor_generator=anchors,
        rpn_nms_thresh=_PROPOSAL_IOU,
        rpn_pre_nms_top_n_test=_CANDIDATES,
        rpn_post_nms_top_n_test=_PROPOSALS,
        box_roi_pool=MultiScaleRoIAlign(list(_POOLED_LEVELS), _POOLED_SIDE, _N_SAMPLES),
        box_head=TwoMLPHead(n_channels * _POOLED_SIDE**2, _N_HIDDEN),
        box_predictor=_Predictor(n_labels),
        box_batch_size_per_image=_N_LEARNED,
        bbox_reg_weights=_BOX_WEIGHTS,
    )


def two_stage_losses(
    detector: Any, pixels: Tensor, maps: Mapping[str, Tensor], targets: Sequence[dict[str, Tensor]]
) -> dict[str, Tensor]:
    """The four losses, in float32 whatever the maps are computed in.

    Which places and proposals are learned from is drawn by the boxes themselves: a training that is resumed draws the
    same as one that was never stopped.

    Args:
        detector: From `faster_rcnn`, in `train()`.
        pixels: float32 (N, 3, S, S).
        maps: The pyramid's, of these.
        targets: One a picture: `boxes` float32 (n, 4), `labels` int64 (n,), 0 for the first class.
    """
    levels = {name: values.float() for name, values in maps.items()}
    sizes = [(pixels.shape[2], pixels.shape[3])] * len(pixels)
    named = [{**target, "labels": target["labels"] + 1} for target in targets]  # torchvision's 0 is the background
    seed = int(sum(float(target["boxes"].double().sum()) for target in targets) * 1000)
    with (
        torch.random.fork_rng(devices=[pixels.device] if pixels.is_cuda else []),
        torch.autocast(pixels.device.type, enabled=False),
    ):
        torch.manual_seed(seed)
        proposals, first = detector.rpn(ImageList(pixels, sizes), levels, named)
        _, second = detector.roi_heads(levels, proposals, sizes, named)
    return {**first, **second}


def two_stage_boxes(
    detector: Any, maps: Mapping[str, Tensor], anchors: Sequence[Tensor], size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """The proposals, moved and named by the second stage; where there are fewer, the rest has no area and scores of 0.

    Args:
        detector: From `faster_rcnn`, in `eval()`.
        maps: The pyramid's.
        anchors: Of each level, float32 (h · w · A, 4).
        size: Height and width of the pictures, in pixels.

    Returns:
        float32 (N, 1000, 4) xyxy in pixels, and float32 (N, 1000, C) in [0, 1].
    """
    proposals, is_proposed = _proposals(detector, list(maps.values()), anchors, size)
    n, k = proposals.shape[:2]
    pooled = _pooled([maps[name] for name in _POOLED_LEVELS], proposals)
    logits, changes = detector.roi_heads.box_predictor(detector.roi_heads.box_head(pooled))
    changes = changes[:, :4].reshape(n, k, 4) / torch.tensor(_BOX_WEIGHTS, device=changes.device)
    scores = torch.softmax(logits, 1)[:, 1:].reshape(n, k, -1)
    return moved(proposals, changes), scores * is_proposed.unsqueeze(2)


def _proposals(
    detector: Any, levels: Sequence[Tensor], anchors: Sequence[Tensor], size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """float32 (N, K, 4) inside the picture, most promising first; and bool (N, K), False for what only fills up."""
    objectness, changes = detector.rpn.head(list(levels))
    told = torch.cat([maps.permute(0, 2, 3, 1).flatten(1) for maps in objectness], 1)
    moves = [maps.permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, 4)) for maps in changes]
    boxes = moved(torch.cat(list(anchors)), torch.cat(moves, 1))
    limit = torch.tensor([size[1], size[0]] * 2, device=boxes.device, dtype=boxes.dtype)
    boxes = torch.minimum(boxes.clamp(min=0), limit)
    level = torch.cat([torch.full_like(some[:, 0], number) for number, some in enumerate(anchors)])
    n = boxes.shape[0]  # (not len, which an export would take for a constant)
    # A picture can have fewer places than candidates are taken: as many that are nothing are put behind them.
    score = torch.cat([torch.sigmoid(told), told.new_full((n, _CANDIDATES), -1.0)], 1)
    boxes = torch.cat([boxes, boxes.new_zeros(n, _CANDIDATES, 4)], 1)
    level = torch.cat([level, level.new_zeros(_CANDIDATES)])
    score, place = score.topk(_CANDIDATES)
    boxes = boxes.gather(1, place.unsqueeze(2).expand(-1, -1, 4))
    score = torch.where(_is_kept(boxes, score, level[place], max(size)), score, -1.0)
    score, place = score.topk(_PROPOSALS)
    return boxes.gather(1, place.unsqueeze(2).expand(-1, -1, 4)), score >= 0


def _is_kept(boxes: Tensor, score: Tensor, level: Tensor, longest: int) -> Tensor:
    """bool (N, P): what suppression within each level of each picture leaves, all of them moved apart for it."""
    n, n_candidates = score.shape
    picture = torch.arange(n, device=boxes.device, dtype=boxes.dtype).unsqueeze(1)
    apart = (picture * len(STRIDES) + level) * (longest + 1.0)
    kept = nms((boxes + apart.unsqueeze(2)).reshape(-1, 4), score.reshape(-1), _PROPOSAL_IOU)
    is_kept = torch.zeros(n * n_candidates, dtype=torch.bool, device=boxes.device)
    return is_kept.index_fill(0, kept, True).reshape(n, n_candidates)


def _pooled(levels: Sequence[Tensor], proposals: Tensor) -> Tensor:
    """float32 (N · K, C, 7, 7): each proposal from the level of its size, as torchvision's `MultiScaleRoIAlign`."""
    n, k = proposals.shape[:2]
    picture = torch.arange(n, device=proposals.device, dtype=proposals.dtype).view(n, 1, 1).expand(n, k, 1)
    rois = torch.cat([picture, proposals], 2).reshape(-1, 5)
    side = (rois[:, 3:] - rois[:, 1:3]).prod(1).sqrt()
    finest = int(math.log2(STRIDES[0]))
    level = (torch.floor(4 + torch.log2(side / 224) + 1e-6)).clamp(finest, finest + len(levels) - 1) - finest
    pooled = [
        roi_align(maps, rois, _POOLED_SIDE, 1 / stride, _N_SAMPLES) * (level == number).view(-1, 1, 1, 1)
        for number, (maps, stride) in enumerate(zip(levels, STRIDES, strict=False))
    ]
    return torch.stack(pooled).sum(0)
