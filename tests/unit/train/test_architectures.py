"""A name is enough to build a network, and says where its published weights lie."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from facings.errors import BadInput, DependencyMissing, ModelMismatch

torch = pytest.importorskip("torch", reason="needs the train extra")
timm = pytest.importorskip("timm", reason="needs the train extra")

import torchvision  # noqa: E402

from facings.train.architectures import architecture_of, embedding_dim_of  # noqa: E402
from facings.train.resnet import RESNET50, ResNet  # noqa: E402

pytestmark = pytest.mark.torch

RESNETS = [
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d"),
    *("resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"),
]


def shapes_of(network: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def test_every_resnet_of_torchvision_is_known() -> None:
    listed = {
        name
        for name in torchvision.models.list_models()
        if torchvision.models.get_model_builder(name).__module__ == "torchvision.models.resnet"
    }
    assert listed == set(RESNETS)


@pytest.mark.parametrize("name", RESNETS)
def test_published_weights_have_the_names_and_shapes_of_torchvision(name: str) -> None:
    architecture = architecture_of(f"torchvision:{name}")
    with torch.device("meta"):
        built = shapes_of(architecture.build())
        torchvisions = shapes_of(torchvision.models.get_model(name, weights=None))
        published = shapes_of(timm.create_model(architecture.hub_repo.removeprefix("timm/")))
    assert torchvisions == published == built | {key: torchvisions[key] for key in ("fc.weight", "fc.bias")}
    config = timm.get_pretrained_cfg(architecture.hub_repo.removeprefix("timm/"))
    assert config.hf_hub_id == architecture.hub_repo
    assert architecture.mean == pytest.approx([255 * value for value in config.mean])
    assert architecture.std == pytest.approx([255 * value for value in config.std])


@pytest.mark.parametrize(("name", "n_blocks"), [("resnet50", 6), ("resnet101", 23), ("resnet152", 36)])
def test_bottlenecks_of_torchvision_are_the_networks_own_that_can_be_folded(name: str, n_blocks: int) -> None:
    with torch.device("meta"):
        built = architecture_of(f"torchvision:{name}").build()
    assert isinstance(built, ResNet)
    assert (built.layout.stride_in, built.layout.stem_pool) == (RESNET50.stride_in, RESNET50.stem_pool)
    assert len(built.layer3) == n_blocks


def test_tag_chooses_weights_and_the_name_on_the_card_is_without_it() -> None:
    default, tagged = architecture_of("timm:resnet50d"), architecture_of("timm:resnet50d.a1_in1k")
    assert default.name == tagged.name == "timm:resnet50d"
    assert default.hub_repo != tagged.hub_repo == "timm/resnet50d.a1_in1k"


def test_mean_and_std_are_those_of_the_weights() -> None:
    assert architecture_of("timm:test_resnet").mean == (127.5, 127.5, 127.5)  # 0.5 × 255


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("torchvision:resnet19", "no such ResNet; wanted one of .*resnet18"),
        ("torchvision:alexnet", "no such ResNet"),
        ("torchvision:", "no such ResNet"),
        ("timm:resnet50dd", "no such network.*resnet50d"),
        ("timm:hf-hub:somebody/something", "no such network"),
        ("timm:resnet50d.of_nobody", "no such weights; wanted one of .*resnet50d.ra2_in1k"),
    ],
)
def test_unknown_name_is_refused_with_what_is_known(name: str, wanted: str) -> None:
    with pytest.raises(BadInput, match=wanted):
        architecture_of(name)


def test_unknown_family_is_refused() -> None:
    with pytest.raises(ModelMismatch, match=r"'alexnet: old', wanted one of resnet50-half"):
        architecture_of("alexnet: old")


def test_timm_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(DependencyMissing, match="pip install timm"):
        architecture_of("timm:resnet18")
    architecture_of("torchvision:resnet18").build()  # needs none


def test_network_of_one_picture_size_is_refused() -> None:
    with pytest.raises(BadInput, match="pictures of one size only"):
        architecture_of("timm:mixer_s32_224").build()


def test_transformer_takes_pictures_of_any_size() -> None:
    network = architecture_of("timm:test_vit").build().eval()
    with torch.inference_mode():
        assert [network(torch.zeros(2, 3, side, side)).shape[0] for side in (64, 100)] == [2, 2]


def test_embedding_size_is_what_comes_out() -> None:
    network = timm.create_model("mobilenetv3_small_050", num_classes=0)
    assert network.num_features == 288  # before its last layer
    assert embedding_dim_of(network) == 1024


def test_network_that_gives_a_map_is_refused() -> None:
    with pytest.raises(BadInput, match=r"shape \(1, 4, 128, 128\)"):
        embedding_dim_of(torch.nn.Conv2d(3, 4, 1))


def test_own_layout_starts_with_the_spread_of_he() -> None:
    torch.manual_seed(0)
    weight = architecture_of("resnet50-half: as on a card").build().state_dict()["layer4.0.conv2.weight"]
    assert weight.shape == (256, 256, 3, 3)
    assert float(weight.std()) == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.02)
