"""Which found box is which true box, and what that is worth: COCO's evaluation, by the library faster-coco-eval.

In each photo the most confident box chooses first; it takes the true box with the largest IoU among those still free,
if that is at least the IoU wanted (of equal ones, the later). Equal confidence: the photo that comes first by its path,
then the box that the detector named first. A found box that takes none and lies on an ignored box (so much of its
own area as the IoU wanted) is left out.

No found box is beyond the count: `max_detections` is at least the ceiling of a detector. COCO's default of 100 would
hide what was found on a full shelf.

Source: https://cocodataset.org/#detection-eval; Lin et al., "Microsoft COCO" (2014).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray

from facings.detect import MAX_DETECTIONS
from facings.evaluate.photo_boxes import BoolArray, FloatRows, PhotoBoxes
from facings.types import IntArray

AR_CEILINGS = (100, 300, 1000)
# Areas in pixels of the photo: COCO's small (under 32² px), medium and large (over 96² px).
SIZES: dict[str, tuple[float, float]] = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}

_ANY_SIZE = (0.0, 1e10)


@dataclass(frozen=True)
class Precisions:
    """Average precision of one part of the photos or boxes; with classes, the mean over those with true boxes.

    Args:
        ap50: At IoU 0.5: precision, made to fall with recall, averaged over recall 0, 0.01, …, 1. In [0, 1].
        ap75: The same at IoU 0.75.
        ap: Mean over IoU 0.5, 0.55, …, 0.95 (AP@[.50:.95]).
        recall_at: Most boxes a photo that count → mean over these IoUs of the share of true boxes found (AR).
    """

    ap50: float
    ap75: float
    ap: float
    recall_at: dict[int, float]

    def to_json(self) -> dict[str, Any]:
        """The figures, rounded to what is worth reading."""
        found = {f"ar_at_{ceiling}": round(recall, 4) for ceiling, recall in self.recall_at.items()}
        return {"ap50": round(self.ap50, 4), "ap75": round(self.ap75, 4), "ap": round(self.ap, 4), **found}


@dataclass(frozen=True, eq=False)
class Matches:
    """Who found what in one photo at one IoU.

    Args:
        is_right: bool (N,), whether the found box took a true box.
        is_left_out: bool (N,), whether it lies on an ignored box instead.
        found_with: float64 (T,), confidence with which each true box was found; −1 where it was not, or is ignored.
    """

    is_right: BoolArray
    is_left_out: BoolArray
    found_with: FloatRows


class CocoMatching:
    """Photos as the library wants them.

    Args:
        photos: At least one, sorted by path.
        by_class: Whether a found box must be of the class of the true one.
    """

    def __init__(self, photos: Sequence[PhotoBoxes], *, by_class: bool) -> None:
        self._photos = photos
        self.by_class = by_class
        told = {label for photo in photos for label in (*photo.labels, *(photo.found_labels or ()))}
        self._class_ids = {label: number for number, label in enumerate(sorted(told), start=1)}
        self.max_detections = max(MAX_DETECTIONS, *AR_CEILINGS, *(len(photo.found) for photo in photos))
        ids = self._class_ids.values() if by_class else [1]
        self._truth = COCO(
            {
                "images": [{"id": number} for number in range(1, len(photos) + 1)],
                "categories": [{"id": number, "name": str(number)} for number in ids],
                "annotations": list(self._true_boxes()),
            }
        )
        self._found = self._truth.loadRes(list(self._found_boxes()))

    def precisions(self, photos: Sequence[int] | None = None) -> Precisions | None:
        """AP and AR; None where no true box counts.

        Args:
            photos: Positions of the photos to measure, at least one; None for all.
        """
        return self._read(self._evaluate(photos).eval, 0)

    def precisions_by_size(self) -> dict[str, Precisions | None]:
        """The same by the size of the true box; a found box that took none counts where its own size puts it."""
        accumulated = self._evaluate(None, sizes=tuple(SIZES.values())).eval
        return {name: self._read(accumulated, number) for number, name in enumerate(SIZES)}

    def precisions_by_class(self) -> dict[str, Precisions | None]:
        """The same class by class; None for classes that were only found."""
        accumulated = self._evaluate(None).eval
        return {name: self._read(accumulated, 0, number - 1) for name, number in self._class_ids.items()}

    def matches(self, iou: float) -> tuple[Matches, ...]:
        """Who found what, photo by photo, at this IoU."""
        taken = self._evaluate(None, ious=(iou,)).eval["matched"]
        pairs = np.array([key.split("_") for key in taken], np.int64).reshape(-1, 2) - 1  # found, true
        n_true, n_found = ([len(boxes) for boxes in side] for side in self._sides())
        is_ignored = np.concatenate([photo.is_ignored for photo in self._photos])
        confidence = np.concatenate([photo.confidence for photo in self._photos])
        on_ignored = is_ignored[pairs[:, 1]]
        is_right, is_left_out = np.zeros((2, sum(n_found)), bool)
        found_with = np.full(sum(n_true), -1.0)
        right = pairs[~on_ignored]
        is_right[right[:, 0]] = True
        is_left_out[pairs[on_ignored, 0]] = True
        found_with[right[:, 1]] = confidence[right[:, 0]]
        parts = (_split(is_right, n_found), _split(is_left_out, n_found), _split(found_with, n_true))
        return tuple(Matches(*part) for part in zip(*parts, strict=True))

    def _sides(self) -> tuple[list[FloatRows], list[FloatRows]]:
        return [photo.truth for photo in self._photos], [photo.found for photo in self._photos]

    def _true_boxes(self) -> Iterator[dict[str, Any]]:
        numbers = count(1)  # the library takes 0 for "not matched"
        for image_id, photo in enumerate(self._photos, start=1):
            for xyxy, label, is_ignored in zip(photo.truth, photo.labels, photo.is_ignored, strict=True):
                box = self._box(image_id, xyxy, label)
                yield {**box, "id": next(numbers), "area": box["bbox"][2] * box["bbox"][3], "iscrowd": int(is_ignored)}

    def _found_boxes(self) -> Iterator[dict[str, Any]]:
        for image_id, photo in enumerate(self._photos, start=1):
            labels = photo.found_labels or ("",) * len(photo.found)
            for xyxy, label, confidence in zip(photo.found, labels, photo.confidence, strict=True):
                yield {**self._box(image_id, xyxy, label), "score": float(confidence), "segmentation": []}

    def _box(self, image_id: int, xyxy: FloatRows, label: str) -> dict[str, Any]:
        x1, y1, x2, y2 = xyxy.tolist()
        category = self._class_ids[label] if self.by_class else 1
        return {"image_id": image_id, "category_id": category, "bbox": [x1, y1, x2 - x1, y2 - y1]}

    def _evaluate(
        self,
        photos: Sequence[int] | None,
        *,
        ious: Sequence[float] | None = None,
        sizes: Sequence[tuple[float, float]] = (_ANY_SIZE,),
    ) -> Any:
        evaluator = COCOeval_faster(self._truth, self._found, "bbox")
        if photos is not None:
            evaluator.params.imgIds = [position + 1 for position in photos]
        if ious is not None:
            evaluator.params.iouThrs = np.array(ious)
        evaluator.params.areaRng = [list(size) for size in sizes]
        evaluator.params.areaRngLbl = [str(number) for number in range(len(sizes))]
        evaluator.params.maxDets = [*AR_CEILINGS, self.max_detections]
        evaluator.evaluate()
        evaluator.accumulate()
        return evaluator

    def _read(self, accumulated: dict[str, Any], size: int, category: int | None = None) -> Precisions | None:
        classes = slice(None) if category is None else slice(category, category + 1)
        precision = np.asarray(accumulated["precision"])[:, :, classes, size, -1]  # IoU, recall, class
        recall = np.asarray(accumulated["recall"])[:, classes, size]  # IoU, class, ceiling
        counts = precision[0, 0] > -1  # the library's mark for classes without a true box
        if not counts.any():
            return None
        by_iou = precision[:, :, counts].mean(axis=(1, 2))
        at = recall[:, counts].mean(axis=(0, 1))
        return Precisions(
            ap50=float(by_iou[0]),
            ap75=float(by_iou[5]),
            ap=float(by_iou.mean()),
            recall_at={ceiling: float(share) for ceiling, share in zip(AR_CEILINGS, at, strict=False)},
        )


def _split(values: NDArray[Any], sizes: Sequence[int]) -> list[NDArray[Any]]:
    ends: IntArray = np.cumsum(np.array(sizes, np.int64))
    return np.split(values, ends[:-1])
