"""A trained backbone becomes a model directory that the runtime reads without torch.

A model directory holds two files. `weights.safetensors` is the backbone's state dict. `model.onnx` is the whole
embedder, uint8 pixels to unit rows, whose weights are ONNX external data inside `weights.safetensors`: they lie on
disk once, and both readers use them. Weights stored in half precision are widened by the graph, which computes in
float32 either way (docs/decisions/0005-half-precision-on-disk.md). The model card and the hash of the weights lie in
the ONNX metadata. Equal weights and an equal card give equal bytes with the same torch version; neither file names the
machine it was made on.

Formats: safetensors (8-byte little-endian header length, JSON header, raw little-endian tensors) and ONNX external
data (`location`, `offset`, `length` of each tensor).
"""

from __future__ import annotations

import copy
import hashlib
import json
import tempfile
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import onnxruntime
import onnxscript.optimizer
import safetensors.torch
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from facings.errors import BadInput, ModelMismatch
from facings.model_card import CARD_KEY, MODEL_FILE, WEIGHTS_FILE, WEIGHTS_KEY, ModelCard

OPSET = 20
TOLERANCE = 1e-5  # of a unit row's entries; two correct float32 kernels differ by about 1e-7

_HALF_ROUNDING = 2.0**-11  # the most that float16 moves a number of its normal range, relative to the number
_BACKBONE = "backbone."  # what the embedder's own module name puts before the backbone's parameter names
_HALF = ".half"  # what the graph calls a stored float16 tensor, after the name of the float32 one that it becomes


class Embedder(nn.Module):
    """The exported graph: uint8 (N, 3, S, S) RGB, 0 to 255 → float32 (N, D), each row of length 1.

    Args:
        backbone: Takes float32 (N, 3, S, S) normalized pixels, gives float32 (N, D).
        mean: RGB, 0 to 255, subtracted.
        std: RGB, in units of 0 to 255, divided by; ones are left out of the graph.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, backbone: nn.Module, mean: tuple[float, float, float], std: tuple[float, float, float]) -> None:
        super().__init__()
        self.backbone = backbone
        self.is_scaled = std != (1.0, 1.0, 1.0)
        self.register_buffer("pixel_mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Unit rows for uint8 images."""
        pixels = image.to(torch.float32) - self.pixel_mean
        if self.is_scaled:
            pixels = pixels / self.pixel_std
        return nn.functional.normalize(self.backbone(pixels), dim=1)


def export_embedder(backbone: nn.Module, card: ModelCard, directory: Path, *, is_half: bool = False) -> float:
    """Write a model directory and check it: ONNX Runtime must say what torch says.

    The directory appears complete or not at all. The backbone itself is left as it is; a copy is exported in
    float32, on the CPU, in `eval()`.

    Args:
        backbone: Takes float32 (N, 3, S, S) RGB with the card's mean and std applied, gives float32 (N, D).
        card: What the model is; its input size is S, its embedding size D.
        directory: Where to write; must not exist yet, its parent is made.
        is_half: Store kernels and weight matrices as float16. Gives half the size on disk at the same speed, since
            ONNX Runtime widens them once, when it loads. Costs all but about 3 decimal digits of each such weight, for
            good: unit rows of the starter move by up to 0.0014 of their length, and a later training starts from the
            rounded weights. Vectors, and tensors that float16 does not hold, stay float32.

    Returns:
        The largest absolute difference between torch and ONNX Runtime over the entries of the unit rows of five
        seeded random images. Both compute with the weights as stored, so this is not what half precision costs.

    Raises:
        BadInput: The directory exists, or the backbone's features are not float (N, D) with the card's D.
        ModelMismatch: ONNX Runtime differs from torch by more than 1e-5.
    """
    if directory.exists():
        raise BadInput(f"Export to {directory}: it exists already; wanted a new directory.")
    preparation = card.preparation
    embedder = Embedder(copy.deepcopy(backbone).cpu().float().eval(), preparation.mean, preparation.std).eval()
    _check_embedding_dim(embedder, card)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as workspace:
        built = Path(workspace) / "built"
        built.mkdir()
        state = _stored(embedder.backbone, is_half=is_half)
        embedder.backbone.load_state_dict(state)  # rounds: torch must be asked about the weights that a reader gets
        weights = safetensors.torch.save(state)
        (built / WEIGHTS_FILE).write_bytes(weights)
        model = _trace(embedder, preparation.input_size_px)
        _strip(model)
        _point_into(model, weights)
        onnx.helper.set_model_props(model, {CARD_KEY: card.to_json(), WEIGHTS_KEY: hashlib.sha256(weights).hexdigest()})
        (built / MODEL_FILE).write_bytes(model.SerializeToString(deterministic=True))
        difference = _largest_difference(embedder, built / MODEL_FILE, preparation.input_size_px)
        if not difference <= TOLERANCE:
            raise ModelMismatch(
                f"Export of {card.name}: ONNX Runtime differs from torch by {difference:.2g}, "
                f"wanted at most {TOLERANCE:g}."
            )
        built.rename(directory)
    return difference


def safetensors_spans(weights: bytes) -> dict[str, tuple[int, int]]:
    """Where each tensor lies in a safetensors file.

    Args:
        weights: The whole file.

    Returns:
        Name → (offset from the start of the file, length), both in bytes.
    """
    start = 8 + int.from_bytes(weights[:8], "little")
    header = json.loads(weights[8:start])
    return {
        name: (start + entry["data_offsets"][0], entry["data_offsets"][1] - entry["data_offsets"][0])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _check_embedding_dim(embedder: Embedder, card: ModelCard) -> None:
    size = card.preparation.input_size_px
    with torch.inference_mode():
        feature = embedder.backbone(torch.zeros(1, 3, size, size))
    if tuple(feature.shape) != (1, card.embedding_dim):
        raise BadInput(
            f"Export of {card.name}: the backbone gives {tuple(feature.shape)} for one image; "
            f"the card says (1, {card.embedding_dim})."
        )


def _stored(backbone: nn.Module, *, is_half: bool) -> dict[str, Tensor]:
    """The state dict with the dtypes that it has on disk."""
    state = {name: value.contiguous().clone() for name, value in backbone.state_dict().items()}
    return {name: value.half() if is_half and _is_half_enough(value) else value for name, value in state.items()}


def _is_half_enough(value: Tensor) -> bool:
    """Whether float16 moves a tensor, as a whole, by no more than it moves a single number of its normal range.

    False where numbers overflow (beyond 65504) or where most of the tensor is lost below 6e-5. Vectors are left alone:
    they are a hundredth of the bytes, and running variances and folded shifts have any magnitude.
    """
    if value.ndim < 2 or not value.is_floating_point():
        return False
    exact = value.double()
    moved = torch.linalg.vector_norm(value.half().double() - exact)
    return bool(moved <= _HALF_ROUNDING * torch.linalg.vector_norm(exact))


def _trace(embedder: Embedder, size: int) -> onnx.ModelProto:
    exported = torch.onnx.export(
        embedder,
        (torch.zeros(2, 3, size, size, dtype=torch.uint8),),
        dynamo=True,
        optimize=False,  # keeps convolution and normalization apart, so that each initializer is a state-dict tensor
        opset_version=OPSET,
        input_names=["image"],
        output_names=["embedding"],
        dynamic_shapes=({0: torch.export.Dim("n")},),
        verbose=False,
    )
    program = cast(torch.onnx.ONNXProgram, exported)  # None only without dynamo
    # Computed constants (the exporter writes "no bias" as an expanded zero) would keep the runtime from fusing.
    onnxscript.optimizer.fold_constants(program.model)
    onnxscript.optimizer.remove_unused_nodes(program.model)
    return program.model_proto


def _strip(model: onnx.ModelProto) -> None:
    """Remove what tells of the machine and the run: stack traces, file names, versions, inferred shapes."""
    model.producer_name, model.producer_version, model.doc_string = "facings", "", ""
    graph = model.graph
    graph.name, graph.doc_string = "embedder", ""
    del graph.value_info[:]
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        part.doc_string = ""
        del part.metadata_props[:]


def _point_into(model: onnx.ModelProto, weights: bytes) -> None:
    """Make every initializer that is a state-dict tensor, bit for bit, external data in the weights file.

    One that lies there as float16 is widened by a Cast under its old name, so that its readers stay as they are.
    """
    graph, spans = model.graph, safetensors_spans(weights)
    casts = []
    for tensor in graph.initializer:
        offset, length = spans.get(tensor.name.removeprefix(_BACKBONE), (0, 0))
        if not length:
            continue
        stored, values = weights[offset : offset + length], numpy_helper.to_array(tensor)
        is_half = values.dtype == np.float32 and 2 * length == values.nbytes
        if values.tobytes() != (np.frombuffer(stored, "<f2").astype("<f4").tobytes() if is_half else stored):
            continue
        if is_half:
            casts.append(onnx.helper.make_node("Cast", [tensor.name + _HALF], [tensor.name], to=onnx.TensorProto.FLOAT))
            tensor.name += _HALF
            tensor.data_type = onnx.TensorProto.FLOAT16
        _make_external(tensor, offset, length)
    nodes = [*casts, *graph.node]  # a node comes after what it reads
    del graph.node[:]
    graph.node.extend(nodes)


def _make_external(tensor: onnx.TensorProto, offset: int, length: int) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", WEIGHTS_FILE), ("offset", str(offset)), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)


def _largest_difference(embedder: Embedder, model: Path, size: int) -> float:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).integers(0, 256, (5, 3, size, size), np.uint8)
    with torch.inference_mode():
        wanted = embedder(torch.from_numpy(images)).numpy()
    got = np.concatenate([session.run(["embedding"], {"image": batch})[0] for batch in (images[:1], images[1:])])
    return float(np.abs(got - wanted).max())
