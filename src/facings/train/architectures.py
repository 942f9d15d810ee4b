"""Networks by name: what a model card calls its architecture is enough to build that network again.

`torchvision:NAME` is every ResNet that torchvision lists, `timm:NAME` every backbone of timm that takes pictures of any
size, and `resnet50-half` and `resnet50` are layouts of the project's own network. torchvision publishes its weights as
pickles alone; the same weights, under the same parameter names, lie as safetensors in timm's repositories
(`timm/NAME.tv_in1k`), and are taken from there.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torchvision
from torch import nn

from facings.errors import BadInput, DependencyMissing, ModelMismatch
from facings.train.resnet import RESNET50, RESNET50_HALF, ResNet, ResNetLayout

TIMM, TORCHVISION = "timm:", "torchvision:"

LAYOUTS = {"resnet50-half": RESNET50_HALF, "resnet50": RESNET50}
# These of torchvision are built as the project's own network: the same function, and its normalization can be folded.
_OWN_OF_TORCHVISION = {
    "resnet50": RESNET50,
    "resnet101": replace(RESNET50, stage_blocks=(3, 4, 23, 3)),
    "resnet152": replace(RESNET50, stage_blocks=(3, 8, 36, 3)),
}
_RESNETS = ("resnet*", "resnext*", "wide_resnet*")
_IMAGENET_MEAN, _IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_PROBE_PX = 128


@dataclass(frozen=True, eq=False)
class Architecture:
    """A network that can be built, and what is published for it.

    Args:
        name: As a model card names it.
        build: A new network without a classifier and with random weights: float32 (N, 3, S, S) → float32 (N, D).
        mean: RGB, 0 to 255, that the published weights want subtracted.
        std: RGB, in units of 0 to 255, that they want divided by.
        hub_repo: Hugging Face repository of the published weights, "" when there are none.
        hub_file: Name of the file there.
        license: Of the published weights.
    """

    name: str
    build: Callable[[], nn.Module]
    mean: tuple[float, float, float] = _IMAGENET_MEAN
    std: tuple[float, float, float] = _IMAGENET_STD
    hub_repo: str = ""
    hub_file: str = "model.safetensors"
    license: str = "not stated by the hub"


def architecture_of(name: str) -> Architecture:
    """The architecture with this name.

    Args:
        name: `torchvision:NAME`, `timm:NAME` (a tag of timm's, as in `resnet50d.ra2_in1k`, chooses the weights), or
            what a model card says.

    Raises:
        BadInput: torchvision or timm has no such network, or it takes pictures of one size only.
        ModelMismatch: No family has that name.
        DependencyMissing: timm is needed and not installed.
    """
    if name.startswith(TIMM):
        return _timm(name.removeprefix(TIMM))
    if name.startswith(TORCHVISION):
        return _torchvision(name.removeprefix(TORCHVISION))
    layout = LAYOUTS.get(name.partition(":")[0])
    if layout is None:
        wanted = ", ".join((*LAYOUTS, f"{TORCHVISION}NAME", f"{TIMM}NAME"))
        raise ModelMismatch(f"Got architecture {name!r}, wanted one of {wanted} to train on.")
    return Architecture(name, lambda: _own(layout))


def embedding_dim_of(network: nn.Module) -> int:
    """D, measured: what a network says of itself does not always count its last layer.

    Raises:
        BadInput: The network does not give one row a picture.
    """
    with torch.inference_mode():
        rows = network.eval()(torch.zeros(1, 3, _PROBE_PX, _PROBE_PX))
    if rows.ndim != 2:
        raise BadInput(f"The network gives an array of shape {tuple(rows.shape)} for a picture, wanted one row (1, D).")
    return int(rows.shape[1])


def _own(layout: ResNetLayout) -> ResNet:
    """Random weights by He et al., "Delving Deep into Rectifiers" (2015), as torchvision's networks have them."""
    network = ResNet(layout)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def _torchvision(name: str) -> Architecture:
    known = torchvision.models.list_models(torchvision.models, include=_RESNETS)
    if name not in known:
        raise BadInput(f"{TORCHVISION}{name}: torchvision has no such ResNet; wanted one of {', '.join(known)}.")

    def build() -> nn.Module:
        if name in _OWN_OF_TORCHVISION:
            return _own(_OWN_OF_TORCHVISION[name])
        network: nn.Module = torchvision.models.get_model(name, weights=None)
        network.fc = nn.Identity()
        return network

    return Architecture(
        f"{TORCHVISION}{name}", build, hub_repo=f"timm/{name}.tv_in1k", license="bsd-3-clause (torchvision)"
    )


def _timm(name: str) -> Architecture:
    try:
        timm: Any = importlib.import_module("timm")
    except ImportError as error:
        raise DependencyMissing(f"{TIMM}{name} needs timm, which is not installed.", "pip install timm") from error
    plain, _, tag = name.partition(".")
    known = timm.list_models()
    if plain not in known:
        close = difflib.get_close_matches(plain, known) or ["resnet50d", "convnext_tiny"]
        raise BadInput(f"{TIMM}{name}: timm has no such network.", f"Close to it, or common: {', '.join(close)}.")
    published = timm.list_pretrained(f"{plain}.*")
    if tag and name not in published:
        raise BadInput(f"{TIMM}{name}: timm has no such weights; wanted one of {', '.join(published)}.")
    config = timm.get_pretrained_cfg(name)
    mean, std = (tuple(255.0 * float(value) for value in values) for values in (config.mean, config.std))
    return Architecture(
        f"{TIMM}{plain}",  # without the tag: it names weights
        lambda: _built_by_timm(timm, plain, is_size_fixed=bool(config.fixed_input_size)),
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        hub_repo=config.hf_hub_id or "",
        hub_file=config.hf_hub_filename or "model.safetensors",
        license=config.license or "not stated by the hub",
    )


def _built_by_timm(timm: Any, name: str, *, is_size_fixed: bool) -> nn.Module:
    # Vision transformers take any size when asked to; others with a fixed size know no such word.
    asked = {"dynamic_img_size": True, "dynamic_img_pad": True} if is_size_fixed else {}
    try:
        network: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **asked)
    except TypeError as error:
        raise BadInput(
            f"{TIMM}{name} takes pictures of one size only; training goes through several.",
            "Choose a network that takes any, such as a ResNet, a ConvNeXt or an EfficientNet.",
        ) from error
    return network
