"""How recognition grows with the number of reference photos a product, on embeddings.

Two recognizers get the same reference photos and are asked the same queries: the gallery, where the most similar
photo names the product (as in `facings.match`), and a linear classifier. Both are measured by recall@1.

Draws: a seed puts the photos of each product into an order of its own, and its n-photo draw is the first n of them.
So it holds the seed's smaller draws, and two points of a curve differ by the photos added, not by another choice. A
product with fewer photos than asked enters with all it has (`n_products_short` counts these). All photos can be drawn
in one way only.

Denominator: every draw holds every product, so that the same queries count all along a curve, those whose product has
a gallery photo. Nobody could name the others; they are in no figure, as in `facings.evaluate.recognition`, and labels
are compared letter by letter, as there. Of equally good answers the one earlier in the gallery is taken.

Source of the classifier: ridge regression (Hoerl, Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal
Problems", Technometrics 12, 1970) on one-hot targets, solved in closed form.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.errors import BadInput
from facings.types import Embeddings, FloatArray, IntArray

DEFAULT_SHOTS: tuple[int | None, ...] = (1, 2, 3, 5, 10, None)
DEFAULT_SEEDS = (0, 1, 2, 3, 4)

# λ of |XW − Y|² + λ|W|². Rows have length 1, so it weighs as much as 0.03 of a photo in every direction. Tried from
# 0.01 to 10 on Grocery Store, train as gallery and val as queries, 1 photo a product to all: 0.01 to 0.1 differ little,
# this one stays within 2.1 points of the best of each number of photos, 1 and more lose up to 25.
RIDGE = 0.03

_CHUNK_CELLS = 2_000_000  # answers × queries held at once


@dataclass(frozen=True)
class FewShotPoint:
    """What so many reference photos a product are worth.

    Args:
        n_photos: Reference photos a product; None: all of them.
        gallery: Recall@1 of each seed, in [0, 1]: share of the queries whose most similar reference photo shows the
            right product. One value where `n_photos` is None.
        classifier: The same for the linear classifier: share of the queries whose highest output is the right product.
        n_products: Products in the gallery, all of them in each draw.
        n_queries: The denominator: queries whose product has a gallery photo.
    """

    n_photos: int | None
    gallery: tuple[float, ...]
    classifier: tuple[float, ...]
    n_products: int
    n_queries: int

    @property
    def gallery_mean(self) -> float:
        """Mean over the seeds, in [0, 1]."""
        return statistics.fmean(self.gallery)

    @property
    def gallery_spread(self) -> float:
        """Standard deviation over the seeds (n − 1 in the denominator); 0 for a single draw."""
        return _spread(self.gallery)

    @property
    def classifier_mean(self) -> float:
        """Mean over the seeds, in [0, 1]."""
        return statistics.fmean(self.classifier)

    @property
    def classifier_spread(self) -> float:
        """Standard deviation over the seeds (n − 1 in the denominator); 0 for a single draw."""
        return _spread(self.classifier)

    def to_json(self) -> dict[str, Any]:
        """The facts by name, rounded to what is worth reading."""
        return {
            "n_photos": self.n_photos,
            "gallery": _summary(self.gallery_mean, self.gallery_spread, self.gallery),
            "classifier": _summary(self.classifier_mean, self.classifier_spread, self.classifier),
            "n_products": self.n_products,
            "n_queries": self.n_queries,
        }


def few_shot_curve(
    gallery: FloatArray,
    gallery_labels: Sequence[str],
    queries: FloatArray,
    query_labels: Sequence[str],
    *,
    shots: Sequence[int | None] = DEFAULT_SHOTS,
    seeds: Sequence[int] = DEFAULT_SEEDS,
) -> tuple[FewShotPoint, ...]:
    """Recall@1 of gallery and classifier for each number of reference photos a product, in the order of `shots`.

    The same input gives the same figures; a seed's figures do not depend on the other seeds or shots.

    Args:
        gallery: float32 (N, D) unit rows, the reference photos.
        gallery_labels: The product of each.
        queries: float32 (Q, D) unit rows of the same embedding space.
        query_labels: The product of each.
        shots: Reference photos a product, each 1 or more; None for all of them.
        seeds: One draw each, 0 or more.

    Raises:
        BadInput: Rows are no unit rows or not one a label, a side is empty, no query shows a product of the gallery,
            or see `check_draws`.
    """
    check_draws(shots, seeds)
    _check_sides(gallery, gallery_labels, queries, query_labels)
    code_of = {label: code for code, label in enumerate(dict.fromkeys(gallery_labels))}
    codes = np.array([code_of[label] for label in gallery_labels], np.int64)
    known = np.array([i for i, label in enumerate(query_labels) if label in code_of], np.int64)
    wanted = np.array([code_of[query_labels[i]] for i in known], np.int64)
    if not len(known):
        raise BadInput("Few-shot curve: got no query that shows a product of the gallery, wanted one or more.")
    asked = queries[known]
    orders = [draw_order(gallery_labels, seed) for seed in seeds]

    def point(n_photos: int | None) -> FewShotPoint:
        draws = [np.arange(len(codes))] if n_photos is None else [np.flatnonzero(o < n_photos) for o in orders]
        drawn = [(gallery[draw], codes[draw]) for draw in draws]
        return FewShotPoint(
            n_photos=n_photos,
            gallery=tuple(_share(labels[_closest(asked, rows)], wanted) for rows, labels in drawn),
            classifier=tuple(_share(_closest(asked, fit_classifier(*part)), wanted) for part in drawn),
            n_products=len(code_of),
            n_queries=len(known),
        )

    return tuple(point(n_photos) for n_photos in shots)


def draw_order(labels: Sequence[str], seed: int) -> IntArray:
    """The place of each photo in its product's order of this seed, int64 (N,) from 0; the n-photo draw is those < n.

    Args:
        labels: The product of each photo. Another order of the photos gives other draws.
        seed: 0 or more.
    """
    n_before: Counter[str] = Counter()
    place = np.zeros(len(labels), np.int64)
    for position in np.random.default_rng(seed).permutation(len(labels)).tolist():
        place[position] = n_before[labels[position]]
        n_before[labels[position]] += 1
    return place


def fit_classifier(rows: FloatArray, codes: IntArray) -> NDArray[np.floating[Any]]:
    """W = (XᵀX + λI)⁻¹ XᵀY, one column of weights a product, with λ = `RIDGE` and without intercept.

    Args:
        rows: float32 (N, D) unit rows X.
        codes: int64 (N,), the product of each as a number from 0 to C − 1, each number at least once; Y is one-hot.

    Returns:
        float64 (C, D), Wᵀ. The answer to a row q is the product with the largest entry of Wᵀq, the first of several.
    """
    x = rows.astype(np.float64)
    sums = np.zeros((int(codes.max()) + 1, x.shape[1]))  # YᵀX
    np.add.at(sums, codes, x)
    return np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), sums.T).T


def n_products_short(labels: Iterable[str], n_photos: int | None) -> int:
    """How many products have fewer photos than asked and enter a draw with all they have; 0 for None.

    >>> n_products_short(["milk", "milk", "tea"], 2)
    1
    """
    return sum(n < (n_photos or 0) for n in Counter(labels).values())


def parse_shots(text: str) -> tuple[int | None, ...]:
    """Numbers of photos as people write them.

    Raises:
        BadInput: A part is neither a whole number nor "all".

    >>> parse_shots("1, 5, all")
    (1, 5, None)
    """
    parts = [part.strip().lower() for part in text.split(",")]
    if not all(part == "all" or (part.isascii() and part.isdigit()) for part in parts):
        raise BadInput(f"Shots: got {text!r}, wanted numbers of photos or 'all' between commas, such as 1,2,5,all.")
    return tuple(None if part == "all" else int(part) for part in parts)


def check_draws(shots: Sequence[int | None], seeds: Sequence[int]) -> None:
    """Refuse what no draw can be made of.

    Raises:
        BadInput: There are no shots or no seeds, one comes twice, a shot is under 1 or a seed under 0.
    """
    if not shots or len(set(shots)) < len(shots) or any(n is not None and n < 1 for n in shots):
        raise BadInput(f"Shots: got {_listed(shots)}, wanted one or more numbers of photos from 1 up, each once.")
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise BadInput(f"Seeds: got {_listed(seeds)}, wanted one or more numbers from 0 up, each once.")


def _check_sides(
    gallery: FloatArray, gallery_labels: Sequence[str], queries: FloatArray, query_labels: Sequence[str]
) -> None:
    for side, rows, labels in (("gallery", gallery, gallery_labels), ("queries", queries, query_labels)):
        Embeddings(rows=rows, space_id="")  # raises where they are no unit rows
        if len(rows) != len(labels) or not len(rows):
            raise BadInput(
                f"Few-shot curve: got {len(rows)} rows and {len(labels)} labels of the {side}, wanted one or more, "
                "as many of each."
            )
    if gallery.shape[1] != queries.shape[1]:
        raise BadInput(
            f"Few-shot curve: got a gallery of {gallery.shape[1]} columns and queries of {queries.shape[1]}, wanted "
            "rows of one embedding space."
        )


def _closest(queries: FloatArray, answers: NDArray[np.floating[Any]]) -> IntArray:
    """Index of the row of `answers` with the largest product, for each query; the first of equals."""
    step = max(1, _CHUNK_CELLS // len(answers))
    starts = range(0, len(queries), step)
    return np.concatenate([(queries[i : i + step] @ answers.T).argmax(axis=1) for i in starts])


def _share(answered: IntArray, wanted: IntArray) -> float:
    return float((answered == wanted).mean())


def _spread(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _summary(mean: float, spread: float, values: Sequence[float]) -> dict[str, Any]:
    return {"mean": round(mean, 4), "spread": round(spread, 4), "values": [round(value, 4) for value in values]}


def _listed(values: Sequence[int | None]) -> str:
    return ", ".join("all" if value is None else str(value) for value in values) or "none"
