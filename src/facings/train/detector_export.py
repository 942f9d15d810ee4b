"""A trained detector becomes a model directory: uint8 pixels to every box there could be, NMS left to the runtime."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from facings.model_card import DetectorCard
from facings.train.detector_network import DetectorNetwork
from facings.train.model_directory import traced, write_model
from facings.types import FloatArray

TOLERANCE = 1e-3  # of scores, and of boxes in their sides; exponentials and roots widen float32's differences

_CHECKED_STRIDES = ((3, 4), (5, 2))  # height and width of the pictures that are compared
_SURE = 0.01  # boxes of places less sure than this are not compared: they are never shown
_ALIKE_FRAC = 0.99  # of the proposals of two stages that must be the same: float32 decides close choices either way


class Finder(nn.Module):
    """The exported graph: uint8 (N, 3, H, W) RGB → float32 (N, L, 4) xyxy in pixels, float32 (N, L, C) in [0, 1].

    Args:
        network: In `eval()`.
        mean: RGB, 0 to 255, subtracted.
        std: RGB, in units of 0 to 255, divided by.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(
        self, network: DetectorNetwork, mean: tuple[float, float, float], std: tuple[float, float, float]
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("pixel_mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes and scores of uint8 pictures."""
        found: tuple[Tensor, Tensor] = self.network((image.to(torch.float32) - self.pixel_mean) / self.pixel_std)
        return found


def export_detector(network: DetectorNetwork, card: DetectorCard, directory: Path, *, is_half: bool = False) -> float:
    """Write a model directory and check it: ONNX Runtime must say what torch says, at sizes other than the traced one.

    Args:
        network: In `eval()`; left as it is, a copy is exported.
        card: What the model is.
        directory: Where to write; must not exist yet.
        is_half: Store kernels as float16, see `write_model`.

    Returns:
        The largest difference between torch and ONNX Runtime: of scores, and of boxes over their longer side.

    Raises:
        BadInput: The directory exists.
        ModelMismatch: The difference is too large.
    """
    finder = Finder(copy.deepcopy(network).cpu().float().eval(), card.mean, card.std).eval()
    side = 4 * card.stride_px
    example = torch.zeros(2, 3, side, side + card.stride_px, dtype=torch.uint8)
    n_down, n_right = torch.export.Dim("n_down", min=1, max=512), torch.export.Dim("n_right", min=1, max=512)
    shapes = {0: torch.export.Dim("n"), 2: card.stride_px * n_down, 3: card.stride_px * n_right}

    def trace() -> onnx.ModelProto:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torchvision's suppression about torch
            return traced(finder, (example,), ["image"], ["boxes", "scores"], (shapes,))

    return write_model(
        directory,
        card.to_json(),
        finder,
        "network",
        trace=trace,
        difference=lambda graph: _largest_difference(finder, graph, card.stride_px),
        tolerance=TOLERANCE,
        is_half=is_half,
    )


def _largest_difference(finder: Finder, graph: Path, stride_px: int) -> float:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    differences = []
    for n, (down, right) in enumerate(_CHECKED_STRIDES, start=1):
        image = rng.integers(0, 256, (n, 3, down * stride_px, right * stride_px), np.uint8)
        with torch.inference_mode():
            boxes, scores = (part.numpy() for part in finder(torch.from_numpy(image)))
        got = session.run(["boxes", "scores"], {"image": image})
        compared = _nearest if finder.network.kind == "faster_rcnn" else _same_place
        differences.append(compared(boxes, scores, *got))
    return float(max(differences))


def _same_place(boxes: FloatArray, scores: FloatArray, got_boxes: FloatArray, got_scores: FloatArray) -> float:
    """Largest difference of scores, and of boxes over their longer side, place by place."""
    sides = np.maximum((boxes[..., 2:] - boxes[..., :2]).max(-1, keepdims=True), 1.0)
    is_shown = scores.max(-1) > _SURE
    apart = (np.abs(got_boxes - boxes) / sides)[is_shown].max(initial=0)
    return float(max(np.abs(got_scores - scores).max(), apart))


def _nearest(boxes: FloatArray, scores: FloatArray, got_boxes: FloatArray, got_scores: FloatArray) -> float:
    """The same where places have no fixed order: of each to the one most like it, without the few worst."""
    apart = []
    for picture, is_shown in enumerate(scores.max(-1) > _SURE):
        for box, score in zip(boxes[picture, is_shown], scores[picture, is_shown], strict=True):
            side = max(float((box[2:] - box[:2]).max()), 1.0)
            of_boxes = np.abs(got_boxes[picture] - box).max(-1) / side
            apart.append(np.maximum(of_boxes, np.abs(got_scores[picture] - score).max(-1)).min())
    return float(np.quantile(apart, _ALIKE_FRAC)) if apart else 0.0
