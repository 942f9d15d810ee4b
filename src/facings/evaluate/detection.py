"""How good a detector is: its boxes against those somebody drew.

AP and AR are COCO's, with every found box counted however many a photo has (`coco_matching.py`). Recall, precision,
counts and mistakes are at IoU 0.5. Where they need one confidence, it is the detector's own limit if it states one,
else that of the highest F1, which was chosen on the same photos and flatters a little. True boxes are those that are
not ignored. A photo without any counts with the false boxes found in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from facings.errors import BadInput
from facings.evaluate.coco_matching import CocoMatching, Matches, Precisions
from facings.evaluate.detection_parts import CountError, Part, by_class, by_density, by_size, count_error
from facings.evaluate.photo_boxes import PhotoBoxes
from facings.evaluate.precision_recall import (
    N_DRAWS,
    Curve,
    Interval,
    OperatingPoint,
    Ranking,
    average_precision,
    bootstrap,
    curve_of,
    rank,
    recall_at_precision,
    recall_of_all,
)
from facings.types import IntArray

IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
WANTED_PRECISIONS = (0.9, 0.95)


@dataclass(frozen=True)
class Estimate:
    """A figure in [0, 1] with its 95 % bootstrap interval over photos, None where there is one photo only."""

    value: float
    interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Value and interval, rounded to what is worth reading."""
        ends = (None, None) if self.interval is None else tuple(round(end, 4) for end in self.interval)
        return {"value": round(self.value, 4), "low": ends[0], "high": ends[1]}


@dataclass(frozen=True)
class RecallAtPrecision:
    """The most recall that a threshold gives with at least a wanted precision, at IoU 0.5.

    Args:
        precision: The precision wanted.
        recall: 0 where no threshold is so precise.
        confidence: That threshold; None where there is none.
    """

    precision: float
    recall: Estimate
    confidence: float | None

    def to_json(self) -> dict[str, Any]:
        """The figure and its threshold."""
        return {"precision": self.precision, "recall": self.recall.to_json(), "confidence": self.confidence}


@dataclass(frozen=True)
class AtConfidence:
    """What is found, and how well it counts, when boxes under a confidence are dropped."""

    point: OperatingPoint
    counts: CountError

    def to_json(self) -> dict[str, Any]:
        """Confidence, counts and shares."""
        return {**self.point.to_json(), "count_error": self.counts.to_json()}


@dataclass(frozen=True, eq=False)
class DetectionMetrics:
    """All that was measured.

    Args:
        photos: In the order of their paths.
        matches: Who found what in each of them, at IoU 0.5.
        is_by_class: Whether a found box had to be of the class of the true one.
        precisions: AP and AR.
        ap50: AP at IoU 0.5.
        ap75: AP at IoU 0.75.
        ap: AP@[.50:.95].
        recall: Recall of all boxes that the detector gave.
        at_precision: Recall at fixed precisions.
        curve: At IoU 0.5, all classes together.
        curve75: The same at IoU 0.75.
        output: At the detector's own limit; where it states none, of all boxes it gave (confidence 0).
        best: At the confidence of the highest F1; where nothing was found, the same as `output`.
        is_limit_own: Whether the detector stated a limit, so that parts and mistakes are at `output`, else at `best`.
        sizes: By size of the true box in pixels.
        densities: By true boxes a photo.
        classes: By class of the true box.
        max_detections: Boxes a photo that AP counts; no photo has more.
        seed: Of the bootstrap.
        n_draws: Of the bootstrap.
    """

    photos: tuple[PhotoBoxes, ...]
    matches: tuple[Matches, ...]
    is_by_class: bool
    precisions: Precisions
    ap50: Estimate
    ap75: Estimate
    ap: Estimate
    recall: Estimate
    at_precision: tuple[RecallAtPrecision, ...]
    curve: Curve
    curve75: Curve
    output: AtConfidence
    best: AtConfidence
    is_limit_own: bool
    sizes: tuple[Part, ...]
    densities: tuple[Part, ...]
    classes: tuple[Part, ...]
    max_detections: int
    seed: int
    n_draws: int

    @property
    def working(self) -> AtConfidence:
        """What parts and mistakes are told at."""
        return self.output if self.is_limit_own else self.best


def measure_detection(
    photos: Sequence[PhotoBoxes],
    *,
    is_by_class: bool = False,
    own_limit: float | None = None,
    seed: int = 0,
    n_draws: int = N_DRAWS,
) -> DetectionMetrics:
    """Say how well the found boxes are the true ones.

    Args:
        photos: Each path once; their order does not matter.
        is_by_class: A found box must be of the class of the true one, and AP is the mean over the classes that have
            true boxes. Every photo must tell its `found_labels`.
        own_limit: The least confidence that the detector keeps where it is used; None where all boxes are its output.
        seed: Of the bootstrap.
        n_draws: Of the bootstrap.

    Raises:
        BadInput: No true box counts, a path comes twice, or classes are wanted and not told.
    """
    ordered = _checked(photos, is_by_class)
    coco = CocoMatching(ordered, by_class=is_by_class)
    precisions = coco.precisions()
    if precisions is None:
        raise BadInput(f"Detection: got {len(ordered)} photos without a true box that counts, wanted one or more.")
    matches = {iou: coco.matches(iou) for iou in IOUS}
    ranking = rank(ordered, matches[0.5])
    intervals = bootstrap(_figures(ordered, matches, is_by_class), len(ordered), seed=seed, n_draws=n_draws)
    curve = curve_of(ranking)
    output = curve.at(own_limit or 0.0)
    best = curve.best() or output
    working = best.confidence if own_limit is None else own_limit
    return DetectionMetrics(
        photos=ordered,
        matches=matches[0.5],
        is_by_class=is_by_class,
        precisions=precisions,
        ap50=Estimate(precisions.ap50, intervals["ap50"]),
        ap75=Estimate(precisions.ap75, intervals["ap75"]),
        ap=Estimate(precisions.ap, intervals["ap"]),
        recall=Estimate(recall_of_all(ranking) or 0.0, intervals["recall"]),
        at_precision=tuple(_at_precision(curve, wanted, intervals) for wanted in WANTED_PRECISIONS),
        curve=curve,
        curve75=curve_of(rank(ordered, matches[0.75])),
        output=AtConfidence(output, count_error(ordered, matches[0.5], output.confidence)),
        best=AtConfidence(best, count_error(ordered, matches[0.5], best.confidence)),
        is_limit_own=own_limit is not None,
        sizes=by_size(ordered, matches[0.5], coco, working),
        densities=by_density(ordered, matches[0.5], coco, working),
        classes=by_class(ordered, matches[0.5], coco, working),
        max_detections=coco.max_detections,
        seed=seed,
        n_draws=n_draws,
    )


def _checked(photos: Sequence[PhotoBoxes], is_by_class: bool) -> tuple[PhotoBoxes, ...]:
    """The photos in the order of their paths."""
    if not photos or len({photo.photo for photo in photos}) < len(photos):
        raise BadInput(f"Detection: got {len(photos)} photos, wanted at least one, each path once.")
    if is_by_class and any(photo.found_labels is None for photo in photos):
        raise BadInput("Detection by class: got found boxes without classes, wanted a class for each.")
    return tuple(sorted(photos, key=lambda photo: photo.photo))


def _figures(
    photos: Sequence[PhotoBoxes], matches: Mapping[float, Sequence[Matches]], is_by_class: bool
) -> dict[str, Callable[[IntArray], float | None]]:
    """What the bootstrap draws: every figure that has an interval."""
    labels = sorted({label for photo in photos for label in photo.labels}) if is_by_class else [None]
    rankings = {iou: [rank(photos, matches[iou], label) for label in labels] for iou in IOUS}
    ranking = rank(photos, matches[0.5])
    return {
        "ap50": partial(average_precision, rankings[0.5]),
        "ap75": partial(average_precision, rankings[0.75]),
        "ap": partial(_mean_over_ious, list(rankings.values())),
        "recall": partial(recall_of_all, ranking),
        **{f"recall at {wanted}": partial(recall_at_precision, ranking, wanted) for wanted in WANTED_PRECISIONS},
    }


def _mean_over_ious(rankings: Sequence[Sequence[Ranking]], draw: IntArray) -> float | None:
    found = [value for some in rankings if (value := average_precision(some, draw)) is not None]
    return sum(found) / len(found) if found else None


def _at_precision(curve: Curve, wanted: float, intervals: Mapping[str, Interval | None]) -> RecallAtPrecision:
    point = curve.with_precision(wanted)
    recall = Estimate(point.recall if point else 0.0, intervals[f"recall at {wanted}"])
    return RecallAtPrecision(wanted, recall, point.confidence if point else None)
