"""The gallery: reference photos of the products, as embeddings. It is edited while others search it.

`enroll` adds to it, `verify` checks it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from facings.catalog import CatalogStore, Names, Product
from facings.crop import cut_product
from facings.embed import Embedder
from facings.errors import BadInput, GalleryInvalid, ModelMismatch
from facings.images import decode
from facings.kept_index import GalleryChanges, KeptIndex, keep_in_memory
from facings.match import VectorIndex
from facings.near_duplicates import near_pairs
from facings.types import FloatArray, IntArray, UInt8Array

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Reference:
    """A reference photo in the gallery.

    Args:
        reference_id: Its number, never given twice.
        sku: The product it shows.
        photo_id: SHA-256 of the file.
        box: Where in the photo, None for all of it.
        source: Path it was enrolled from.
        look: Perceptual hash of the crop.
        space_id: Embedding space of its vector.
    """

    reference_id: int
    sku: str
    photo_id: str
    box: Box | None
    source: str
    look: int
    space_id: str


@dataclass(frozen=True, eq=False)
class NewReference:
    """A reference photo on its way into the gallery.

    Args:
        row: float32 (D,).
        far_row: float32 (D,), that of `far_view.from_afar`; None for a crop of a shelf photo, which is small already.
        sku, photo_id, box, source, look: As in `Reference`.
    """

    sku: str
    photo_id: str
    box: Box | None
    source: str
    look: int
    row: FloatArray
    far_row: FloatArray | None = None


@dataclass(frozen=True)
class Added:
    """What `add_references` did: the gallery's version now, and how many references are new."""

    version: int
    n_added: int


@dataclass(frozen=True)
class Space:
    """An embedding space that a store has references of.

    Args:
        space_id: Its identity.
        model: How settings name the model that made it.
        card: That model's card, as JSON.
    """

    space_id: str
    model: str
    card: str


class GalleryStore(CatalogStore, Protocol):
    """Where references are kept, beside the catalog and the photos."""

    def put_photo(self, photo_id: str, data: bytes) -> None:
        """Keep a file for good under the SHA-256 of its bytes."""
        ...

    def get_photo(self, photo_id: str) -> bytes:
        """The bytes of a kept file."""
        ...

    def live_space(self) -> Space | None:
        """The one space whose references are searched, also while others are made or kept; None for no reference."""
        ...

    def add_references(
        self, new: Sequence[NewReference], *, embedder: Embedder, model: str, products: Sequence[Product]
    ) -> Added:
        """Add references, and the products they need, in one transaction. What is there already is left alone.

        Raises:
            ModelMismatch: The gallery holds references of another model.
        """
        ...

    def remove_references(self, reference_ids: Sequence[int]) -> int:
        """Remove references in one transaction, with their rows in other spaces; the new gallery version."""
        ...

    def references(self, space_id: str = "") -> list[Reference]:
        """All references by id that were not removed, of this space or, for "", of the one that is searched."""
        ...

    def looks(self, space_id: str) -> tuple[IntArray, NDArray[np.uint64]]:
        """All references of this space: ids int64 (N,), ascending, and perceptual hashes, uint64 (N,)."""
        ...

    def far_rows(self, space_id: str, dim: int) -> tuple[IntArray, FloatArray]:
        """References of this space that are known from afar: ids int64 (N,), ascending, and rows, float32 (N, D)."""
        ...

    def gallery_version(self) -> int:
        """Grows with each change; 0 for a gallery never touched."""
        ...

    def changes_since(
        self, version: int, space_id: str, dim: int, *, mark: str = "", with_rows: bool = True
    ) -> GalleryChanges:
        """What came and went in one space after a version of that mark, from one consistent view.

        A space that is not live has no references here, and had none before it went live.
        """
        ...


@dataclass(frozen=True)
class GalleryState:
    """The gallery at one version.

    Args:
        version: Which one.
        index: The rows, by reference id.
        sku_of: Reference id → SKU.
    """

    version: int
    index: VectorIndex
    sku_of: Mapping[int, str]


class Gallery:
    """The searchable gallery of one embedding space, brought up to date from the store before each search.

    Threads may share it: one at a time holds it.

    Args:
        store: Where references are kept.
        embedder: Names the space.
        open_index: Gives the index of a space id and D.
    """

    def __init__(
        self, store: GalleryStore, embedder: Embedder, open_index: Callable[[str, int], KeptIndex] = keep_in_memory
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._open_index = open_index
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._version, self._mark = 0, ""
        self._kept: KeptIndex | None = None
        self._told: GalleryChanges | None = None
        self._sku_of: dict[int, str] = {}

    @contextmanager
    def current(self) -> Iterator[GalleryState]:
        """The gallery with all that other processes enrolled and removed, held still until the block ends.

        Raises:
            GalleryInvalid: The gallery is empty.
            ModelMismatch: It holds references, but none made by this model.
        """
        with self._lock:
            if self._kept is None or self._store.gallery_version() != self._version:
                index = self._take_over()
            else:
                index = self._kept.index
            if not len(index):
                explain_empty(self._store, self._embedder)
            yield GalleryState(self._version, index, self._sku_of)

    def _take_over(self) -> VectorIndex:
        """Index and names brought to one version, by what happened since the last time or by everything anew."""
        try:
            if self._kept is None:
                self._kept = self._open_index(self._embedder.space_id, self._embedder.card.embedding_dim)
            while True:
                self._told = None
                held = self._kept.follow(self._changes)
                self._learn_names(self._told or self._changes(self._version, self._mark, with_rows=False))
                if held == self._version:  # else somebody changed the gallery between the two
                    return self._kept.index
        except BaseException:
            self._forget()  # half a change must never be searched
            raise

    def _changes(self, version: int, mark: str, *, with_rows: bool = True) -> GalleryChanges:
        """What the store says; kept at hand where the names lack the same, so that it is not asked twice."""
        dim, space_id = self._embedder.card.embedding_dim, self._embedder.space_id
        changes = self._store.changes_since(version, space_id, dim, mark=mark, with_rows=with_rows)
        if (version, mark) == (self._version, self._mark):
            self._told = changes
        return changes

    def _learn_names(self, changes: GalleryChanges) -> None:
        if changes.since != self._version:
            self._sku_of.clear()
        for reference_id in changes.removed.tolist():
            del self._sku_of[reference_id]
        self._sku_of.update(zip(changes.ids.tolist(), changes.skus, strict=True))
        self._version, self._mark, self._told = changes.version, changes.mark, None


def reference_pixels(store: GalleryStore, reference: Reference, max_megapixels: float) -> UInt8Array:
    """The pixels of a reference, uint8 (h, w, 3), from its kept photo.

    Raises:
        StoreFailed: The photo is gone.
        GalleryInvalid: Its file was changed.
        BadImage: It cannot be decoded, or is larger than so many megapixels.
        BadInput: The box leaves too little of it.
    """
    data = store.get_photo(reference.photo_id)
    if hashlib.sha256(data).hexdigest() != reference.photo_id:
        raise GalleryInvalid("its photo file was changed: the hash of its bytes is another one.")
    image = decode(data, source=reference.source, max_megapixels=max_megapixels)
    return cut_product(image, reference.box)


def explain_empty(store: GalleryStore, embedder: Embedder) -> NoReturn:
    """Say why there is nothing to search for this model.

    Raises:
        GalleryInvalid: The gallery is empty.
        ModelMismatch: It holds references of another model.
    """
    refuse_other_space(store, embedder)
    raise GalleryInvalid("The gallery is empty.", "Enroll products first: facings gallery build DIR.")


def refuse_other_space(store: GalleryStore, embedder: Embedder) -> None:
    """Do nothing if the gallery is empty or of this model.

    Raises:
        ModelMismatch: It holds references of another model.
    """
    refuse_space(store.live_space(), Space(embedder.space_id, embedder.card.name, ""))


def refuse_space(live: Space | None, given: Space) -> None:
    """Do nothing if there is no live space or the given one is it.

    Raises:
        ModelMismatch: The gallery holds references of another model.
    """
    if live is not None and live.space_id != given.space_id:
        raise ModelMismatch(
            f"The gallery was made by model {live.model!r} (space {live.space_id}), "
            f"this is {given.model!r} (space {given.space_id}).",
            f"Use --model {live.model}, move the gallery to this model with facings gallery reembed, "
            "or build one with this model in a store of its own.",
        )


def remove(store: GalleryStore, label: str, photo: str | None = None) -> int:
    """Take a product's reference photos out of the gallery; its line in the catalog stays.

    Args:
        store: Catalog and gallery.
        label: The product: its SKU, GTIN or unique name.
        photo: Start of a photo id, or the path it was enrolled from; None for all photos of the product.

    Returns:
        How many references went.

    Raises:
        BadInput: Nothing in the gallery answers to that.
    """
    sku = Names(store.products()).sku(label)
    wanted = [
        r.reference_id
        for r in store.references()
        if r.sku == sku and (photo is None or r.source == photo or (len(photo) >= 4 and r.photo_id.startswith(photo)))
    ]
    if not wanted:
        which = f"photo {photo!r} of product {sku!r}" if photo else f"photo of product {sku!r}"
        raise BadInput(f"The gallery holds no {which}.", "See facings gallery list.")
    store.remove_references(wanted)
    return len(wanted)


@dataclass(frozen=True)
class NearDuplicate:
    """Two references that look like the same picture."""

    first: Reference
    second: Reference

    @property
    def is_exact(self) -> bool:
        """Whether they are the same file."""
        return self.first.photo_id == self.second.photo_id

    @property
    def is_conflict(self) -> bool:
        """Whether they claim different products, which is a mistake in one of them or a pair of look-alikes."""
        return self.first.sku != self.second.sku


def find_near_duplicates(references: Sequence[Reference]) -> list[NearDuplicate]:
    """Pairs of references that are the same file or look like the same picture, by id."""
    looks = [r.look for r in references]
    return [NearDuplicate(references[i], references[j]) for i, j in near_pairs(looks, looks) if i < j]
