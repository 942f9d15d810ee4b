"""`facings evaluate recognition`: labelled photos in, figures, leaks and mistakes out.

Both sides go through the steps that recognize: decode, crop, embed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from facings.crop import cut_product
from facings.embed import Embedder, embed
from facings.errors import BadInput, FacingsError, Problem
from facings.evaluate.breakdown import (
    Confusion,
    ProductResult,
    SimilarityHistogram,
    by_product,
    confusions,
    similarity_histogram,
)
from facings.evaluate.floor import pixel_embeddings, pixel_row
from facings.evaluate.leakage import Fingerprint, Leak, find_leaks
from facings.evaluate.machine import cpu_model, library_versions
from facings.evaluate.recognition import Figures, LabelledEmbeddings, RecognitionMetrics, figures_of, measure
from facings.images import MAX_MEGAPIXELS, decode, read_bytes
from facings.manifest import LabelledPhoto
from facings.near_duplicates import MAX_BITS_APART, perceptual_hash
from facings.progress import Track, untracked
from facings.types import Embeddings, FloatArray, UInt8Array, stack_rows

BATCH_SIZE = 32


@dataclass(frozen=True)
class RunFacts:
    """What the evaluation ran with.

    Args:
        model: Name on the model's card.
        space_id: Its embedding space.
        n_threads: Threads that decode.
        seconds: Wall time of all of it.
        photos_per_s: Photos read, decoded and embedded a second, both sides together.
        cpu: The processor.
        versions: Library → version.
        at: When it ended, aware UTC.
    """

    model: str
    space_id: str
    n_threads: int
    seconds: float
    photos_per_s: float
    cpu: str
    versions: dict[str, str]
    at: datetime


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
            "leakage": {
                "n_exact": self.n_leaks_exact,
                "n_near": len(self.leaks) - self.n_leaks_exact,
                "max_bits_apart": MAX_BITS_APART,
                "pairs": [self._leak(leak) for leak in self.leaks],
            },
            "products": [product.to_json() for product in self.products],
            "confusions": [self._confusion(confusion) for confusion in self.confusions],
            "similarity_histogram": asdict(self.histogram),
            "problems": [asdict(problem) for problem in self.problems],
            "run": {
                **vars(self.run),
                "seconds": round(self.run.seconds, 2),
                "photos_per_s": round(self.run.photos_per_s, 1),
                "at": self.run.at.isoformat(timespec="seconds"),
            },
        }

    def _leak(self, leak: Leak) -> dict[str, Any]:
        return {
            "query": str(self.queries[leak.query].path),
            "gallery": str(self.gallery[leak.gallery].path),
            "is_exact": leak.is_exact,
            "bits_apart": leak.bits_apart,
            "is_same_label": self.queries[leak.query].label == self.gallery[leak.gallery].label,
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
        reader = _Reader(embedder, pool, max_megapixels, track, with_floor)
        gallery = reader.read(gallery_photos, "gallery")
        queries = reader.read(query_photos, "queries")
    embedded = time.perf_counter()
    metrics = measure(gallery.rows, queries.rows)
    leaks = find_leaks(gallery.fingerprints, queries.fingerprints)
    clean = metrics.outcomes.without(leak.query for leak in leaks)
    run = RunFacts(
        model=embedder.card.name,
        space_id=embedder.space_id,
        n_threads=n_threads,
        seconds=time.perf_counter() - started,
        photos_per_s=(len(gallery.photos) + len(queries.photos)) / (embedded - started),
        cpu=cpu_model(),
        versions=library_versions(),
        at=datetime.now(UTC),
    )
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
        run=run,
    )


def read_product(photo: LabelledPhoto, max_megapixels: float = MAX_MEGAPIXELS) -> tuple[str, UInt8Array]:
    """SHA-256 of the file, and the pixels of the product in it, uint8 (h, w, 3).

    Raises:
        BadImage: The photo cannot be read or decoded.
        BadInput: The box leaves too little of it.
    """
    data = read_bytes(photo.path)
    image = decode(data, source=str(photo.path), max_megapixels=max_megapixels)
    return hashlib.sha256(data).hexdigest(), cut_product(image, photo.box)


@dataclass(frozen=True, eq=False)
class _Side:
    """The photos of one side that could be used, and what is known of each."""

    photos: tuple[LabelledPhoto, ...]
    rows: LabelledEmbeddings
    tiny: LabelledEmbeddings | None
    fingerprints: tuple[Fingerprint, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, eq=False)
class _Known:
    """What stays of one photo when its pixels are let go."""

    photo: LabelledPhoto
    fingerprint: Fingerprint
    tiny: FloatArray | None


@dataclass(frozen=True, eq=False)
class _Reader:
    embedder: Embedder
    pool: ThreadPoolExecutor
    max_megapixels: float
    track: Track
    with_floor: bool

    def read(self, photos: Sequence[LabelledPhoto], side: str) -> _Side:
        kept: list[_Known] = []
        rows: list[FloatArray] = []
        problems: list[Problem] = []
        starts = range(0, len(photos), BATCH_SIZE)
        for start in self.track(starts, f"Embedding {side}", len(starts)):
            results = list(self.pool.map(self._read_one, photos[start : start + BATCH_SIZE]))
            problems.extend(result for result in results if isinstance(result, Problem))
            pieces = [result for result in results if not isinstance(result, Problem)]
            rows.extend(embed([pixels for _, pixels in pieces], self.embedder).rows)
            kept.extend(known for known, _ in pieces)
        if not kept:
            first = f" First problem: {problems[0].message}" if problems else ""
            raise BadInput(f"Evaluation: none of {len(photos)} photos of the {side} could be used.{first}")
        labels = tuple(known.photo.label for known in kept)
        categories = tuple(known.photo.category for known in kept)
        embeddings = Embeddings(stack_rows(rows, self.embedder.card.embedding_dim), self.embedder.space_id)
        tiny = [known.tiny for known in kept if known.tiny is not None]
        return _Side(
            photos=tuple(known.photo for known in kept),
            rows=LabelledEmbeddings(embeddings, labels, categories),
            tiny=LabelledEmbeddings(pixel_embeddings(tiny), labels, categories) if self.with_floor else None,
            fingerprints=tuple(known.fingerprint for known in kept),
            problems=tuple(problems),
        )

    def _read_one(self, photo: LabelledPhoto) -> tuple[_Known, UInt8Array] | Problem:
        try:
            photo_id, pixels = read_product(photo, self.max_megapixels)
        except FacingsError as error:
            return Problem(str(photo.path), error.code, str(error))
        tiny = pixel_row(pixels) if self.with_floor else None
        return _Known(photo, Fingerprint(photo_id, perceptual_hash(pixels)), tiny), pixels
