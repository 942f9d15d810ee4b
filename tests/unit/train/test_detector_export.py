"""A detector's model directory: ONNX Runtime sees what torch sees, in pictures of any size, and reads nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import make_pixels
from facings.adapters.onnx_detector import OnnxBoxNetwork
from facings.detect import NetworkDetector
from facings.errors import BadInput, ModelNotFound
from facings.images import decode, read_bytes
from facings.model_card import CARD_KEY, MODEL_FILE, WEIGHTS_FILE, DetectorCard

torch = pytest.importorskip("torch", reason="needs the train extra")
onnx = pytest.importorskip("onnx", reason="needs the train extra")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="needs the train extra")

from torch import nn  # noqa: E402

from facings.train.detector_export import (  # noqa: E402
    TOLERANCE,
    Finder,
    _nearest,
    _same_place,
    export_detector,
)
from facings.train.detector_network import DetectorNetwork  # noqa: E402
from facings.train.fold import fold_norms  # noqa: E402
from facings.train.torch_box_network import TorchBoxNetwork  # noqa: E402
from small_trunk import MEAN, STD, small_trunk  # noqa: E402

pytestmark = pytest.mark.torch

CARD = DetectorCard(
    name="two-kinds",
    architecture="retinanet, pyramid of 32 channels on small",
    labels=("cherry", "lime"),
    stride_px=64,
    working_px=128,
    object_px=(16.0, 64.0),
    min_confidence=0.3,
    nms_iou=0.5,
    mean=(123.0, 117.0, 104.0),
    std=(58.0, 57.0, 56.0),
    license="CC0-1.0",
    source="dice",
    training_data="no photo",
    data_fingerprint="",
)


def two_kinds() -> Any:
    """A RetinaNet whose head says something else in each place."""
    torch.manual_seed(3)
    network = DetectorNetwork("retinanet", small_trunk(), 2, 32)
    for parameter in network.detector.head.parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    network.detector.head.regression_head.bbox_reg.weight.data.mul_(0.1)  # boxes as trained ones, not by powers larger
    return network.eval()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It, exported; the network itself is left as it was."""
    directory = tmp_path_factory.mktemp("export") / "model"
    network = two_kinds().train()
    assert 0 <= export_detector(network, CARD, directory) <= TOLERANCE
    assert network.training
    for name, value in two_kinds().state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name
    return directory


@pytest.fixture
def trained(detector_run: Any) -> TorchBoxNetwork:
    """The trained detector of rectangles, as torch reads it from its model directory."""
    trunk = small_trunk()
    fold_norms(trunk)
    network = DetectorNetwork("fcos", trunk, 1, detector_run.settings.recipe.n_channels)
    state = safetensors_torch.load_file(detector_run.summary.model / WEIGHTS_FILE)
    network.load_state_dict({name: value.float() for name, value in state.items()}, strict=True)
    return TorchBoxNetwork(network.eval(), OnnxBoxNetwork(detector_run.summary.model, n_threads=1).card)


def picture(n: int, height: int, width: int) -> Any:
    pixels = [make_pixels(seed, width=width, height=height) for seed in range(n)]
    return np.ascontiguousarray(np.stack(pixels).transpose(0, 3, 1, 2))


SIZES = [(1, 64, 64), (1, 128, 320), (3, 192, 64)]


def compare(first: Any, second: Any) -> None:
    """Boxes to a thousandth of their side, scores to a thousandth."""
    (boxes, scores), (other_boxes, other_scores) = first, second
    assert boxes.dtype == scores.dtype == other_boxes.dtype == other_scores.dtype == np.float32
    np.testing.assert_allclose(scores, other_scores, atol=1e-3)
    sides = np.maximum((other_boxes[..., 2:] - other_boxes[..., :2]).max(-1, keepdims=True), 1)
    assert np.abs((boxes - other_boxes) / sides).max() < 1e-3
    assert other_scores.std() > 1e-3


@pytest.mark.parametrize("n, height, width", SIZES)
def test_onnx_gives_what_torch_gives_at_any_size(model: Path, n: int, height: int, width: int) -> None:
    batch = picture(n, height, width)
    found = OnnxBoxNetwork(model, n_threads=1).run(batch)
    assert found[1].shape[2] == 2
    compare(found, TorchBoxNetwork(two_kinds(), CARD).run(batch))


@pytest.mark.parametrize("n, height, width", SIZES)
def test_trained_detector_gives_in_the_runtime_what_torch_gives(
    detector_run: Any, trained: TorchBoxNetwork, n: int, height: int, width: int
) -> None:
    batch = picture(n, height, width)
    compare(OnnxBoxNetwork(detector_run.summary.model, n_threads=1).run(batch), trained.run(batch))


def test_both_find_the_same_products_in_photos(detector_run: Any, trained: TorchBoxNetwork) -> None:
    runtime = NetworkDetector(OnnxBoxNetwork(detector_run.summary.model, n_threads=1))
    for photo in detector_run.val[:3]:
        image = decode(read_bytes(photo.path), source="toy")
        found, wanted = runtime.detect(image), NetworkDetector(trained).detect(image)
        assert len(found.xyxy) > 0
        np.testing.assert_allclose(found.xyxy, wanted.xyxy, atol=0.1)
        np.testing.assert_allclose(found.confidence, wanted.confidence, atol=1e-3)


def test_graph_takes_any_number_of_pictures_of_any_size_and_holds_its_card(model: Path) -> None:
    graph = onnx.load(model / MODEL_FILE)
    onnx.checker.check_model(str(model / MODEL_FILE))
    (entry,) = graph.graph.input
    assert (entry.name, entry.type.tensor_type.elem_type) == ("image", onnx.TensorProto.UINT8)
    n, channels, height, width = entry.type.tensor_type.shape.dim
    assert channels.dim_value == 3
    assert all(length.dim_param for length in (n, height, width))
    assert [result.name for result in graph.graph.output] == ["boxes", "scores"]
    (carried,) = [part.value for part in graph.metadata_props if part.key == CARD_KEY]
    assert DetectorCard.from_json(carried) == CARD
    assert not {node.op_type for node in graph.graph.node} & {"NonMaxSuppression", "TopK"}
    assert {path.name for path in model.iterdir()} == {MODEL_FILE, WEIGHTS_FILE}


@pytest.fixture(scope="module")
def two_stage_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A Faster R-CNN whose stages say something else in each place, and its export."""
    torch.manual_seed(4)
    network = DetectorNetwork("faster_rcnn", small_trunk(), 2, 64)
    for part in (network.detector.rpn.head, network.detector.roi_heads.box_predictor):
        for parameter in part.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.05)
    directory = tmp_path_factory.mktemp("two-stage") / "model"
    assert 0 <= export_detector(network.eval(), CARD, directory) <= TOLERANCE
    return network, directory


@pytest.mark.parametrize("n, height, width", SIZES)
def test_two_stages_give_in_onnx_what_they_give_in_torch(
    two_stage_model: tuple[Any, Path], n: int, height: int, width: int
) -> None:
    network, directory = two_stage_model
    batch = picture(n, height, width)
    boxes, scores = OnnxBoxNetwork(directory, n_threads=1).run(batch)
    wanted_boxes, wanted_scores = TorchBoxNetwork(network, CARD).run(batch)
    assert boxes.shape == (n, 1000, 4)
    assert scores.shape == (n, 1000, 2)
    assert np.abs((scores > 0).any(2).sum(1) - (wanted_scores > 0).any(2).sum(1)).max() <= 2  # close choices
    assert _nearest(wanted_boxes, wanted_scores, boxes, scores) <= TOLERANCE
    assert _nearest(boxes, scores, wanted_boxes, wanted_scores) <= TOLERANCE
    assert wanted_scores.max(-1)[wanted_scores.max(-1) > 0].std() > 1e-3


def test_places_in_another_order_are_compared_by_what_they_say() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 100, (1, 200, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 20, (1, 200, 2))], 2).astype(np.float32)
    scores = rng.uniform(0.1, 1, (1, 200, 2)).astype(np.float32)
    order = rng.permutation(200)
    assert _nearest(boxes, scores, boxes[:, order], scores[:, order]) == 0
    assert _same_place(boxes, scores, boxes[:, order], scores[:, order]) > 0.1
    moved = boxes[:, order] + 1.0  # all of them, by a twentieth of a side or more
    assert _nearest(boxes, scores, moved, scores[:, order]) > 0.04
    one = boxes[:, order].copy()
    one[0, 0] += 50  # one of 200: a choice that fell the other way
    assert _nearest(boxes, scores, one, scores[:, order]) == 0
    assert _nearest(boxes, np.zeros_like(scores), boxes, scores) == 0  # nothing is ever shown


def test_weights_lie_once_on_disk_in_the_safetensors_file(model: Path) -> None:
    state = safetensors_torch.load_file(model / WEIGHTS_FILE)
    assert state.keys() == two_kinds().state_dict().keys()
    assert all(torch.equal(value, state[name]) for name, value in two_kinds().state_dict().items())
    initializers = onnx.load(model / MODEL_FILE, load_external_data=False).graph.initializer
    external = {part.name for part in initializers if part.data_location == onnx.TensorProto.EXTERNAL}
    assert external == {f"network.{name}" for name, value in state.items() if value.is_floating_point()}
    assert (model / MODEL_FILE).stat().st_size < (model / WEIGHTS_FILE).stat().st_size


def test_trunk_of_a_trained_detector_has_no_normalizations_left(detector_run: Any) -> None:
    graph = onnx.load(detector_run.summary.model / MODEL_FILE, load_external_data=False).graph
    operations = {node.op_type for node in graph.node}
    assert "Conv" in operations
    assert "BatchNormalization" not in operations


def test_half_precision_halves_the_file(detector_run: Any, trained: TorchBoxNetwork) -> None:
    path = detector_run.summary.model / WEIGHTS_FILE
    n_bytes = sum(4 * value.numel() for value in trained._finder.network.state_dict().values())
    assert 0.5 * n_bytes < path.stat().st_size < 0.55 * n_bytes
    for name, value in safetensors_torch.load_file(path).items():
        assert value.dtype == (torch.float16 if value.ndim == 4 else torch.float32), name


def test_weights_of_another_export_are_refused(model: Path, detector_run: Any, tmp_path: Path) -> None:
    (tmp_path / MODEL_FILE).write_bytes((model / MODEL_FILE).read_bytes())
    (tmp_path / WEIGHTS_FILE).write_bytes((detector_run.summary.model / WEIGHTS_FILE).read_bytes())
    with pytest.raises(ModelNotFound):
        OnnxBoxNetwork(tmp_path, n_threads=1)


def test_existing_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(BadInput, match="exists already"):
        export_detector(two_kinds(), CARD, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_pixels_are_normalized_as_the_card_says() -> None:
    seen: list[Any] = []

    class Looking(nn.Module):
        def forward(self, pixels: Any) -> Any:
            seen.append(pixels)
            return pixels, pixels

    image = torch.tensor([181, 231, 48], dtype=torch.uint8).view(1, 3, 1, 1)
    looking: Any = Looking()
    Finder(looking, CARD.mean, CARD.std)(image)
    torch.testing.assert_close(seen[0].flatten(), torch.tensor([1.0, 2.0, -1.0]))
    assert CARD.mean != MEAN and CARD.std != STD
