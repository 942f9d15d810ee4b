"""`facings evaluate recognition`: labelled photos in, figures, leaks and mistakes out.

Both sides go through the steps that recognize: decode, crop, embed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from facings.embed import Embedder
from facings.errors import Problem
from facings.evaluate.breakdown import (
    Confusion,
    ProductResult,
    SimilarityHistogram,
    by_product,
    confusions,
    similarity_histogram,
)
from facings.evaluate.leakage import Leak, find_leaks, leakage_to_json
from facings.evaluate.machine import RunFacts, run_facts
from facings.evaluate.recognition import Figures, RecognitionMetrics, figures_of, measure
from facings.evaluate.side import SideReader
from facings.images import MAX_MEGAPIXELS
from facings.manifest import LabelledPhoto
from facings.progress import Track, untracked


@dataclass(frozen=True, eq=False)
class RecognitionEvaluation:
    """How good recognition is, with what is needed to believe it. Positions refer to `gallery` and `queries`.

    Args:
        gallery: The gallery photos that could be read.
        queries: The queries that could be read.
        metrics: Figures on all queries.
        without_leaks: Figures on the queries that are not in the gallery already; None where none is left.
        floor: Figures of comparing 24×24 pixels; None where not asked for.
        products: Product by product.
        confusions: Mistake by mistake.
        histogram: Similarity of right and of wrong answers.
        leaks: Queries that are in the gallery already.
        problems: Photos that could not be used and are in no figure.
        run: Model, machine, time.
    """

    gallery: tuple[LabelledPhoto, ...]
    queries: tuple[LabelledPhoto, ...]
    metrics: RecognitionMetrics
    without_leaks: Figures | None
    floor: Figures | None
    products: tuple[ProductResult, ...]
    confusions: tuple[Confusion, ...]
    histogram: SimilarityHistogram
    leaks: tuple[Leak, ...]
    problems: tuple[Problem, ...]
    run: RunFacts

    @property
    def n_leaks_exact(self) -> int:
        """Queries that are the same file as a gallery photo."""
        return sum(leak.is_exact for leak in self.leaks)

    def guess_at(self, k: int) -> float:
        """Recall@k expected of naming k different products at random, in (0, 1]."""
        return min(k, self.metrics.n_products) / self.metrics.n_products

    def to_json(self) -> dict[str, Any]:
        """All facts of the page, pictures apart."""
        return {
            "kind": "recognition",
            "figures": self.metrics.figures.to_json(),
            "figures_without_leaks": self.without_leaks.to_json() if self.without_leaks else None,
            "floor_pixels_24x24": self.floor.to_json() if self.floor else None,
            "guess": {"recall_at_1": round(self.guess_at(1), 4), "recall_at_5": round(self.guess_at(5), 4)},
            "n_gallery": self.metrics.n_gallery,
            "n_products": self.metrics.n_products,
            "n_queries": self.metrics.n_queries,
            "queries_without_gallery": self.metrics.without_gallery,
            "leakage": leakage_to_json(self.leaks, self.gallery, self.queries),
            "products": [product.to_json() for product in self.products],
            "confusions": [self._confusion(confusion) for confusion in self.confusions],
            "similarity_histogram": asdict(self.histogram),
            "problems": [asdict(problem) for problem in self.problems],
            "run": self.run.to_json(),
        }

    def _confusion(self, confusion: Confusion) -> dict[str, Any]:
        return {
            **vars(confusion),
            "similarity": round(confusion.similarity, 4),
            "query": str(self.queries[confusion.query].path),
            "wrong": str(self.gallery[confusion.wrong].path),
            "right": str(self.gallery[confusion.right].path),
        }


def evaluate_recognition(
    gallery_photos: Sequence[LabelledPhoto],
    query_photos: Sequence[LabelledPhoto],
    *,
    embedder: Embedder,
    n_threads: int = 1,
    max_megapixels: float = MAX_MEGAPIXELS,
    track: Track = untracked,
    with_floor: bool = False,
) -> RecognitionEvaluation:
    """Embed a gallery and queries, and say how well the one recognizes the other.

    Photos that cannot be used are left out and listed in `problems`.

    Args:
        gallery_photos: What the model may know.
        query_photos: What it is asked.
        embedder: The model.
        n_threads: Threads that decode.
        max_megapixels: Refuse larger photos.
        track: Shows progress, a step a batch of photos.
        with_floor: Also compare 24×24 pixels.

    Raises:
        BadInput: No photo of a side could be used, or no query shows a product of the gallery.
    """
    started = time.perf_counter()
    with ThreadPoolExecutor(n_threads) as pool:
        reader = SideReader(embedder, pool, max_megapixels, track, with_floor)
        gallery = reader.read(gallery_photos, "gallery")
        queries = reader.read(query_photos, "queries")
    embedded = time.perf_counter()
    metrics = measure(gallery.rows, queries.rows)
    leaks = find_leaks(gallery.fingerprints, queries.fingerprints)
    clean = metrics.outcomes.without(leak.query for leak in leaks)
    n_photos = len(gallery.photos) + len(queries.photos)
    return RecognitionEvaluation(
        gallery=gallery.photos,
        queries=queries.photos,
        metrics=metrics,
        without_leaks=figures_of(clean) if len(clean) else None,
        floor=measure(gallery.tiny, queries.tiny).figures if gallery.tiny and queries.tiny else None,
        products=by_product(metrics.outcomes, gallery.rows, queries.rows),
        confusions=confusions(metrics.outcomes, gallery.rows, queries.rows),
        histogram=similarity_histogram(metrics.outcomes),
        leaks=leaks,
        problems=gallery.problems + queries.problems,
        run=run_facts(embedder, n_threads=n_threads, n_photos=n_photos, started=started, embedded=embedded),
    )
