"""The cards that travel inside model files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from facings.errors import BadInput, ModelMismatch, ModelNotFound
from facings.model_card import DetectorCard, ModelCard, Preparation

PREPARATION = Preparation(224, 256, "center-crop", "bicubic", (123.5, 116.25, 103.0), (58.5, 57.0, 57.5))
CARD = ModelCard("resnet50-half", "resnet50", 1024, PREPARATION, "BSD-2-Clause", "größe", "photos", "ab12")


def changed(**changes: Any) -> str:
    raw = json.loads(CARD.to_json())
    for name, value in changes.items():
        target = raw["preparation"] if name in raw["preparation"] else raw
        if value is None:
            del target[name]
        else:
            target[name] = value
    return json.dumps(raw)


def test_card_comes_back_as_it_was() -> None:
    again = ModelCard.from_json(CARD.to_json())
    assert again == CARD
    assert again.to_json() == CARD.to_json()
    assert isinstance(again.preparation.mean, tuple)
    assert hash(again) == hash(CARD)


def test_equal_cards_are_equal_bytes_whatever_the_order_of_fields() -> None:
    shuffled = dict(reversed(json.loads(CARD.to_json()).items()))
    assert ModelCard.from_json(json.dumps(shuffled)).to_json() == CARD.to_json()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="broken JSON"),
        pytest.param("[]", id="a list"),
        pytest.param("7", id="a number"),
        pytest.param("null", id="null"),
        pytest.param("{}", id="no fields"),
        pytest.param("[" * 100_000, id="nested beyond reason"),
        pytest.param(changed(name=None), id="name missing"),
        pytest.param(changed(mean=None), id="mean missing"),
        pytest.param(changed(mean=7), id="mean is one number"),
        pytest.param(changed(mean=["red", "green", "blue"]), id="mean in words"),
        pytest.param(changed(preparation="squash"), id="preparation is a word"),
        pytest.param(changed(fit="stretch"), id="fit that does not exist"),
        pytest.param(changed(interpolation="nearest"), id="filter that is not antialiased"),
        pytest.param(changed(input_size_px=0), id="no size"),
        pytest.param(changed(input_size_px=300), id="cut larger than the resized picture"),
        pytest.param(changed(input_size_px="224"), id="size as text"),
        pytest.param(json.dumps({**json.loads(CARD.to_json()), "mood": "fine"}), id="unknown field"),
    ],
)
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(ModelNotFound, match="Model card: cannot be read"):
        ModelCard.from_json(text)


def test_preparation_that_cannot_be_done_is_refused_when_built() -> None:
    with pytest.raises(BadInput, match="got fit 'zoom', wanted one of center-crop, squash, letterbox"):
        Preparation(8, 8, "zoom", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="input_size_px 9 and resize_px 8"):
        Preparation(9, 8, "center-crop", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


DETECTOR_FIELDS: dict[str, Any] = {
    "name": "shelf-boxes",
    "architecture": "fcos",
    "labels": ("product",),
    "stride_px": 32,
    "working_px": 640,
    "object_px": (24.0, 200.0),
    "min_confidence": 0.35,
    "nms_iou": 0.5,
    "mean": (123.5, 116.25, 103.0),
    "std": (58.5, 57.0, 57.5),
    "license": "Apache-2.0",
    "source": "größe",
    "training_data": "shelves",
    "data_fingerprint": "ab12",
}
DETECTOR = DetectorCard(**DETECTOR_FIELDS)


def test_detector_card_comes_back_as_it_was() -> None:
    again = DetectorCard.from_json(DETECTOR.to_json())
    assert again == DETECTOR
    assert again.to_json() == DETECTOR.to_json()
    assert hash(again) == hash(DETECTOR)
    assert json.loads(DETECTOR.to_json())["kind"] == "detector"
    shuffled = dict(reversed(json.loads(DETECTOR.to_json()).items()))
    assert DetectorCard.from_json(json.dumps(shuffled)).to_json() == DETECTOR.to_json()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("labels", [], id="no label"),
        pytest.param("labels", "product", id="labels are one word"),
        pytest.param("labels", ["milk", "milk"], id="a label twice"),
        pytest.param("stride_px", 0, id="no stride"),
        pytest.param("stride_px", 32.0, id="stride is no whole number"),
        pytest.param("stride_px", "32", id="stride as text"),
        pytest.param("working_px", 31, id="smaller than a stride"),
        pytest.param("object_px", [24], id="one object size"),
        pytest.param("object_px", [200, 24], id="object sizes swapped"),
        pytest.param("object_px", [0, 24], id="objects without size"),
        pytest.param("object_px", [24, float("inf")], id="endless objects"),
        pytest.param("object_px", [float("nan"), 24], id="object size is no number"),
        pytest.param("min_confidence", 1.5, id="confidence above 1"),
        pytest.param("min_confidence", float("nan"), id="confidence is no number"),
        pytest.param("nms_iou", 0, id="IoU of 0 would leave one box"),
        pytest.param("nms_iou", 1.01, id="IoU above 1"),
        pytest.param("mean", [1, 2], id="two colors"),
        pytest.param("mean", [0.485, 0.456, 300], id="mean beyond 255"),
        pytest.param("std", [1, 1, 0], id="division by zero"),
        pytest.param("std", None, id="std is missing"),
        pytest.param("mood", "fine", id="unknown field"),
    ],
)
def test_what_is_no_detector_card_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ModelNotFound, match="Detector card: cannot be read"):
        DetectorCard.from_json(json.dumps({**json.loads(DETECTOR.to_json()), field: value}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_text_that_is_no_detector_card_is_refused(text: str) -> None:
    with pytest.raises(ModelNotFound, match="Detector card: cannot be read"):
        DetectorCard.from_json(text)


def test_bad_detector_card_says_what_was_wanted() -> None:
    with pytest.raises(BadInput, match=r"got object_px \(200\.0, 24\.0\); wanted two sizes above 0, the smaller first"):
        DetectorCard(**{**DETECTOR_FIELDS, "object_px": (200.0, 24.0)})
    with pytest.raises(BadInput, match="wanted 'detector'"):
        DetectorCard(**DETECTOR_FIELDS, kind="embedder")  # type: ignore[arg-type]


def test_one_kind_of_card_is_not_read_as_the_other() -> None:
    with pytest.raises(ModelMismatch, match="kind 'detector', wanted one of the kind 'embedder'"):
        ModelCard.from_json(DETECTOR.to_json())
    with pytest.raises(ModelMismatch, match="kind 'embedder', wanted one of the kind 'detector'"):
        DetectorCard.from_json(CARD.to_json())
