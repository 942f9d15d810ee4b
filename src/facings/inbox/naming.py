"""Naming: crops of the inbox become references of a product, with their boxes and by the rows that are kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from facings.catalog import Names, Product
from facings.embed import Embedder
from facings.errors import BadInput
from facings.gallery import GalleryStore, NewReference, refuse_other_space
from facings.gtin import parse_gtin
from facings.inbox.clusters import fold
from facings.inbox.crops import CropRow, Event, InboxStore, KeptCrop

MAX_REFERENCES = 24  # of one naming: more of the same slow the search down and add little


class DeskStore(GalleryStore, Protocol):
    """A store that keeps an inbox."""

    @property
    def inbox(self) -> InboxStore:
        """Crops and events."""
        ...


@dataclass(frozen=True)
class Named:
    """What a naming did.

    Args:
        product: What the crops show.
        n_crops: Crops that were settled.
        n_references: Of them, those that are references now; near-duplicates and more than enough stand behind them.
        is_new: Whether the catalog lacked the product.
        version: Of the gallery, afterwards.
    """

    product: Product
    n_crops: int
    n_references: int
    is_new: bool
    version: int


def name_crops(
    store: DeskStore,
    crops: Sequence[KeptCrop],
    rows: Mapping[int, CropRow],
    product: Product,
    *,
    is_new: bool,
    embedder: Embedder,
    model: str,
    author: str,
    note: str = "",
) -> Named:
    """Enroll crops, and write down who named them, in one transaction: all or nothing.

    Args:
        store: Catalog, gallery and inbox.
        crops: What is named, one at least.
        rows: Their rows in the embedder's space, by crop id.
        product: What they show.
        is_new: Whether the catalog lacks it; then it is made.
        embedder: The gallery's model.
        model: How settings name it.
        author: Who says so.
        note: Why.

    Raises:
        BadInput: Somebody else settled one of the crops.
        GalleryInvalid: One of the boxes is enrolled for another product.
        ModelMismatch: The gallery was made by another model.
    """
    refuse_other_space(store, embedder)
    enrolled = _references(crops, rows)
    numbers, chosen = (tuple(crop.crop_id for crop in several) for several in (crops, enrolled))
    new = [
        NewReference(product.sku, crop.photo_id, crop.box, crop.source, rows[crop.crop_id].look, rows[crop.crop_id].row)
        for crop in enrolled
    ]
    event = Event("named", numbers, author, product.sku, note, enrolled=chosen)
    added = store.inbox.name(event, new, products=[product] if is_new else [], embedder=embedder, model=model)
    return Named(product, len(crops), len(enrolled), is_new, added.version)


def product_of(label: str, products: Mapping[str, Product], name: str = "") -> tuple[Product, bool]:
    """The product that a label stands for, and whether it is new.

    Args:
        label: SKU, GTIN or unique name that the catalog knows; or the SKU of a new product.
        products: The catalog by SKU.
        name: What a new product is called: without it, an unknown label is taken for a mistake.

    Raises:
        BadInput: It is neither known nor named, can be no SKU, or is there under another name.
    """
    sku = Names(products).sku(label)
    if sku not in products:
        if not name:
            raise BadInput(f"SKU {sku!r} is not in the catalog.", "To make it, give its name too: --name.")
        return new_product(sku, name), True
    if name and name != products[sku].name:
        raise BadInput(f"SKU {sku!r} is in the catalog as {products[sku].name!r}, not {name!r}.", "Leave --name out.")
    return products[sku], False


def new_product(sku: str, name: str = "") -> Product:
    """A product that the catalog lacks; an SKU that is a GTIN is its GTIN too.

    Raises:
        BadInput: It can be no SKU.
    """
    return Product(sku, gtin=sku if is_gtin(sku) else None, name=name)


def is_gtin(label: str) -> bool:
    """Whether a label is a trade number with a right check digit, digits alone."""
    try:
        return parse_gtin(label) == label
    except BadInput:
        return False


def _references(crops: Sequence[KeptCrop], rows: Mapping[int, CropRow]) -> list[KeptCrop]:
    """Which of the crops are worth a reference: no near-duplicates, and of many those from typical to odd."""
    made = [rows[crop.crop_id] for crop in crops]
    stacked = np.stack([one.row for one in made])
    looks = np.unique(fold([one.look for one in made], stacked))
    if len(looks) > MAX_REFERENCES:
        typical = looks[np.argsort(-(stacked[looks] @ stacked[looks].mean(axis=0)), kind="stable")]
        looks = np.sort(typical[np.linspace(0, len(typical) - 1, MAX_REFERENCES).round().astype(int)])
    return [crops[i] for i in looks]
