"""Enrolling: reference photos become rows of the gallery, by the same steps that recognize (decode, crop, embed).

A batch at a time is committed: photo files first, then their lines in one transaction. Killed at any moment, a build
has either enrolled a batch or not; running it again goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from facings.catalog import Names, Product
from facings.crop import cut_product
from facings.embed import Embedder
from facings.errors import FacingsError, GalleryInvalid, Problem
from facings.far_view import both_views, embed_views
from facings.gallery import Box, GalleryStore, NearDuplicate, NewReference, Reference, refuse_other_space
from facings.images import MAX_MEGAPIXELS, decode, read_bytes
from facings.manifest import LabelledPhoto
from facings.near_duplicates import near_pairs, perceptual_hash
from facings.progress import Track, untracked
from facings.types import UInt8Array

BATCH_SIZE = 16  # photos whose bytes are in memory at a time; their pixels are not


@dataclass
class Enrollment:
    """What a build or an add did. Each photo given counts in one of n_added, n_already, doubles and problems.

    Args:
        n_added: New references.
        n_already: Photos that were enrolled for this product before.
        doubles: Files whose bytes another file of the same batch has; enrolled once.
        new_products: SKUs that the catalog lacked and now has.
        problems: Photos that were refused, and why.
        near_duplicates: Pairs of references, one of them new, that look like the same picture.
        version: Of the gallery, afterwards.
    """

    n_added: int = 0
    n_already: int = 0
    doubles: list[str] = field(default_factory=list)
    new_products: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    near_duplicates: list[NearDuplicate] = field(default_factory=list)
    version: int = 0


@dataclass(frozen=True, eq=False)
class _Piece:
    """One photo read and cut, or why not, or that it is enrolled already."""

    item: LabelledPhoto
    photo_id: str = ""
    data: bytes = b""
    views: UInt8Array | None = None
    look: int = 0
    problem: Problem | None = None


def enroll(
    store: GalleryStore,
    photos: Sequence[LabelledPhoto],
    *,
    embedder: Embedder,
    model: str,
    n_threads: int = 1,
    max_megapixels: float = MAX_MEGAPIXELS,
    track: Track = untracked,
) -> Enrollment:
    """Add reference photos to the gallery. Takes effect at once for everybody who searches it.

    A photo that is enrolled for the same product already is left alone; one that is enrolled for another product is
    refused and reported. Near-duplicates are enrolled and reported.

    Args:
        store: Catalog and gallery.
        photos: What shows what.
        embedder: The model; must be the one the gallery was made with.
        model: How settings name that model.
        n_threads: Threads that decode.
        max_megapixels: Refuse larger photos.
        track: Shows progress.

    Raises:
        ModelMismatch: The gallery holds references of another model.
    """
    refuse_other_space(store, embedder)
    before = store.references()
    enrolled = {(r.photo_id, r.box): r.sku for r in before}
    keys_before = frozenset(enrolled)
    names = Names(store.products())
    result = Enrollment(version=store.gallery_version())
    with ThreadPoolExecutor(n_threads) as pool:
        for batch in _batches(track(photos, "Enrolling", len(photos)), BATCH_SIZE):
            pieces = pool.map(lambda item: _read_piece(item, keys_before, names, embedder, max_megapixels), batch)
            fresh = _sift(list(pieces), enrolled, keys_before, names, result)
            _commit(store, fresh, names, result, embedder=embedder, model=model)
    result.near_duplicates = _new_near_duplicates(store.references(), {r.reference_id for r in before})
    return result


def _read_piece(
    item: LabelledPhoto,
    enrolled: Set[tuple[str, Box | None]],
    names: Names,
    embedder: Embedder,
    max_megapixels: float,
) -> _Piece:
    try:
        Product(sku=names.sku(item.label), category=item.category)  # refuses what cannot be stored before any work
        data = read_bytes(item.path)
        photo_id = hashlib.sha256(data).hexdigest()
        if (photo_id, item.box) in enrolled:
            return _Piece(item, photo_id)
        image = decode(data, source=str(item.path), max_megapixels=max_megapixels)
        pixels = cut_product(image, item.box)
        views = both_views(pixels, embedder.card.preparation)
        return _Piece(item, photo_id, data, views, perceptual_hash(pixels))
    except FacingsError as error:
        return _Piece(item, problem=Problem(str(item.path), error.code, str(error)))


def _sift(
    pieces: Sequence[_Piece],
    enrolled: dict[tuple[str, Box | None], str],
    before: Set[tuple[str, Box | None]],
    names: Names,
    result: Enrollment,
) -> list[_Piece]:
    """The pieces that are new; the others are counted where they belong."""
    fresh: list[_Piece] = []
    for piece in pieces:
        path, sku, key = str(piece.item.path), names.sku(piece.item.label), (piece.photo_id, piece.item.box)
        if piece.problem:
            result.problems.append(piece.problem)
        elif enrolled.get(key, sku) != sku:
            message = f"the same photo is enrolled for {enrolled[key]!r}, so it cannot show {sku!r} too."
            result.problems.append(Problem(path, GalleryInvalid.code, message))
        elif key in before:
            result.n_already += 1
        elif key in enrolled:
            result.doubles.append(path)
        else:
            enrolled[key] = sku
            fresh.append(piece)
    return fresh


def _commit(
    store: GalleryStore, fresh: Sequence[_Piece], names: Names, result: Enrollment, *, embedder: Embedder, model: str
) -> None:
    """Embed and enroll: the photo files first, then all lines in one transaction."""
    if not fresh:
        return
    refuse_other_space(store, embedder)  # again: another process may have begun with another model
    rows, far_rows = embed_views([piece.views for piece in fresh if piece.views is not None], embedder)
    for piece in fresh:
        store.put_photo(piece.photo_id, piece.data)
    products = _missing(names, fresh)
    new = [
        NewReference(names.sku(p.item.label), p.photo_id, p.item.box, str(p.item.path), p.look, row, far)
        for p, row, far in zip(fresh, rows, far_rows, strict=True)
    ]
    added = store.add_references(new, embedder=embedder, model=model, products=products)
    names.add(products)
    result.version = added.version
    result.n_added += added.n_added
    result.n_already += len(new) - added.n_added  # another process was faster
    result.new_products.extend(p.sku for p in products)


def _missing(names: Names, pieces: Iterable[_Piece]) -> list[Product]:
    """Products that the catalog lacks, each once."""
    new: dict[str, Product] = {}
    for piece in pieces:
        sku = names.sku(piece.item.label)
        if sku not in names and sku not in new:
            new[sku] = Product(sku=sku, category=piece.item.category)
    return list(new.values())


def _new_near_duplicates(references: Sequence[Reference], known: set[int]) -> list[NearDuplicate]:
    fresh = [r for r in references if r.reference_id not in known]
    pairs = near_pairs([r.look for r in fresh], [r.look for r in references])
    ordered = ((references[j], fresh[i]) for i, j in pairs)
    return [NearDuplicate(a, b) for a, b in ordered if a.reference_id < b.reference_id]


def _batches(items: Iterable[LabelledPhoto], size: int) -> Iterable[list[LabelledPhoto]]:
    batch: list[LabelledPhoto] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
