"""A gallery moves to a new model: each kept photo is embedded again, beside the rows that are searched meanwhile.

A batch at a time is committed; killed at any moment, a second run goes on where the first stopped. When every live
reference has its row, the gate compares the two models, and if it lets the new one pass, one transaction switches the
gallery over. The old rows stay: going back is the same command with the old model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from facings.embed import Embedder
from facings.errors import FacingsError, Problem
from facings.evaluate.gate import Verdict
from facings.far_view import both_views, embed_views
from facings.gallery import GalleryStore, Reference, Space, explain_empty, reference_pixels
from facings.images import MAX_MEGAPIXELS
from facings.progress import Track, untracked
from facings.types import FloatArray, IntArray, UInt8Array

BATCH_SIZE = 32  # photos of a transaction; killed, a run loses no more work than that


class SpaceStore(Protocol):
    """References in more spaces than the live one. A row of another space repeats a live reference and goes with it."""

    def pending(self, space_id: str) -> list[Reference]:
        """Live references that have no row in this space yet, by id."""
        ...

    def rows(self, reference_ids: Sequence[int], dim: int) -> tuple[IntArray, FloatArray]:
        """Ids int64 (N,) of those that were not removed, ascending, and their rows, float32 (N, D), of any space."""
        ...

    def add_rows(self, references: Sequence[Reference], rows: FloatArray, far_rows: FloatArray, space: Space) -> int:
        """Repeat live references in another space, in one transaction, and say how many; what went meanwhile is not.

        Args:
            references: N of them.
            rows: float32 (N, D).
            far_rows: The same of the references seen from afar.
            space: The other space.
        """
        ...

    def switch(self, space_id: str, *, instead_of: str) -> bool:
        """Search this space from now on, by one transaction; False: not yet, it lacks references that came lately.

        Raises:
            GalleryInvalid: The live space is not the one that it is to be instead of.
        """
        ...

    def drop_others(self) -> dict[str, int]:
        """Remove all rows of spaces that are not live: space → how many."""
        ...


class ReembedStore(GalleryStore, Protocol):
    """A store whose gallery can move to a new model."""

    @property
    def spaces(self) -> SpaceStore:
        """Its rows of other models."""
        ...


Gate = Callable[[ReembedStore, Space, Embedder], Verdict]
"""Compares the live space with that of a new embedder, which has a row for every live reference."""


@dataclass
class Reembedding:
    """What a run did.

    Args:
        n_embedded: References embedded by it.
        n_already: References that had a row from an earlier run.
        problems: References whose photo could not be embedded; with any, the old model stays.
        verdict: What the gate said; None where it was not asked.
        is_live: Whether the gallery is searched by the new model now, be it since this run or since before.
    """

    n_embedded: int = 0
    n_already: int = 0
    problems: tuple[Problem, ...] = ()
    verdict: Verdict | None = None
    is_live: bool = False


def reembed(
    store: ReembedStore,
    *,
    embedder: Embedder,
    model: str,
    gate: Gate | None,
    n_threads: int = 1,
    max_megapixels: float = MAX_MEGAPIXELS,
    track: Track = untracked,
) -> Reembedding:
    """Make rows of a new model for all references and, if the gate lets it pass, search them from then on.

    What is enrolled or removed meanwhile is taken over; what comes after the gate was asked is not in its figure.

    Args:
        store: Catalog and gallery.
        embedder: The new model.
        model: How settings name it.
        gate: Compares the two models; None switches without.
        n_threads: Threads that decode.
        max_megapixels: As when the photos were enrolled.
        track: Shows progress.

    Raises:
        GalleryInvalid: The gallery is empty, or was switched by somebody else meanwhile.
        BadInput: The gate has nothing to ask.
    """
    live = store.live_space()
    if live is None:
        explain_empty(store, embedder)
    space = Space(embedder.space_id, model, embedder.card.to_json())
    result = Reembedding(n_already=len(store.references(space.space_id)), is_live=live.space_id == space.space_id)
    while not result.is_live:
        _embed_pending(store, embedder, space, result, n_threads, max_megapixels, track)
        if result.problems:
            break
        if gate is not None and result.verdict is None:
            result.verdict = gate(store, live, embedder)
        if result.verdict is not None and not result.verdict.is_passed:
            break
        result.is_live = store.spaces.switch(space.space_id, instead_of=live.space_id)
    return result


def _embed_pending(
    store: ReembedStore,
    embedder: Embedder,
    space: Space,
    result: Reembedding,
    n_threads: int,
    max_megapixels: float,
    track: Track,
) -> None:
    """Rows for all references that lack one, a batch a transaction; `result` counts them."""
    pending = store.spaces.pending(space.space_id)
    batches = [pending[start : start + BATCH_SIZE] for start in range(0, len(pending), BATCH_SIZE)]
    problems: list[Problem] = []
    with ThreadPoolExecutor(n_threads) as pool:
        for batch in track(batches, "Embedding again", len(batches)):
            read = list(pool.map(lambda r: _prepared(store, r, embedder, max_megapixels), batch))
            problems += [piece for piece in read if isinstance(piece, Problem)]
            good = [(r, piece) for r, piece in zip(batch, read, strict=True) if not isinstance(piece, Problem)]
            if good:
                rows, far_rows = embed_views([piece for _, piece in good], embedder)
                result.n_embedded += store.spaces.add_rows([r for r, _ in good], rows, far_rows, space)
    result.problems = tuple(problems)


def _prepared(
    store: ReembedStore, reference: Reference, embedder: Embedder, max_megapixels: float
) -> UInt8Array | Problem:
    try:
        return both_views(reference_pixels(store, reference, max_megapixels), embedder.card.preparation)
    except FacingsError as error:
        where = f"reference {reference.reference_id} ({reference.sku}, {reference.source})"
        return Problem(where, error.code, str(error))
