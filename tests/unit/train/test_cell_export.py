"""Cells: the third stage of the exported network, bit for bit what the embedder computes on its way."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import make_pixels
from facings.adapters.onnx_cells import OnnxCells
from facings.adapters.onnx_models import OnnxEmbedder
from facings.cells import cells_of
from facings.embed import prepare
from facings.errors import BadInput, ModelMismatch, ModelNotFound
from facings.model_card import CELLS_FILE, MODEL_FILE, WEIGHTS_FILE, ModelCard, Preparation

torch = pytest.importorskip("torch", reason="needs the train extra")
onnx = pytest.importorskip("onnx", reason="needs the train extra")

from facings.train.cell_export import cells_file, main  # noqa: E402
from facings.train.export import export_embedder  # noqa: E402
from facings.train.neck import Necked  # noqa: E402
from small_trunk import LAYOUT, MEAN, STD, small_trunk  # noqa: E402

pytestmark = pytest.mark.torch

SIDE, WIDTH = 80, LAYOUT.stage_widths[2]  # 80 px: five cells of 16 px a side


def card_of(embedding_dim: int, side: int = SIDE) -> ModelCard:
    preparation = Preparation(side, side, "squash", "bilinear", MEAN, STD)
    return ModelCard("small", "small", embedding_dim, preparation, "CC0-1.0", "dice", "none", "")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trunk with a neck, as trainings make them, in half precision."""
    weight = torch.randn(6, sum(LAYOUT.stage_widths[1:]), generator=torch.Generator().manual_seed(1))
    directory = tmp_path_factory.mktemp("cells") / "model"
    export_embedder(Necked(small_trunk(), weight, torch.zeros(6)), card_of(6), directory, is_half=True)
    return directory


@pytest.fixture(scope="module")
def images() -> Any:
    return np.random.default_rng(7).integers(0, 256, (3, 3, SIDE, SIDE), np.uint8)


def third_stage(images: Any) -> Any:
    """The cells as their definition says, written out, of the trunk with its kernels as half precision has them."""
    trunk = small_trunk()
    for parameter in trunk.parameters():
        if parameter.ndim > 1:
            parameter.data = parameter.data.half().float()
    pixels = (images.astype(np.float32) - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    with torch.inference_mode():
        maps = trunk.stages(torch.from_numpy(pixels.astype(np.float32)))[2]
    return maps.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("n_images", [1, 3])
def test_cells_are_the_third_stage(model: Path, images: Any, n_images: int) -> None:
    network = OnnxCells(model, n_threads=1)
    cells = network.run(images[:n_images])
    assert cells.shape == (n_images, 5, 5, WIDTH)
    assert cells.dtype == np.float32
    np.testing.assert_allclose(cells, third_stage(images[:n_images]), atol=1e-5)
    assert (network.stride_px, network.card) == (16, card_of(6))


def test_crops_are_prepared_as_for_the_embedder(model: Path) -> None:
    network, crop = OnnxCells(model, n_threads=1), make_pixels(3)
    alone = network.run(prepare(crop, network.card.preparation)[None])
    np.testing.assert_allclose(cells_of([make_pixels(4)] * 8 + [crop], network)[8:], alone, atol=1e-6)


def test_the_embedder_is_the_same_with_and_without_them(model: Path, tmp_path: Path, images: Any) -> None:
    for name in (MODEL_FILE, WEIGHTS_FILE):
        (tmp_path / name).write_bytes((model / name).read_bytes())
    alone, beside = (OnnxEmbedder(path, n_threads=1) for path in (tmp_path, model))
    assert alone.space_id == beside.space_id
    np.testing.assert_array_equal(alone.run(images), beside.run(images))


def test_an_older_model_directory_gets_the_same_file(model: Path, tmp_path: Path) -> None:
    for name in (MODEL_FILE, WEIGHTS_FILE):
        (tmp_path / name).write_bytes((model / name).read_bytes())
    with pytest.raises(ModelNotFound, match=r"there is no cells\.onnx"):
        OnnxCells(tmp_path, n_threads=1)
    main([str(tmp_path)])
    assert (tmp_path / CELLS_FILE).read_bytes() == (model / CELLS_FILE).read_bytes()
    assert len(list(tmp_path.iterdir())) == 3


def test_the_graph_is_sound_and_holds_only_what_it_needs(model: Path) -> None:
    onnx.checker.check_model(str(model / CELLS_FILE))
    graph = onnx.load(model / CELLS_FILE, load_external_data=False).graph
    names = [tensor.name for tensor in graph.initializer]
    assert any("layer3" in name for name in names)
    assert not any("layer4" in name or "neck" in name for name in names)
    assert str(Path.cwd()).encode() not in (model / CELLS_FILE).read_bytes()


def test_cells_of_other_weights_are_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / CELLS_FILE).write_bytes((model / CELLS_FILE).read_bytes())
    (tmp_path / WEIGHTS_FILE).write_bytes((model / WEIGHTS_FILE).read_bytes() + b" ")
    with pytest.raises(ModelNotFound, match="not the weights"):
        OnnxCells(tmp_path, n_threads=1)


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (1, 80, 80, 3), (3, 80, 80)])
def test_a_batch_of_another_shape_is_refused(model: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match=r"wanted uint8 \(N, 3, 80, 80\)"):
        OnnxCells(model, n_threads=1).run(np.zeros(shape, np.uint8))


def test_a_network_without_maps_has_no_cells(tmp_path: Path) -> None:
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 4))
    export_embedder(flat, card_of(4, 32), tmp_path / "flat")
    assert not (tmp_path / "flat" / CELLS_FILE).exists()
    with pytest.raises(ModelMismatch, match="no maps of stride 16"):
        main([str(tmp_path / "flat")])
    with pytest.raises(ModelNotFound, match=r"no model\.onnx"):
        main([str(tmp_path)])


@pytest.mark.parametrize("name", ["product-embedder", "starter"])
def test_the_bundled_models_have_theirs(name: str) -> None:
    directory = Path(export_embedder.__code__.co_filename).parents[1] / "weights" / name
    graph = onnx.load(directory / MODEL_FILE, load_external_data=False)
    held = hashlib.sha256((directory / CELLS_FILE).read_bytes()).hexdigest()
    assert held == hashlib.sha256(cells_file(graph)[CELLS_FILE]).hexdigest(), "made from another model.onnx"
