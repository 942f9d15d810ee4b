"""A detector in ONNX Runtime, on tiny graphs; and directories that are no detector."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facings.adapters.onnx_detector import OnnxBoxNetwork
from facings.adapters.onnx_models import OnnxEmbedder
from facings.detect import NetworkDetector
from facings.errors import BadInput, ModelMismatch, ModelNotFound
from facings.model_card import CARD_KEY, MODEL_FILE, WEIGHTS_FILE, WEIGHTS_KEY, DetectorCard
from facings.types import FloatArray, Image
from painted_shelf import CARD

onnx = pytest.importorskip("onnx", reason="needs the train extra")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

BOXES = np.array([[4, 8, 40, 60], [50, 0, 90, 30], [5, 8, 41, 60]], np.float32)
SCORES = np.array([[0.9], [0.6], [0.8]], np.float32)
STARTER = Path(__file__).parents[2] / "src" / "facings" / "weights" / "starter"


def save(
    directory: Path,
    card: DetectorCard | None = CARD,
    boxes: FloatArray = BOXES,
    scores: FloatArray = SCORES,
    *,
    image: tuple[str, int, list[Any]] = ("image", TensorProto.UINT8, ["n", 3, "h", "w"]),
    outputs: tuple[str, ...] = ("boxes", "scores"),
    n_channels: int = 3,
) -> Path:
    """A model directory whose graph gives the same boxes for any picture, with scores times its brightness.

    Args:
        directory: Where.
        card: None for a graph without one.
        boxes: float32 (L, 4).
        scores: float32 (L, C), for a white picture.
        image: Name, type and shape of the input.
        outputs: Names of boxes and scores, and of one more.
        n_channels: Of the picture that the graph can add up.
    """
    constants: dict[str, Any] = {
        "some_boxes": boxes[None],
        "some_scores": scores[None],
        "ends": np.array([1, 1], np.int64),
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "white": np.array(255, np.float32),
        "axes": np.array([1, 2, 3], np.int64),
        "last": np.array([3], np.int64),
        "rows": np.array([0, n_channels, -1, 32], np.int64),
    }
    nodes = [
        helper.make_node("Cast", [image[0]], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["real", "rows"], ["in_rows"]),
        helper.make_node("ReduceMean", ["in_rows", "axes"], ["mean"], keepdims=1),
        helper.make_node("Div", ["mean", "white"], ["brightness"]),
        helper.make_node("Squeeze", ["brightness", "last"], ["per_picture"]),
        helper.make_node("Mul", ["some_scores", "per_picture"], [outputs[1]]),
        helper.make_node("Shape", [image[0]], ["shape"]),
        helper.make_node("Slice", ["shape", "zero", "one"], ["n_pictures"]),
        helper.make_node("Concat", ["n_pictures", "ends"], ["times"], axis=0),
        helper.make_node("Tile", ["some_boxes", "times"], [outputs[0]]),
        *(helper.make_node("Identity", ["mean"], [name]) for name in outputs[2:]),
    ]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info(image[0], image[1], image[2])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "l", last])
            for name, last in zip(outputs[:2], (boxes.shape[1], scores.shape[1]), strict=True)
        ]
        + [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, 1, 1]) for name in outputs[2:]],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    weights = b"weights that this graph does not read"
    props = {WEIGHTS_KEY: hashlib.sha256(weights).hexdigest()} | ({CARD_KEY: card.to_json()} if card else {})
    helper.set_model_props(model, props)
    directory.mkdir()
    (directory / MODEL_FILE).write_bytes(model.SerializeToString(deterministic=True))
    (directory / WEIGHTS_FILE).write_bytes(weights)
    return directory


def white(height: int, width: int, n: int = 1) -> Any:
    return np.full((n, 3, height, width), 255, np.uint8)


def test_network_says_what_its_graph_says(tmp_path: Path) -> None:
    network = OnnxBoxNetwork(save(tmp_path / "model"), n_threads=1)
    assert network.card == CARD
    assert network.network_id == hashlib.sha256((tmp_path / "model" / MODEL_FILE).read_bytes()).hexdigest()[:16]
    for height, width in ((32, 32), (96, 224)):
        batch = white(height, width, n=2)
        batch[1] = 51  # a fifth of white
        boxes, scores = network.run(batch)
        assert boxes.dtype == scores.dtype == np.float32
        assert boxes.tolist() == [BOXES.tolist()] * 2
        np.testing.assert_allclose(scores, np.stack([SCORES, SCORES / 5]), rtol=1e-6)


def test_photo_goes_through_a_real_session(tmp_path: Path) -> None:
    detector = NetworkDetector(OnnxBoxNetwork(save(tmp_path / "model"), n_threads=1))
    found = detector.detect(Image(white(256, 256)[0].transpose(1, 2, 0), "0" * 64, "white.png"))
    assert found.xyxy.tolist() == BOXES[:2].tolist()  # the third is the first again
    assert found.confidence.tolist() == pytest.approx([0.9, 0.6])
    assert detector.name.startswith("painted@")


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(white(32, 32).astype(np.float32), id="real numbers"),
        pytest.param(white(32, 32)[0], id="one picture without batch"),
        pytest.param(white(32, 32).transpose(0, 2, 3, 1), id="channels last"),
        pytest.param(white(32, 40), id="width that is no multiple"),
        pytest.param(white(31, 32), id="height that is no multiple"),
        pytest.param(white(0, 32), id="no rows"),
    ],
)
def test_batch_of_another_shape_is_refused(tmp_path: Path, batch: Any) -> None:
    network = OnnxBoxNetwork(save(tmp_path / "model"), n_threads=1)
    with pytest.raises(BadInput, match=r"wanted uint8 \(N, 3, H, W\) with multiples of 32"):
        network.run(batch)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"outputs": ("boxes", "confidence")}, "got outputs .*confidence", id="output of another name"),
        pytest.param({"outputs": ("boxes", "scores", "mean_2")}, "got outputs", id="output too many"),
        pytest.param({"boxes": np.zeros((3, 5), np.float32)}, "got outputs", id="boxes of five numbers"),
        pytest.param({"scores": np.zeros((3, 2), np.float32)}, "got outputs", id="more scores than labels"),
        pytest.param(
            {"image": ("pixels", TensorProto.UINT8, ["n", 3, "h", "w"])}, "got inputs", id="input of another name"
        ),
        pytest.param(
            {"image": ("image", TensorProto.FLOAT, ["n", 3, "h", "w"])}, "got inputs", id="input of another type"
        ),
        pytest.param({"image": ("image", TensorProto.UINT8, ["n", 3, 64, 64])}, "got inputs", id="input of fixed size"),
        pytest.param(
            {"image": ("image", TensorProto.UINT8, ["n", 1, "h", "w"]), "n_channels": 1}, "got inputs", id="gray input"
        ),
    ],
)
def test_graph_with_another_contract_is_refused_when_opened(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelMismatch, match=rf"model\.onnx: {message}.*Export the detector again"):
        OnnxBoxNetwork(save(tmp_path / "model", **changes), n_threads=1)


@pytest.mark.parametrize(
    ("boxes", "scores", "message"),
    [
        pytest.param(np.full((3, 4), np.nan, np.float32), SCORES, "not finite", id="NaN boxes"),
        pytest.param(np.full((3, 4), np.inf, np.float32), SCORES, "not finite", id="endless boxes"),
        pytest.param(BOXES, np.full((3, 1), np.nan, np.float32), r"outside \[0, 1\]", id="NaN scores"),
        pytest.param(BOXES, SCORES + 1, r"outside \[0, 1\]", id="scores above 1"),
        pytest.param(BOXES, -SCORES, r"outside \[0, 1\]", id="scores below 0"),
        pytest.param(BOXES, SCORES[:2], r"boxes \(1, 3, 4\) and scores \(1, 2, 1\)", id="fewer scores than boxes"),
    ],
)
def test_nonsense_out_of_the_network_is_an_error(
    tmp_path: Path, boxes: FloatArray, scores: FloatArray, message: str
) -> None:
    network = OnnxBoxNetwork(save(tmp_path / "model", boxes=boxes, scores=scores), n_threads=1)
    with pytest.raises(ModelMismatch, match=message):
        network.run(white(32, 32))


def test_network_without_any_box_is_fine(tmp_path: Path) -> None:
    nothing = save(tmp_path / "model", boxes=np.zeros((0, 4), np.float32), scores=np.zeros((0, 1), np.float32))
    network = OnnxBoxNetwork(nothing, n_threads=1)
    boxes, scores = network.run(white(32, 32))
    assert (boxes.shape, scores.shape) == ((1, 0, 4), (1, 0, 1))
    assert len(NetworkDetector(network).detect(Image(np.zeros((9, 9, 3), np.uint8), "0" * 64, "black.png"))) == 0


def test_graph_that_fails_on_a_size_is_an_error(tmp_path: Path) -> None:
    card = replace(CARD, stride_px=1)
    network = OnnxBoxNetwork(save(tmp_path / "model", card), n_threads=1)  # adds up rows of 32 pixels
    with pytest.raises(ModelMismatch, match=r"fails on an input \(1, 3, 5, 7\)"):
        network.run(white(5, 7))


def test_embedder_is_no_detector_and_a_detector_is_no_embedder(tmp_path: Path) -> None:
    with pytest.raises(ModelMismatch, match=r"model\.onnx: .*'embedder', wanted one of the kind 'detector'"):
        OnnxBoxNetwork(STARTER, n_threads=1)
    with pytest.raises(ModelMismatch, match=r"model\.onnx: .*'detector', wanted one of the kind 'embedder'"):
        OnnxEmbedder(save(tmp_path / "model"), n_threads=1)


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"there is no model\.onnx"):
        OnnxBoxNetwork(tmp_path / "nowhere", n_threads=1)
    with pytest.raises(ModelNotFound, match="carries no card"):
        OnnxBoxNetwork(save(tmp_path / "no-card", card=None), n_threads=1)
    directory = save(tmp_path / "model")
    (directory / WEIGHTS_FILE).write_bytes(b"others")
    with pytest.raises(ModelNotFound, match=r"weights\.safetensors: these are not the weights"):
        OnnxBoxNetwork(directory, n_threads=1)
    (directory / WEIGHTS_FILE).unlink()
    with pytest.raises(ModelNotFound, match=r"weights\.safetensors: these are not the weights"):
        OnnxBoxNetwork(directory, n_threads=1)
    (directory / MODEL_FILE).write_bytes(b"no graph")
    with pytest.raises(ModelNotFound, match="cannot load it"):
        OnnxBoxNetwork(directory, n_threads=1)


def test_broken_card_is_named_with_its_file(tmp_path: Path) -> None:
    directory = save(tmp_path / "model")
    model = onnx.load(directory / MODEL_FILE)
    helper.set_model_props(model, {CARD_KEY: '{"kind": "detector", "name": "half"}'})
    (directory / MODEL_FILE).write_bytes(model.SerializeToString())
    with pytest.raises(ModelNotFound, match=r"model\.onnx: Detector card: cannot be read"):
        OnnxBoxNetwork(directory, n_threads=1)
