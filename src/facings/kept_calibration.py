"""The calibration follows the gallery: made anew when products come and go or other queries are saved, else kept."""

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
    ids_of_looks, looks = store.looks(embedder.space_id)
    is_left = np.isin(changes.ids, ids_of_looks)  # those that went since are left out
    ids = changes.ids[is_left]
    if not len(ids):
        explain_empty(store, embedder)
    catalog = store.products()
    skus, products = np.unique(np.array(changes.skus)[is_left], return_inverse=True)
    names = tuple(skus.tolist())
    references = References(
        rows=changes.rows[is_left],
        products=products.astype(np.int64),
        looks=looks[np.searchsorted(ids_of_looks, ids)],
        skus=names,
        categories=tuple(catalog[sku].category if sku in catalog else "" for sku in names),
    )
    far_ids, far_rows = store.far_rows(embedder.space_id, embedder.card.embedding_dim)
    is_there = np.isin(far_ids, ids)  # less those that came since
    return changes.version, references.with_far(far_rows[is_there], np.searchsorted(ids, far_ids[is_there]))


class KeptCalibration:
    """The calibration of the gallery that a store has of one model. Threads may share it.

    It reads all vectors of the gallery once a version, whichever index searches them.

    Args:
        store: Catalog and gallery.
        embedder: Names the space.
        queries: Gives the labelled queries to calibrate from, or None where the gallery's own photos are to do.
        mark: Gives something that is another one when the queries are others; asked each time, so it must be quick.
    """

    def __init__(
        self,
        store: GalleryStore,
        embedder: Embedder,
        queries: Callable[[], Queries | None] = lambda: None,
        mark: Callable[[], object] = lambda: None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._queries = queries
        self._mark = mark
        self._lock = threading.Lock()
        self._version = -1
        self._made_from: object = None
        self._kept: Calibration | None = None

    def at(self, version: int) -> Calibration:
        """The calibration of this version of the gallery, or of a later one if it changed meanwhile.

        Raises:
            GalleryInvalid: The gallery was emptied meanwhile.
            ModelMismatch: It was moved to another model meanwhile.
        """
        with self._lock:
            mark = self._mark()  # before the queries: who saves others meanwhile is heard the next time
            if self._kept is None or self._version != version or self._made_from != mark:
                self._version, references = gallery_references(self._store, self._embedder)
                self._kept, self._made_from = calibrate(references, self._queries()), mark
            return self._kept
