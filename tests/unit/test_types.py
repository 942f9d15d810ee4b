"""The values that travel along the path check themselves when built."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from facings.errors import BadInput
from facings.quality import Advice, PhotoQuality
from facings.types import (
    Candidate,
    Crops,
    Decision,
    Detections,
    Embeddings,
    Image,
    PhotoDetections,
    PhotoError,
    PhotoResult,
    Reading,
    Recognition,
    Verdict,
    stack_rows,
)

ONE = np.ones(1, np.float32)


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(np.zeros((4, 4), np.uint8), id="gray"),
        pytest.param(np.zeros((4, 4, 4), np.uint8), id="four channels"),
        pytest.param(np.zeros((3, 4, 4), np.uint8), id="channels first"),
        pytest.param(np.zeros((4, 4, 3), np.float32), id="floats"),
        pytest.param(np.zeros((0, 4, 3), np.uint8), id="no rows"),
        pytest.param(np.zeros((4, 0, 3), np.uint8), id="no columns"),
    ],
)
def test_image_of_another_shape_is_refused(pixels: Any) -> None:
    with pytest.raises(BadInput, match=r"Image a\.jpg: got .* wanted uint8 \(H, W, 3\)"):
        Image(pixels, "0" * 64, "a.jpg")


def test_image_knows_its_size() -> None:
    image = Image(np.zeros((4, 7, 3), np.uint8), "0" * 64, "a.jpg")
    assert (image.width, image.height) == (7, 4)


@pytest.mark.parametrize(
    ("xyxy", "confidence", "said"),
    [
        pytest.param(np.zeros((1, 5), np.float32), ONE, "Boxes: got float32", id="five columns"),
        pytest.param(np.array([0, 0, 1, 1], np.float32), ONE, "Boxes: got float32", id="one box without rows"),
        pytest.param(np.array([[0, 0, 1, 1]], np.float64), ONE, "Boxes: got float64", id="double precision"),
        pytest.param(np.array([[0, 0, 1, 1]], np.float32), np.ones(2, np.float32), "Confidence", id="one too many"),
        pytest.param(np.array([[0, 0, 1, 1]], np.float32), np.ones(1), "Confidence: got float64", id="its precision"),
        pytest.param(np.array([[0, 0, np.nan, 1]], np.float32), ONE, "NaN", id="NaN"),
        pytest.param(np.array([[0, 0, np.inf, 1]], np.float32), ONE, "NaN or infinite", id="infinite"),
        pytest.param(np.array([[5, 0, 5, 1]], np.float32), ONE, "without area", id="no width"),
        pytest.param(np.array([[0, 5, 1, 5]], np.float32), ONE, "without area", id="no height"),
        pytest.param(np.array([[5, 0, 1, 1]], np.float32), ONE, "swapped", id="swapped"),
        pytest.param(np.array([[0, 0, 1, 1]], np.float32), ONE * 1.5, "outside", id="confidence above one"),
        pytest.param(np.array([[0, 0, 1, 1]], np.float32), -ONE, "outside", id="confidence below zero"),
        pytest.param(np.array([[0, 0, 1, 1]], np.float32), ONE * np.nan, "outside", id="confidence NaN"),
    ],
)
def test_detections_that_make_no_sense_are_refused(xyxy: Any, confidence: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Detections(xyxy, confidence)


def test_no_detections_are_fine() -> None:
    assert len(Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))) == 0


def test_crops_and_their_indexes_are_of_one_number() -> None:
    piece = np.zeros((8, 8, 3), np.uint8)
    assert len(Crops((piece,), np.array([3]), 5)) == 1
    with pytest.raises(BadInput, match="got 1 crops"):
        Crops((piece,), np.array([3, 4]), 5)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(np.array([1.0, 0.0], np.float32), id="one row without rows"),
        pytest.param(np.array([[1.0, 0.0]], np.float64), id="double precision"),
        pytest.param(np.array([[1.0, 0.1]], np.float32), id="too long"),
        pytest.param(np.array([[1.0, 0.0], [0.0, 0.0]], np.float32), id="one row is zero"),
        pytest.param(np.array([[np.nan, 0.0]], np.float32), id="NaN"),
        pytest.param(np.array([[np.inf, 0.0]], np.float32), id="infinite"),
    ],
)
def test_embeddings_are_unit_rows(rows: Any) -> None:
    with pytest.raises(BadInput, match="Embeddings"):
        Embeddings(rows, "space")


def test_no_embeddings_are_fine() -> None:
    assert len(Embeddings(np.zeros((0, 5), np.float32), "space")) == 0


@pytest.mark.parametrize(("verdict", "sku"), [("accepted", None), ("unknown", "milk"), ("ambiguous", "milk")])
def test_only_accepted_names_a_product(verdict: Verdict, sku: str | None) -> None:
    with pytest.raises(BadInput, match="only accepted names a SKU"):
        Decision(verdict, sku, ())


def test_reading_needs_an_aware_time() -> None:
    parts: dict[str, Any] = {"photo_id": "0" * 64, "photo": "a.jpg", "width": 1, "height": 1, "place": ""}
    parts |= {"detector": "d", "space_id": "s", "gallery_version": 1, "recognitions": ()}
    assert Reading(seen_at=datetime(2024, 1, 1, tzinfo=UTC), **parts).reading_id is None
    with pytest.raises(BadInput, match=r"Reading of a\.jpg: got a time without zone"):
        Reading(seen_at=datetime(2024, 1, 1), **parts)


def test_values_cannot_be_changed() -> None:
    decision = Decision("unknown", None, ())
    with pytest.raises(AttributeError):
        decision.sku = "milk"  # type: ignore[misc]


def test_json_contract_of_a_photo() -> None:
    decision = Decision("accepted", "milk", (Candidate("milk", 0.987654321, 4), Candidate("tea", -0.5, 9)), ("why",))
    result = PhotoResult(
        "shelf.jpg", 64, 48, (Recognition((0.123456, 1.0, 9.999, 20.0), 0.876543, decision),), None, "ab", None, ("n",)
    )
    assert result.to_json() == {
        "photo": "shelf.jpg",
        "width": 64,
        "height": 48,
        "recognitions": [
            {
                "box": [0.12, 1.0, 10.0, 20.0],
                "confidence": 0.8765,
                "decision": "accepted",
                "sku": "milk",
                "candidates": [{"sku": "milk", "similarity": 0.9877}, {"sku": "tea", "similarity": -0.5}],
                "reasons": ["why"],
                "probability": None,
                "evidence": [],
            }
        ],
        "error": None,
        "photo_id": "ab",
        "notes": ["n"],
        "quality": None,
    }


def test_json_contract_of_a_photo_that_failed() -> None:
    assert PhotoResult("a.jpg", 0, 0, (), PhotoError("bad_image", "a.jpg: it is empty.")).to_json() == {
        "photo": "a.jpg",
        "width": 0,
        "height": 0,
        "recognitions": [],
        "error": {"code": "bad_image", "message": "a.jpg: it is empty."},
        "photo_id": "",
        "notes": [],
        "quality": None,
    }


def test_json_contract_of_detections() -> None:
    boxes = np.array([[0.126, 1, 9.999, 20], [5, 5, 9, 9]], np.float32)
    found = Detections(boxes, np.array([0.87654, 0.5], np.float32), is_capped=True)
    quality = PhotoQuality(0.123456, 0.5, 0.0, -3.14159, (Advice("far", "Step closer.", 4.0, 80.0),), 4.0)
    assert PhotoDetections("a.jpg", 64, 48, found, None, "ab", ("n",), quality).to_json() == {
        "photo": "a.jpg",
        "width": 64,
        "height": 48,
        "boxes": [
            {"box": [0.13, 1.0, 10.0, 20.0], "confidence": 0.8765},
            {"box": [5.0, 5.0, 9.0, 9.0], "confidence": 0.5},
        ],
        "is_capped": True,
        "error": None,
        "photo_id": "ab",
        "notes": ["n"],
        "quality": {
            "sharpness": 0.1235,
            "brightness": 0.5,
            "glare_frac": 0.0,
            "tilt_deg": -3.14,
            "facing_px": 4.0,
            "advice": [{"code": "far", "words": "Step closer.", "figure": 4.0, "limit": 80.0}],
        },
    }


def test_json_contract_of_detections_that_failed() -> None:
    assert PhotoDetections("a.jpg", 0, 0, error=PhotoError("bad_image", "a.jpg: it is empty.")).to_json() == {
        "photo": "a.jpg",
        "width": 0,
        "height": 0,
        "boxes": [],
        "is_capped": False,
        "error": {"code": "bad_image", "message": "a.jpg: it is empty."},
        "photo_id": "",
        "notes": [],
        "quality": None,
    }


def test_stacked_rows() -> None:
    assert stack_rows([], 5).shape == (0, 5)
    stacked = stack_rows([np.array([1, 2], np.float32), np.array([3, 4], np.float32)], 2)
    assert (stacked.tolist(), str(stacked.dtype)) == ([[1, 2], [3, 4]], "float32")
