"""Photos in, model directory out."""

from __future__ import annotations

import errno
import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facings.adapters.onnx_models import OnnxEmbedder
from facings.embed import embed
from facings.errors import BadInput, ModelMismatch, StoreFailed
from facings.images import decode, read_bytes
from facings.manifest import LabelledPhoto

torch = pytest.importorskip("torch", reason="needs the train extra")

from facings.model_card import ModelCard, Preparation  # noqa: E402
from facings.train.architectures import LAYOUTS  # noqa: E402
from facings.train.backbones import load_trunk  # noqa: E402
from facings.train.export import export_embedder  # noqa: E402
from facings.train.recipe import Phase, Recipe  # noqa: E402
from facings.train.recognizer import TrainSettings, train_recognizer  # noqa: E402
from facings.train.resnet import ResNet, ResNetLayout  # noqa: E402

pytestmark = pytest.mark.torch

LAYOUT = ResNetLayout(8, (8, 8, 16, 16), (1, 1, 1, 1), "1x1", "ceil")
RECIPE = Recipe(
    phases=(Phase(8, 40, 0),),
    batch_size=4,
    lr=2e-3,
    head_lr=1e-2,
    color_jitter=0.1,
    erase_prob=0.0,
    embed_size_px=40,
    embed_resize_px=40,
    patience=99,
)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random network in a model directory."""
    directory = tmp_path_factory.mktemp("start") / "model"
    torch.manual_seed(1)
    preparation = Preparation(64, 64, "squash", "bilinear", (128.0, 128.0, 128.0), (64.0, 64.0, 64.0))
    card = ModelCard("start", "small: random", 16, preparation, "CC0-1.0", "dice", "no photo", "")
    export_embedder(ResNet(LAYOUT), card, directory)
    return directory


@pytest.fixture
def settings(start: Path, monkeypatch: pytest.MonkeyPatch) -> TrainSettings:
    monkeypatch.setitem(LAYOUTS, "small", LAYOUT)
    return TrainSettings(recipe=RECIPE, start=start, name="toy-products", n_threads=1)


def rows_of(photos: list[LabelledPhoto], directory: Path) -> Any:
    pixels = [decode(read_bytes(photo.path), source="toy").pixels for photo in photos]
    return embed(pixels, OnnxEmbedder(directory, n_threads=1)).rows


def test_trained_model_recognizes_at_runtime_and_says_what_it_is(
    toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], settings: TrainSettings, tmp_path: Path
) -> None:
    damaged = LabelledPhoto(tmp_path / "damaged.jpg", "plum", "other")
    damaged.path.write_bytes(b"\xff\xd8 not a photo")
    summary = train_recognizer([damaged, *toys], toys_to_check, out=tmp_path / "run", settings=settings)
    assert [problem.where for problem in summary.problems] == [str(damaged.path)]
    assert (summary.n_train, summary.n_val, summary.n_products) == (24, 12, 4)
    assert summary.classifier_accuracy == 1.0
    assert summary.gallery_recall_at_1 == 1.0
    assert summary.export_difference < 1e-5
    page = (tmp_path / "run" / "report.html").read_text()
    assert "8 epochs at 40 px, all stages learn" in page
    assert "ONNX Runtime differs from torch by" in page
    assert f"{summary.export_difference:.1g} at most" in page
    closest = (rows_of(toys_to_check, summary.model) @ rows_of(toys, summary.model).T).argmax(1)
    assert [toys[place].label for place in closest] == [photo.label for photo in toys_to_check]

    card = OnnxEmbedder(summary.model, n_threads=1).card
    assert (card.name, card.license, card.source) == ("toy-products", "CC0-1.0", "Fine-tuned from: dice")
    assert card.training_data.startswith("no photo; then 24 photos of 4 products (")
    assert "facings calibrate" in card.training_data
    settings_file = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert card.data_fingerprint == settings_file["data_fingerprint"]
    assert settings_file["recipe"]["seed"] == 0
    assert "torch" in settings_file["versions"]
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["fit"]["best_epoch"] == summary.fit.best_epoch


def test_recipe_without_phases_finds_neck_and_classifier_in_closed_form(
    toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], settings: TrainSettings, tmp_path: Path
) -> None:
    quick = replace(settings, recipe=replace(RECIPE, phases=()))
    summary = train_recognizer(toys, toys_to_check, out=tmp_path / "run", settings=quick)
    assert (summary.fit.epochs, summary.fit.best_epoch) == ((), 0)
    closest = (rows_of(toys_to_check, summary.model) @ rows_of(toys, summary.model).T).argmax(1)
    assert [toys[place].label for place in closest] == [photo.label for photo in toys_to_check]
    assert summary.classifier_accuracy == 1.0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "How it learned" not in page
    assert "closed form" in page


def test_the_finished_trunk_lies_between_its_start_and_what_it_learned(
    toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], settings: TrainSettings, tmp_path: Path
) -> None:
    def trunk_of(name: str, recipe: Recipe) -> Any:
        summary = train_recognizer(toys, toys_to_check, out=tmp_path / name, settings=replace(settings, recipe=recipe))
        return load_trunk(summary.model).backbone.get_parameter("layer4.0.conv2.weight").detach()

    start = trunk_of("start", replace(RECIPE, phases=()))
    learned = trunk_of("learned", replace(RECIPE, start_share=0.0))
    between = trunk_of("between", replace(RECIPE, start_share=0.25))
    assert not start.equal(learned)
    assert between == pytest.approx(0.25 * start + 0.75 * learned, rel=1e-2, abs=1e-4)  # kept in half precision


def test_folder_with_a_run_is_left_alone(toys: list[LabelledPhoto], settings: TrainSettings, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.safetensors").write_bytes(b"hours of work")
    with pytest.raises(BadInput, match="holds a run already"):
        train_recognizer(toys, out=tmp_path / "run", settings=settings)
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == b"hours of work"


def test_interrupted_run_is_resumed_and_other_photos_are_refused(
    toys: list[LabelledPhoto], settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(items: Any, label: str, total: int) -> Any:
        for number, item in enumerate(items):
            if label == "Training" and number == 7:
                signal.raise_signal(signal.SIGINT)
            yield item

    short = replace(settings, recipe=replace(RECIPE, phases=(Phase(2, 32, 0),)), cache_root=tmp_path / "photos")
    whole = train_recognizer(toys, out=tmp_path / "whole", settings=short)
    with pytest.raises(KeyboardInterrupt):
        train_recognizer(toys, out=tmp_path / "run", settings=short, track=interrupted)
    with pytest.raises(BadInput, match="Resume it"):
        train_recognizer(toys, out=tmp_path / "run", settings=short)
    resumed = replace(short, is_resumed=True)
    with pytest.raises(ModelMismatch, match="data_fingerprint"):
        train_recognizer(toys[1:], out=tmp_path / "run", settings=resumed)
    other = replace(resumed, recipe=replace(short.recipe, lr=0.5))
    with pytest.raises(ModelMismatch, match=r"another training: recipe\.lr is 0\.002, wanted 0\.5\."):
        train_recognizer(toys, out=tmp_path / "run", settings=other)

    def full(*_given: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(StoreFailed, match=r"model: the model cannot be written \(No space left.*then resume"):
            train_recognizer(toys, out=tmp_path / "run", settings=resumed)
    assert not (tmp_path / "run" / "model").exists()
    summary = train_recognizer(toys, out=tmp_path / "run", settings=resumed)
    np.testing.assert_array_equal(rows_of(toys, summary.model), rows_of(toys, whole.model))
    further = train_recognizer(toys, out=tmp_path / "further", settings=replace(short, start=summary.model))
    assert (further.n_products, further.model.is_dir()) == (4, True)
