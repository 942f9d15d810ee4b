"""A trunk that finds things: its stages on one pyramid of maps with equal channels, finest first.

The feature pyramid of Lin et al., "Feature Pyramid Networks for Object Detection" (2017), by torchvision, on the last
three stages of any trunk: strides 8, 16 and 32, and one coarser level (64) for products that fill the picture.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock, FeaturePyramidNetwork

from facings.errors import BadInput
from facings.train.resnet import ResNet

STRIDES = (8, 16, 32, 64)

_PROBE_PX = 64
_N_STAGES = 3


class Pyramid(nn.Module):
    """Trunk and pyramid: float32 (N, 3, H, W) normalized → four float32 (N, C, H / stride, W / stride), rounded up.

    Args:
        trunk: A ResNet of this project or of torchvision, or a network of timm with stages of strides 8, 16 and 32.
        out_channels: C.

    Raises:
        BadInput: The trunk has no such stages.
    """

    def __init__(self, trunk: nn.Module, out_channels: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.out_channels = out_channels
        widths = [maps.shape[1] for maps in self._probe()]
        self.fpn = FeaturePyramidNetwork(widths, out_channels, _OneCoarser(out_channels))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Maps by level number, finest first, as torchvision's detectors take them."""
        stages = last_stages(self.trunk, image)
        found: dict[str, Tensor] = self.fpn(OrderedDict((str(level), maps) for level, maps in enumerate(stages)))
        return found

    def _probe(self) -> tuple[Tensor, ...]:
        with torch.inference_mode():
            stages = last_stages(self.trunk, torch.zeros(1, 3, _PROBE_PX, _PROBE_PX))
        strides = [_PROBE_PX // maps.shape[-1] for maps in stages]
        if strides != list(STRIDES[:_N_STAGES]):
            raise BadInput(
                f"Detector: the trunk's last stages have strides {strides}, wanted {list(STRIDES[:_N_STAGES])}.",
                "Start from a ResNet.",
            )
        return stages


class _OneCoarser(ExtraFPNBlock):  # type: ignore[misc]
    """The level above the pyramid's top, from that."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 2, padding=1)

    def forward(
        self, results: list[Tensor], x: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:  # (signature of torchvision)
        """The levels, and one more."""
        return [*results, self.conv(results[-1])], [*names, str(len(x))]


def last_stages(trunk: nn.Module, image: Tensor) -> tuple[Tensor, ...]:
    """The maps of a trunk's last three stages, finest first.

    Raises:
        BadInput: The network does not tell its stages.
    """
    if isinstance(trunk, ResNet):
        return trunk.stages(image)[-_N_STAGES:]
    network: Any = trunk
    if hasattr(trunk, "forward_intermediates"):  # timm
        return tuple(network.forward_intermediates(image, intermediates_only=True)[-_N_STAGES:])
    if all(hasattr(trunk, name) for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer4")):  # torchvision
        maps = network.layer1(network.maxpool(network.relu(network.bn1(network.conv1(image)))))
        stages = []
        for layer in (network.layer2, network.layer3, network.layer4):
            maps = layer(maps)
            stages.append(maps)
        return tuple(stages)
    raise BadInput(f"Detector: {type(trunk).__name__} does not tell its stages.", "Start from a ResNet.")
