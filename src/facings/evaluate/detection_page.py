"""The evaluation of a detector as a page for people: figures, curve, sizes and densities, the worst photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facings.errors import FacingsError
from facings.evaluate.detection import DetectionMetrics
from facings.evaluate.detection_pictures import draw_mistakes
from facings.evaluate.detection_run import DetectionEvaluation, PhotoOutcome
from facings.evaluate.precision_recall import Curve, OperatingPoint
from facings.images import decode, read_bytes
from facings.page import render, thumbnail

N_PICTURES = 9
N_CLASSES = 1000
N_LISTED = 10
SIDE_PX, SHELF_SIDE_PX = 440, 1000  # the second where more than this many boxes are to be told apart:
N_BOXES_OF_SHELF = 40

_WIDTH, _HEIGHT = 1000, 340
_N_POINTS, _N_TICKS = 250, 12


@dataclass(frozen=True)
class Training:
    """How a detector came to be, for the report of its training.

    Args:
        epochs: In order, one or more: `epoch`, `seconds`, `loss`, `val_ap50`, `val_ap75`, `val_ap`.
        best_epoch: Whose weights were kept, 1 for the first.
        facts: Name → value of what else is worth knowing, in the order to show.
    """

    epochs: Sequence[Mapping[str, Any]]
    best_epoch: int
    facts: Mapping[str, str]


@dataclass(frozen=True)
class _Picture:
    """A photo on the page: what became of it, and a data URI, "" when the file can no longer be read."""

    outcome: PhotoOutcome
    name: str
    uri: str
    is_shelf: bool


@dataclass(frozen=True)
class _Mark:
    """An operating point on the curve, in units of the drawing; y grows downwards."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class _Chart:
    width: int
    height: int
    curve: str
    curve75: str
    marks: tuple[_Mark, ...]
    ticks: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True)
class _Learned:
    """CSS class and points of each learning curve, in units of the drawing; x and number of some epochs."""

    curves: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    ticks: tuple[tuple[float, int], ...]


def detection_page(
    evaluation: DetectionEvaluation,
    *,
    max_megapixels: float,
    training: Training | None = None,
    json_name: str = "detection.json",
) -> str:
    """One HTML file that needs nothing else.

    The nine photos with most mistakes are read from their paths again; `DetectionEvaluation.to_json` has all photos.

    Args:
        evaluation: From `evaluate_detector` or `evaluate_predictions`.
        max_megapixels: Larger photos are not shown.
        training: What the detector came from, where this is its report.
        json_name: The file beside the page that has all figures.
    """
    metrics = evaluation.metrics
    wrong = [number for number, outcome in enumerate(evaluation.outcomes) if outcome.n_missed + outcome.n_false]
    return render(
        "detection.html.j2",
        evaluation=evaluation,
        metrics=metrics,
        working=metrics.working,
        kept=_kept(metrics),
        n_photos=len(metrics.photos),
        n_ignored=sum(int(photo.is_ignored.sum()) for photo in metrics.photos),
        n_found=sum(len(photo.found) for photo in metrics.photos),
        n_wrong=len(wrong),
        classes=sorted(metrics.classes, key=lambda part: (part.recall.value if part.recall else 2, part.name)),
        n_classes=N_CLASSES,
        n_listed=N_LISTED,
        chart=_chart(metrics),
        training=training,
        learned=_learned(training.epochs) if training else None,
        json_name=json_name,
        pictures=[_picture(evaluation, number, max_megapixels) for number in _worst(evaluation, wrong)[:N_PICTURES]],
    )


def _kept(metrics: DetectionMetrics) -> str:
    """Which boxes parts and mistakes are told of."""
    confidence = metrics.working.point.confidence
    if metrics.is_limit_own and not confidence:
        return "all boxes that it gives"
    why = "the detector’s own limit" if metrics.is_limit_own else "the limit of the highest F1 on these photos"
    return f"boxes of confidence {confidence:.2f} and above, {why}"


def _worst(evaluation: DetectionEvaluation, numbers: Sequence[int]) -> list[int]:
    """Most mistakes first; of equals, by path."""
    outcomes = evaluation.outcomes
    return sorted(numbers, key=lambda number: -(outcomes[number].n_missed + outcomes[number].n_false))


def _picture(evaluation: DetectionEvaluation, number: int, max_megapixels: float) -> _Picture:
    metrics, outcome = evaluation.metrics, evaluation.outcomes[number]
    path = Path(outcome.photo)
    is_shelf = outcome.n_true + outcome.n_false > N_BOXES_OF_SHELF
    side_px = SHELF_SIDE_PX if is_shelf else SIDE_PX
    try:
        image = decode(read_bytes(path), source=outcome.photo, max_megapixels=max_megapixels)
    except FacingsError:  # it was there when it was measured; the page says that it no longer is
        return _Picture(outcome, path.name, "", is_shelf)
    confidence = metrics.working.point.confidence
    drawn = draw_mistakes(image.pixels, metrics.photos[number], metrics.matches[number], confidence, side_px)
    return _Picture(outcome, path.name, thumbnail(drawn, side_px), is_shelf)


def _chart(metrics: DetectionMetrics) -> _Chart:
    marks = {"highest F1": metrics.best.point}
    if metrics.is_limit_own and metrics.output.point.confidence:
        marks["the detector’s own limit"] = metrics.output.point
    return _Chart(
        width=_WIDTH,
        height=_HEIGHT,
        curve=_line(metrics.curve),
        curve75=_line(metrics.curve75),
        marks=tuple(_Mark(*_place(point), _said(name, point)) for name, point in marks.items() if point.n_right),
        ticks=tuple((_WIDTH * i / 5, _HEIGHT * (1 - i / 5), f"{20 * i}%") for i in range(6)),
    )


def _learned(epochs: Sequence[Mapping[str, Any]]) -> _Learned:
    """AP50 and AP75 over the epochs; a share of 1 at the top."""
    steps = [(_WIDTH * number / len(epochs), epoch) for number, epoch in enumerate(epochs, start=1)]
    every = -(-len(epochs) // _N_TICKS)
    return _Learned(
        curves=tuple(
            (css, tuple((round(x, 1), round(_HEIGHT * (1 - epoch[name]), 1)) for x, epoch in steps))
            for css, name in (("strict", "val_ap75"), ("loose", "val_ap50"))
        ),
        ticks=tuple((x, epoch["epoch"]) for x, epoch in steps[every - 1 :: every]),
    )


def _line(curve: Curve) -> str:
    return " ".join("{},{}".format(*_place(point)) for point in curve.thinned(_N_POINTS))


def _place(point: OperatingPoint) -> tuple[float, float]:
    return round(_WIDTH * point.recall, 1), round(_HEIGHT * (1 - point.precision), 1)


def _said(name: str, point: OperatingPoint) -> str:
    shares = f"recall {100 * point.recall:.1f}%, precision {100 * point.precision:.1f}%"
    return f"{name}: confidence {point.confidence:.2f}, {shares}"
