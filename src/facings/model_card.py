"""The card that a model carries across the border between training and runtime.

It lies inside the ONNX file as metadata (key `facings.card`, JSON), so that a model can never be separated
from how its input must be prepared. `CARD.md` beside the file is the same for people.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from facings.errors import BadInput, ModelNotFound

MODEL_FILE = "model.onnx"
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
        """
        try:
            raw = json.loads(text)
            preparation = raw.pop("preparation")
            for key in ("mean", "std"):
                preparation[key] = tuple(float(value) for value in preparation[key])
            return cls(preparation=Preparation(**preparation), **raw)
        except (BadInput, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            wanted = ", ".join(field.name for field in fields(cls))
            raise ModelNotFound(f"Model card: cannot be read ({error}); wanted JSON with {wanted}.") from error
