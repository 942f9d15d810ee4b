"""Where trunks come from: a model directory, a local file, dice. The hub has its own tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from facings.errors import BadInput, ModelMismatch, ModelNotFound

torch = pytest.importorskip("torch", reason="needs the train extra")
onnx = pytest.importorskip("onnx", reason="needs the train extra")
timm = pytest.importorskip("timm", reason="needs the train extra")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="needs the train extra")

import torchvision  # noqa: E402

from facings.model_card import CARD_KEY, MODEL_FILE, WEIGHTS_FILE, ModelCard, Preparation  # noqa: E402
from facings.train.backbones import STARTER, Trunk, load_trunk  # noqa: E402
from facings.train.export import export_embedder  # noqa: E402

pytestmark = pytest.mark.torch


def card_of(trunk: Trunk) -> ModelCard:
    preparation = Preparation(64, 64, "squash", "bilinear", trunk.mean, trunk.std)
    return ModelCard(
        "x", trunk.architecture, trunk.embedding_dim, preparation, trunk.license, trunk.source, trunk.training_data, ""
    )


def rows_of(backbone: Any, side: int = 64) -> Any:
    pixels = torch.linspace(-2, 2, 3 * side * side).view(1, 3, side, side)
    with torch.inference_mode():
        return backbone(pixels)


def resnet18() -> Any:
    torch.manual_seed(3)
    return torchvision.models.resnet18(weights=None).eval()


@pytest.fixture(scope="module")
def resnet18_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("file") / "own@home.safetensors"
    safetensors_torch.save_file(resnet18().state_dict(), path)
    return path


def test_bundled_starter_is_loaded_with_its_card() -> None:
    trunk = load_trunk("starter")
    stored = safetensors_torch.load_file(STARTER / "weights.safetensors")
    for name, value in trunk.backbone.state_dict().items():
        assert torch.equal(value, stored[name]), name
    assert (trunk.embedding_dim, trunk.mean, trunk.std) == (1024, (123.0, 117.0, 104.0), (1.0, 1.0, 1.0))
    assert not trunk.backbone.training
    assert not trunk.is_scratch


def test_local_file_gives_the_features_of_torchvision_and_its_classifier_is_left_out(resnet18_file: Path) -> None:
    trunk = load_trunk(f"torchvision:resnet18@{resnet18_file}")
    wanted = resnet18()
    wanted.fc = torch.nn.Identity()
    torch.testing.assert_close(rows_of(trunk.backbone), rows_of(wanted), atol=0, rtol=0)
    assert (trunk.architecture, trunk.embedding_dim) == ("torchvision:resnet18", 512)
    assert trunk.mean == pytest.approx((123.675, 116.28, 103.53))
    assert "own@home.safetensors" in trunk.source
    assert not trunk.backbone.training


def test_local_file_fills_a_network_of_timm(resnet18_file: Path) -> None:
    trunk = load_trunk(f"timm:resnet18@{resnet18_file}")
    torch.testing.assert_close(trunk.backbone.state_dict()["conv1.weight"], resnet18().state_dict()["conv1.weight"])
    assert trunk.architecture == "timm:resnet18"


def test_part_of_the_network_that_is_named_like_a_classifier_is_kept(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = timm.create_model("test_convnext", num_classes=7)
    torch.nn.init.normal_(network.head.norm.weight)
    safetensors_torch.save_file(network.state_dict(), tmp_path / "own.safetensors")
    trunk = load_trunk(f"timm:test_convnext@{tmp_path / 'own.safetensors'}")
    assert torch.equal(trunk.backbone.state_dict()["head.norm.weight"], network.head.norm.weight)


def test_old_file_without_counts_of_batches_is_read(tmp_path: Path) -> None:
    state = {name: value for name, value in resnet18().state_dict().items() if "num_batches" not in name}
    safetensors_torch.save_file(state, tmp_path / "old.safetensors")
    trunk = load_trunk(f"torchvision:resnet18@{tmp_path / 'old.safetensors'}")
    assert torch.equal(trunk.backbone.state_dict()["bn1.running_mean"], state["bn1.running_mean"])


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        pytest.param(
            lambda state: state.pop("layer1.0.conv1.weight"), r"missing: layer1\.0\.conv1\.weight\)", id="less"
        ),
        pytest.param(
            lambda state: [state.pop(name) for name in list(state) if name.startswith("layer4.")],
            r"missing: layer4\.0\.conv1\.weight, .*, .* and \d+ more\)",
            id="much less",
        ),
        pytest.param(lambda state: state.update(extra=torch.ones(1)), r"surplus: extra\)", id="more"),
        pytest.param(
            lambda state: state.update({"conv1.weight": torch.ones(64, 1, 7, 7)}),
            r"of another shape: conv1\.weight\)",
            id="gray pictures",
        ),
    ],
)
def test_weights_of_another_network_are_refused_with_a_few_names(tmp_path: Path, change: Any, wanted: str) -> None:
    state = dict(resnet18().state_dict())
    change(state)
    safetensors_torch.save_file(state, tmp_path / "own.safetensors")
    with pytest.raises(ModelMismatch, match=wanted):
        load_trunk(f"torchvision:resnet18@{tmp_path / 'own.safetensors'}")


@pytest.mark.parametrize("content", [None, b"", b"\x80\x04pickle"], ids=["missing", "empty", "a pickle"])
def test_file_that_is_no_safetensors_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "own.safetensors").write_bytes(content)
    with pytest.raises(ModelNotFound, match="cannot be read as safetensors"):
        load_trunk(f"torchvision:resnet18@{tmp_path / 'own.safetensors'}")


@pytest.mark.parametrize("start", ["torchvision:resnet18@own.pth", "timm:resnet18@own.pth", "own.pth"])
def test_pickle_is_refused_with_the_way_to_convert_it(start: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.pth").write_bytes(b"never opened")
    with pytest.raises(BadInput, match=r"only \.safetensors files are read.*Convert it"):
        load_trunk(start)


def test_way_to_convert_a_pickle_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(resnet18().state_dict(), "own.pth")
    with pytest.raises(BadInput) as refused:
        load_trunk("torchvision:resnet18@own.pth")
    code = refused.value.hint.split('"')[1]
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    trunk = load_trunk("torchvision:resnet18@own.safetensors")
    assert torch.equal(trunk.backbone.state_dict()["conv1.weight"], resnet18().state_dict()["conv1.weight"])


def test_file_alone_is_refused_because_it_names_no_network(resnet18_file: Path) -> None:
    with pytest.raises(BadInput, match="torchvision:resnet50@"):
        load_trunk(resnet18_file)


def test_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"no model\.onnx"):
        load_trunk(tmp_path)


@pytest.mark.parametrize("architecture", ["odd", "timm:of_nobody", "torchvision:alexnet"])
def test_directory_of_unknown_architecture_is_refused(tmp_path: Path, architecture: str) -> None:
    preparation = Preparation(64, 64, "squash", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    card = ModelCard("x", architecture, 16, preparation, "CC0-1.0", "random", "none", "")
    graph = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], []))
    onnx.helper.set_model_props(graph, {CARD_KEY: card.to_json()})
    (tmp_path / MODEL_FILE).write_bytes(graph.SerializeToString())
    (tmp_path / WEIGHTS_FILE).write_bytes(b"not reached")
    with pytest.raises(ModelMismatch, match=f"cannot be built again.*{architecture}"):
        load_trunk(tmp_path)


@pytest.mark.parametrize("start", ["torchvision:resnet18", "timm:resnet50d", "timm:test_vit"])
def test_model_directory_of_any_architecture_starts_the_next_training(start: str, tmp_path: Path) -> None:
    first = load_trunk(start, is_scratch=True)
    assert export_embedder(first.backbone, card_of(first), tmp_path / "model") <= 1e-5
    second = load_trunk(tmp_path / "model")
    torch.testing.assert_close(rows_of(second.backbone), rows_of(first.backbone), atol=0, rtol=0)
    assert (second.architecture, second.embedding_dim) == (start, first.embedding_dim)
    assert (second.mean, second.std, second.source) == (first.mean, first.std, first.source)
    assert not second.is_scratch


@pytest.mark.parametrize("start", ["torchvision:resnet18", "timm:test_resnet", STARTER])
def test_from_scratch_is_random_and_repeats_with_its_seed(start: str | Path) -> None:
    before = torch.random.get_rng_state()
    first, again, other = (load_trunk(start, is_scratch=True, seed=seed) for seed in (4, 4, 5))
    assert torch.equal(torch.random.get_rng_state(), before)  # nobody else's dice are touched
    weights = [dict(trunk.backbone.named_parameters()) for trunk in (first, again, other)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert not any(torch.equal(value, weights[2][name]) for name, value in weights[0].items() if value.ndim == 4)
    assert first.is_scratch
    assert (first.source, first.training_data) == ("random weights, seed 4", "no photo")


def test_from_scratch_keeps_the_architecture_of_a_directory_and_nothing_it_learned() -> None:
    learned, fresh = load_trunk(STARTER), load_trunk(STARTER, is_scratch=True)
    assert fresh.architecture == learned.architecture
    assert fresh.std == pytest.approx((58.395, 57.12, 57.375))  # pixels near one, as random weights want them
    assert not torch.equal(fresh.backbone.state_dict()["conv1.weight"], learned.backbone.state_dict()["conv1.weight"])


def test_from_scratch_with_a_file_contradicts_itself(resnet18_file: Path) -> None:
    with pytest.raises(BadInput, match=r"names a file.*Start from torchvision:resnet18\."):
        load_trunk(f"torchvision:resnet18@{resnet18_file}", is_scratch=True)
