"""Checks that a gallery is what its photos say: nothing lost, nothing changed, nothing enrolled twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from facings.embed import Embedder, embed
from facings.errors import FacingsError, GalleryInvalid, Problem
from facings.gallery import (
    GalleryStore,
    NearDuplicate,
    Reference,
    explain_empty,
    find_near_duplicates,
    reference_pixels,
)
from facings.images import MAX_MEGAPIXELS
from facings.progress import Track, untracked
from facings.types import FloatArray

MAX_APART = 0.045  # a cosine of 0.999; threads and processors differ by far less


@dataclass(frozen=True)
class Verification:
    """What is wrong with a gallery; empty lists mean it is sound."""

    n_references: int
    n_products: int
    problems: tuple[Problem, ...]
    near_duplicates: tuple[NearDuplicate, ...]
    single_photo_skus: tuple[str, ...]


def verify(
    store: GalleryStore, *, embedder: Embedder, max_megapixels: float = MAX_MEGAPIXELS, track: Track = untracked
) -> Verification:
    """Embed every reference photo again and compare with what the gallery holds.

    Args:
        store: Catalog and gallery.
        embedder: The model the gallery was made with.
        max_megapixels: As when the photos were enrolled.
        track: Shows progress.

    Raises:
        GalleryInvalid: The gallery is empty.
        ModelMismatch: It was made by another model.
    """
    references = store.references()
    changes = store.changes_since(0, embedder.space_id, embedder.card.embedding_dim)
    if not len(changes.ids):
        explain_empty(store, embedder)
    row_of = dict(zip(changes.ids.tolist(), changes.rows, strict=True))
    problems = []
    for reference in track(references, "Verifying", len(references)):
        message = _fault(store, reference, row_of.get(reference.reference_id), embedder, max_megapixels)
        if message:
            where = f"reference {reference.reference_id} ({reference.sku}, {reference.source})"
            problems.append(Problem(where, GalleryInvalid.code, message))
    n_photos = Counter(r.sku for r in references)
    return Verification(
        n_references=len(references),
        n_products=len(n_photos),
        problems=tuple(problems),
        near_duplicates=tuple(find_near_duplicates(references)),
        single_photo_skus=tuple(sorted(sku for sku, n in n_photos.items() if n == 1)),
    )


def _fault(
    store: GalleryStore, reference: Reference, row: FloatArray | None, embedder: Embedder, max_megapixels: float
) -> str:
    """What is wrong with one reference, "" for nothing."""
    if row is None:
        return f"its vector is missing or of another space ({reference.space_id})."
    try:
        again = embed([reference_pixels(store, reference, max_megapixels)], embedder).rows[0]
    except FacingsError as error:
        return str(error)
    apart = float(np.linalg.norm(again - row))  # of the vectors, not their angle: a scaled one is damaged too
    # A damaged row may hold NaN, which is not below any limit.
    return "" if apart < MAX_APART else f"embedding its photo again gives another vector ({apart:.4f} apart)."
