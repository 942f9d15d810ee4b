"""`facings evaluate few-shot`: labelled photos in, recognition by number of reference photos out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from facings.embed import Embedder
from facings.errors import Problem
from facings.evaluate.few_shot import (
    DEFAULT_SEEDS,
    DEFAULT_SHOTS,
    RIDGE,
    FewShotPoint,
    check_draws,
    few_shot_curve,
    n_products_short,
)
from facings.evaluate.leakage import Leak, find_leaks, leakage_to_json
from facings.evaluate.machine import RunFacts, run_facts
from facings.evaluate.side import Side, SideReader
from facings.images import MAX_MEGAPIXELS
from facings.manifest import LabelledPhoto
from facings.progress import Track, untracked


@dataclass(frozen=True, eq=False)
class FewShotEvaluation:
    """How recognition grows with reference photos, with what is needed to believe it.

    Args:
        gallery: The gallery photos that could be read; draws are made of these.
        queries: The queries that could be read.
        points: Point by point, fewest photos first, all of them last.
        without_leaks: The same on the queries that are not in the gallery already; None where no query is, or where
            no query would be left.
        seeds: One draw each.
        leaks: Queries that are in the gallery already.
        problems: Photos that could not be used and are in no figure.
        run: Model, machine, time.
    """

    gallery: tuple[LabelledPhoto, ...]
    queries: tuple[LabelledPhoto, ...]
    points: tuple[FewShotPoint, ...]
    without_leaks: tuple[FewShotPoint, ...] | None
    seeds: tuple[int, ...]
    leaks: tuple[Leak, ...]
    problems: tuple[Problem, ...]
    run: RunFacts

    @property
    def without_gallery(self) -> dict[str, int]:
        """Product → number of queries, for products that the gallery does not hold."""
        known = {photo.label for photo in self.gallery}
        return dict(sorted(Counter(photo.label for photo in self.queries if photo.label not in known).items()))

    @property
    def photos_a_product(self) -> tuple[int, int]:
        """Fewest and most gallery photos that a product has."""
        counts = Counter(photo.label for photo in self.gallery).values()
        return min(counts), max(counts)

    def n_short(self, n_photos: int | None) -> int:
        """Products with fewer gallery photos than this; they enter with all they have."""
        return n_products_short((photo.label for photo in self.gallery), n_photos)

    def to_json(self) -> dict[str, Any]:
        """All facts of the page."""
        return {
            "kind": "few_shot",
            "points": [self._point(point) for point in self.points],
            "points_without_leaks": [self._point(p) for p in self.without_leaks] if self.without_leaks else None,
            "seeds": list(self.seeds),
            "ridge": RIDGE,
            "n_gallery": len(self.gallery),
            "n_products": self.points[0].n_products,
            "photos_a_product": list(self.photos_a_product),
            "n_queries": len(self.queries),
            "queries_without_gallery": self.without_gallery,
            "leakage": leakage_to_json(self.leaks, self.gallery, self.queries),
            "problems": [asdict(problem) for problem in self.problems],
            "run": self.run.to_json(),
        }

    def _point(self, point: FewShotPoint) -> dict[str, Any]:
        return {**point.to_json(), "n_products_short": self.n_short(point.n_photos)}


def evaluate_few_shot(
    gallery_photos: Sequence[LabelledPhoto],
    query_photos: Sequence[LabelledPhoto],
    *,
    embedder: Embedder,
    shots: Sequence[int | None] = DEFAULT_SHOTS,
    seeds: Sequence[int] = DEFAULT_SEEDS,
    n_threads: int = 1,
    max_megapixels: float = MAX_MEGAPIXELS,
    track: Track = untracked,
) -> FewShotEvaluation:
    """Embed a gallery and queries once, and say how well 1, 2, 3, … photos a product recognize the queries.

    Photos that cannot be used are left out and listed in `problems`.

    Args:
        gallery_photos: What the draws are made of.
        query_photos: What is asked.
        embedder: The model.
        shots: Reference photos a product, each 1 or more; None for all of them.
        seeds: One draw each, 0 or more.
        n_threads: Threads that decode.
        max_megapixels: Refuse larger photos.
        track: Shows progress, a step a batch of photos.

    Raises:
        BadInput: No photo of a side could be used, no query shows a product of the gallery, or see `check_draws`.
    """
    check_draws(shots, seeds)  # before minutes of embedding
    ordered = sorted(shots, key=lambda n: (n is None, n or 0))
    started = time.perf_counter()
    with ThreadPoolExecutor(n_threads) as pool:
        reader = SideReader(embedder, pool, max_megapixels, track)
        gallery = reader.read(gallery_photos, "gallery")
        queries = reader.read(query_photos, "queries")
    embedded = time.perf_counter()
    leaks = find_leaks(gallery.fingerprints, queries.fingerprints)
    n_photos = len(gallery.photos) + len(queries.photos)
    return FewShotEvaluation(
        gallery=gallery.photos,
        queries=queries.photos,
        points=_curve(gallery, queries, range(len(queries.photos)), ordered, seeds),
        without_leaks=_clean_curve(gallery, queries, leaks, ordered, seeds) if leaks else None,
        seeds=tuple(seeds),
        leaks=leaks,
        problems=gallery.problems + queries.problems,
        run=run_facts(embedder, n_threads=n_threads, n_photos=n_photos, started=started, embedded=embedded),
    )


def _clean_curve(
    gallery: Side, queries: Side, leaks: Sequence[Leak], shots: Sequence[int | None], seeds: Sequence[int]
) -> tuple[FewShotPoint, ...] | None:
    known, leaking = set(gallery.rows.labels), {leak.query for leak in leaks}
    kept = [i for i, label in enumerate(queries.rows.labels) if label in known and i not in leaking]
    return _curve(gallery, queries, kept, shots, seeds) if kept else None


def _curve(
    gallery: Side, queries: Side, kept: Sequence[int], shots: Sequence[int | None], seeds: Sequence[int]
) -> tuple[FewShotPoint, ...]:
    return few_shot_curve(
        gallery.rows.embeddings.rows,
        gallery.rows.labels,
        queries.rows.embeddings.rows[list(kept)],
        [queries.rows.labels[i] for i in kept],
        shots=shots,
        seeds=seeds,
    )
