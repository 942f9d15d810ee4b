"""What a detector's training starts from: detectors learn on, and what cannot be started from is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facings.errors import BadInput, DownloadFailed, ModelMismatch, ModelNotFound
from facings.model_card import WEIGHTS_FILE

torch = pytest.importorskip("torch", reason="needs the train extra")
torchvision = pytest.importorskip("torchvision", reason="needs the train extra")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="needs the train extra")

from facings.train.architectures import LAYOUTS  # noqa: E402
from facings.train.detector_recipe import DetectorRecipe  # noqa: E402
from facings.train.detector_start import (  # noqa: E402
    DetectorStart,
    fitting_recipe,
    load_start,
    started_network,
)
from small_trunk import ARCHITECTURE, LAYOUT, MEAN, STD, write_start  # noqa: E402

pytestmark = pytest.mark.torch

COCO = {"fcos_resnet50_fpn": "fcos", "retinanet_resnet50_fpn_v2": "retinanet"}


@pytest.fixture
def layouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, ARCHITECTURE, LAYOUT)


def weights_of(name: str, folder: Path, n_labels: int) -> tuple[Any, Path]:
    """A detector of torchvision with random weights, and its file, as one who converted it would have it."""
    torch.manual_seed(5)
    build = getattr(torchvision.models.detection, name)
    network = build(weights=None, weights_backbone=None, num_classes=n_labels).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2)
            module.running_mean.uniform_(-0.2, 0.2)
    path = folder / f"{name}.safetensors"
    safetensors_torch.save_file(network.state_dict(), path)
    return network, path


@pytest.mark.parametrize("name, kind", COCO.items())
def test_detector_of_torchvision_goes_on_where_it_was(name: str, kind: str, tmp_path: Path) -> None:
    """Of 3 classes: what each place says about boxes is what torchvision's network says, and the classes are new."""
    theirs, path = weights_of(name, tmp_path, 3)
    start = load_start(f"torchvision:{name}@{path}")
    recipe = fitting_recipe(DetectorRecipe(), start)
    assert (recipe.kind, recipe.n_channels) == (kind, 256)
    ours = started_network(start, recipe, ("product",)).eval()
    pixels = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        wanted_levels, levels = theirs.backbone(pixels), ours.detector.backbone(pixels)
        n_same = 4 if kind == "fcos" else 3  # v2 of RetinaNet makes the fourth from the trunk
        for theirs_maps, ours_maps in list(zip(wanted_levels.values(), levels.values(), strict=False))[:n_same]:
            torch.testing.assert_close(ours_maps, theirs_maps, rtol=1e-3, atol=1e-3)
        wanted, told = (network.head([levels["0"]]) for network in (theirs, ours.detector))
    torch.testing.assert_close(told["bbox_regression"], wanted["bbox_regression"], rtol=1e-3, atol=1e-4)
    assert told["cls_logits"].shape[-1] == 1
    assert wanted["cls_logits"].shape[-1] == 3
    assert start.trunk.license.startswith("not stated")
    assert path.name in start.trunk.source


def test_weights_that_are_published_as_a_pickle_are_not_fetched() -> None:
    with pytest.raises(DownloadFailed, match=r"pickle.*not opened") as told:
        load_start("torchvision:fcos_resnet50_fpn")
    for way in ("safetensors", "torchvision:fcos_resnet50_fpn@", "trunk", "model directory"):
        assert way in (told.value.hint or "")


def test_files_that_are_no_such_weights_are_refused(tmp_path: Path) -> None:
    pickled, gone, other = (tmp_path / name for name in ("a.pth", "gone.safetensors", "other.safetensors"))
    pickled.write_bytes(b"\x80\x04.")
    safetensors_torch.save_file({"fc.weight": torch.zeros(2)}, other)
    for path, error, words in (
        (pickled, BadInput, "only .safetensors"),
        (gone, ModelNotFound, "cannot be read"),
        (other, ModelMismatch, "missing"),
    ):
        with pytest.raises(error, match=words):
            load_start(f"torchvision:fcos_resnet50_fpn@{path}")


def test_detector_of_an_earlier_training_goes_on_where_it_was(detector_run: Any, layouts: None) -> None:
    start = load_start(detector_run.summary.model)
    assert (start.kind, start.n_channels, start.labels) == ("fcos", 64, ("product",))
    assert (start.trunk.mean, start.trunk.std, start.trunk.license) == (MEAN, STD, "CC0-1.0")
    assert start.trunk.source == "rectangles. Trained from: dice"
    recipe = fitting_recipe(DetectorRecipe(n_channels=96), start)
    network = started_network(start, recipe, ("product",))
    stored = safetensors_torch.load_file(detector_run.summary.model / WEIGHTS_FILE)
    assert stored.keys() == network.state_dict().keys()
    for name, value in network.state_dict().items():
        assert torch.equal(value, stored[name].float()), name


def test_other_classes_are_learned_anew_and_the_rest_is_kept(detector_run: Any, layouts: None) -> None:
    start = load_start(detector_run.summary.model)
    network = started_network(start, fitting_recipe(DetectorRecipe(), start), ("cherry", "lime"))
    stored = safetensors_torch.load_file(detector_run.summary.model / WEIGHTS_FILE)
    anew = {name for name, value in network.state_dict().items() if not torch.equal(value, stored[name].float())}
    assert anew == {f"detector.head.classification_head.cls_logits.{part}" for part in ("weight", "bias")}


def test_kind_must_be_that_of_the_start(detector_run: Any, layouts: None) -> None:
    start = load_start(detector_run.summary.model)
    with pytest.raises(BadInput, match=r"kind fcos, wanted retinanet"):
        fitting_recipe(DetectorRecipe(kind="retinanet"), start)
    assert fitting_recipe(DetectorRecipe(kind="fcos"), start).kind == "fcos"


def test_a_trunk_alone_leaves_the_recipe_as_it_is(layouts: None, tmp_path: Path) -> None:
    start = load_start(write_start(tmp_path / "start"))
    assert (start.kind, start.learned) == ("", {})
    assert fitting_recipe(DetectorRecipe(), start) == DetectorRecipe(kind="fcos")
    assert fitting_recipe(DetectorRecipe(kind="retinanet"), start).kind == "retinanet"


def test_a_detector_that_lacks_weights_or_cannot_be_built_again_is_refused(
    detector_run: Any, layouts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = load_start(detector_run.summary.model)
    fewer = {name: value for name, value in start.learned.items() if "inner_blocks.0" not in name}
    with pytest.raises(ModelMismatch, match=r"2 of its weights are missing.*inner_blocks\.0"):
        started_network(replace(start, learned=fewer), fitting_recipe(DetectorRecipe(), start), ("product",))
    monkeypatch.delitem(LAYOUTS, ARCHITECTURE)
    with pytest.raises(ModelMismatch, match=ARCHITECTURE):
        load_start(detector_run.summary.model)


def test_same_dice_for_the_same_seed(layouts: None, tmp_path: Path) -> None:
    first, second, other = (
        started_network(
            load_start(write_start(tmp_path / str(number))),
            DetectorRecipe(kind="fcos", n_channels=64, seed=seed),
            ("p",),
        ).state_dict()
        for number, seed in enumerate((0, 0, 1))
    )
    name = "detector.head.classification_head.cls_logits.weight"
    assert torch.equal(first[name], second[name])
    assert not torch.equal(first[name], other[name])
    assert isinstance(load_start(tmp_path / "0"), DetectorStart)


def test_bundled_detector_goes_on_by_its_name() -> None:
    start = load_start("product-detector")
    assert (start.kind, start.labels) == ("fcos", ("product",))
    network = started_network(start, fitting_recipe(DetectorRecipe(), start), start.labels)
    assert network.state_dict().keys() == start.learned.keys()
