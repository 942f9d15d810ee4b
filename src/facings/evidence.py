"""What speaks beside the picture: values, and the ports of those who read them off a crop.

A barcode, printed words, a printed size, the size in millimeters. `weigh.py` says what follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from facings.errors import BadInput

Pixels = NDArray[np.uint8]
Corners = tuple[float, float, float, float]
Source = Literal["barcode", "words", "net content", "dimensions", "cells"]
Effect = Literal["decides", "agrees", "narrows", "contradicts", "proposes", "unused"]


@dataclass(frozen=True)
class Barcode:
    """A barcode that was found.

    Args:
        text: What it says; GS1 application identifiers in parentheses.
        symbology: Its kind ("EAN-13", "QR Code").
        box: x1, y1, x2, y2 in pixels of the picture it was found in.
        is_intact: Whether its own check succeeded; the text of one that is not may be wrong.
    """

    text: str
    symbology: str
    box: Corners
    is_intact: bool = True


@dataclass(frozen=True)
class TextLine:
    """A line of printed text that was read.

    Args:
        text: What it says.
        box: x1, y1, x2, y2 in pixels of the picture it was read in, upright around a slanted line.
        confidence: The reader's certainty, in [0, 1].
    """

    text: str
    box: Corners
    confidence: float

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise BadInput(f"Text {self.text!r}: got confidence {self.confidence}, wanted 0 to 1.")


class BarcodeReader(Protocol):
    """Finds barcodes."""

    def read(self, crop: Pixels) -> tuple[Barcode, ...]:
        """Every barcode in an RGB uint8 (h, w, 3) picture, each once; none in a picture without."""
        ...


class TextReader(Protocol):
    """Reads printed text."""

    def read(self, crop: Pixels) -> tuple[TextLine, ...]:
        """The lines of text in an RGB uint8 (h, w, 3) picture, from the top; none in a picture without."""
        ...


@dataclass(frozen=True)
class Evidence:
    """One thing that was read or measured at a box, and what it did to the decision.

    Args:
        source: Where it comes from.
        value: What was read ("4006381333931", "0.33 l"), "" for none.
        words: What it means.
        skus: The products that it allows; None where it says nothing about products.
        effect: "decides" (accepted for it), "agrees", "narrows" (some candidates are left), "contradicts", "proposes"
            (names a product that the picture does not, for a person to confirm) or "unused".
        box: x1, y1, x2, y2 in pixels of the photo, where it was read; None where it was measured.
    """

    source: Source
    value: str
    words: str
    skus: tuple[str, ...] | None = None
    effect: Effect = "unused"
    box: Corners | None = None

    def to_json(self) -> dict[str, Any]:
        """One entry of `evidence` in the JSON contract."""
        return {
            "source": self.source,
            "value": self.value,
            "words": self.words,
            "skus": None if self.skus is None else list(self.skus),
            "effect": self.effect,
            "box": None if self.box is None else [round(corner, 2) for corner in self.box],
        }
