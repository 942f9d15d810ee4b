"""The card that a model carries across the border between training and runtime, by the kind of model.

A card lies inside the ONNX file as metadata (key `facings.card`, JSON), so that a model can never be separated
from how its input must be prepared. `CARD.md` beside the file is the same for people.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from operator import index
from typing import Any, Literal, get_args

from facings.errors import BadInput, ModelMismatch, ModelNotFound

MODEL_FILE = "model.onnx"
CELLS_FILE = "cells.onnx"  # the first stages of the same network, see cells.py; networks without maps have none
WEIGHTS_FILE = "weights.safetensors"
CARD_KEY = "facings.card"
WEIGHTS_KEY = "facings.weights_sha256"  # of the weights file that the graph points into

Fit = Literal["center-crop", "squash", "letterbox"]
Interpolation = Literal["bilinear", "bicubic", "lanczos"]


@dataclass(frozen=True)
class Preparation:
    """How a crop becomes model input. Gallery, query and training use this and nothing else.

    Args:
        input_size_px: Side of the square the model sees.
        resize_px: What the crop is resized to before cutting (`center-crop`: its shorter side); otherwise unused
            and equal to `input_size_px`.
        fit: "center-crop" (resize the shorter side, cut the middle square), "squash" (resize both sides) or
            "letterbox" (resize the longer side, pad with the mean color).
        interpolation: Pillow's filter name: "bilinear", "bicubic" or "lanczos". Always antialiased.
        mean: RGB, 0 to 255; subtracted inside the graph. Also the color that pads.
        std: RGB, in units of 0 to 255; divided by inside the graph.
    """

    input_size_px: int
    resize_px: int
    fit: Fit
    interpolation: Interpolation
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        for name, got, known in (("fit", self.fit, Fit), ("interpolation", self.interpolation, Interpolation)):
            if got not in get_args(known):
                raise BadInput(f"Preparation: got {name} {got!r}, wanted one of {', '.join(get_args(known))}.")
        if not 1 <= self.input_size_px <= self.resize_px:
            raise BadInput(
                f"Preparation: got input_size_px {self.input_size_px} and resize_px {self.resize_px}, "
                "wanted 1 <= input_size_px <= resize_px."
            )


@dataclass(frozen=True)
class ModelCard:
    """What a reader and the runtime must know about an embedder.

    Args:
        name: Short name, kebab-case.
        architecture: The network, as the training code names it.
        embedding_dim: D.
        preparation: How input is made.
        license: Of the weights.
        source: Where the weights come from.
        training_data: What they saw, in words.
        data_fingerprint: Hash of the training set's contents, "" when the origin does not give one.
    """

    name: str
    architecture: str
    embedding_dim: int
    preparation: Preparation
    license: str
    source: str
    training_data: str
    data_fingerprint: str

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, so that equal cards are equal bytes."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card.

        Raises:
            ModelNotFound: The text is not a card: broken JSON, missing or unknown fields.
            ModelMismatch: It is the card of a detector.
        """
        try:
            raw = _loaded(text, "embedder")
            preparation = raw.pop("preparation")
            for key in ("mean", "std"):
                preparation[key] = tuple(float(value) for value in preparation[key])
            return cls(preparation=Preparation(**preparation), **raw)
        except _UNREADABLE as error:
            wanted = ", ".join(field.name for field in fields(cls))
            raise ModelNotFound(f"Model card: cannot be read ({error}); wanted JSON with {wanted}.") from error


@dataclass(frozen=True)
class DetectorCard:
    """What a reader and the runtime must know about a detector.

    Args:
        name: Short name, kebab-case.
        architecture: The network, as the training code names it.
        labels: What each column of the network's scores means; ("product",) for a class-agnostic detector.
        stride_px: Height and width of the network's input are multiples of it.
        working_px: Longer side of the pictures it was trained around, `stride_px` or more.
        object_px: Shorter sides of the objects it saw in training, 5th and 95th percentile, in pixels of its input.
        min_confidence: Less confident boxes are left out unless the caller says otherwise, 0 to 1.
        nms_iou: Of two boxes with a larger IoU than this, 0 to 1, the less confident one is the same object again.
        mean: RGB, 0 to 255; subtracted inside the graph. Also the color that pads.
        std: RGB, in units of 0 to 255; divided by inside the graph.
        license: Of the weights.
        source: Where the weights come from.
        training_data: What they saw, in words.
        data_fingerprint: Hash of the training set's contents, "" when the origin does not give one.
        kind: Tells the two kinds of cards apart on disk.
    """

    name: str
    architecture: str
    labels: tuple[str, ...]
    stride_px: int
    working_px: int
    object_px: tuple[float, float]
    min_confidence: float
    nms_iou: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    license: str
    source: str
    training_data: str
    data_fingerprint: str
    kind: Literal["detector"] = "detector"

    def __post_init__(self) -> None:
        small_px, large_px = self.object_px
        is_right = {
            "kind": self.kind == "detector",
            "labels": isinstance(self.labels, tuple) and len(set(self.labels)) == len(self.labels) > 0,
            "stride_px": self.stride_px >= 1,
            "working_px": self.working_px >= self.stride_px,
            "object_px": 0 < small_px <= large_px < float("inf"),
            "min_confidence": 0 <= self.min_confidence <= 1,
            "nms_iou": 0 < self.nms_iou <= 1,
            "mean": len(self.mean) == 3 and all(0 <= value <= 255 for value in self.mean),
            "std": len(self.std) == 3 and all(0 < value < float("inf") for value in self.std),
        }
        for name, is_so in is_right.items():
            if not is_so:
                raise BadInput(f"Detector card {self.name}: got {name} {getattr(self, name)!r}; {_WANTED[name]}.")

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, so that equal cards are equal bytes."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> DetectorCard:
        """Read a card.

        Raises:
            ModelNotFound: The text is not a card: broken JSON, missing or unknown fields, values out of range.
            ModelMismatch: It is the card of an embedder.
        """
        try:
            raw = _loaded(text, "detector")
            for key in ("stride_px", "working_px"):
                raw[key] = index(raw[key])
            for key in ("object_px", "mean", "std"):
                raw[key] = tuple(float(value) for value in raw[key])
            if isinstance(raw["labels"], list):
                raw["labels"] = tuple(raw["labels"])
            return cls(**raw)
        except _UNREADABLE as error:
            wanted = ", ".join(field.name for field in fields(cls))
            raise ModelNotFound(f"Detector card: cannot be read ({error}); wanted JSON with {wanted}.") from error


@dataclass(frozen=True)
class ComparatorCard:
    """What a reader and the runtime must know about a comparator, which tells tampered places of a pack.

    Args:
        name: Short name, kebab-case.
        architecture: The network, as the training code names it.
        license: Of the weights.
        source: Where the weights come from.
        training_data: What they saw, in words.
        data_fingerprint: Hash of the training set's contents.
        kind: Tells the kinds of cards apart on disk.
    """

    name: str
    architecture: str
    license: str
    source: str
    training_data: str
    data_fingerprint: str
    kind: Literal["comparator"] = "comparator"

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, so that equal cards are equal bytes."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ComparatorCard:
        """Read a card.

        Raises:
            ModelNotFound: The text is not a card: broken JSON, missing or unknown fields.
            ModelMismatch: It is the card of another kind of model.
        """
        try:
            return cls(**_loaded(text, "comparator"))
        except _UNREADABLE as error:
            wanted = ", ".join(field.name for field in fields(cls))
            raise ModelNotFound(f"Comparator card: cannot be read ({error}); wanted JSON with {wanted}.") from error


_UNREADABLE = (BadInput, ValueError, KeyError, TypeError, AttributeError, RecursionError)
_WANTED = {
    "kind": "wanted 'detector'",
    "labels": "wanted a list of one name or more, none twice",
    "stride_px": "wanted 1 or more",
    "working_px": "wanted stride_px or more",
    "object_px": "wanted two sizes above 0, the smaller first",
    "min_confidence": "wanted 0 to 1",
    "nms_iou": "wanted more than 0, at most 1",
    "mean": "wanted three values from 0 to 255",
    "std": "wanted three values above 0",
}


def _loaded(text: str, kind: Literal["embedder", "detector", "comparator"]) -> dict[str, Any]:
    """The fields of a card of this kind. An embedder's card has no field `kind`: it is the older one."""
    raw: dict[str, Any] = json.loads(text)
    found = raw.get("kind", "embedder")
    if found != kind:
        raise ModelMismatch(
            f"Model card: this model is of the kind {found!r}, wanted one of the kind {kind!r}.",
            "An embedder goes where recognition asks for a model, a detector where detection does.",
        )
    return raw
