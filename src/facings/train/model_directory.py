"""A network becomes a model directory that the runtime reads without torch.

`weights.safetensors` is the network's state dict. `model.onnx` is the whole model, from uint8 pixels on, whose weights
are ONNX external data inside `weights.safetensors`: they lie on disk once, and all readers use them. Weights stored in
half precision are widened by the graph, which computes in float32 either way
(docs/decisions/0005-half-precision-on-disk.md). The model card and the hash of the weights lie in the ONNX metadata.
Equal weights and an equal card give equal bytes with the same torch version; no file names the machine it was made on.

Formats: safetensors (8-byte little-endian header length, JSON header, raw little-endian tensors) and ONNX external
data (`location`, `offset`, `length` of each tensor).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxscript.optimizer
import safetensors.torch
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from facings.errors import BadInput, ModelMismatch, StoreFailed
from facings.model_card import CARD_KEY, MODEL_FILE, WEIGHTS_FILE, WEIGHTS_KEY

OPSET = 20

_HALF_ROUNDING = 2.0**-11  # the most that float16 moves a number of its normal range, relative to the number
_HALF = ".half"  # what the graph calls a stored float16 tensor, after the name of the float32 one that it becomes


def write_model(
    directory: Path,
    card_json: str,
    model: nn.Module,
    part: str,
    *,
    trace: Callable[[], onnx.ModelProto],
    difference: Callable[[Path], float],
    tolerance: float,
    is_half: bool,
    beside: Callable[[onnx.ModelProto], dict[str, bytes]] = lambda _graph: {},
) -> float:
    """Write a model directory and check it; it appears complete or not at all.

    Args:
        directory: Where to write; must not exist yet, its parent is made.
        card_json: What the model is.
        model: What is traced, in `eval()`, float32, on the CPU; its weights are rounded as they are stored.
        part: The attribute of it whose state dict is stored.
        trace: Gives its graph.
        difference: How far ONNX Runtime, on the written file, is from torch.
        tolerance: The largest difference that is sound.
        is_half: Store kernels and weight matrices as float16.
        beside: Further files made from the finished graph, name → bytes.

    Returns:
        The difference.

    Raises:
        BadInput: The directory exists.
        ModelMismatch: The difference is too large.
        StoreFailed: The disk is full or cannot be written.
    """
    if directory.exists():
        raise BadInput(f"Export to {directory}: it exists already; wanted a new directory.")
    network = cast(nn.Module, getattr(model, part))
    with _workspace(directory) as built:
        state = stored_state(network, is_half=is_half)
        network.load_state_dict(state)  # rounds: torch must be asked about the weights that a reader gets
        weights = safetensors.torch.save(state)
        (built / WEIGHTS_FILE).write_bytes(weights)
        graph = trace()
        _strip(graph)
        _point_into(graph, weights, f"{part}.")
        onnx.helper.set_model_props(graph, {CARD_KEY: card_json, WEIGHTS_KEY: hashlib.sha256(weights).hexdigest()})
        for name, data in {MODEL_FILE: graph.SerializeToString(deterministic=True), **beside(graph)}.items():
            (built / name).write_bytes(data)
        found = difference(built / MODEL_FILE)
        if not found <= tolerance:
            raise ModelMismatch(
                f"Export to {directory}: ONNX Runtime differs from torch by {found:.2g}, wanted at most {tolerance:g}."
            )
        built.rename(directory)
    return found


@contextmanager
def _workspace(directory: Path) -> Iterator[Path]:
    """An empty folder beside a directory that is to be, gone at the end.

    Raises:
        StoreFailed: The disk is full or cannot be written.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as workspace:
            built = Path(workspace) / "built"
            built.mkdir()
            yield built
    except OSError as error:
        raise StoreFailed(
            f"{directory}: the model cannot be written ({error.strerror or error}).",
            "What was learned is in the checkpoint: make room, then resume.",
        ) from error


def traced(
    model: nn.Module,
    example: tuple[Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    dynamic_shapes: tuple[dict[int, Any], ...],
) -> onnx.ModelProto:
    """The graph of a model.

    Args:
        model: In `eval()`.
        example: Its inputs.
        inputs: Their names.
        outputs: Names of what it gives.
        dynamic_shapes: Of each input, which of its dimensions may have any length.
    """
    exported = torch.onnx.export(
        model,
        example,
        dynamo=True,
        optimize=False,  # keeps convolution and normalization apart, so that each initializer is a state-dict tensor
        opset_version=OPSET,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_shapes=dynamic_shapes,
        verbose=False,
    )
    program = cast(torch.onnx.ONNXProgram, exported)  # None only without dynamo
    # Computed constants (the exporter writes "no bias" as an expanded zero) would keep the runtime from fusing.
    onnxscript.optimizer.fold_constants(program.model)
    onnxscript.optimizer.remove_unused_nodes(program.model)
    return program.model_proto


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


def stored_state(network: nn.Module, *, is_half: bool) -> dict[str, Tensor]:
    """The state dict of a network with the dtypes that it has on disk; read back by the network, it is rounded so."""
    state = {name: value.contiguous().clone() for name, value in network.state_dict().items()}
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


def _strip(model: onnx.ModelProto) -> None:
    """Remove what tells of the machine and the run: stack traces, file names, versions, inferred shapes."""
    model.producer_name, model.producer_version, model.doc_string = "facings", "", ""
    graph = model.graph
    graph.name, graph.doc_string = "facings", ""
    del graph.value_info[:]
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        part.doc_string = ""
        del part.metadata_props[:]


def _point_into(model: onnx.ModelProto, weights: bytes, prefix: str) -> None:
    """Make every initializer that is a state-dict tensor, bit for bit, external data in the weights file.

    One that lies there as float16 is widened by a Cast under its old name, so that its readers stay as they are.
    """
    graph, spans = model.graph, safetensors_spans(weights)
    casts = []
    for tensor in graph.initializer:
        offset, length = spans.get(tensor.name.removeprefix(prefix), (0, 0))
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
