"""How good recognition is: labelled queries against a labelled gallery, both as embeddings.

One ranking is behind every figure: all gallery photos by similarity to the query, most similar first, ties by
position in the gallery (`facings.match` breaks ties by id in the same way). Products are ranked by their first photo
in it. A query whose product has no gallery photo cannot be answered rightly by any model: it is counted apart
(`RecognitionMetrics.without_gallery`) and is in no denominator.

Source of mean average precision: Manning, Raghavan, Schütze, "Introduction to Information Retrieval" (2008), 8.4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.errors import BadInput, ModelMismatch
from facings.evaluate.share import Share
from facings.types import Embeddings, FloatArray, IntArray

_CHUNK_CELLS = 2_000_000  # query × gallery cells held at once: about 60 MB whatever the sizes

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LabelledEmbeddings:
    """Photos as the metrics see them.

    Args:
        embeddings: float32 (N, D) unit rows.
        labels: The product of each row.
        categories: One level above, "" when not said.
    """

    embeddings: Embeddings
    labels: tuple[str, ...]
    categories: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.embeddings) == len(self.labels) == len(self.categories):
            raise BadInput(
                f"Labelled embeddings: got {len(self.embeddings)} rows, {len(self.labels)} labels and "
                f"{len(self.categories)} categories, wanted one each."
            )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What became of each of the K queries whose product is in the gallery.

    Args:
        query: int64 (K,), its position among the queries, ascending.
        product_rank: int64 (K,), place of the right product among the products, 1 for first.
        average_precision: float64 (K,), in (0, 1], see `Figures.mean_average_precision`.
        top: int64 (K,), gallery position of the most similar photo.
        top_similarity: float32 (K,), its cosine.
        right: int64 (K,), gallery position of the most similar photo of the right product.
        has_category: bool (K,), whether the right product has a category.
        is_category_right: bool (K,), whether the most similar photo shows a product of that category.
    """

    query: IntArray
    product_rank: IntArray
    average_precision: NDArray[np.float64]
    top: IntArray
    top_similarity: FloatArray
    right: IntArray
    has_category: BoolArray
    is_category_right: BoolArray

    def __len__(self) -> int:
        return len(self.query)

    @property
    def is_right(self) -> BoolArray:
        """bool (K,): whether the most similar photo shows the right product."""
        right: BoolArray = self.product_rank == 1
        return right

    def without(self, queries: Iterable[int]) -> Outcomes:
        """The same, less these positions among the queries."""
        kept = ~np.isin(self.query, np.fromiter(queries, np.int64))
        return Outcomes(**{name: values[kept] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Figures:
    """The headline. K is the number of queries whose product is in the gallery.

    Args:
        recall_at_1: Share of the K whose most similar product is the right one. A product is as similar as its
            closest photo; of two equally similar ones, the one with the earlier photo comes first.
        recall_at_5: The same among the five most similar products; all of them where the gallery has fewer.
        mean_average_precision: Mean over the K of (1 / R) · Σ i / rank(i), over the R gallery photos of the right
            product, where rank(i) is the place of the i-th of them among all gallery photos. No cut-off. In (0, 1].
        category_recall_at_1: Share of those of the K whose product has a category for which the most similar photo
            shows a product of the same category; None where no product has one.
        mean_similarity_right: Mean cosine of the most similar photo where it is right; None where it never is.
        mean_similarity_wrong: The same where it is wrong; None where it never is.
    """

    recall_at_1: Share
    recall_at_5: Share
    mean_average_precision: float
    category_recall_at_1: Share | None
    mean_similarity_right: float | None
    mean_similarity_wrong: float | None

    def to_json(self) -> dict[str, Any]:
        """The figures with their denominators."""
        return {
            "recall_at_1": self.recall_at_1.to_json(),
            "recall_at_5": self.recall_at_5.to_json(),
            "mean_average_precision": round(self.mean_average_precision, 4),
            "category_recall_at_1": self.category_recall_at_1.to_json() if self.category_recall_at_1 else None,
            "mean_similarity_right": _rounded(self.mean_similarity_right),
            "mean_similarity_wrong": _rounded(self.mean_similarity_wrong),
        }


@dataclass(frozen=True, eq=False)
class RecognitionMetrics:
    """All that was measured on one gallery and one set of queries.

    Args:
        figures: The headline.
        n_gallery: Gallery photos.
        n_products: Products in the gallery.
        n_queries: Queries, those without gallery photo included.
        without_gallery: Product → number of queries, for products that the gallery does not hold.
        outcomes: Query by query.
    """

    figures: Figures
    n_gallery: int
    n_products: int
    n_queries: int
    without_gallery: dict[str, int]
    outcomes: Outcomes


def measure(gallery: LabelledEmbeddings, queries: LabelledEmbeddings) -> RecognitionMetrics:
    """Rank the gallery for every query and say how good the ranking is.

    Memory stays at one slice of the table of queries × gallery.

    Args:
        gallery: The references. A product's category is taken from here, and from the queries where it is "" here.
        queries: The photos to recognize.

    Raises:
        ModelMismatch: The two are of different embedding spaces.
        BadInput: No query shows a product of the gallery, so there is nothing to measure.
    """
    if gallery.embeddings.space_id != queries.embeddings.space_id:
        raise ModelMismatch(
            f"The gallery is of space {gallery.embeddings.space_id}, the queries of {queries.embeddings.space_id}.",
            "Embed both with the same model.",
        )
    outcomes = _rank(gallery, queries)
    products = set(gallery.labels)
    return RecognitionMetrics(
        figures=figures_of(outcomes),
        n_gallery=len(gallery),
        n_products=len(products),
        n_queries=len(queries),
        without_gallery=dict(sorted(Counter(label for label in queries.labels if label not in products).items())),
        outcomes=outcomes,
    )


def figures_of(outcomes: Outcomes) -> Figures:
    """The headline of these outcomes.

    Raises:
        BadInput: There are none.
    """
    n = len(outcomes)
    if not n:
        raise BadInput("Recognition: got no query that shows a product of the gallery, wanted one or more.")
    is_right = outcomes.is_right
    n_categories = int(outcomes.has_category.sum())
    return Figures(
        recall_at_1=recall_at(outcomes, 1),
        recall_at_5=recall_at(outcomes, 5),
        mean_average_precision=float(outcomes.average_precision.mean()),
        category_recall_at_1=Share(int(outcomes.is_category_right.sum()), n_categories) if n_categories else None,
        mean_similarity_right=_mean(outcomes.top_similarity[is_right]),
        mean_similarity_wrong=_mean(outcomes.top_similarity[~is_right]),
    )


def recall_at(outcomes: Outcomes, k: int) -> Share:
    """Share of queries whose right product is among the k most similar products.

    Raises:
        BadInput: k is under 1, or there are no outcomes.
    """
    if k < 1:
        raise BadInput(f"Recall: got k = {k}, wanted 1 or more.")
    return Share(int((outcomes.product_rank <= k).sum()), len(outcomes))


def category_of(gallery: LabelledEmbeddings, queries: LabelledEmbeddings) -> dict[str, str]:
    """Product → category, "" where neither side says one; where they differ, the gallery counts."""
    found: dict[str, str] = {}
    for side in (gallery, queries):
        for label, category in zip(side.labels, side.categories, strict=True):
            if not found.get(label):
                found[label] = category
    return found


def _rank(gallery: LabelledEmbeddings, queries: LabelledEmbeddings) -> Outcomes:
    code_of = {label: code for code, label in enumerate(dict.fromkeys(gallery.labels))}
    codes = np.array([code_of[label] for label in gallery.labels], np.int64)
    known = np.array([i for i, label in enumerate(queries.labels) if label in code_of], np.int64)
    wanted = np.array([code_of[queries.labels[i]] for i in known], np.int64)
    n = len(known)
    product_rank, average_precision = np.zeros(n, np.int64), np.zeros(n, np.float64)
    top, right, top_similarity = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.float32)
    step = max(1, _CHUNK_CELLS // max(1, len(gallery)))
    for start in range(0, n, step):
        similarity = queries.embeddings.rows[known[start : start + step]] @ gallery.embeddings.rows.T
        order = np.argsort(-similarity, axis=1, kind="stable")
        for row, (line, cosines) in enumerate(zip(order, similarity, strict=True), start=start):
            ranked = codes[line]
            places = np.flatnonzero(ranked == wanted[row])
            product_rank[row] = 1 + np.count_nonzero(np.bincount(ranked[: places[0]]))
            average_precision[row] = np.mean(np.arange(1, len(places) + 1) / (places + 1))
            top[row], right[row], top_similarity[row] = line[0], line[places[0]], cosines[line[0]]
    categories = category_of(gallery, queries)
    asked = np.array([categories[queries.labels[i]] for i in known], np.str_)
    answered = np.array([categories[gallery.labels[i]] for i in top], np.str_)
    return Outcomes(
        query=known,
        product_rank=product_rank,
        average_precision=average_precision,
        top=top,
        top_similarity=np.clip(top_similarity, -1, 1),
        right=right,
        has_category=asked != "",
        is_category_right=(asked != "") & (asked == answered),
    )


def _mean(values: FloatArray) -> float | None:
    return float(values.mean(dtype=np.float64)) if len(values) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
