"""The values that travel along the path, one a step, frozen and checked when built.

Boxes are `xyxy`: float32 (N, 4), pixels, origin top-left, right and bottom exclusive, so that
width is x2 − x1. Color is RGB. Similarity is the cosine in [−1, 1], bigger is better. Times are aware UTC.
Arrays are never edited in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facings.errors import BadInput
from facings.evidence import Evidence
from facings.quality import PhotoQuality

UInt8Array = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

Verdict = Literal["accepted", "ambiguous", "unknown"]


@dataclass(frozen=True, eq=False)
class Image:
    """Step 1: a decoded, upright photo.

    Args:
        pixels: uint8 (H, W, 3), RGB, 0 to 255.
        photo_id: SHA-256 of the file's bytes, 64 hex digits: the identity of the photo everywhere.
        source: Path or name the photo came from, for messages.
        taken_at: When the camera says it was taken, as written in EXIF, if it says so.
        notes: What decoding had to do, in words ("animated: first of 12 frames used").
    """

    pixels: UInt8Array
    photo_id: str
    source: str
    taken_at: datetime | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise BadInput(f"Image {self.source}: got {self.pixels.dtype} {shape}, wanted uint8 (H, W, 3).")

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, eq=False)
class Detections:
    """Step 2: where products may be.

    Args:
        xyxy: float32 (N, 4), pixels.
        confidence: float32 (N,), in [0, 1].
        is_capped: True when the detector reached its ceiling and more products may be in the photo.
        notes: What the detector wants the reader to know, in words.
    """

    xyxy: FloatArray
    confidence: FloatArray
    is_capped: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.xyxy.ndim != 2 or self.xyxy.shape[1] != 4 or self.xyxy.dtype != np.float32:
            raise BadInput(f"Boxes: got {self.xyxy.dtype} {self.xyxy.shape}, wanted float32 (N, 4).")
        if self.confidence.shape != (len(self.xyxy),) or self.confidence.dtype != np.float32:
            raise BadInput(
                f"Confidence: got {self.confidence.dtype} {self.confidence.shape}, wanted float32 ({len(self.xyxy)},)."
            )
        if not np.isfinite(self.xyxy).all():
            raise BadInput("Boxes: got NaN or infinite corners, wanted finite pixels.")
        if len(self.xyxy) and not ((self.xyxy[:, 2:] > self.xyxy[:, :2]).all()):
            raise BadInput("Boxes: got a box without area or with swapped corners, wanted x1 < x2 and y1 < y2.")
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all():
            raise BadInput("Confidence: got a value outside [0, 1].")

    def __len__(self) -> int:
        return len(self.xyxy)


def no_detections() -> Detections:
    """No boxes at all."""
    return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, eq=False)
class Crops:
    """Step 3: the pixels of each box that is large enough to be recognized.

    Args:
        pixels: One uint8 (h, w, 3) RGB array a crop.
        detection_index: int64 (n,), the row of `Detections` each crop was cut from, ascending.
        n_detections: How many boxes there were; those that gave no crop were too small.
    """

    pixels: tuple[UInt8Array, ...]
    detection_index: IntArray
    n_detections: int

    def __post_init__(self) -> None:
        if self.detection_index.shape != (len(self.pixels),):
            raise BadInput(f"Crops: got {len(self.pixels)} crops and {self.detection_index.shape} indexes.")

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Step 4: one L2-normalized row a crop, with the identity of the space it lives in.

    Args:
        rows: float32 (N, D), each of length 1.
        space_id: Hash of weights and preparation; rows of two spaces must never meet.
    """

    rows: FloatArray
    space_id: str

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or self.rows.dtype != np.float32:
            raise BadInput(f"Embeddings: got {self.rows.dtype} {self.rows.shape}, wanted float32 (N, D).")
        norms = np.linalg.norm(self.rows, axis=1)
        if not (np.abs(norms - 1.0) < 1e-3).all():  # NaN rows fail this too
            raise BadInput("Embeddings: got rows that are not of length 1 (or not finite), wanted L2-normalized rows.")

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Candidate:
    """A product that a crop may show.

    Args:
        sku: The product.
        similarity: Cosine to its closest reference photo, in [−1, 1].
        reference_id: That reference in the gallery.
    """

    sku: str
    similarity: float
    reference_id: int


@dataclass(frozen=True)
class Decision:
    """Step 6: what is said about one crop.

    Args:
        verdict: "accepted" (one product), "ambiguous" (one of the candidates, which one is open) or "unknown".
        sku: The product when accepted, else None.
        candidates: The likest products first; when ambiguous, those in question.
        reasons: Why, in words.
        probability: When ambiguous, with what probability an enrolled product is among the candidates; None: not said.
    """

    verdict: Verdict
    sku: str | None
    candidates: tuple[Candidate, ...]
    reasons: tuple[str, ...] = ()
    probability: float | None = None

    def __post_init__(self) -> None:
        if (self.verdict == "accepted") != (self.sku is not None):
            raise BadInput(f"Decision: got {self.verdict} with SKU {self.sku!r}; only accepted names a SKU.")


@dataclass(frozen=True)
class Recognition:
    """One box of a photo and what was decided about it.

    Args:
        box: x1, y1, x2, y2 in pixels of the upright photo.
        confidence: The detector's certainty that this is a product, in [0, 1].
        decision: The answer.
        evidence: What was read or measured beside the picture, and what each piece did to the answer.
    """

    box: tuple[float, float, float, float]
    confidence: float
    decision: Decision
    evidence: tuple[Evidence, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """One entry of `recognitions` in the JSON contract."""
        return {
            "box": [round(corner, 2) for corner in self.box],
            "confidence": round(self.confidence, 4),
            "decision": self.decision.verdict,
            "sku": self.decision.sku,
            "candidates": [{"sku": c.sku, "similarity": round(c.similarity, 4)} for c in self.decision.candidates],
            "reasons": list(self.decision.reasons),
            "probability": self.decision.probability,
            "evidence": [piece.to_json() for piece in self.evidence],
        }


@dataclass(frozen=True)
class PhotoError:
    """Why a photo has no answer: the error's stable code and its message."""

    code: str
    message: str

    def to_json(self) -> dict[str, str]:
        """The entry `error` of the JSON contract."""
        return {"code": self.code, "message": self.message}


@dataclass(frozen=True, eq=False)
class PhotoDetections:
    """The boxes of products in one photo, not yet recognized; or an error, never neither in silence.

    Args:
        photo: Path or name as the caller gave it.
        width: Pixels of the upright photo, 0 when the photo failed.
        height: Pixels of the upright photo, 0 when the photo failed.
        detections: What was found, empty when the photo failed.
        error: Set when the photo failed.
        photo_id: SHA-256 of the file's bytes, "" when the photo failed.
        notes: What decoding and detection want the reader to know.
        quality: What the photo coach says; None when the photo failed.
    """

    photo: str
    width: int
    height: int
    detections: Detections = field(default_factory=no_detections)
    error: PhotoError | None = None
    photo_id: str = ""
    notes: tuple[str, ...] = ()
    quality: PhotoQuality | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON Lines contract of `facings detect --json`; later versions extend it and never break it."""
        boxes = zip(self.detections.xyxy.tolist(), self.detections.confidence.tolist(), strict=True)
        return {
            "photo": self.photo,
            "width": self.width,
            "height": self.height,
            "boxes": [
                {"box": [round(corner, 2) for corner in box], "confidence": round(confidence, 4)}
                for box, confidence in boxes
            ],
            "is_capped": self.detections.is_capped,
            "error": self.error and self.error.to_json(),
            "photo_id": self.photo_id,
            "notes": list(self.notes),
            "quality": self.quality and self.quality.to_json(),
        }


@dataclass(frozen=True)
class PhotoResult:
    """The answer for one photo: recognitions or an error, never neither in silence.

    Args:
        photo: Path or name as the caller gave it.
        width: Pixels of the upright photo, 0 when the photo failed.
        height: Pixels of the upright photo, 0 when the photo failed.
        recognitions: One a box, in the order of the boxes.
        error: Set when the photo failed; then `recognitions` is empty.
        photo_id: SHA-256 of the file's bytes, "" when the photo failed.
        taken_at: The camera's time, if it says so.
        notes: What decoding and detection want the reader to know.
        quality: What the photo coach says; None when the photo failed.
    """

    photo: str
    width: int
    height: int
    recognitions: tuple[Recognition, ...]
    error: PhotoError | None = None
    photo_id: str = ""
    taken_at: datetime | None = None
    notes: tuple[str, ...] = ()
    quality: PhotoQuality | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON Lines contract of `facings recognize --json`; later versions extend it and never break it."""
        return {
            "photo": self.photo,
            "width": self.width,
            "height": self.height,
            "recognitions": [r.to_json() for r in self.recognitions],
            "error": self.error and self.error.to_json(),
            "photo_id": self.photo_id,
            "notes": list(self.notes),
            "quality": self.quality and self.quality.to_json(),
        }


@dataclass(frozen=True)
class Reading:
    """Step 7: what was seen in one photo, one line of the record for the photo and one for each box.

    It is appended, never changed, and leads back to all that produced it: photo, box, detector, embedding space and
    gallery version.

    Args:
        photo_id: SHA-256 of the photo.
        photo: Path or name it came from.
        width: Pixels of the upright photo.
        height: Pixels of the upright photo.
        seen_at: When the products stood there: the camera's time, else the time of recognition. Aware UTC.
        place: Where, as the user calls it ("store-12/aisle-3/bay-2"), "" when not said.
        detector: Name of the detector.
        space_id: Embedding space.
        gallery_version: Version of the gallery that was searched.
        recognitions: One observation a box.
        notes: What decoding and detection want the reader to know.
        quality: What the photo coach says; None in records of versions that had none.
        max_false_accept: The share of false accepts that was promised, in (0, 1]; None where it was not kept.
        reading_id: Its number in the record; None before it is written.
        recorded_at: When it was written, aware UTC; None before it is.
    """

    photo_id: str
    photo: str
    width: int
    height: int
    seen_at: datetime
    place: str
    detector: str
    space_id: str
    gallery_version: int
    recognitions: tuple[Recognition, ...]
    notes: tuple[str, ...] = ()
    quality: PhotoQuality | None = None
    max_false_accept: float | None = None
    reading_id: int | None = None
    recorded_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.seen_at.utcoffset() is None:
            raise BadInput(f"Reading of {self.photo}: got a time without zone, wanted an aware one.")


def stack_rows(rows: Sequence[FloatArray], n_columns: int) -> FloatArray:
    """Rows as one float32 (N, D) array; (0, D) when there are none."""
    return np.stack(rows).astype(np.float32) if rows else np.zeros((0, n_columns), np.float32)
