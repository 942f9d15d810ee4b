"""Precision and recall of found boxes as the confidence wanted of them falls, and how sure such figures are.

Precision is the share of the found boxes that are right, recall the share of the true boxes that were found; boxes on
ignored ones are in neither. A threshold cannot part boxes of equal confidence, so curve, best F1 and recall at a
precision look only where one confidence ends. Average precision ranks them as `coco_matching` does.

Source of the intervals: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), the percentile interval, with
photos drawn, since the boxes of one photo are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.evaluate.coco_matching import Matches
from facings.evaluate.photo_boxes import BoolArray, FloatRows, PhotoBoxes
from facings.types import IntArray

N_DRAWS = 300
_RECALLS = np.linspace(0, 1, 101)  # where COCO reads the precision

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Ranking:
    """Found boxes of all photos, most confident first; those on ignored boxes are not among them.

    Args:
        confidence: float64 (M,), falling.
        is_right: bool (M,).
        photo: int64 (M,), the position of each box's photo.
        n_true: int64 (P,), true boxes of each photo that count.
    """

    confidence: FloatRows
    is_right: BoolArray
    photo: IntArray
    n_true: IntArray


@dataclass(frozen=True)
class OperatingPoint:
    """What a detector does when boxes under a confidence are dropped, at IoU 0.5.

    Args:
        confidence: The least confidence kept, in [0, 1].
        n_right: Boxes kept that are right, each on another true box.
        n_false: Boxes kept that are not.
        n_missed: True boxes that were not found.
    """

    confidence: float
    n_right: int
    n_false: int
    n_missed: int

    @property
    def precision(self) -> float:
        """Share of the boxes kept that are right; 1 where none is kept."""
        n_kept = self.n_right + self.n_false
        return self.n_right / n_kept if n_kept else 1.0

    @property
    def recall(self) -> float:
        """Share of the true boxes that were found."""
        return self.n_right / (self.n_right + self.n_missed)

    @property
    def f1(self) -> float:
        """2 · right / (kept + true), the harmonic mean of precision and recall."""
        return 2 * self.n_right / (2 * self.n_right + self.n_false + self.n_missed)

    def to_json(self) -> dict[str, Any]:
        """Counts and shares."""
        shares = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return {**vars(self), **{name: round(share, 4) for name, share in shares.items()}}


@dataclass(frozen=True, eq=False)
class Curve:
    """What each threshold that can be set keeps, highest confidence first.

    Args:
        confidence: float64 (K,), falling: the least confidence kept.
        n_right: int64 (K,), boxes kept that are right.
        n_kept: int64 (K,), boxes kept.
        n_true: True boxes that count.
    """

    confidence: FloatRows
    n_right: IntArray
    n_kept: IntArray
    n_true: int

    def best(self) -> OperatingPoint | None:
        """The threshold of the highest F1, of equal ones the most confident; None where nothing was found."""
        f1 = 2 * self.n_right / np.maximum(self.n_kept + self.n_true, 1)
        return self.point(int(f1.argmax())) if len(f1) else None

    def with_precision(self, precision: float) -> OperatingPoint | None:
        """The threshold of the most recall with at least this precision, of equal ones the most confident."""
        good = np.flatnonzero((self.n_kept > 0) & (self.n_right >= precision * self.n_kept))
        return self.point(int(good[self.n_right[good].argmax()])) if len(good) else None

    def point(self, number: int) -> OperatingPoint:
        """One threshold."""
        return self.at(float(self.confidence[number]))

    def at(self, confidence: float) -> OperatingPoint:
        """What is kept when boxes under this confidence are dropped."""
        n_points = int((self.confidence >= confidence).sum())
        n_right, n_kept = (int(counts[n_points - 1]) if n_points else 0 for counts in (self.n_right, self.n_kept))
        return OperatingPoint(confidence, n_right, n_kept - n_right, self.n_true - n_right)

    def thinned(self, n_points: int) -> list[OperatingPoint]:
        """First, last and evenly spaced thresholds between, as many at most."""
        numbers = np.unique(np.linspace(0, len(self.confidence) - 1, n_points).round().astype(int))
        return [self.point(number) for number in numbers] if len(self.confidence) else []


def rank(photos: Sequence[PhotoBoxes], matches: Sequence[Matches], label: str | None = None) -> Ranking:
    """The found boxes of these photos, with whether each is right; of one class where asked."""
    counted, n_true = [], []
    for photo, match in zip(photos, matches, strict=True):
        labels = np.array(photo.found_labels or ("",) * len(photo.found), np.str_)
        counted.append(~match.is_left_out & (True if label is None else labels == label))
        of_class = np.array([label in {None, told} for told in photo.labels], bool)
        n_true.append(int((~photo.is_ignored & of_class).sum()))
    kept = np.concatenate(counted)
    confidence = np.concatenate([photo.confidence for photo in photos])[kept]
    is_right = np.concatenate([match.is_right for match in matches])[kept]
    owner = np.repeat(np.arange(len(photos)), [len(photo.found) for photo in photos])[kept]
    order = np.argsort(-confidence, kind="stable")
    return Ranking(confidence[order], is_right[order], owner[order], np.array(n_true, np.int64))


def average_precision(rankings: Iterable[Ranking], draw: IntArray | None = None) -> float | None:
    """COCO's average precision, the mean over rankings with true boxes; None where none has any.

    Args:
        rankings: One, or one a class.
        draw: int64 (P,), how often each photo is in; None for once each.
    """
    found = [value for ranking in rankings if (value := _one_average(ranking, draw)) is not None]
    return float(np.mean(found)) if found else None


def curve_of(ranking: Ranking, draw: IntArray | None = None) -> Curve:
    """Every threshold that can be set, highest confidence first."""
    last = np.append(ranking.confidence[1:] != ranking.confidence[:-1], True)
    ends = np.flatnonzero(last[: len(ranking.confidence)])
    n_right, n_kept = _counts(ranking, draw)
    return Curve(ranking.confidence[ends], n_right[ends], n_kept[ends], _n_true(ranking, draw))


def recall_at_precision(ranking: Ranking, precision: float, draw: IntArray | None = None) -> float | None:
    """Most recall of all thresholds with at least this precision, 0 where none has; None without true boxes."""
    curve = curve_of(ranking, draw)
    if not curve.n_true:
        return None
    point = curve.with_precision(precision)
    return point.recall if point else 0.0


def recall_of_all(ranking: Ranking, draw: IntArray | None = None) -> float | None:
    """Recall when no found box is dropped; None without true boxes."""
    total = _n_true(ranking, draw)
    n_right, _ = _counts(ranking, draw)
    return float(n_right.max(initial=0)) / total if total else None


def bootstrap(
    figures: Mapping[str, Callable[[IntArray], float | None]], n_photos: int, *, seed: int, n_draws: int = N_DRAWS
) -> dict[str, Interval | None]:
    """95 % intervals of figures when as many photos are drawn anew, with replacement, the same draws for all.

    Args:
        figures: Name → what it is when each photo is in so often; None where a draw cannot tell.
        n_photos: Photos. With one only there is nothing to draw, and every interval is None.
        seed: Of the draws.
        n_draws: How many.
    """
    if n_photos < 2:
        return dict.fromkeys(figures)
    draws = np.random.default_rng(seed).multinomial(n_photos, np.full(n_photos, 1 / n_photos), size=n_draws)
    found: dict[str, Interval | None] = {}
    for name, figure in figures.items():
        values = [value for draw in draws if (value := figure(draw)) is not None]
        low, high = map(float, np.quantile(values, (0.025, 0.975)))
        found[name] = low, high
    return found


def _one_average(ranking: Ranking, draw: IntArray | None) -> float | None:
    total = _n_true(ranking, draw)
    if not total:
        return None
    right = np.flatnonzero(ranking.is_right)  # precision is only ever highest where a right box came last
    n_right, n_kept = _counts(ranking, draw)
    precision = n_right[right] / np.maximum(n_kept[right], 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(n_right[right] / total, _RECALLS)
    return float(np.append(falling, 0.0)[places].mean())


def _counts(ranking: Ranking, draw: IntArray | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Right boxes, and boxes, up to each place of the ranking."""
    if draw is None:
        return np.cumsum(ranking.is_right), np.arange(1, len(ranking.is_right) + 1)
    weight = draw[ranking.photo]
    return np.cumsum(weight * ranking.is_right), np.cumsum(weight)


def _n_true(ranking: Ranking, draw: IntArray | None) -> int:
    return int(ranking.n_true.sum() if draw is None else draw @ ranking.n_true)
