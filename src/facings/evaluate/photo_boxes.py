"""What a detector's answer for one photo is measured by: the true boxes and the found ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.annotations import AnnotatedPhoto
from facings.errors import BadInput

FloatRows = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PhotoBoxes:
    """True and found boxes of one photo.

    Args:
        photo: Its path. Photos are measured in the order of their paths, whatever order they come in.
        truth: float64 (T, 4) xyxy in pixels, right and bottom exclusive.
        is_ignored: bool (T,), where a found box is neither right nor wrong and the true box needs no finding.
        labels: T classes.
        found: float64 (N, 4) xyxy in pixels.
        confidence: float64 (N,), in [0, 1].
        found_labels: N classes; None from a detector that tells none.
    """

    photo: str
    truth: FloatRows
    is_ignored: BoolArray
    labels: tuple[str, ...]
    found: FloatRows
    confidence: FloatRows
    found_labels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name, boxes in (("true", self.truth), ("found", self.found)):
            if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
                raise BadInput(f"{self.photo}: got {name} boxes {boxes.shape}, wanted finite pixels (N, 4).")
            if not (boxes[:, 2:] > boxes[:, :2]).all():
                raise BadInput(f"{self.photo}: got a {name} box without area, wanted x1 < x2 and y1 < y2.")
        found_labels = self.found_labels if self.found_labels is not None else ("",) * len(self.found)
        if not len(self.truth) == len(self.is_ignored) == len(self.labels):
            raise BadInput(f"{self.photo}: got unlike numbers of true boxes, flags and classes, wanted one each.")
        if not len(self.found) == len(self.confidence) == len(found_labels):
            raise BadInput(f"{self.photo}: got unlike numbers of found boxes, confidences and classes.")
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all():  # NaN fails this too
            raise BadInput(f"{self.photo}: got a confidence outside [0, 1] or NaN, wanted numbers in [0, 1].")

    @property
    def n_true(self) -> int:
        """True boxes that count: those that are not ignored."""
        return int((~self.is_ignored).sum())


def pair_boxes(
    photo: AnnotatedPhoto,
    xyxy: NDArray[np.floating[Any]],
    confidence: NDArray[np.floating[Any]],
    labels: tuple[str, ...] | None = None,
) -> PhotoBoxes:
    """The boxes somebody drew into a photo, beside those that were found in it.

    Args:
        photo: The photo with its true boxes.
        xyxy: Float (N, 4), pixels.
        confidence: Float (N,), in [0, 1].
        labels: The class of each found box, where it is told.

    Raises:
        BadInput: A box has no area, a confidence is none, or numbers differ.
    """
    return PhotoBoxes(
        photo=str(photo.path),
        truth=np.array([box.xyxy for box in photo.boxes], np.float64).reshape(-1, 4),
        is_ignored=np.array([box.is_ignored for box in photo.boxes], bool),
        labels=tuple(box.label for box in photo.boxes),
        found=xyxy.astype(np.float64).reshape(-1, 4),
        confidence=confidence.astype(np.float64),
        found_labels=labels,
    )
