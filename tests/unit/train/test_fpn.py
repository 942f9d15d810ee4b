"""The pyramid: four levels of any trunk that tells its stages."""

from __future__ import annotations

from typing import Any

import pytest

from facings.errors import BadInput

torch = pytest.importorskip("torch", reason="needs the train extra")
torchvision = pytest.importorskip("torchvision", reason="needs the train extra")

from facings.train.architectures import architecture_of  # noqa: E402
from facings.train.fpn import STRIDES, Pyramid, last_stages  # noqa: E402
from small_trunk import small_trunk  # noqa: E402

pytestmark = pytest.mark.torch


def trunk_of(name: str) -> Any:
    if name == "own":
        return small_trunk()
    if name.startswith("timm:"):
        pytest.importorskip("timm", reason="needs the train extra")
    return architecture_of(name).build().eval()


TRUNKS = ("own", "torchvision:resnet18", "timm:test_resnet")


@pytest.mark.parametrize("name", TRUNKS)
@pytest.mark.parametrize("height, width", [(64, 128), (96, 160)], ids=["multiples of 64", "multiples of 32"])
def test_levels_have_their_strides_and_equal_channels(name: str, height: int, width: int) -> None:
    pyramid = Pyramid(trunk_of(name), 32)
    with torch.inference_mode():
        levels = list(pyramid(torch.randn(2, 3, height, width)).values())
    wanted = [(2, 32, -(-height // stride), -(-width // stride)) for stride in STRIDES]
    assert [tuple(maps.shape) for maps in levels] == wanted


@pytest.mark.parametrize("name", TRUNKS)
def test_stages_are_what_the_trunk_itself_computes(name: str) -> None:
    trunk, image = trunk_of(name), torch.randn(1, 3, 64, 96)
    seen: list[Any] = []
    for layer in (trunk.layer2, trunk.layer3, trunk.layer4):
        layer.register_forward_hook(lambda _module, _given, maps: seen.append(maps))
    with torch.inference_mode():
        trunk(image)
        wanted, seen = seen, []
        stages = last_stages(trunk, image)
    assert len(wanted) == len(stages) == 3
    for maps, stage in zip(wanted, stages, strict=True):
        torch.testing.assert_close(stage, maps)


def test_gradients_reach_trunk_and_every_level() -> None:
    pyramid = Pyramid(small_trunk(), 32)
    sum(maps.square().sum() for maps in pyramid(torch.randn(1, 3, 64, 64)).values()).backward()
    assert all(parameter.grad is not None for parameter in pyramid.parameters())


def test_trunk_without_stages_is_refused() -> None:
    with pytest.raises(BadInput, match=r"Sequential does not tell its stages.*ResNet"):
        Pyramid(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3)), 32)


def test_trunk_with_stages_of_other_strides_is_refused() -> None:
    with pytest.raises(BadInput, match=r"strides \[16, 16, 16\], wanted \[8, 16, 32\].*ResNet"):
        Pyramid(trunk_of("timm:test_vit"), 32)
