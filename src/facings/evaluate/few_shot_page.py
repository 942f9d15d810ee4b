"""The few-shot evaluation as a page for people: both curves with their spread, the numbers, leaks, how measured."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from facings.evaluate.few_shot import RIDGE, FewShotPoint
from facings.evaluate.few_shot_run import FewShotEvaluation
from facings.manifest import LabelledPhoto
from facings.near_duplicates import MAX_BITS_APART
from facings.page import render

N_LEAKS = 50  # lines of text, so that the page stays small

_WIDTH, _HEIGHT = 1000, 340
_APART = 5  # the two curves stand this far left and right of the tick, so that their spreads do not cover each other


@dataclass(frozen=True)
class _Mark:
    """Mean and spread of one point, in units of the drawing; y grows downwards."""

    x: float
    y: float
    top: float
    bottom: float
    label: str


@dataclass(frozen=True)
class _Chart:
    width: int
    height: int
    gallery: tuple[_Mark, ...]
    classifier: tuple[_Mark, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def few_shot_page(evaluation: FewShotEvaluation) -> str:
    """One HTML file that needs nothing else. The first 50 leaks are listed; `FewShotEvaluation.to_json` has all.

    Args:
        evaluation: From `evaluate_few_shot`.
    """
    shown = evaluation.leaks[:N_LEAKS]
    return render(
        "few_shot.html.j2",
        evaluation=evaluation,
        points=evaluation.points,
        first=evaluation.points[0],
        last=evaluation.points[-1],
        chart=_chart(evaluation.points),
        leaks=[(leak, evaluation.queries[leak.query], evaluation.gallery[leak.gallery]) for leak in shown],
        gallery_folder=_common_folder(evaluation.gallery),
        query_folder=_common_folder(evaluation.queries),
        shots_name=_shots_name,
        max_bits_apart=MAX_BITS_APART,
        ridge=RIDGE,
    )


def _chart(points: Sequence[FewShotPoint]) -> _Chart:
    ends = [
        mean + sign * spread
        for point in points
        for mean, spread in _curves(point)
        for sign in (-1, 1)
    ]  # fmt: skip
    low, high = max(0, math.floor(10 * min(ends))), min(10, math.ceil(10 * max(ends)))
    low = min(low, high - 1)
    step = _WIDTH / len(points)
    centers = [round(step * (i + 0.5), 1) for i in range(len(points))]

    def height_of(share: float) -> float:
        return round(_HEIGHT * (1 - (10 * min(1, max(0, share)) - low) / (high - low)), 1)

    def mark(x: float, name: str, point: FewShotPoint, mean: float, spread: float) -> _Mark:
        label = f"{name}, {_shots_name(point.n_photos)}: {100 * mean:.1f}% ± {100 * spread:.1f}"
        return _Mark(x, height_of(mean), height_of(mean + spread), height_of(mean - spread), label)

    return _Chart(
        width=_WIDTH,
        height=_HEIGHT,
        gallery=tuple(mark(x - _APART, "Gallery", p, *_curves(p)[0]) for x, p in zip(centers, points, strict=True)),
        classifier=tuple(
            mark(x + _APART, "Classifier", p, *_curves(p)[1]) for x, p in zip(centers, points, strict=True)
        ),
        x_ticks=tuple((x, str(p.n_photos or "all")) for x, p in zip(centers, points, strict=True)),
        y_ticks=tuple((height_of(i / 10), f"{10 * i}%") for i in range(low, high + 1)),
    )


def _curves(point: FewShotPoint) -> tuple[tuple[float, float], tuple[float, float]]:
    """(mean, spread) of gallery and of classifier."""
    return (point.gallery_mean, point.gallery_spread), (point.classifier_mean, point.classifier_spread)


def _shots_name(n_photos: int | None) -> str:
    if n_photos is None:
        return "all photos"
    return "1 photo a product" if n_photos == 1 else f"{n_photos:,} photos a product"


def _common_folder(photos: Sequence[LabelledPhoto]) -> str:
    return os.path.commonpath([photo.path.absolute().parent for photo in photos])
