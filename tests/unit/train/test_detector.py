"""Annotated photos in, a detector's model directory out."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from facings.adapters.onnx_detector import OnnxBoxNetwork
from facings.annotations import AnnotatedPhoto, LabelledBox
from facings.detect import NetworkDetector
from facings.errors import BadInput, ModelMismatch, ModelNotFound
from facings.evaluate.detection_run import evaluate_detector
from facings.images import decode, read_bytes
from toy_boxes import boxed_photo, toy_boxes

torch = pytest.importorskip("torch", reason="needs the train extra")

from facings.train import detector, detector_card  # noqa: E402
from facings.train.architectures import LAYOUTS  # noqa: E402
from facings.train.detector import DetectorSettings, train_detector  # noqa: E402
from facings.train.detector_recipe import DetectorRecipe  # noqa: E402
from facings.train.detector_set import build_detection_set  # noqa: E402
from small_trunk import ARCHITECTURE, LAYOUT, MEAN, STD, write_start  # noqa: E402

pytestmark = pytest.mark.torch

T = TypeVar("T")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DetectorSettings:
    """Two epochs of two steps."""
    monkeypatch.setitem(LAYOUTS, ARCHITECTURE, LAYOUT)
    recipe = DetectorRecipe(n_channels=64, n_epochs=2, canvas_px=64, batch_size=4, n_frozen_stages=0, lr=1e-3)
    return DetectorSettings(recipe=recipe, start=write_start(tmp_path / "start"), n_threads=1)


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Nothing is exported but the card, which comes here: an export takes longer than these trainings."""
    seen: list[Any] = []

    def export(network: Any, card: Any, directory: Path, *, is_half: bool) -> float:
        assert not network.training
        directory.mkdir()
        seen.append(card)
        return 0.0

    monkeypatch.setattr(detector, "export_detector", export)
    return seen


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """A training sets them for the process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def train(tmp_path: Path) -> list[AnnotatedPhoto]:
    return toy_boxes(tmp_path / "train", 8)


@pytest.fixture
def val(tmp_path: Path) -> list[AnnotatedPhoto]:
    return toy_boxes(tmp_path / "val", 2, seed=1)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_rectangles_are_learned_and_found_at_runtime(detector_run: Any) -> None:
    summary = detector_run.summary
    assert summary.epochs[summary.best_epoch - 1]["val_ap50"] > 0.8
    assert summary.ap50 > 0.8
    assert summary.epochs[-1]["loss"] < summary.epochs[0]["loss"]
    network = OnnxBoxNetwork(summary.model, n_threads=1)
    limit = network.card.min_confidence
    found = evaluate_detector(detector_run.val, detector=NetworkDetector(network), own_limit=limit)
    assert found.metrics.output.point.recall > 0.8
    assert found.metrics.output.point.precision > 0.8
    photo = detector_run.val[0]
    sure = NetworkDetector(network, min_confidence=0.9)
    assert len(sure.detect(decode(read_bytes(photo.path), source="toy")).xyxy) <= len(photo.boxes)


def test_card_says_what_the_detector_is(detector_run: Any) -> None:
    card = OnnxBoxNetwork(detector_run.summary.model, n_threads=1).card
    recipe = detector_run.settings.recipe
    assert (card.name, card.labels, card.license) == ("rectangles", ("product",), "CC0-1.0")
    assert (card.stride_px, card.working_px, card.nms_iou) == (64, recipe.canvas_px, recipe.nms_iou)
    assert (card.mean, card.std) == (MEAN, STD)
    assert card.architecture == f"fcos, pyramid of 64 channels on {ARCHITECTURE}: random"
    n_boxes = sum(len(photo.boxes) for photo in detector_run.train)
    assert card.source == "Trained from: dice"
    assert card.training_data == f"no photo; then {n_boxes} boxes in 96 photos"
    assert card.data_fingerprint == read(detector_run.folder / "settings.json")["data_fingerprint"]
    small_px, large_px = card.object_px
    # Sides of 20 to 28 px by 0.7 to 1.4 and up to an eighth in width; half of that, or cut out at 24, in a mosaic.
    assert 8 < small_px < 20
    assert 28 < large_px < 28 * 1.4 * 1.12
    assert 0.05 < card.min_confidence < 1
    assert detector_run.summary.min_confidence == card.min_confidence


def test_run_folder_holds_report_summary_and_settings(detector_run: Any) -> None:
    folder, summary = detector_run.folder, detector_run.summary
    assert {path.name for path in folder.iterdir()} == {
        "checkpoint.safetensors",
        "metrics.jsonl",
        "model",
        "photos",
        "report.html",
        "report.json",
        "settings.json",
        "summary.json",
    }
    settings, report, told = (read(folder / f"{name}.json") for name in ("settings", "report", "summary"))
    assert settings["recipe"]["canvas_px"] == 64
    assert settings["labels"] == ["product"]
    assert {"machine", "versions", "commit", "start", "architecture"} <= settings.keys()
    assert told["kind"] == "detector training"
    assert told["model"] == "model"
    assert (told["n_train"], told["n_val"], told["problems"]) == (96, 12, [])
    assert told["ap50"] == summary.ap50
    assert report["figures"]["ap50"]["value"] == pytest.approx(summary.ap50, abs=1e-4)
    assert report["n_photos"] == 12
    assert report["epochs"] == list(summary.epochs) == told["epochs"]
    assert report["output"]["confidence"] == summary.min_confidence
    page = (folder / "report.html").read_text()
    assert f"AP50 {report['epochs'][summary.best_epoch - 1]['val_ap50']:.3f} after epoch {summary.best_epoch}" in page
    assert "<code>report.json</code>" in page
    assert report["facts"]["network"] == "fcos, 64 channels"
    assert 0 <= summary.export_difference < 1e-3
    assert summary.seconds > summary.epochs[-1]["seconds"] > 0


def test_runtime_measures_what_the_report_says(detector_run: Any) -> None:
    """The report looks with torch at the weights as they are stored, half precision and all."""
    network = OnnxBoxNetwork(detector_run.summary.model, n_threads=1)
    seeing = NetworkDetector(network, min_confidence=0.05)
    found = evaluate_detector(detector_run.val, detector=seeing, own_limit=network.card.min_confidence)
    assert found.metrics.ap50.value == pytest.approx(detector_run.summary.ap50, abs=0.005)


def test_folder_with_a_run_is_left_alone(
    detector_run: Any, train: list[AnnotatedPhoto], settings: DetectorSettings, tmp_path: Path
) -> None:
    before = (detector_run.folder / "summary.json").stat().st_mtime_ns
    for is_resumed in (False, True):
        with pytest.raises(BadInput, match=r"holds a run already, and it is finished.*another folder"):
            train_detector(train, out=detector_run.folder, settings=replace(settings, is_resumed=is_resumed))
    assert (detector_run.folder / "summary.json").stat().st_mtime_ns == before
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "checkpoint.safetensors").write_bytes(b"hours of work")
    with pytest.raises(BadInput, match="Resume it"):
        train_detector(train, out=tmp_path / "half", settings=settings)
    assert [path.name for path in (tmp_path / "half").iterdir()] == ["checkpoint.safetensors"]


def interrupted(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    for number, item in enumerate(items):
        if label == "Training" and number == 1:
            signal.raise_signal(signal.SIGINT)
        yield item


def test_interrupted_run_is_resumed_and_other_photos_are_refused(
    train: list[AnnotatedPhoto],
    val: list[AnnotatedPhoto],
    settings: DetectorSettings,
    cards: list[Any],
    tmp_path: Path,
) -> None:
    resumed = replace(settings, is_resumed=True)
    with pytest.raises(ModelNotFound, match="no checkpoint"):
        train_detector(train, val, out=tmp_path / "run", settings=resumed)
    with pytest.raises(KeyboardInterrupt):
        train_detector(train, val, out=tmp_path / "run", settings=settings, track=interrupted)
    assert not (tmp_path / "run" / "model").exists()
    with pytest.raises(BadInput, match="Resume it"):
        train_detector(train, val, out=tmp_path / "run", settings=settings)
    with pytest.raises(ModelMismatch, match="data_fingerprint"):
        train_detector(train[1:], val, out=tmp_path / "run", settings=resumed)
    summary = train_detector(train, val, out=tmp_path / "run", settings=resumed)
    assert summary is not None
    assert [epoch["epoch"] for epoch in summary.epochs] == [1, 2]
    assert len(cards) == 1


def test_classes_are_learned_where_asked(
    train: list[AnnotatedPhoto],
    val: list[AnnotatedPhoto],
    settings: DetectorSettings,
    cards: list[Any],
    tmp_path: Path,
) -> None:
    by_class = replace(settings, is_by_class=True, recipe=replace(settings.recipe, kind="retinanet"))
    assert train_detector(train, val, out=tmp_path / "run", settings=by_class) is not None
    (card,) = cards
    assert card.labels == ("cherry", "lime")
    assert card.architecture.startswith("retinanet, ")
    assert read(tmp_path / "run" / "settings.json")["labels"] == ["cherry", "lime"]
    assert card.min_confidence >= 0.05


def test_photo_that_comes_twice_or_cannot_be_read_does_not_end_the_training(
    val: list[AnnotatedPhoto], settings: DetectorSettings, cards: list[Any], tmp_path: Path
) -> None:
    photos = toy_boxes(tmp_path / "few", 3)
    broken = replace(photos[0], path=tmp_path / "broken.png")
    broken.path.write_bytes(b"no photo")
    short = replace(settings, recipe=replace(settings.recipe, n_epochs=1))
    summary = train_detector([*photos, broken], [*val, *val], out=tmp_path / "run", settings=short)
    assert summary is not None
    assert [problem.where for problem in summary.problems] == [str(broken.path)]
    assert read(tmp_path / "run" / "report.json")["n_photos"] == 2
    assert read(tmp_path / "run" / "summary.json")["problems"][0]["where"] == str(broken.path)


def test_boxes_too_small_to_learn_are_refused_before_the_training(
    val: list[AnnotatedPhoto], settings: DetectorSettings, tmp_path: Path
) -> None:
    dots = [
        replace(photo, boxes=(LabelledBox((30.0, 30.0, 31.5, 31.5), "cherry"),))
        for photo in toy_boxes(tmp_path / "dots", 4)
    ]
    with pytest.raises(BadInput, match="got 4 boxes, all too small"):
        train_detector(dots, val, out=tmp_path / "run", settings=settings)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_sizes_on_the_card_are_told_by_photos_that_have_boxes(
    val: list[AnnotatedPhoto], settings: DetectorSettings, tmp_path: Path
) -> None:
    """One photo of forty has a box, of 24×30 px, and a batch is one square: most batches show an empty photo."""
    empty = [boxed_photo(tmp_path / f"empty-{number}.png", {}) for number in range(39)]
    one = boxed_photo(tmp_path / "one.png", {(8, 10, 32, 40): "cherry"})
    data = build_detection_set([*empty, one], val, cache_root=tmp_path / "cache", seed=0)
    for seed in range(8):
        recipe = replace(settings.recipe, batch_size=1, mosaic_prob=0.0, seed=seed)
        small_px, large_px = detector_card.ordinary_sizes_px(data, recipe)
        assert 8 < small_px < 24 < large_px < 24 * 1.4 * 1.13


def test_weights_are_measured_as_they_are_stored(
    train: list[AnnotatedPhoto], val: list[AnnotatedPhoto], settings: DetectorSettings, cards: list[Any],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    seen: list[Any] = []

    def card_of(_name: str, network: Any, *rest: Any) -> Any:
        seen.extend(value for value in network.state_dict().values() if value.ndim > 1)
        return detector_card.detector_card(_name, network, *rest)

    monkeypatch.setattr(detector, "detector_card", card_of)
    train_detector(
        train, val, out=tmp_path / "run", settings=replace(settings, recipe=replace(settings.recipe, n_epochs=1))
    )
    assert seen
    assert all(torch.equal(value, value.half().float()) for value in seen)


def test_training_is_not_lost_when_its_export_is_unsound(
    train: list[AnnotatedPhoto], val: list[AnnotatedPhoto], settings: DetectorSettings, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def unsound(*_given: Any, **_how: Any) -> float:
        raise ModelMismatch("Export: ONNX Runtime differs from torch by 0.1.")

    sound: list[Path] = []

    def export(_network: Any, _card: Any, directory: Path, **_how: Any) -> float:
        directory.mkdir()
        sound.append(directory)
        return 0.0

    monkeypatch.setattr(detector, "export_detector", unsound)
    with pytest.raises(ModelMismatch, match=r"differs.*training itself is complete.*checkpoint\.safetensors") as told:
        train_detector(train, val, out=tmp_path / "run", settings=settings)
    assert "Resum" in (told.value.hint or "")
    metrics = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert len(metrics.splitlines()) == 2
    assert (tmp_path / "run" / "report.html").exists()
    monkeypatch.setattr(detector, "export_detector", export)
    summary = train_detector(train, val, out=tmp_path / "run", settings=replace(settings, is_resumed=True))
    assert summary is not None
    assert sound == [tmp_path / "run" / "model"]
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == metrics  # nothing was learned again


def test_detector_of_an_earlier_run_learns_on(
    detector_run: Any, train: list[AnnotatedPhoto], val: list[AnnotatedPhoto], settings: DetectorSettings,
    cards: list[Any], tmp_path: Path,
) -> None:  # fmt: skip
    """One epoch of two steps is enough for what starts where another ended; from the trunk it finds nothing."""
    recipe = replace(settings.recipe, n_epochs=1, n_channels=96, lr=1e-4, head_lr=1e-4)
    on = replace(settings, recipe=recipe, start=detector_run.summary.model)
    summary = train_detector(train, val, out=tmp_path / "run", settings=on)
    assert summary is not None
    assert summary.ap50 > 0.8
    assert cards[0].architecture == f"fcos, pyramid of 64 channels on {ARCHITECTURE}: random"
    assert cards[0].source == "Trained from: rectangles. Trained from: dice"
    assert cards[0].training_data.startswith("no photo; then")
    assert cards[0].training_data.count("; then") == 2
    assert read(tmp_path / "run" / "settings.json")["recipe"]["n_channels"] == 64


def test_two_stages_are_trained_to_the_card(
    train: list[AnnotatedPhoto], val: list[AnnotatedPhoto], settings: DetectorSettings, cards: list[Any], tmp_path: Path
) -> None:
    two = replace(settings, recipe=replace(settings.recipe, kind="faster_rcnn", n_epochs=1))
    summary = train_detector(train, val, out=tmp_path / "run", settings=two)
    assert summary is not None
    assert cards[0].architecture.startswith("faster_rcnn, ")


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_epochs": 0},
        {"n_channels": 32},
        {"n_channels": 80},
        {"canvas_px": 96},
        {"canvas_px": 0},
        {"lr": float("nan")},
        {"head_lr": -1.0},
        {"warmup_frac": 1.0},
        {"ema_decay": 1.0},
        {"color_jitter": 1.0},
        {"mosaic_prob": 1.1},
        {"plain_frac": -0.1},
        {"layer_decay": 0.0},
        {"nms_iou": 0.0},
        {"patience": 0},
    ],
    ids=str,
)
def test_recipes_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="wanted"):
        DetectorRecipe(**wrong)


def test_limit_on_the_card_keeps_the_box_that_it_was_read_from(
    val: list[AnnotatedPhoto], train: list[AnnotatedPhoto], settings: DetectorSettings, cards: list[Any],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A confidence of 0.6996 is written as 0.699, not as 0.7, which would leave its box out."""

    def found(_network: Any, data: Any, rows: Any, *_recipe: Any, **_how: Any) -> list[Any]:
        return [
            detector_answer(data, row, 0.6996) for row in sorted(rows, key=lambda row: str(data.cache.photos[row].path))
        ]

    monkeypatch.setattr(detector_card, "detected", found)
    train_detector(
        train, val, out=tmp_path / "run", settings=replace(settings, recipe=replace(settings.recipe, n_epochs=1))
    )
    assert cards[0].min_confidence == 0.699


def detector_answer(data: Any, row: int, confidence: float) -> Any:
    from facings.evaluate.photo_boxes import PhotoBoxes

    truth = data.truths[row]
    labels = ("product",) * len(truth.xyxy)
    boxes = truth.xyxy.astype(np.float64)
    path = str(data.cache.photos[row].path)
    return PhotoBoxes(path, boxes, truth.is_ignored, labels, boxes, np.full(len(boxes), confidence), labels)
