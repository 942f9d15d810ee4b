"""Step 2 of the path: a photo in, boxes of products out. Class-agnostic: which product it is comes later.

The port is `Detector`. A network finds the products (`NetworkDetector`), or a photo is one product (`WholePhoto`), or
its boxes are given from outside (`GivenBoxes`, made from an annotation file).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np

from facings.errors import BadInput
from facings.looks import closer_look, first_look, is_too_large, missed_below_px
from facings.merge_boxes import Views, merge_views, suppress
from facings.model_card import DetectorCard
from facings.tiles import Tiling, cut_tiles
from facings.types import Detections, FloatArray, Image, UInt8Array, no_detections

MAX_DETECTIONS = 2000

_MAX_IOU_OF_TILES = 0.45
_PICTURES_TOGETHER = 4  # of the size that the network was trained around, as many pixels as it is given at a time


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


class BoxNetwork(Protocol):
    """A network that looks at pictures and says where objects may be; nothing is suppressed yet."""

    @property
    def card(self) -> DetectorCard:
        """What the network is and what it can be trusted with."""
        ...

    @property
    def network_id(self) -> str:
        """Identity of the network: first 16 hex digits of the hash of graph, card and weights."""
        ...

    def run(self, batch: UInt8Array) -> tuple[FloatArray, FloatArray]:
        """uint8 (N, 3, H, W) RGB → boxes, float32 (N, L, 4) xyxy in its pixels, and scores, float32 (N, L, C)."""
        ...


class NetworkDetector:
    """A network that looks at all of a photo, and closer where the products are too small for it; see `looks.py`.

    Classes are left aside: a box is as certain as its most certain class, and two classes for one product are one box.

    Args:
        network: Looks at pictures.
        min_confidence: Less certain boxes are left out, 0 to 1; None for the network's own limit.
        max_detections: The ceiling; the most confident boxes stay.

    Raises:
        BadInput: A limit is out of its range.
    """

    def __init__(
        self, network: BoxNetwork, *, min_confidence: float | None = None, max_detections: int = MAX_DETECTIONS
    ) -> None:
        self._network = network
        self._min_confidence = network.card.min_confidence if min_confidence is None else min_confidence
        self._max_detections = max_detections
        if not 0 <= self._min_confidence <= 1 or not 1 <= max_detections <= MAX_DETECTIONS:
            raise BadInput(
                f"Detector: got min_confidence {min_confidence} and max_detections {max_detections}, "
                f"wanted 0 to 1 and 1 to {MAX_DETECTIONS}."
            )

    @property
    def own_limit(self) -> float:
        """The least confidence that the network's own card keeps."""
        return self._network.card.min_confidence

    @property
    def name(self) -> str:
        """Name and identity of the network."""
        return f"{self._network.card.name}@{self._network.network_id}"

    def detect(self, image: Image) -> Detections:
        """Boxes of the products in one photo, most confident first."""
        card = self._network.card
        tiling = first_look((image.width, image.height), card)
        found = self._look(image.pixels, tiling, no_detections())
        while (closer := closer_look(self._sure(found), tiling, card)) is not None:
            is_larger = is_too_large(found.xyxy, closer, card)
            larger = Detections(found.xyxy[is_larger], found.confidence[is_larger])
            tiling, found = closer, self._look(image.pixels, closer, larger)
        found = _once(found, tiling)
        n_found = int((found.confidence >= self._min_confidence).sum())
        n_kept = min(n_found, self._max_detections)
        missed_px = missed_below_px(self._sure(found), tiling, card)
        return Detections(
            xyxy=found.xyxy[:n_kept],
            confidence=found.confidence[:n_kept],
            is_capped=n_kept < n_found,
            notes=() if missed_px is None else (f"products under {missed_px:.0f} px may have been missed",),
        )

    def _sure(self, found: Detections) -> FloatArray:
        """Boxes that tell how large the products are: not those that only a caller with a low limit wants to see."""
        return found.xyxy[found.confidence >= self._network.card.min_confidence]

    def _look(self, pixels: UInt8Array, tiling: Tiling, larger: Detections) -> Detections:
        """What one look finds, and of what was found from farther away, the products too large for it."""
        card = self._network.card
        n_together = max(1, _PICTURES_TOGETHER * card.working_px**2 // (tiling.tile_px[0] * tiling.tile_px[1]))
        several = []
        for corners, batch in cut_tiles(pixels, tiling, card.mean, n_together=n_together):
            answers = zip(corners, *self._network.run(batch), strict=True)
            several += [self._views(boxes, scores, tiling, corner) for corner, boxes, scores in answers]
        views = Views(
            np.concatenate([view.xyxy for view in several]),
            np.concatenate([view.confidence for view in several]),
            np.concatenate([view.is_cut for view in several]),
        )
        slack = (tiling.margin_px[0] / tiling.scale, tiling.margin_px[1] / tiling.scale)
        return merge_views(views, larger, max_iou=card.nms_iou, sure=card.min_confidence, slack=slack)

    def _views(self, boxes: FloatArray, scores: FloatArray, tiling: Tiling, corner: tuple[int, int]) -> Views:
        """What one tile shows, without doubles; boxes are clipped to it, those outside of it are left out."""
        confidence = scores.max(axis=1)
        is_asked = confidence >= min(self._min_confidence, self._network.card.min_confidence)
        boxes, confidence = boxes[is_asked], confidence[is_asked]
        xyxy = tiling.in_photo(boxes, corner)
        inside = np.flatnonzero((xyxy[:, 2:] > xyxy[:, :2]).all(axis=1))
        rows = inside[suppress(xyxy[inside], confidence[inside], self._network.card.nms_iou)]
        return Views(xyxy[rows], confidence[rows], tiling.is_cut(boxes[rows], corner))


def _once(found: Detections, tiling: Tiling) -> Detections:
    """The boxes without doubles that only tiles make: two tiles show one product less alike than one tile does."""
    if len(tiling.corners) == 1:
        return found
    rows = suppress(found.xyxy, found.confidence, _MAX_IOU_OF_TILES)
    return Detections(found.xyxy[rows], found.confidence[rows])


def clip_boxes(xyxy: FloatArray, width: int, height: int) -> FloatArray:
    """Boxes cut off at the border of a width × height picture; float32 (N, 4), one outside gets no area."""
    limit = np.array([width, height, width, height], np.float32)
    return np.clip(xyxy.astype(np.float32).reshape(-1, 4), np.float32(0), limit)


def _slashed(path: str) -> str:
    """A path as the box file may write it: slashes, no "./" nor "../"."""
    return "/".join(part for part in PurePosixPath(path.replace("\\", "/")).parts if part != "..")
