"""What every annotation format is read into and written from."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facings.errors import BadInput, Problem

UNNAMED = "object"  # the class of a box that has none: what SKU-110K calls each of its boxes
Corners = tuple[float, float, float, float]

_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")  # breaks lines, or XML


def is_plain_text(text: str) -> bool:
    """Whether text survives every format: one line without control characters, nor spaces around it, nor empty."""
    return bool(text) and text == text.strip() and not _UNWRITABLE.search(text)


@dataclass(frozen=True)
class LabelledBox:
    """One box somebody drew.

    Args:
        xyxy: Left, top, right, bottom in pixels of the upright photo, origin at its top left corner, right and
            bottom exclusive.
        label: The class: one line of text.
        is_ignored: Whether a detection here is neither right nor wrong (COCO's crowd and ignore, VOC's difficult).
        attributes: What else the file says of the box: name → value as in JSON.
    """

    xyxy: Corners
    label: str
    is_ignored: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = self.xyxy
        if not (all(map(math.isfinite, self.xyxy)) and x1 < x2 and y1 < y2):
            raise BadInput(f"Box: got {self.xyxy}, wanted finite pixels with x1 < x2 and y1 < y2.")
        if not is_plain_text(self.label):
            raise BadInput(f"Box: got label {self.label!r}, wanted one line of text without spaces around it.")


@dataclass(frozen=True)
class AnnotatedPhoto:
    """A photo and the boxes drawn into it; no boxes means that somebody looked and there is nothing.

    Args:
        path: The file.
        width: Of the upright photo, in pixels.
        height: The same.
        boxes: In the order of the file, each inside the photo.
    """

    path: Path
    width: int
    height: int
    boxes: tuple[LabelledBox, ...]

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise BadInput(f"{self.path}: got a photo of {self.width}×{self.height} px, wanted at least one pixel.")
        for box in self.boxes:
            x1, y1, x2, y2 = box.xyxy
            if x1 < 0 or y1 < 0 or x2 > self.width or y2 > self.height:
                raise BadInput(
                    f"{self.path}: got box {box.xyxy}, wanted it inside the photo of {self.width}×{self.height} px."
                )


@dataclass(frozen=True)
class Annotations:
    """Annotated photos in the order of their source; and what was wrong: refused entries, clipped boxes."""

    photos: tuple[AnnotatedPhoto, ...]
    problems: tuple[Problem, ...]
