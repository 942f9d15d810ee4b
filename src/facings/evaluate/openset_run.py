"""`facings evaluate openset`: some products are not enrolled, all are asked about. Is what was promised kept?

Each draw enrolls some products at random and asks about all; the path decides as it does in use.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.calibrate import Queries, References, calibrate
from facings.decide import N_COMPARED, Promise, answer, rank
from facings.embed import Embedder
from facings.errors import BadInput, Problem
from facings.evaluate.machine import RunFacts, run_facts
from facings.evaluate.openset import Separation, separation
from facings.evaluate.openset_answers import Answers, PromiseKept, answers_of, promise_kept, together
from facings.evaluate.side import Side, SideReader
from facings.images import MAX_MEGAPIXELS
from facings.manifest import LabelledPhoto
from facings.match import ExactIndex, match
from facings.progress import Track, untracked
from facings.types import Embeddings, FloatArray

DEFAULT_PROMISES = (0.01, 0.05, 0.10)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Photos as the measurement sees them.

    Args:
        rows: float32 (N, D) unit rows.
        labels: The product of each.
        categories: One level above, "" when not said.
        looks: uint64 (N,), perceptual hashes.
        far_rows: float32 (N, D), the rows of the photos seen from afar; None where they are not enrolled.
    """

    rows: FloatArray
    labels: tuple[str, ...]
    categories: tuple[str, ...]
    looks: NDArray[np.uint64]
    far_rows: FloatArray | None = None

    def only(self, kept: Sequence[int]) -> Labelled:
        """The photos at these places."""
        return Labelled(
            self.rows[list(kept)],
            tuple(self.labels[i] for i in kept),
            tuple(self.categories[i] for i in kept),
            self.looks[list(kept)],
            None if self.far_rows is None else self.far_rows[list(kept)],
        )


@dataclass(frozen=True, eq=False)
class OpenSet:
    """What was measured, over all draws.

    Args:
        ours: A draw each, by likeness.
        baseline: The same by the similarity of the most similar photo, which one global threshold would cut.
        promises: By promise.
        n_enrolled: Products enrolled in each draw.
        n_products: Products there are.
    """

    ours: tuple[Separation, ...]
    baseline: tuple[Separation, ...]
    promises: tuple[PromiseKept, ...]
    n_enrolled: int
    n_products: int

    def to_json(self) -> dict[str, Any]:
        """All figures, draw by draw where they differ by draw."""
        return {
            "n_enrolled": self.n_enrolled,
            "n_products": self.n_products,
            "ours": [asdict(one) for one in self.ours],
            "baseline": [asdict(one) for one in self.baseline],
            "promises": [promise.to_json() for promise in self.promises],
        }


@dataclass(frozen=True, eq=False)
class OpenSetEvaluation:
    """The figures, and what they were made with."""

    figures: OpenSet
    n_gallery: int
    n_queries: int
    problems: tuple[Problem, ...]
    run: RunFacts

    def to_json(self) -> dict[str, Any]:
        """All facts."""
        return {
            "kind": "openset",
            **self.figures.to_json(),
            "n_gallery": self.n_gallery,
            "n_queries": self.n_queries,
            "problems": [asdict(problem) for problem in self.problems],
            "run": self.run.to_json(),
        }


def evaluate_openset(
    gallery_photos: Sequence[LabelledPhoto],
    query_photos: Sequence[LabelledPhoto],
    *,
    embedder: Embedder,
    n_unknown: int,
    seeds: Sequence[int],
    promises: Sequence[float] = DEFAULT_PROMISES,
    n_threads: int = 1,
    max_megapixels: float = MAX_MEGAPIXELS,
    track: Track = untracked,
) -> OpenSetEvaluation:
    """Embed a gallery and queries once, and decide on all queries with some products left out of the gallery.

    Args:
        gallery_photos: References.
        query_photos: What is asked.
        embedder: The model.
        n_unknown: Products left out in each draw, 1 or more and not all.
        seeds: One draw each.
        promises: Shares of false accepts to promise, each in (0, 1].
        n_threads: Threads that decode.
        max_megapixels: Refuse larger photos.
        track: Shows progress, a step a batch of photos.

    Raises:
        BadInput: No photo of a side could be used, or so many products cannot be left out.
        ConfigInvalid: A promise is no share.
    """
    draws = drawn_products([p.label for p in gallery_photos], n_unknown=n_unknown, seeds=seeds)
    started = time.perf_counter()
    with ThreadPoolExecutor(n_threads) as pool:
        reader = SideReader(embedder, pool, max_megapixels, track)
        gallery = replace(reader, with_far=True).read(gallery_photos, "gallery")
        queries = reader.read(query_photos, "queries")
    embedded = time.perf_counter()
    n_photos = len(gallery.photos) + len(queries.photos)
    return OpenSetEvaluation(
        figures=measure_openset(_labelled(gallery), _labelled(queries), draws, promises),
        n_gallery=len(gallery.photos),
        n_queries=len(queries.photos),
        problems=gallery.problems + queries.problems,
        run=run_facts(embedder, n_threads=n_threads, n_photos=n_photos, started=started, embedded=embedded),
    )


def parse_promises(text: str) -> list[float]:
    """Shares with commas between them: "0.01,0.05".

    Raises:
        BadInput: One of them is no number.
        ConfigInvalid: One is no share.
    """
    try:
        return [Promise(float(part)).max_false_accept for part in text.split(",")]
    except ValueError as error:
        raise BadInput(f"Promises: got {text!r}, wanted shares with commas between, like 0.01,0.05.") from error


def drawn_products(labels: Iterable[str], *, n_unknown: int, seeds: Sequence[int]) -> list[frozenset[str]]:
    """The products that each draw enrolls: all but so many, at random.

    Raises:
        BadInput: So many cannot be left out.
    """
    products = sorted(set(labels))
    if not 1 <= n_unknown < len(products):
        raise BadInput(f"Open set: got {n_unknown} of {len(products)} products to leave out, wanted some, not all.")
    n_enrolled = len(products) - n_unknown
    return [frozenset(np.random.default_rng(seed).permutation(products)[:n_enrolled].tolist()) for seed in seeds]


def measure_openset(
    gallery: Labelled,
    queries: Labelled,
    draws: Sequence[frozenset[str]],
    promises: Sequence[float],
    calibrating: Labelled | None = None,
) -> OpenSet:
    """The figures of several draws.

    Args:
        gallery: All photos that may be enrolled.
        queries: What is asked; their products enrolled or not.
        draws: The products that each enrolls.
        promises: Shares of false accepts, each in (0, 1].
        calibrating: Photos to calibrate from, those of enrolled products; None for the gallery's own.

    Raises:
        BadInput: No query, or none but queries, of enrolled products in a draw.
    """
    ours, baseline = [], []
    answers: list[list[Answers]] = [[] for _ in promises]
    for enrolled in draws:
        one = _Draw(gallery, queries, enrolled, calibrating)
        ours.append(one.separation)
        baseline.append(one.baseline)
        for told, share in zip(answers, promises, strict=True):
            told.append(one.answers(share))
    return OpenSet(
        ours=tuple(ours),
        baseline=tuple(baseline),
        promises=tuple(promise_kept(share, together(told)) for share, told in zip(promises, answers, strict=True)),
        n_enrolled=len(draws[0]),
        n_products=len(set(gallery.labels)),
    )


class _Draw:
    """One gallery, and what it says of all queries."""

    def __init__(
        self, gallery: Labelled, queries: Labelled, enrolled: frozenset[str], calibrating: Labelled | None
    ) -> None:
        here = gallery.only([i for i, label in enumerate(gallery.labels) if label in enrolled])
        self.queries = queries
        self.is_known = np.array([label in enrolled for label in queries.labels])
        asked = None
        if calibrating is not None:
            some = calibrating.only([i for i, label in enumerate(calibrating.labels) if label in enrolled])
            asked = Queries(some.rows, some.labels)
        self.calibration = calibrate(references_of(here), asked)
        index = ExactIndex(here.rows.shape[1])
        index.add(np.arange(len(here.labels)), here.rows)
        asked_rows = Embeddings(queries.rows, "")
        self.candidates = match(asked_rows, index, dict(enumerate(here.labels)), k=N_COMPARED)
        self.ranked = [rank(*one, self.calibration) for one in zip(queries.rows, self.candidates, strict=True)]

    @property
    def separation(self) -> Separation:
        """By likeness."""
        named = [one.candidates[0].sku for one in self.ranked]
        return self._separation(named, [float(one.likeness[0]) for one in self.ranked])

    @property
    def baseline(self) -> Separation:
        """By similarity."""
        best = [several[0] for several in self.candidates]
        return self._separation([c.sku for c in best], [c.similarity for c in best])

    def _separation(self, named: list[str], scores: list[float]) -> Separation:
        is_right = np.array(named) == np.array(self.queries.labels)
        values = np.array(scores, np.float64)
        return separation(values[self.is_known], is_right[self.is_known], values[~self.is_known])

    def answers(self, share: float) -> Answers:
        """Under one promise."""
        decisions = [answer(one, self.calibration, Promise(share)) for one in self.ranked]
        return answers_of(decisions, self.queries.labels, self.is_known)


def references_of(photos: Labelled) -> References:
    """Photos as a gallery."""
    skus, products = np.unique(np.array(photos.labels), return_inverse=True)
    category_of = dict(zip(photos.labels, photos.categories, strict=True))
    names = tuple(skus.tolist())
    references = References(photos.rows, products, photos.looks, names, tuple(category_of[sku] for sku in names))
    if photos.far_rows is None:
        return references
    return references.with_far(photos.far_rows, np.arange(len(photos.rows)))


def _labelled(side: Side) -> Labelled:
    looks = np.array([fingerprint.look for fingerprint in side.fingerprints], np.uint64)
    return Labelled(side.rows.embeddings.rows, side.rows.labels, side.rows.categories, looks, side.far_rows)
