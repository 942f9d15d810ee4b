"""The project's own ResNet: shapes, where the stride sits, names, and agreement with torchvision's."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from facings.errors import BadInput

torch = pytest.importorskip("torch", reason="needs the train extra")

from facings.train.resnet import RESNET50, RESNET50_HALF, Bottleneck, ResNet, ResNetLayout  # noqa: E402

pytestmark = pytest.mark.torch


def small(stride_in: Literal["1x1", "3x3"] = "1x1", stem_pool: Literal["ceil", "padded"] = "ceil") -> ResNetLayout:
    return ResNetLayout(8, (8, 16, 24, 32), (1, 2, 1, 1), stride_in, stem_pool)


def strides_of(block: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    return block.conv1.stride, block.conv2.stride


@pytest.mark.parametrize("stride_in", ["1x1", "3x3"])
@pytest.mark.parametrize(
    ("height", "width", "wanted"),
    [
        pytest.param(64, 64, [(16, 16), (8, 8), (4, 4), (2, 2)], id="divisible by 32"),
        pytest.param(64, 96, [(16, 24), (8, 12), (4, 6), (2, 3)], id="not square"),
        pytest.param(50, 50, [(12, 12), (6, 6), (3, 3), (2, 2)], id="stem map is odd: 25 pools to 12"),
    ],
)
def test_stages_have_the_stated_widths_and_strides(
    stride_in: Literal["1x1", "3x3"], height: int, width: int, wanted: list[tuple[int, int]]
) -> None:
    maps = ResNet(small(stride_in)).eval().stages(torch.zeros(2, 3, height, width))
    assert [tuple(m.shape) for m in maps] == [
        (2, channels, *size) for channels, size in zip((8, 16, 24, 32), wanted, strict=True)
    ]


@pytest.mark.parametrize(("stride_in", "strides"), [("1x1", ((2, 2), (1, 1))), ("3x3", ((1, 1), (2, 2)))])
def test_first_block_of_stages_two_to_four_strides_where_the_layout_says(
    stride_in: Literal["1x1", "3x3"], strides: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    network = ResNet(small(stride_in))
    assert strides_of(network.layer2[0]) == strides_of(network.layer3[0]) == strides_of(network.layer4[0]) == strides
    assert strides_of(network.layer1[0]) == strides_of(network.layer2[1]) == ((1, 1), (1, 1))


@pytest.mark.parametrize(
    ("stem_pool", "wanted"),
    [
        # Columns 0-2 and the partial window 2-3 of the ramp 0..15: Caffe's ceil mode.
        pytest.param("ceil", [[10.0, 11.0], [14.0, 15.0]], id="ceil keeps the partial window"),
        # Columns (-1)-1 and 1-3.
        pytest.param("padded", [[5.0, 7.0], [13.0, 15.0]], id="padded starts one pixel outside"),
    ],
)
def test_stem_pool_windows(stem_pool: Literal["ceil", "padded"], wanted: list[list[float]]) -> None:
    ramp = torch.arange(16.0).view(1, 1, 4, 4)
    assert ResNet(small(stem_pool=stem_pool)).maxpool(ramp)[0, 0].tolist() == wanted


def test_feature_is_the_mean_of_the_last_stage() -> None:
    torch.manual_seed(0)
    network = ResNet(small()).eval()
    image = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        feature, last = network(image), network.stages(image)[-1]
    assert feature.shape == (3, 32)
    torch.testing.assert_close(feature, last.flatten(2).mean(dim=2))
    assert feature.abs().max() > 0


def test_block_whose_last_scale_is_zero_passes_its_input_on() -> None:
    block = Bottleneck(8, 8, 1, "1x1").eval()
    torch.nn.init.zeros_(block.bn3.weight)
    maps = torch.randn(1, 8, 5, 5)
    torch.testing.assert_close(block(maps), torch.relu(maps))


def test_state_dict_names_are_the_published_ones() -> None:
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    block = {f"conv{i}.weight" for i in (1, 2, 3)} | {f"bn{i}.{part}" for i in (1, 2, 3) for part in norm}
    projection = {"downsample.0.weight"} | {f"downsample.1.{part}" for part in norm}
    wanted = {"conv1.weight"} | {f"bn1.{part}" for part in norm}
    wanted |= {f"layer{stage}.0.{name}" for stage in (1, 2, 3, 4) for name in block}
    wanted |= {f"layer2.1.{name}" for name in block}
    wanted |= {f"layer{stage}.0.{name}" for stage in (2, 3, 4) for name in projection}  # stage 1 keeps width 8
    assert set(ResNet(small()).state_dict()) == wanted


def test_layout_of_resnet50_gives_what_torchvision_gives() -> None:
    torchvision = pytest.importorskip("torchvision", reason="needs the train extra")
    torch.manual_seed(0)
    reference = torchvision.models.resnet50(weights=None).eval()
    reference.fc = torch.nn.Identity()
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # fresh statistics would hide a mix-up of layers
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    network = ResNet(RESNET50).eval()
    network.load_state_dict(reference.state_dict(), strict=True)
    image = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(image), reference(image))


def test_half_layout_has_53_convolutions_and_1024_features() -> None:
    convolutions = [module for module in ResNet(RESNET50_HALF).modules() if isinstance(module, torch.nn.Conv2d)]
    assert len(convolutions) == 53
    assert convolutions[-1].out_channels == 1024


@pytest.mark.parametrize(
    ("stem_width", "widths", "blocks"),
    [
        pytest.param(0, (8, 8, 8, 8), (1, 1, 1, 1), id="no stem"),
        pytest.param(8, (8, 8, 8, 8), (1, 0, 1, 1), id="stage without blocks"),
        pytest.param(8, (8, 8, 8, 10), (1, 1, 1, 1), id="width not a multiple of four"),
        pytest.param(8, (0, 8, 8, 8), (1, 1, 1, 1), id="stage of width zero"),
    ],
)
def test_impossible_layouts_are_refused(
    stem_width: int, widths: tuple[int, int, int, int], blocks: tuple[int, int, int, int]
) -> None:
    with pytest.raises(BadInput, match="wanted"):
        ResNetLayout(stem_width, widths, blocks, "1x1", "ceil")
