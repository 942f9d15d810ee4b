"""Where recognition fails: product by product, mistake by mistake, and how similar right and wrong answers are."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from facings.evaluate.recognition import LabelledEmbeddings, Outcomes, category_of
from facings.evaluate.share import Share

_BIN_WIDTH = 0.01


@dataclass(frozen=True)
class ProductResult:
    """How well one product of the gallery is recognized.

    Args:
        label: The product.
        category: One level above it, "" when not said.
        n_gallery: Its gallery photos, 1 or more.
        recall_at_1: Share of its queries whose most similar photo is of this product.
        average_precision: Mean over its queries.
        most_common_mistake: The product it is most often taken for, the first by name of several; "" for none.
        n_mistaken: How often it is taken for that one.
    """

    label: str
    category: str
    n_gallery: int
    recall_at_1: Share
    average_precision: float
    most_common_mistake: str
    n_mistaken: int

    def to_json(self) -> dict[str, Any]:
        """The facts by name."""
        return {
            **vars(self),
            "recall_at_1": self.recall_at_1.to_json(),
            "average_precision": round(self.average_precision, 4),
        }


@dataclass(frozen=True)
class Confusion:
    """One product taken for another.

    Args:
        label: What the queries show.
        answered: What the most similar photo shows.
        n: How often.
        n_queries: Of how many queries of `label`.
        similarity: Highest cosine among these mistakes, in [−1, 1]; the example is the query that has it.
        query: Position of the example among the queries.
        wrong: Gallery position of the photo that misled it.
        right: Gallery position of the closest photo of the right product.
    """

    label: str
    answered: str
    n: int
    n_queries: int
    similarity: float
    query: int
    wrong: int
    right: int


@dataclass(frozen=True)
class SimilarityHistogram:
    """How similar the most similar photo was, for right and for wrong answers.

    Args:
        edges: Ends of the bins, ascending, one more than bins; the first and the last bin are not both empty.
        n_right: Right answers a bin.
        n_wrong: Wrong answers a bin.
    """

    edges: tuple[float, ...]
    n_right: tuple[int, ...]
    n_wrong: tuple[int, ...]


def by_product(
    outcomes: Outcomes, gallery: LabelledEmbeddings, queries: LabelledEmbeddings
) -> tuple[ProductResult, ...]:
    """One line for each product that has both gallery photos and queries, by name."""
    n_gallery = Counter(gallery.labels)
    categories = category_of(gallery, queries)
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, query in enumerate(outcomes.query.tolist()):
        rows_of[queries.labels[query]].append(row)
    results = []
    for label, rows in sorted(rows_of.items()):
        answers = Counter(gallery.labels[i] for i in outcomes.top[rows].tolist())
        n_right = answers.pop(label, 0)
        mistake, n_mistaken = min(answers.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
        results.append(
            ProductResult(
                label=label,
                category=categories[label],
                n_gallery=n_gallery[label],
                recall_at_1=Share(n_right, len(rows)),
                average_precision=float(outcomes.average_precision[rows].mean()),
                most_common_mistake=mistake,
                n_mistaken=n_mistaken,
            )
        )
    return tuple(results)


def confusions(outcomes: Outcomes, gallery: LabelledEmbeddings, queries: LabelledEmbeddings) -> tuple[Confusion, ...]:
    """Each pair (shown, answered) of different products that occurred, most frequent first, then by name."""
    n_queries = Counter(queries.labels)
    rows_of: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in np.flatnonzero(~outcomes.is_right).tolist():
        rows_of[queries.labels[outcomes.query[row]], gallery.labels[outcomes.top[row]]].append(row)
    found = []
    for (label, answered), rows in rows_of.items():
        worst = max(rows, key=lambda row: (outcomes.top_similarity[row], -row))
        found.append(
            Confusion(
                label=label,
                answered=answered,
                n=len(rows),
                n_queries=n_queries[label],
                similarity=float(outcomes.top_similarity[worst]),
                query=int(outcomes.query[worst]),
                wrong=int(outcomes.top[worst]),
                right=int(outcomes.right[worst]),
            )
        )
    return tuple(sorted(found, key=lambda c: (-c.n, c.label, c.answered)))


def similarity_histogram(outcomes: Outcomes) -> SimilarityHistogram:
    """Counts in bins of 0.01 over the cosines that occur."""
    bins = np.floor(outcomes.top_similarity.astype(np.float64) / _BIN_WIDTH + 1e-9).astype(np.int64)
    bins = np.minimum(bins, round(1 / _BIN_WIDTH) - 1)  # a cosine of exactly 1 belongs to the last bin
    first, n_bins = int(bins.min()), int(bins.max() - bins.min()) + 1
    counts = [np.bincount(bins[chosen] - first, minlength=n_bins) for chosen in (outcomes.is_right, ~outcomes.is_right)]
    return SimilarityHistogram(
        edges=tuple(round((first + i) * _BIN_WIDTH, 2) for i in range(n_bins + 1)),
        n_right=tuple(counts[0].tolist()),
        n_wrong=tuple(counts[1].tolist()),
    )
