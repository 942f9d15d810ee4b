"""Where trunks come from, what is trained how fast, and a head that thinks in cosines."""

from __future__ import annotations

import importlib
import types
from pathlib import Path
from typing import Any

import pytest

from facings.errors import DependencyMissing, DownloadFailed, ModelMismatch, ModelNotFound

torch = pytest.importorskip("torch", reason="needs the train extra")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="needs the train extra")

from facings.model_card import ModelCard, Preparation  # noqa: E402
from facings.train import model as model_module  # noqa: E402
from facings.train.export import export_embedder  # noqa: E402
from facings.train.model import STARTER, Recognizer, load_trunk, parameter_groups  # noqa: E402
from facings.train.resnet import ResNet, ResNetLayout  # noqa: E402

pytestmark = pytest.mark.torch

LAYOUT = ResNetLayout(8, (8, 8, 16, 16), (1, 1, 1, 1), "1x1", "ceil")


def recognizer(n_products: int = 3) -> Any:
    torch.manual_seed(0)
    return Recognizer(ResNet(LAYOUT).eval(), n_products, 16)


def test_bundled_starter_is_loaded_with_its_card() -> None:
    trunk = load_trunk()
    stored = safetensors_torch.load_file(STARTER / "weights.safetensors")
    for name, value in trunk.backbone.state_dict().items():
        assert torch.equal(value, stored[name]), name
    assert (trunk.embedding_dim, trunk.mean, trunk.std) == (1024, (123.0, 117.0, 104.0), (1.0, 1.0, 1.0))
    assert not trunk.backbone.training


def test_local_file_with_the_usual_names_loads_and_its_classifier_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "RESNET50", LAYOUT)
    state = ResNet(LAYOUT).state_dict() | {"fc.weight": torch.ones(5, 16), "fc.bias": torch.ones(5)}
    safetensors_torch.save_file(state, tmp_path / "own.safetensors")
    trunk = load_trunk(tmp_path / "own.safetensors")
    assert torch.equal(trunk.backbone.state_dict()["conv1.weight"], state["conv1.weight"])
    assert trunk.embedding_dim == 16


@pytest.mark.parametrize("content", [None, b"", b"\x80\x04pickle"], ids=["missing", "empty", "a pickle"])
def test_file_that_is_no_safetensors_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "own.safetensors").write_bytes(content)
    with pytest.raises(ModelNotFound, match="cannot be read as safetensors"):
        load_trunk(tmp_path / "own.safetensors")


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    safetensors_torch.save_file(ResNet(LAYOUT).state_dict(), tmp_path / "own.safetensors")
    with pytest.raises(ModelMismatch, match="another architecture"):
        load_trunk(tmp_path / "own.safetensors")


def test_directory_without_a_model_or_of_unknown_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"no model\.onnx"):
        load_trunk(tmp_path)
    preparation = Preparation(64, 64, "squash", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    card = ModelCard("x", "odd", 16, preparation, "CC0-1.0", "random", "none", "")
    export_embedder(ResNet(LAYOUT), card, tmp_path / "model")
    with pytest.raises(ModelMismatch, match="'odd'"):
        load_trunk(tmp_path / "model")


def test_hub_out_of_reach_names_the_two_other_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_args: object, **_kwargs: object) -> None:
        raise OSError("no route to host")

    hub = types.SimpleNamespace(create_model=unreachable)
    monkeypatch.setattr(importlib, "import_module", lambda _name: hub)
    with pytest.raises(DownloadFailed, match=r"no route.*local \.safetensors.*model directory"):
        load_trunk("timm:resnet18.a1_in1k")


def test_hub_without_timm_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(DependencyMissing, match="pip install timm"):
        load_trunk("timm:resnet18")


def test_centers_on_the_mean_features_name_those_features_rightly() -> None:
    model = recognizer()
    features = torch.eye(16)[[0, 0, 1, 2]] * torch.tensor([[1.0], [9.0], [2.0], [5.0]])
    targets = torch.tensor([0, 0, 1, 2])
    model.place_centers(features, targets)
    logits = model.logits(features)
    assert logits.argmax(1).tolist() == targets.tolist()
    torch.testing.assert_close(logits.max(1).values, torch.full((4,), 16.0))  # cosine 1 times the first scale


@pytest.mark.parametrize("n_frozen, trained", [(0, {0, 1, 2, 3, 4}), (1, {2, 3, 4}), (4, set())])
def test_stages_below_are_frozen_or_slower(n_frozen: int, trained: set[int]) -> None:
    model = recognizer()
    groups = parameter_groups(model, lr=1.0, head_lr=7.0, layer_decay=0.5, weight_decay=0.1, n_frozen_stages=n_frozen)
    rates = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    for name, parameter in model.backbone.named_parameters():
        stage = int(name[5]) if name.startswith("layer") else 0
        assert parameter.requires_grad == (stage in trained), name
        if stage in trained:
            assert rates[id(parameter)] == (0.5 ** (4 - stage), 0.1 if parameter.ndim > 1 else 0.0), name
        else:
            assert id(parameter) not in rates, name
    assert rates[id(model.centers)] == (7.0, 0.0)


def test_trunk_without_named_stages_is_trained_as_one() -> None:
    model = Recognizer(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 4)), 2, 4)
    groups = parameter_groups(model, lr=1.0, head_lr=1.0, layer_decay=0.5, weight_decay=0.0, n_frozen_stages=1)
    assert sum(len(group["params"]) for group in groups) == 4
