"""The evaluation as a page for people: figures, what to compare them with, leaks, mistakes with their pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from facings.errors import FacingsError
from facings.evaluate.breakdown import Confusion, ProductResult, SimilarityHistogram
from facings.evaluate.leakage import Leak
from facings.evaluate.run import RecognitionEvaluation
from facings.evaluate.side import read_product
from facings.manifest import LabelledPhoto
from facings.near_duplicates import MAX_BITS_APART
from facings.page import render, thumbnail

N_CONFUSIONS = 12
N_LEAKS = 12
N_PRODUCTS = 1000  # all parts have a bound, so that the page stays under 3 MB
THUMBNAIL_PX = 180

_PLOT_WIDTH, _PLOT_HALF = 1000, 120


@dataclass(frozen=True)
class Picture:
    """A photo on the page: its product, its path, and a data URI, "" when the file can no longer be read."""

    label: str
    path: str
    uri: str


@dataclass(frozen=True)
class _ConfusionCard:
    confusion: Confusion
    query: Picture
    wrong: Picture
    right: Picture


@dataclass(frozen=True)
class _LeakCard:
    leak: Leak
    query: Picture
    gallery: Picture


@dataclass(frozen=True)
class _Bar:
    """One bin: right answers upwards from the axis, wrong ones downwards; in units of the drawing."""

    x: float
    width: float
    up: float
    down: float
    label: str


@dataclass(frozen=True)
class _Plot:
    width: int
    half: int
    bars: tuple[_Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    highest: int


def recognition_page(evaluation: RecognitionEvaluation) -> str:
    """One HTML file that needs nothing else.

    Pictures are read from their paths again. The worst 1,000 products, the 12 most frequent confusions and the first
    12 leaks are shown; `RecognitionEvaluation.to_json` has all.

    Args:
        evaluation: From `evaluate_recognition`.
    """
    return render(
        "recognition.html.j2",
        evaluation=evaluation,
        metrics=evaluation.metrics,
        figures=evaluation.metrics.figures,
        n_known=len(evaluation.metrics.outcomes),
        products=_worst_first(evaluation.products)[:N_PRODUCTS],
        confusions=[_confusion_card(evaluation, c) for c in evaluation.confusions[:N_CONFUSIONS]],
        leaks=[_leak_card(evaluation, leak) for leak in evaluation.leaks[:N_LEAKS]],
        plot=_plot(evaluation.histogram),
        max_bits_apart=MAX_BITS_APART,
    )


def _worst_first(products: Sequence[ProductResult]) -> list[ProductResult]:
    return sorted(products, key=lambda p: (p.recall_at_1.value, -p.recall_at_1.n, p.label))


def _confusion_card(evaluation: RecognitionEvaluation, confusion: Confusion) -> _ConfusionCard:
    return _ConfusionCard(
        confusion,
        query=_picture(evaluation.queries[confusion.query]),
        wrong=_picture(evaluation.gallery[confusion.wrong]),
        right=_picture(evaluation.gallery[confusion.right]),
    )


def _leak_card(evaluation: RecognitionEvaluation, leak: Leak) -> _LeakCard:
    query, known = evaluation.queries[leak.query], evaluation.gallery[leak.gallery]
    return _LeakCard(leak, _picture(query), _picture(known))


def _picture(photo: LabelledPhoto) -> Picture:
    try:
        _, pixels = read_product(photo)
        uri = thumbnail(pixels, THUMBNAIL_PX)
    except FacingsError:  # it was there when it was embedded; the page says that it no longer is
        uri = ""
    return Picture(photo.label, str(photo.path), uri)


def _plot(histogram: SimilarityHistogram) -> _Plot:
    edges = histogram.edges
    scale = _PLOT_WIDTH / (edges[-1] - edges[0])
    highest = max(*histogram.n_right, *histogram.n_wrong)
    bars = tuple(
        _Bar(
            x=round((low - edges[0]) * scale + 0.5, 1),
            width=round((high - low) * scale - 1, 1),
            up=round(_PLOT_HALF * n_right / highest, 1),
            down=round(_PLOT_HALF * n_wrong / highest, 1),
            label=f"{low:.2f} to {high:.2f}: {n_right} right, {n_wrong} wrong",
        )
        for low, high, n_right, n_wrong in zip(edges[:-1], edges[1:], histogram.n_right, histogram.n_wrong, strict=True)
    )
    step = 0.1 if edges[-1] - edges[0] > 0.3 else 0.02
    first, last = math.ceil(edges[0] / step - 1e-9), math.floor(edges[-1] / step + 1e-9)
    ticks = tuple((round((i * step - edges[0]) * scale, 1), f"{i * step:.2f}") for i in range(first, last + 1))
    return _Plot(_PLOT_WIDTH, _PLOT_HALF, bars, ticks, highest)
