"""The calibration follows the gallery: made anew when products come and go, kept for as long as none does."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from facings.calibrate import Calibration, Queries, References, calibrate
from facings.embed import Embedder
from facings.gallery import GalleryStore, explain_empty


def gallery_references(store: GalleryStore, embedder: Embedder) -> tuple[int, References]:
    """The gallery of this model as calibration sees it, and its version.

    Args:
        store: Catalog and gallery.
        embedder: Names the space.

    Raises:
        GalleryInvalid: The gallery is empty.
        ModelMismatch: It was made by another model.
    """
    changes = store.changes_since(0, embedder.space_id, embedder.card.embedding_dim)
    look_of = {reference.reference_id: reference.look for reference in store.references(embedder.space_id)}
    there = [place for place, reference_id in enumerate(changes.ids.tolist()) if reference_id in look_of]
    if not there:
        explain_empty(store, embedder)
    catalog = store.products()
    skus, products = np.unique(np.array([changes.skus[place] for place in there]), return_inverse=True)
    names = tuple(skus.tolist())
    return changes.version, References(
        rows=changes.rows[there],
        products=products.astype(np.int64),
        looks=np.array([look_of[reference_id] for reference_id in changes.ids[there].tolist()], np.uint64),
        skus=names,
        categories=tuple(catalog[sku].category if sku in catalog else "" for sku in names),
    )


class KeptCalibration:
    """The calibration of the gallery that a store has of one model. Threads may share it.

    It reads all vectors of the gallery once a version, whichever index searches them.

    Args:
        store: Catalog and gallery.
        embedder: Names the space.
        queries: Gives the labelled queries to calibrate from, or None where the gallery's own photos are to do.
    """

    def __init__(
        self, store: GalleryStore, embedder: Embedder, queries: Callable[[], Queries | None] = lambda: None
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._queries = queries
        self._lock = threading.Lock()
        self._version = -1
        self._kept: Calibration | None = None

    def at(self, version: int) -> Calibration:
        """The calibration of this version of the gallery, or of a later one if it changed meanwhile.

        Raises:
            GalleryInvalid: The gallery was emptied meanwhile.
            ModelMismatch: It was moved to another model meanwhile.
        """
        with self._lock:
            if self._kept is None or self._version != version:
                self._version, references = gallery_references(self._store, self._embedder)
                self._kept = calibrate(references, self._queries())
            return self._kept
