"""A gallery goes from one store to another with its catalog and photos: from a directory to a database, or back.

Vectors are copied, not made again. A batch at a time is committed, photos first; run again, a copy goes on where it
stopped, and one that is complete is checked again. Neither the record nor the ledger goes along.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from facings.catalog import Product
from facings.errors import FacingsError, GalleryInvalid, Problem
from facings.gallery import Added, Box, NewReference, Reference, Space, refuse_space
from facings.gtin import to_gtin14
from facings.model_card import ModelCard
from facings.progress import Track, untracked
from facings.reembed import ReembedStore
from facings.types import FloatArray, IntArray

BATCH_SIZE = 64  # references of a transaction


class CopyStore(ReembedStore, Protocol):
    """A store that a gallery can be copied into."""

    def has_photo(self, photo_id: str) -> bool:
        """Whether a photo is kept."""
        ...

    def copy_references(self, new: Sequence[NewReference], *, space: Space, products: Sequence[Product]) -> Added:
        """As `add_references`, of a space whose model is not at hand."""
        ...


@dataclass
class GalleryCopy:
    """What a copy did, and what the check of it found.

    Args:
        n_products: Products that were new to the target.
        n_references: References that were.
        n_checked: References that are in both stores with the same vector.
        n_photos_checked: Photos in the target whose bytes have the hash that is their name.
        differing: Products that the target had already, in other words; they were left as they are.
        problems: What was not copied, or is not in the target as it should be.
    """

    n_products: int = 0
    n_references: int = 0
    n_checked: int = 0
    n_photos_checked: int = 0
    differing: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def copy_gallery(source: CopyStore, target: CopyStore, *, track: Track = untracked) -> GalleryCopy:
    """Copy catalog, live references and photos into another store, beside what it holds, and check every byte there.

    References get numbers of the target's own. What is there already is left alone.

    Args:
        source: Is only read.
        target: Holds no reference, or such of the same model.
        track: Shows progress.

    Raises:
        ModelMismatch: The target holds references of another model.
    """
    space, result = source.live_space(), GalleryCopy()
    if space is not None:
        refuse_space(target.live_space(), space)
    products = _copy_products(source, target, result)
    if space is None:
        return result
    dim, there = ModelCard.from_json(space.card).embedding_dim, _by_place(target)
    far_rows = _by_id(*source.far_rows(space.space_id, dim))
    wanted = [r for r in source.references() if _may_go(r, products, there, result)]
    batches = [wanted[start : start + BATCH_SIZE] for start in range(0, len(wanted), BATCH_SIZE)]
    for batch in track(batches, "Copying", len(batches)):
        _copy_photos(source, target, batch)
        missing = [r for r in batch if (r.photo_id, r.box) not in there]
        if missing:
            _copy_rows(source, target, missing, target.live_space() or space, dim, far_rows, products, result)
    _check(source, target, wanted, dim, result, track)
    return result


def _copy_products(source: CopyStore, target: CopyStore, result: GalleryCopy) -> dict[str, Product]:
    """The catalog, less products whose GTIN is another product's in the target; what may go, by SKU."""
    there = target.products()
    sku_of = {to_gtin14(p.gtin): p.sku for p in there.values() if p.gtin}
    going: dict[str, Product] = {}
    for product in source.products().values():
        owner = sku_of.get(to_gtin14(product.gtin), product.sku) if product.gtin else product.sku
        if owner != product.sku and product.sku not in there:
            message = f"its GTIN {product.gtin} belongs to {owner!r} in the target; it was left out with its photos."
            result.problems.append(Problem(f"product {product.sku}", GalleryInvalid.code, message))
            continue
        going[product.sku] = product
        if there.get(product.sku, product) != product:
            result.differing.append(product.sku)
    new = [product for product in going.values() if product.sku not in there]
    target.put_products(new)
    result.n_products = len(new)
    return going


def _by_place(store: CopyStore) -> dict[tuple[str, Box | None], Reference]:
    return {(r.photo_id, r.box): r for r in store.references()}


def _may_go(
    reference: Reference,
    products: dict[str, Product],
    there: dict[tuple[str, Box | None], Reference],
    result: GalleryCopy,
) -> bool:
    if reference.sku not in products:
        return False
    other = there.get((reference.photo_id, reference.box))
    if other is None or other.sku == reference.sku:
        return True
    message = f"the target has this photo for {other.sku!r}, so it cannot show {reference.sku!r} too."
    result.problems.append(Problem(reference.source, GalleryInvalid.code, message))
    return False


def _copy_photos(source: CopyStore, target: CopyStore, batch: Sequence[Reference]) -> None:
    """The photos that the target lacks. One that is lost or damaged does not take its vector with it."""
    for photo_id in {r.photo_id for r in batch}:
        if target.has_photo(photo_id):
            continue
        try:
            data = source.get_photo(photo_id)
        except FacingsError:
            continue  # the check at the end says what the target lacks
        if hashlib.sha256(data).hexdigest() == photo_id:
            target.put_photo(photo_id, data)


def _copy_rows(
    source: CopyStore,
    target: CopyStore,
    batch: Sequence[Reference],
    space: Space,
    dim: int,
    far_rows: dict[int, FloatArray],
    products: dict[str, Product],
    result: GalleryCopy,
) -> None:
    """Lines and vectors in one transaction."""
    rows = _rows(source, batch, dim)
    new = [
        NewReference(r.sku, r.photo_id, r.box, r.source, r.look, rows[r.reference_id], far_rows.get(r.reference_id))
        for r in batch
        if r.reference_id in rows  # else removed meanwhile
    ]
    needed = [products[sku] for sku in dict.fromkeys(r.sku for r in new)]
    result.n_references += target.copy_references(new, space=space, products=needed).n_added


def _rows(store: CopyStore, references: Sequence[Reference], dim: int) -> dict[int, FloatArray]:
    return _by_id(*store.spaces.rows([r.reference_id for r in references], dim))


def _by_id(ids: IntArray, rows: FloatArray) -> dict[int, FloatArray]:
    return dict(zip(ids.tolist(), rows, strict=True))


def _check(
    source: CopyStore, target: CopyStore, wanted: Sequence[Reference], dim: int, result: GalleryCopy, track: Track
) -> None:
    """Every reference that was to go, and every photo: in the target, to the last bit."""
    there = _by_place(target)
    batches = [wanted[start : start + BATCH_SIZE] for start in range(0, len(wanted), BATCH_SIZE)]
    seen: set[str] = set()
    for batch in track(batches, "Checking", len(batches)):
        pairs = [(r, there.get((r.photo_id, r.box))) for r in batch]
        ours, theirs = _rows(source, batch, dim), _rows(target, [copy for _, copy in pairs if copy], dim)
        for reference, copy in pairs:
            if reference.reference_id not in ours:
                continue  # removed meanwhile
            row = None if copy is None else theirs.get(copy.reference_id)
            if row is None or row.tobytes() != ours[reference.reference_id].tobytes():
                message = "its vector is missing in the target." if row is None else "its vector is another one there."
                result.problems.append(Problem(reference.source, GalleryInvalid.code, message))
            else:
                result.n_checked += 1
            if reference.photo_id not in seen:
                seen.add(reference.photo_id)
                _check_photo(target, reference, result)


def _check_photo(target: CopyStore, reference: Reference, result: GalleryCopy) -> None:
    try:
        if hashlib.sha256(target.get_photo(reference.photo_id)).hexdigest() == reference.photo_id:
            result.n_photos_checked += 1
            return
        message = "the hash of its photo's bytes is another one in the target. Delete that file there and copy again."
    except FacingsError as error:
        message = f"{error.message} Nor could a sound one be copied."
    result.problems.append(Problem(reference.source, GalleryInvalid.code, message))
