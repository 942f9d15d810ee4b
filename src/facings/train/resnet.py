"""Bottleneck residual networks: normalized pixels in, one pooled feature an image out.

The network is the bottleneck design of He et al., "Deep Residual Learning for Image Recognition" (2015,
arXiv:1512.03385). Where the stride of a stage sits and how the stem pools differ between published weights, so
both are part of the `ResNetLayout`. Parameters carry the names that most published ResNet files use (`conv1`,
`bn1`, `layer1.0.conv1`, `layer1.0.downsample.0`), so that such a file loads as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from facings.errors import BadInput

BOTTLENECK_RATIO = 4  # a block's inner width is its output width over this


@dataclass(frozen=True)
class ResNetLayout:
    """The shape of a bottleneck ResNet.

    Args:
        stem_width: Channels after the 7×7 stem.
        stage_widths: Output channels of the four stages, each a multiple of 4; the last is the feature's length D.
        stage_blocks: Bottleneck blocks in each of the four stages, at least one.
        stride_in: Which convolution of a stage's first block halves the map: "1x1", as in the paper, or "3x3",
            as in the later "v1.5".
        stem_pool: "ceil" pools 3×3/2 without padding and keeps the last partial window, as Caffe does; "padded"
            pads the map by one pixel on every side.
    """

    stem_width: int
    stage_widths: tuple[int, int, int, int]
    stage_blocks: tuple[int, int, int, int]
    stride_in: Literal["1x1", "3x3"]
    stem_pool: Literal["ceil", "padded"]

    def __post_init__(self) -> None:
        if self.stem_width < 1 or min(self.stage_blocks) < 1:
            raise BadInput(f"{self}: wanted at least one stem channel and one block in each stage.")
        if any(width < BOTTLENECK_RATIO or width % BOTTLENECK_RATIO for width in self.stage_widths):
            raise BadInput(f"{self}: wanted stage widths that are positive multiples of {BOTTLENECK_RATIO}.")


RESNET50 = ResNetLayout(64, (256, 512, 1024, 2048), (3, 4, 6, 3), "3x3", "padded")
RESNET50_HALF = ResNetLayout(64, (128, 256, 512, 1024), (3, 4, 6, 3), "1x1", "ceil")


class Bottleneck(nn.Module):
    """1×1 reduce, 3×3, 1×1 expand, added to the input: float32 (N, in, H, W) → (N, out, ⌈H/stride⌉, ⌈W/stride⌉).

    Args:
        in_width: Channels of the input.
        out_width: Channels of the output, a multiple of 4.
        stride: 1 or 2.
        stride_in: Which convolution strides.
    """

    def __init__(self, in_width: int, out_width: int, stride: int, stride_in: Literal["1x1", "3x3"]) -> None:
        super().__init__()
        inner = out_width // BOTTLENECK_RATIO
        first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
        self.conv1 = nn.Conv2d(in_width, inner, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, second, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out_width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_width)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_width != out_width:
            projection = nn.Conv2d(in_width, out_width, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(out_width))

    def forward(self, maps: Tensor) -> Tensor:
        """The block's output maps, after its last ReLU."""
        shortcut = maps if self.downsample is None else self.downsample(maps)
        inner = torch.relu(self.bn1(self.conv1(maps)))
        inner = torch.relu(self.bn2(self.conv2(inner)))
        return torch.relu(self.bn3(self.conv3(inner)) + shortcut)


class ResNet(nn.Module):
    """A bottleneck ResNet without a classifier.

    Batch normalization is kept as modules. Weights converted from a file that stores only the product of scale and
    1/√variance (as the starter weights do) carry that product in `weight` and a variance of one: exact with the
    stored statistics (`eval()`), and wrong with the statistics of a batch. Keep their normalization layers in
    `eval()` while fine-tuning.

    Args:
        layout: Widths, depths and quirks.
    """

    def __init__(self, layout: ResNetLayout) -> None:
        super().__init__()
        self.layout = layout
        self.conv1 = nn.Conv2d(3, layout.stem_width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(layout.stem_width)
        is_ceil = layout.stem_pool == "ceil"
        self.maxpool = nn.MaxPool2d(3, 2, padding=0 if is_ceil else 1, ceil_mode=is_ceil)
        in_widths = (layout.stem_width, *layout.stage_widths[:3])
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(in_width, out_width, n_blocks, stride, layout.stride_in)
            for in_width, out_width, n_blocks, stride in zip(
                in_widths, layout.stage_widths, layout.stage_blocks, (1, 2, 2, 2), strict=True
            )
        )

    def stages(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The maps after each stage, finest first.

        Args:
            image: float32 (N, 3, H, W), RGB, with mean subtracted and divided by std.

        Returns:
            Four float32 (N, stage width, h, w) with strides of 4, 8, 16 and 32 pixels, all at least 0.
        """
        maps = self.maxpool(torch.relu(self.bn1(self.conv1(image))))
        first = self.layer1(maps)
        second = self.layer2(first)
        third = self.layer3(second)
        return first, second, third, self.layer4(third)

    def forward(self, image: Tensor) -> Tensor:
        """The last stage averaged over its positions: float32 (N, D), not normalized, for an image as in `stages`."""
        return self.stages(image)[-1].mean(dim=(2, 3))


def _stage(
    in_width: int, out_width: int, n_blocks: int, stride: int, stride_in: Literal["1x1", "3x3"]
) -> nn.Sequential:
    first = Bottleneck(in_width, out_width, stride, stride_in)
    return nn.Sequential(first, *(Bottleneck(out_width, out_width, 1, stride_in) for _ in range(n_blocks - 1)))
