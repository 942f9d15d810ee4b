"""Step 2 of the path: a photo in, boxes of products out. Class-agnostic: which product it is comes later.

The port is `Detector`. Until a network fills it, a photo is one product (`WholePhoto`), or its boxes are given
from outside (`GivenBoxes`, made from an annotation file).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np

from facings.errors import BadInput
from facings.types import Detections, FloatArray, Image

MAX_DETECTIONS = 2000


class Detector(Protocol):
    """Finds products.

    Implementations return at most `MAX_DETECTIONS` boxes, most confident first where confidence differs, inside
    the picture, and set `is_capped` when there were more.
    """

    @property
    def name(self) -> str:
        """Goes into the record: which detector, which weights."""
        ...

    def detect(self, image: Image) -> Detections:
        """Boxes of the products in one photo."""
        ...


class WholePhoto:
    """The photo is one product: one box around all of it, with confidence 1."""

    name = "whole-photo"

    def detect(self, image: Image) -> Detections:
        """One box, the whole picture."""
        xyxy = np.array([[0, 0, image.width, image.height]], np.float32)
        return Detections(xyxy=xyxy, confidence=np.ones(1, np.float32))


class GivenBoxes:
    """Boxes that somebody drew: an annotation file, another system's detector.

    Args:
        boxes: Path of a photo, or the end of it ("shelf_01.jpg", "aisle-3/shelf_01.jpg") → float32 (N, 4) xyxy in
            pixels of the upright photo. The longest end that fits counts.
    """

    name = "given-boxes"

    def __init__(self, boxes: Mapping[str, FloatArray]) -> None:
        self._boxes = {_slashed(key): xyxy for key, xyxy in boxes.items()}
        self._source_of: dict[str, str] = {}

    def detect(self, image: Image) -> Detections:
        """The boxes given for this photo, clipped to it.

        Raises:
            BadInput: No boxes were given for this photo, one lies outside of it, or the name in the file fits another
                photo too.
        """
        parts = _slashed(image.source).split("/")
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        key = next((end for end in ends if end in self._boxes), None)
        if key is None:
            raise BadInput(f"{image.source}: the box file says nothing about this photo; wanted its boxes.")
        first = self._source_of.setdefault(key, image.source)
        if first != image.source:
            raise BadInput(
                f"{image.source}: the box file's {key!r} fits {first} too.", "Write more of the path into the box file."
            )
        given = self._boxes[key]
        xyxy = clip_boxes(given, image.width, image.height)
        outside = (xyxy[:, 2:] <= xyxy[:, :2]).any(axis=1)
        if outside.any():
            raise BadInput(
                f"{image.source}: box {given[outside][0].tolist()} lies outside the photo "
                f"({image.width}×{image.height} px) or has no area; wanted x1 < x2 and y1 < y2 inside it."
            )
        kept = xyxy[:MAX_DETECTIONS]
        return Detections(xyxy=kept, confidence=np.ones(len(kept), np.float32), is_capped=len(kept) < len(xyxy))


def clip_boxes(xyxy: FloatArray, width: int, height: int) -> FloatArray:
    """Boxes cut off at the border of a width × height picture; float32 (N, 4), one outside gets no area."""
    limit = np.array([width, height, width, height], np.float32)
    return np.clip(xyxy.astype(np.float32).reshape(-1, 4), np.float32(0), limit)


def _slashed(path: str) -> str:
    """A path as the box file may write it: slashes, no leading "./"."""
    return PurePosixPath(path.replace("\\", "/")).as_posix()
