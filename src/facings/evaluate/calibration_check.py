"""`facings calibrate`: labelled queries show whether the gallery keeps its promise, and may calibrate it themselves.

Each query is asked twice: as it is, and with its own product left out, as if that had never been enrolled. The second
asking shows false accepts with every product in turn as the unknown one.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from facings.calibrate import Calibration, Queries, References, calibrate
from facings.decide import N_COMPARED, Promise, decide
from facings.embed import Embedder
from facings.errors import BadInput, Problem
from facings.evaluate.leakage import Fingerprint, find_leaks
from facings.evaluate.openset_answers import Answers, PromiseKept, answers_of, promise_kept, together
from facings.evaluate.side import SideReader
from facings.gallery import GalleryStore
from facings.images import MAX_MEGAPIXELS
from facings.kept_calibration import gallery_references
from facings.manifest import LabelledPhoto
from facings.match import ExactIndex, match
from facings.progress import Track, untracked
from facings.types import Candidate, Embeddings


@dataclass(frozen=True, eq=False)
class CalibrationCheck:
    """What labelled queries say about decisions in a gallery.

    Args:
        by_gallery: With the gallery calibrated from its own photos.
        by_queries: Calibrated from the queries of one half of the products, checked on those of the other, both ways.
        queries: The queries that were used.
        n_leaks: Queries left out because the gallery holds them, or nearly the same picture, already.
        problems: Photos that could not be used.
    """

    by_gallery: PromiseKept
    by_queries: PromiseKept
    queries: Queries
    n_leaks: int
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """The figures by name."""
        return {
            "by_gallery": self.by_gallery.to_json(),
            "by_queries": self.by_queries.to_json(),
            "n_queries": len(self.queries.skus),
            "n_leaks": self.n_leaks,
            "problems": [asdict(problem) for problem in self.problems],
        }


def check_calibration(
    store: GalleryStore,
    photos: Sequence[LabelledPhoto],
    *,
    embedder: Embedder,
    promise: Promise,
    n_threads: int = 1,
    max_megapixels: float = MAX_MEGAPIXELS,
    track: Track = untracked,
) -> CalibrationCheck:
    """Ask a gallery about labelled photos, and say what became of the promise.

    Args:
        store: Catalog and gallery.
        photos: Labelled by SKU; products that are not enrolled are welcome.
        embedder: The model of the gallery.
        promise: What is asked of decisions.
        n_threads: Threads that decode.
        max_megapixels: Refuse larger photos.
        track: Shows progress, a step a batch of photos.

    Raises:
        GalleryInvalid: The gallery is empty.
        ModelMismatch: It was made by another model.
        BadInput: No photo could be used, all are in the gallery already, or none shows an enrolled product.
    """
    _, references = gallery_references(store, embedder)
    with ThreadPoolExecutor(n_threads) as pool:
        side = SideReader(embedder, pool, max_megapixels, track).read(photos, "queries")
    enrolled = [Fingerprint(r.photo_id, r.look) for r in store.references(embedder.space_id)]
    leaks = {leak.query for leak in find_leaks(enrolled, side.fingerprints)}
    fresh = [place for place in range(len(side.photos)) if place not in leaks]
    queries = Queries(side.rows.embeddings.rows[fresh], tuple(side.rows.labels[place] for place in fresh))
    if not set(queries.skus) & set(references.skus):
        raise BadInput(
            f"Calibration: of {len(photos)} photos, {len(leaks)} are in the gallery and none of the others shows an "
            "enrolled product.",
            "Give photos that were taken at other times than the reference photos.",
        )
    whole = _Asked(references)
    return CalibrationCheck(
        by_gallery=promise_kept(promise.max_false_accept, whole.answers(queries, calibrate(references), promise)),
        by_queries=promise_kept(promise.max_false_accept, _in_halves(whole, queries, promise)),
        queries=queries,
        n_leaks=len(leaks),
        problems=side.problems,
    )


class _Asked:
    """A gallery that is asked."""

    def __init__(self, references: References) -> None:
        self.references = references
        self._index = ExactIndex(references.rows.shape[1])
        self._index.add(np.arange(references.n_near), references.rows[: references.n_near])
        self._sku_of = {
            place: references.skus[code] for place, code in enumerate(references.products[: references.n_near].tolist())
        }

    def answers(self, queries: Queries, calibration: Calibration, promise: Promise) -> Answers:
        """Those of enrolled products as they are, and all with their own product left out."""
        found = match(Embeddings(queries.rows, ""), self._index, self._sku_of, k=N_COMPARED + 1)
        is_known = np.isin(np.array(queries.skus), np.array(self.references.skus))
        known = np.flatnonzero(is_known).tolist()
        as_is: list[Sequence[Candidate]] = [found[place][:N_COMPARED] for place in known]
        others = [[c for c in several if c.sku != sku] for several, sku in zip(found, queries.skus, strict=True)]
        asked = decide(queries.rows[known], as_is, calibration, promise)
        left_out = decide(queries.rows, [several[:N_COMPARED] for several in others], calibration, promise)
        skus = [queries.skus[place] for place in known]
        told = [answers_of(asked, skus, np.ones(len(known), np.bool_))] if known else []
        return together([*told, answers_of(left_out, queries.skus, np.zeros(len(queries.skus), np.bool_))])


def _in_halves(asked: _Asked, queries: Queries, promise: Promise) -> Answers:
    """Each half of the products answered with the calibration that the other half gives."""
    products = sorted(set(queries.skus))
    told = []
    for half in (0, 1):
        here = [sku in products[half::2] for sku in queries.skus]
        there = _some(queries, [not one for one in here])
        if any(here):
            told.append(asked.answers(_some(queries, here), calibrate(asked.references, there), promise))
    return together(told)


def _some(queries: Queries, chosen: Sequence[bool]) -> Queries:
    places = np.flatnonzero(np.array(chosen))
    return Queries(queries.rows[places], tuple(queries.skus[place] for place in places))
