"""`facings evaluate detection`: annotated photos in, what a detector finds in them out, measured.

The boxes come from a detector that looks at the photos now, or from a file of another detector's boxes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faster_coco_eval

from facings.annotations import AnnotatedPhoto
from facings.detect import Detector
from facings.errors import BadInput, FacingsError, Problem
from facings.evaluate.coco_matching import Matches
from facings.evaluate.detection import IOUS, DetectionMetrics, measure_detection
from facings.evaluate.machine import cpu_model, library_versions
from facings.evaluate.photo_boxes import PhotoBoxes, pair_boxes
from facings.evaluate.precision_recall import N_DRAWS
from facings.evaluate.predictions import Predictions
from facings.images import MAX_MEGAPIXELS, decode, read_bytes
from facings.progress import Track, untracked

N_CURVE_POINTS = 200


@dataclass(frozen=True)
class DetectionRun:
    """What the evaluation ran with.

    Args:
        detector: Its name, or the file its boxes came from.
        n_threads: Threads of the detector; None for boxes from a file.
        seconds: Wall time of all of it.
        detect_s: Mean seconds the detector took for a photo, decoding apart; None for boxes from a file.
        cpu: The processor.
        versions: Library → version.
        at: When it ended, aware UTC.
    """

    detector: str
    n_threads: int | None
    seconds: float
    detect_s: float | None
    cpu: str
    versions: dict[str, str]
    at: datetime

    def to_json(self) -> dict[str, Any]:
        """The facts by name."""
        detect_s = None if self.detect_s is None else round(self.detect_s, 4)
        at = self.at.isoformat(timespec="seconds")
        return {**vars(self), "seconds": round(self.seconds, 2), "detect_s": detect_s, "at": at}


@dataclass(frozen=True)
class PhotoOutcome:
    """One photo at the confidence that parts are told at, IoU 0.5. Boxes on ignored ones are in no number.

    Args:
        photo: Its path.
        n_true: True boxes.
        n_right: Those that were found.
        n_false: Boxes found that are no true box, or one found already.
    """

    photo: str
    n_true: int
    n_right: int
    n_false: int

    @property
    def n_missed(self) -> int:
        """True boxes that were not found."""
        return self.n_true - self.n_right


@dataclass(frozen=True, eq=False)
class DetectionEvaluation:
    """How good a detector is, with what is needed to believe it.

    Args:
        metrics: The figures.
        outcomes: Photo by photo, as in `metrics.photos`.
        capped: Photos in which the detector reached its ceiling and may have seen more.
        problems: Photos and entries that could not be used and are in no figure.
        run: Detector, machine, time.
    """

    metrics: DetectionMetrics
    outcomes: tuple[PhotoOutcome, ...]
    capped: tuple[str, ...]
    problems: tuple[Problem, ...]
    run: DetectionRun

    def to_json(self) -> dict[str, Any]:
        """All facts of the page, pictures apart."""
        m = self.metrics
        estimates = {"ap50": m.ap50, "ap75": m.ap75, "ap": m.ap, "recall": m.recall}
        return {
            "kind": "detection",
            "figures": {name: estimate.to_json() for name, estimate in estimates.items()},
            "ar": {str(ceiling): round(share, 4) for ceiling, share in m.precisions.recall_at.items()},
            "recall_at_precision": [found.to_json() for found in m.at_precision],
            "output": m.output.to_json(),
            "best_f1": m.best.to_json(),
            "parts_are_at": "output" if m.is_limit_own else "best_f1",
            "sizes": [part.to_json() for part in m.sizes],
            "densities": [part.to_json() for part in m.densities],
            "classes": [part.to_json() for part in m.classes],
            "curve": [point.to_json() for point in m.curve.thinned(N_CURVE_POINTS)],
            "curve_iou75": [point.to_json() for point in m.curve75.thinned(N_CURVE_POINTS)],
            "photos": [{**asdict(outcome), "n_missed": outcome.n_missed} for outcome in self.outcomes],
            "n_photos": len(m.photos),
            "n_true": m.curve.n_true,
            "n_ignored": sum(int(photo.is_ignored.sum()) for photo in m.photos),
            "n_found": sum(len(photo.found) for photo in m.photos),
            "is_by_class": m.is_by_class,
            "ious": list(IOUS),
            "max_detections": m.max_detections,
            "seed": m.seed,
            "n_draws": m.n_draws,
            "capped": list(self.capped),
            "problems": [asdict(problem) for problem in self.problems],
            "run": self.run.to_json(),
        }


def evaluate_detector(
    photos: Sequence[AnnotatedPhoto],
    *,
    detector: Detector,
    own_limit: float | None = None,
    n_threads: int = 1,
    max_megapixels: float = MAX_MEGAPIXELS,
    track: Track = untracked,
    seed: int = 0,
    n_draws: int = N_DRAWS,
) -> DetectionEvaluation:
    """Let a detector look at annotated photos, and say how well it found what is there.

    Photos that cannot be used are left out and listed in `problems`.

    Args:
        photos: With their true boxes.
        detector: It may give boxes under its own limit too: AP wants the whole curve.
        own_limit: The least confidence that it keeps where it is used; None where it gives no others.
        n_threads: Threads it was made with, for the record.
        max_megapixels: Refuse larger photos.
        track: Shows progress, a step a photo.
        seed: Of the bootstrap.
        n_draws: Of the bootstrap.

    Raises:
        BadInput: No photo could be used, or none has a true box that counts.
    """
    started = time.perf_counter()
    looked = _Looked(detector, own_limit or 0.0, max_megapixels)
    for photo in track(photos, "Detecting", len(photos)):
        looked.look(photo)
    if not looked.pairs:
        first = f" First problem: {looked.problems[0].message}" if looked.problems else ""
        raise BadInput(f"Evaluation: none of {len(photos)} photos could be used.{first}")
    metrics = measure_detection(looked.pairs, own_limit=own_limit, seed=seed, n_draws=n_draws)
    run = _run(detector.name, started, n_threads, looked.seconds / len(looked.pairs))
    return DetectionEvaluation(metrics, _outcomes(metrics), tuple(looked.capped), tuple(looked.problems), run)


def evaluate_predictions(
    predictions: Predictions, source: Path, *, is_by_class: bool = False, seed: int = 0, n_draws: int = N_DRAWS
) -> DetectionEvaluation:
    """Say how well another detector, whose boxes a file holds, found what is there.

    Args:
        predictions: From `read_predictions`; with classes, where these are to count.
        source: The file, for the record.
        is_by_class: Whether a found box must be of the right class.
        seed: Of the bootstrap.
        n_draws: Of the bootstrap.

    Raises:
        BadInput: No photo has a true box that counts.
    """
    started = time.perf_counter()
    metrics = measure_detection(predictions.photos, is_by_class=is_by_class, seed=seed, n_draws=n_draws)
    run = _run(str(source), started, None, None)
    return DetectionEvaluation(metrics, _outcomes(metrics), (), predictions.problems, run)


class _Looked:
    """What a detector saw so far."""

    def __init__(self, detector: Detector, own_limit: float, max_megapixels: float) -> None:
        self._detector = detector
        self._own_limit = own_limit
        self._max_megapixels = max_megapixels
        self.pairs: list[PhotoBoxes] = []
        self.capped: list[str] = []
        self.problems: list[Problem] = []
        self.seconds = 0.0

    def look(self, photo: AnnotatedPhoto) -> None:
        """Decode a photo and find what is in it; one that cannot be used becomes a problem."""
        name = str(photo.path)
        try:
            image = decode(read_bytes(photo.path), source=name, max_megapixels=self._max_megapixels)
            began = time.perf_counter()
            found = self._detector.detect(image)
            self.seconds += time.perf_counter() - began
            self.pairs.append(pair_boxes(photo, found.xyxy, found.confidence))
            if found.is_capped and found.confidence.min(initial=1) >= self._own_limit:
                self.capped.append(name)  # a ceiling reached under its own limit cuts off nothing it would give in use
        except FacingsError as error:
            self.problems.append(Problem(name, error.code, str(error)))


def _run(detector: str, started: float, n_threads: int | None, detect_s: float | None) -> DetectionRun:
    return DetectionRun(
        detector=detector,
        n_threads=n_threads,
        seconds=time.perf_counter() - started,
        detect_s=detect_s,
        cpu=cpu_model(),
        versions={**library_versions(), "faster-coco-eval": faster_coco_eval.__version__},
        at=datetime.now(UTC),
    )


def _outcomes(metrics: DetectionMetrics) -> tuple[PhotoOutcome, ...]:
    confidence = metrics.working.point.confidence

    def outcome(photo: PhotoBoxes, match: Matches) -> PhotoOutcome:
        kept = photo.confidence >= confidence
        n_false = int((kept & ~match.is_right & ~match.is_left_out).sum())
        return PhotoOutcome(photo.photo, photo.n_true, int((kept & match.is_right).sum()), n_false)

    return tuple(map(outcome, metrics.photos, metrics.matches))
