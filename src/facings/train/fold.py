"""Normalization folded into convolutions: the same function for about two thirds of the time of a training step.

Batch normalization with stored statistics is one scale and one shift a channel, so it can be part of the convolution
before it (Jacob et al., "Quantization and Training of Neural Networks", 2018, 3.2). Training the folded network never
touches batch statistics. `unfolded` gives the normal network back, under the parameter names it came with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facings.train.resnet import Bottleneck, ResNet


def fold_norms(backbone: ResNet) -> None:
    """Replace each convolution and its normalization by one convolution with a bias, in place.

    Args:
        backbone: Its normalizations are used with their stored statistics.
    """
    backbone.eval()
    for owner, conv_name, norm_name in list(_pairs(backbone)):
        convolution = cast(nn.Conv2d, owner.get_submodule(conv_name))
        norm = cast(nn.BatchNorm2d, owner.get_submodule(norm_name))
        setattr(owner, conv_name, fuse_conv_bn_eval(convolution, norm))
        setattr(owner, norm_name, nn.Identity())


def unfolded(backbone: ResNet) -> ResNet:
    """A folded network as a normal one in `eval()`: scale and variance one, mean zero, the bias as shift.

    Args:
        backbone: As `fold_norms` left it; not changed.
    """
    plain = ResNet(backbone.layout).eval()
    with torch.no_grad():
        for (source, conv_name, _), (target, _, norm_name) in zip(_pairs(backbone), _pairs(plain), strict=True):
            folded = cast(nn.Conv2d, source.get_submodule(conv_name))
            cast(nn.Conv2d, target.get_submodule(conv_name)).weight.copy_(folded.weight)
            norm = cast(nn.BatchNorm2d, target.get_submodule(norm_name))
            if folded.bias is not None:
                norm.bias.copy_(folded.bias)
            cast(torch.Tensor, norm.running_var).fill_(1.0 - norm.eps)
    return plain


def is_folded(backbone: ResNet) -> bool:
    """Whether `fold_norms` has been here."""
    return isinstance(backbone.bn1, nn.Identity)


def _pairs(backbone: ResNet) -> Iterator[tuple[nn.Module, str, str]]:
    """Every convolution with its normalization: the module that owns both, and their names in it."""
    yield backbone, "conv1", "bn1"
    for module in backbone.modules():
        if isinstance(module, Bottleneck):
            for number in (1, 2, 3):
                yield module, f"conv{number}", f"bn{number}"
            if module.downsample is not None:
                yield module.downsample, "0", "1"
