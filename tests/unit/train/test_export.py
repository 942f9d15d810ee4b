"""A model directory: one copy of the weights, two readers, the same rows, the same bytes each time."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnxruntime
import pytest

from facings.adapters.onnx_models import OnnxEmbedder
from facings.errors import BadInput, ModelMismatch, ModelNotFound
from facings.model_card import CARD_KEY, CELLS_FILE, MODEL_FILE, WEIGHTS_FILE, ModelCard, Preparation

torch = pytest.importorskip("torch", reason="needs the train extra")
onnx = pytest.importorskip("onnx", reason="needs the train extra")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="needs the train extra")

from facings.train import export, model_directory  # noqa: E402
from facings.train.backbones import load_trunk  # noqa: E402
from facings.train.export import export_embedder  # noqa: E402
from facings.train.model_directory import safetensors_spans  # noqa: E402
from facings.train.resnet import ResNet, ResNetLayout  # noqa: E402

pytestmark = pytest.mark.torch

LAYOUT = ResNetLayout(8, (8, 8, 16, 16), (1, 1, 1, 1), "1x1", "ceil")
MEAN, STD = (123.0, 117.0, 104.0), (58.0, 57.0, 56.0)


def card_of(std: tuple[float, float, float] = (1.0, 1.0, 1.0), embedding_dim: int = 16) -> ModelCard:
    preparation = Preparation(64, 64, "squash", "bilinear", MEAN, std)
    return ModelCard("small", "resnet", embedding_dim, preparation, "CC0-1.0", "random", "none", "")


def network() -> ResNet:
    """A small network whose normalization statistics are those of nothing fresh, so that none can be mixed up."""
    torch.manual_seed(0)
    built = ResNet(LAYOUT)
    for module in built.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.1)
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return built


def rows_of(backbone: ResNet, images: Any, std: tuple[float, float, float]) -> Any:
    """The embedding as its definition says, written out."""
    pixels = (images.astype(np.float32) - np.reshape(MEAN, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    with torch.inference_mode():
        feature = backbone.eval()(torch.from_numpy(pixels.astype(np.float32))).numpy()
    return feature / np.linalg.norm(feature, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def images() -> Any:
    return np.random.default_rng(7).integers(0, 256, (3, 3, 64, 64), np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("export") / "deep" / "small"
    assert 0 <= export_embedder(network(), card_of(), directory) < 1e-5
    return directory


@pytest.fixture(scope="module")
def half_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("export") / "half"
    assert 0 <= export_embedder(network(), card_of(), directory, is_half=True) < 1e-5
    return directory


def rounded() -> ResNet:
    """The small network with its kernels as half precision has them."""
    built = network()
    for parameter in built.parameters():
        if parameter.ndim > 1:
            parameter.data = parameter.data.half().float()
    return built


def test_directory_holds_graphs_and_weights_and_nothing_else(model: Path) -> None:
    assert {path.name for path in model.iterdir()} == {MODEL_FILE, CELLS_FILE, WEIGHTS_FILE}
    assert [path.name for path in model.parent.iterdir()] == ["small"]  # no temporary directory is left


@pytest.mark.parametrize("n_images", [1, 3])
def test_runtime_gives_the_rows_of_the_definition(model: Path, images: Any, n_images: int) -> None:
    rows = OnnxEmbedder(model, n_threads=1).run(images[:n_images])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, rows_of(network(), images[:n_images], (1.0, 1.0, 1.0)), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_std_of_the_card_is_divided_by(tmp_path: Path, images: Any) -> None:
    export_embedder(network(), card_of(std=STD), tmp_path / "scaled")
    rows = OnnxEmbedder(tmp_path / "scaled", n_threads=1).run(images)
    np.testing.assert_allclose(rows, rows_of(network(), images, STD), atol=1e-6)
    assert np.abs(rows - rows_of(network(), images, (1.0, 1.0, 1.0))).max() > 1e-3


def test_graph_has_the_stated_input_output_and_card(model: Path) -> None:
    graph = onnx.load(model / MODEL_FILE)
    onnx.checker.check_model(str(model / MODEL_FILE))
    (entry,), (result,) = graph.graph.input, graph.graph.output
    assert entry.name == "image"
    assert entry.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [d.dim_param or d.dim_value for d in entry.type.tensor_type.shape.dim] == ["n", 3, 64, 64]
    assert result.name == "embedding"
    assert result.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [d.dim_param or d.dim_value for d in result.type.tensor_type.shape.dim] == ["n", 16]
    (carried,) = [entry.value for entry in graph.metadata_props if entry.key == CARD_KEY]
    assert ModelCard.from_json(carried) == card_of()


@pytest.mark.parametrize("fixture", ["model", "half_model"])
def test_every_weight_lies_once_on_disk_in_the_safetensors_file(fixture: str, request: pytest.FixtureRequest) -> None:
    model: Path = request.getfixturevalue(fixture)
    onnx.checker.check_model(str(model / MODEL_FILE))
    weights = (model / WEIGHTS_FILE).read_bytes()
    state = safetensors_torch.load(weights)
    external = {}
    for tensor in onnx.load(model / MODEL_FILE, load_external_data=False).graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            assert place["location"] == WEIGHTS_FILE
            assert not tensor.raw_data
            start = int(place["offset"])
            dtype = {onnx.TensorProto.FLOAT: "<f4", onnx.TensorProto.FLOAT16: "<f2"}[tensor.data_type]
            values = np.frombuffer(weights[start : start + int(place["length"])], dtype).reshape(tensor.dims)
            external[tensor.name.removeprefix("backbone.").removesuffix(".half")] = values
        else:  # the mean, axes, and the zeros that stand for "no bias"
            values = onnx.numpy_helper.to_array(tensor)
            assert values.size <= 3 or not values.any(), tensor.name
    assert set(external) == {name for name, value in state.items() if value.is_floating_point()}
    for name, values in external.items():
        assert values.dtype == state[name].numpy().dtype
        np.testing.assert_array_equal(values, state[name].numpy(), err_msg=name)


@pytest.mark.parametrize("fixture", ["model", "half_model"])
def test_convolutions_read_stored_tensors_so_that_the_runtime_can_fuse_them(
    fixture: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model: Path = request.getfixturevalue(fixture)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(model / MODEL_FILE, options, providers=["CPUExecutionProvider"])
    operations = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx", load_external_data=False).graph.node]
    assert operations.count("Conv") + operations.count("FusedConv") == 16
    assert "BatchNormalization" not in operations
    assert operations.count("Cast") == 1  # that of the pixels; those of the weights are folded


def test_spans_are_where_safetensors_reads() -> None:
    written = safetensors_torch.save({"b": torch.tensor([1.5, -2.0]), "a": torch.tensor(7)}, metadata={"k": "v"})
    spans = safetensors_spans(written)
    assert set(spans) == {"a", "b"}
    start, length = spans["b"]
    assert np.frombuffer(written[start : start + length], "<f4").tolist() == [1.5, -2.0]


def test_weights_file_is_the_state_dict_and_nothing_is_unpickled(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise AssertionError("something was unpickled")

    for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(module, name, refuse)
    state = safetensors_torch.load_file(model / WEIGHTS_FILE)
    ResNet(LAYOUT).load_state_dict(state, strict=True)
    for name, value in network().state_dict().items():
        assert torch.equal(state[name], value), name
    OnnxEmbedder(model, n_threads=1)


def test_second_run_gives_identical_bytes_that_name_no_place(model: Path, tmp_path: Path) -> None:
    export_embedder(network(), card_of(), tmp_path / "again")
    for name in (MODEL_FILE, WEIGHTS_FILE):
        assert (tmp_path / "again" / name).read_bytes() == (model / name).read_bytes(), name
    graph = (model / MODEL_FILE).read_bytes()
    for trace in (b".py", b"torch", b"/tmp", str(Path.home()).encode(), str(Path(__file__).parent).encode()):
        assert trace not in graph, trace


def test_model_loads_through_a_relative_path_and_from_elsewhere(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: Any
) -> None:
    wanted = OnnxEmbedder(model, n_threads=1).run(images)
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(OnnxEmbedder(model, n_threads=1).run(images), wanted)
    monkeypatch.chdir(model.parent)
    np.testing.assert_array_equal(OnnxEmbedder(Path("small"), n_threads=1).run(images), wanted)


@pytest.mark.parametrize("n_bytes", [None, 0, 2000], ids=["missing", "empty", "truncated"])
def test_damaged_weights_are_refused(model: Path, tmp_path: Path, n_bytes: int | None) -> None:
    (tmp_path / MODEL_FILE).write_bytes((model / MODEL_FILE).read_bytes())
    if n_bytes is not None:
        (tmp_path / WEIGHTS_FILE).write_bytes((model / WEIGHTS_FILE).read_bytes()[:n_bytes])
    with pytest.raises(ModelNotFound):
        OnnxEmbedder(tmp_path, n_threads=1)


def test_card_of_another_embedding_size_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"\(1, 16\).*\(1, 32\)"):
        export_embedder(network(), card_of(embedding_dim=32), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_existing_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(BadInput, match="exists already"):
        export_embedder(network(), card_of(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_disagreement_with_torch_is_an_error_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLERANCE", -1.0)  # no difference is small enough
    with pytest.raises(ModelMismatch, match="differs from torch"):
        export_embedder(network(), card_of(), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_backbone_keeps_its_mode_and_values(tmp_path: Path) -> None:
    backbone = network().train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    export_embedder(backbone, card_of(), tmp_path / "model")
    assert backbone.training
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())


def test_half_stores_kernels_as_float16_and_vectors_as_they_are(half_model: Path, model: Path) -> None:
    state = safetensors_torch.load_file(half_model / WEIGHTS_FILE)
    for name, value in network().state_dict().items():
        wanted = value.half() if value.ndim == 4 else value
        assert state[name].dtype == wanted.dtype, name
        assert torch.equal(state[name], wanted), name
    n_bytes = {
        where: sum(
            value.nbytes for value in safetensors_torch.load_file(where / WEIGHTS_FILE).values() if value.ndim == 4
        )
        for where in (model, half_model)
    }
    assert n_bytes[half_model] * 2 == n_bytes[model] > 0


def test_half_model_runs_in_the_runtime_with_the_rounded_weights(half_model: Path, model: Path, images: Any) -> None:
    rows = OnnxEmbedder(half_model, n_threads=1).run(images)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, rows_of(rounded(), images, (1.0, 1.0, 1.0)), atol=1e-6)
    float_rows = OnnxEmbedder(model, n_threads=1).run(images)
    assert 1e-6 < np.abs(rows - float_rows).max() < 5e-3  # rounded, and not by much


def test_half_model_has_its_own_weights_hash(half_model: Path, model: Path, tmp_path: Path) -> None:
    assert OnnxEmbedder(half_model, n_threads=1).space_id != OnnxEmbedder(model, n_threads=1).space_id
    damaged = bytearray((half_model / WEIGHTS_FILE).read_bytes())
    damaged[-1] ^= 1  # within the last kernel: it still loads, with another number
    (tmp_path / WEIGHTS_FILE).write_bytes(damaged)
    (tmp_path / MODEL_FILE).write_bytes((half_model / MODEL_FILE).read_bytes())
    with pytest.raises(ModelNotFound, match="not the weights"):
        OnnxEmbedder(tmp_path, n_threads=1)


def test_half_export_repeats_and_leaves_the_backbone_alone(half_model: Path, tmp_path: Path) -> None:
    backbone = network()
    export_embedder(backbone, card_of(), tmp_path / "again", is_half=True)
    for name in (MODEL_FILE, WEIGHTS_FILE):
        assert (tmp_path / "again" / name).read_bytes() == (half_model / name).read_bytes(), name
    assert all(torch.equal(value, network().state_dict()[name]) for name, value in backbone.state_dict().items())


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([65504.0, 1.0], torch.float16),  # the largest float16
        ([65519.0, 1.0], torch.float16),  # rounds down to it
        ([65520.0, 1.0], torch.float32),  # rounds to infinity
        ([1e-8, -2e-8], torch.float32),  # all become 0: the smallest float16 is 6.0e-8
        ([1.0e-7, 2.0e-7], torch.float32),  # become 1.2e-7 and 1.8e-7
        ([1.0, 1e-8], torch.float16),  # what is lost is nothing beside the rest
        ([0.0, 0.0], torch.float16),
        ([float("inf"), 1.0], torch.float32),
        ([float("nan"), 1.0], torch.float32),
        ([3e38, 1.0], torch.float32),  # its square is beyond float32
    ],
)
def test_tensor_that_half_precision_cannot_hold_stays_float32(values: list[float], dtype: Any) -> None:
    layer = torch.nn.Linear(2, 1)
    layer.weight.data = torch.tensor([values])
    stored = model_directory.stored_state(layer, is_half=True)
    assert stored["weight"].dtype == dtype
    assert stored["bias"].dtype == torch.float32
    assert model_directory.stored_state(layer, is_half=False)["weight"].dtype == torch.float32


def test_model_with_one_layer_beyond_half_precision_is_exact_there(tmp_path: Path, images: Any) -> None:
    backbone = network()
    for name, factor in (("conv1.weight", 1e6), ("bn1.running_mean", 1e6), ("bn1.running_var", 1e12)):
        backbone.state_dict()[name].mul_(factor)  # the same function, with kernels that overflow
    assert export_embedder(backbone, card_of(), tmp_path / "model", is_half=True) < 1e-5
    state = safetensors_torch.load_file(tmp_path / "model" / WEIGHTS_FILE)
    assert torch.equal(state["conv1.weight"], backbone.conv1.weight)
    assert {value.dtype for name, value in state.items() if value.ndim == 4 and name != "conv1.weight"} == {
        torch.float16
    }
    assert np.isfinite(OnnxEmbedder(tmp_path / "model", n_threads=1).run(images)).all()


def test_next_training_starts_in_float32_from_a_half_model(tmp_path: Path) -> None:
    pytest.importorskip("timm", reason="needs the train extra")
    first = load_trunk("timm:test_vit", is_scratch=True)
    preparation = Preparation(64, 64, "squash", "bilinear", first.mean, first.std)
    card = ModelCard("x", first.architecture, first.embedding_dim, preparation, "CC0-1.0", "random", "none", "")
    export_embedder(first.backbone, card, tmp_path / "model", is_half=True)
    stored = safetensors_torch.load_file(tmp_path / "model" / WEIGHTS_FILE)
    kept = {name for name, value in stored.items() if value.ndim > 1 and value.dtype == torch.float32}
    assert kept == {"cls_token"}  # its initial values, about 1e-6, are too small
    second = load_trunk(tmp_path / "model").backbone
    assert {value.dtype for value in second.parameters()} == {torch.float32}
    for name, value in first.backbone.named_parameters():
        wanted = value if value.ndim < 2 or name in kept else value.half().float()
        assert torch.equal(second.get_parameter(name), wanted), name
