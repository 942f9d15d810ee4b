"""What is trained how fast, and a head that thinks in cosines."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
timm = pytest.importorskip("timm", reason="needs the train extra")

import torchvision  # noqa: E402

from facings.train.model import Recognizer, freeze, parameter_groups, stages_of  # noqa: E402
from facings.train.resnet import ResNet, ResNetLayout  # noqa: E402

pytestmark = pytest.mark.torch

LAYOUT = ResNetLayout(8, (8, 8, 16, 16), (1, 1, 1, 1), "1x1", "ceil")


def recognizer(n_products: int = 3) -> Any:
    torch.manual_seed(0)
    return Recognizer(ResNet(LAYOUT).eval(), n_products, 16)


def test_centers_on_the_mean_features_name_those_features_rightly() -> None:
    model = recognizer()
    features = torch.eye(16)[[0, 0, 1, 2]] * torch.tensor([[1.0], [9.0], [2.0], [5.0]])
    targets = torch.tensor([0, 0, 1, 2])
    model.place_centers(features, targets)
    logits = model.logits(features)
    assert logits.argmax(1).tolist() == targets.tolist()
    torch.testing.assert_close(logits.max(1).values, torch.full((4,), 16.0))  # cosine 1 times the first scale


def test_weights_learn_by_their_own_size_and_stages_below_slower() -> None:
    model = recognizer()
    with torch.no_grad():
        model.backbone.conv1.weight.zero_()
        model.backbone.layer3[0].conv2.weight.fill_(-0.5)
    groups = parameter_groups(model, lr=1.0, head_lr=7.0, layer_decay=0.5, weight_decay=0.1)
    rates = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    for name, parameter in model.backbone.named_parameters():
        stage = int(name[5]) if name.startswith("layer") else 0
        size = 0.02 if parameter.ndim == 1 else max(1e-4, float(parameter.detach().pow(2).mean()) ** 0.5)
        wanted = (0.5 ** (4 - stage) * size / 0.02, 0.1 if parameter.ndim > 1 else 0.0)
        assert rates[id(parameter)] == pytest.approx(wanted), name
    assert rates[id(model.backbone.layer3[0].conv2.weight)] == pytest.approx((0.5 * 25, 0.1))
    assert rates[id(model.backbone.conv1.weight)] == pytest.approx((0.005 / 16, 0.1))
    assert rates[id(model.centers)] == (7.0, 0.0)


@pytest.mark.parametrize("n_frozen, trained", [(0, {0, 1, 2, 3, 4}), (1, {2, 3, 4}), (4, set())])
def test_frozen_stages_take_no_gradients_and_lose_those_they_have(n_frozen: int, trained: set[int]) -> None:
    model = recognizer()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    freeze(model.backbone, 3)
    freeze(model.backbone, n_frozen)
    for name, parameter in model.backbone.named_parameters():
        stage = int(name[5]) if name.startswith("layer") else 0
        assert parameter.requires_grad == (stage in trained), name
        assert (parameter.grad is None) == (stage not in trained or stage <= 3), name
    assert model.centers.requires_grad


def test_trunk_without_named_stages_is_trained_as_one() -> None:
    model = Recognizer(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 4)), 2, 4)
    groups = parameter_groups(model, lr=1.0, head_lr=1.0, layer_decay=0.5, weight_decay=0.0)
    assert sum(len(group["params"]) for group in groups) == 4
    freeze(model.backbone, 3)
    assert all(parameter.requires_grad for parameter in model.parameters())


def by_meta(build: Any) -> Any:
    """A network without numbers: its names alone are looked at."""
    with torch.device("meta"):
        return build()


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: torchvision.models.resnet18(weights=None), id="torchvision, basic blocks"),
        pytest.param(lambda: torchvision.models.wide_resnet50_2(weights=None), id="torchvision, bottlenecks"),
        pytest.param(lambda: timm.create_model("resnet50d", num_classes=0), id="timm, a stem of several layers"),
        pytest.param(lambda: timm.create_model("resnext50_32x4d", num_classes=0), id="timm, groups"),
    ],
)
def test_every_resnet_has_a_stem_and_four_layers(build: Any) -> None:
    stages = stages_of(by_meta(build))
    assert set(stages.values()) == {0, 1, 2, 3, 4}
    for name, stage in stages.items():
        wanted = int(name[5]) if name.startswith("layer") else 4 if name.startswith("fc.") else 0
        assert stage == wanted, name


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        pytest.param(
            "convnext_tiny",
            {"stem.0.weight": 0, "stages.0.blocks.0.gamma": 1, "stages.1.downsample.0.weight": 2}
            | {"stages.3.blocks.2.mlp.fc2.bias": 4, "head.norm.weight": 4},
            id="stages from 0 to 3",
        ),
        pytest.param(
            "efficientnet_b0",  # stages end at blocks 1, 2, 4 and 6; block 0 works at half size
            {"conv_stem.weight": 0, "blocks.0.0.conv_dw.weight": 0, "blocks.1.0.conv_pw.weight": 1}
            | {"blocks.3.0.conv_pw.weight": 3, "blocks.4.0.conv_pw.weight": 3, "blocks.5.0.conv_pw.weight": 4}
            | {"conv_head.weight": 4},
            id="stages that end at some of many blocks",
        ),
        pytest.param(
            "vit_tiny_patch16_224",
            {"pos_embed": 0, "patch_embed.proj.weight": 0, "blocks.0.norm1.weight": 1, "blocks.2.norm1.weight": 1}
            | {"blocks.3.norm1.weight": 2, "blocks.8.norm1.weight": 3, "blocks.11.norm1.weight": 4, "norm.weight": 4},
            id="quarters of twelve equal blocks",
        ),
        pytest.param("nest_tiny", {"levels.0.pos_embed": 2, "levels.2.pos_embed": 4}, id="three stages end with 4"),
        pytest.param(
            "vgg11", {"features.3.weight": 0, "features.6.weight": 1, "features.18.weight": 3}, id="ReLU ends"
        ),
    ],
)
def test_stages_of_other_networks_follow_their_feature_info(name: str, wanted: dict[str, int]) -> None:
    stages = stages_of(by_meta(lambda: timm.create_model(name, num_classes=0)))
    found = {part: stages[part] for part in wanted}
    assert found == wanted
    assert list(stages.values()) == sorted(stages.values())  # never back to an earlier stage
