"""The catalog: which products there are. Rows come from a CSV file, live in the store, and go out as CSV again."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Protocol

from facings.csv_table import read_table
from facings.errors import BadInput, Problem
from facings.gtin import parse_gtin, to_gtin14

COLUMNS = (
    "sku", "gtin", "name", "brand", "category", "size", "price", "currency", "depth", "reorder_point", "width_mm",
    "height_mm",
)  # fmt: skip
MAX_SKU_LENGTH = 128
MAX_UNITS = 1_000_000
MAX_SIDE_MM = 10_000


@dataclass(frozen=True)
class Product:
    """One stock unit.

    Args:
        sku: Our own key; any text without line breaks, up to 128 characters.
        gtin: 8, 12, 13 or 14 digits as text, or None.
        name: What people call it.
        brand: Whose it is.
        category: What it is, one level above the SKU ("Milk"); figures are pooled by it.
        size: As printed ("0.33 l").
        price: In units of `currency`, or None.
        currency: ISO 4217 code, "" when not said.
        depth: How many units stand behind one another at a facing of a full shelf, the front one included, or None.
        reorder_point: With so many units or fewer in a shop, it is time to order; or None.
        width_mm: Of the front as it stands on the shelf, in millimeters, or None.
        height_mm: The same, or None.
    """

    sku: str
    gtin: str | None = None
    name: str = ""
    brand: str = ""
    category: str = ""
    size: str = ""
    price: Decimal | None = None
    currency: str = ""
    depth: int | None = None
    reorder_point: int | None = None
    width_mm: float | None = None
    height_mm: float | None = None

    def __post_init__(self) -> None:
        if not self.sku.strip() or self.sku != self.sku.strip() or not self.sku.isprintable():
            raise BadInput(f"SKU {self.sku!r}: got an empty or unprintable key, wanted text without outer spaces.")
        if len(self.sku) > MAX_SKU_LENGTH:
            raise BadInput(f"SKU {self.sku[:24]!r}…: got {len(self.sku)} characters, wanted at most {MAX_SKU_LENGTH}.")
        if self.gtin is not None and parse_gtin(self.gtin) != self.gtin:
            raise BadInput(f"GTIN {self.gtin!r}: got separators, wanted digits alone.")
        if self.price is not None and not (self.price.is_finite() and self.price >= 0):
            raise BadInput(f"Price {self.price}: wanted an amount of zero or more.")
        if not all(map(_is_storable, (self.name, self.brand, self.category, self.size))):
            raise BadInput(f"Product {self.sku!r}: got text with zero bytes or broken characters, wanted Unicode.")
        if self.currency and not (len(self.currency) == 3 and self.currency.isascii() and self.currency.isupper()):
            raise BadInput(f"Currency {self.currency!r}: wanted a three-letter ISO 4217 code such as EUR.")
        if self.depth is not None and not 1 <= self.depth <= MAX_UNITS:
            raise BadInput(f"Depth {self.depth}: wanted 1 to {MAX_UNITS} units.")
        if self.reorder_point is not None and not 0 <= self.reorder_point <= MAX_UNITS:
            raise BadInput(f"Reorder point {self.reorder_point}: wanted 0 to {MAX_UNITS} units.")
        for name, side in (("Width", self.width_mm), ("Height", self.height_mm)):
            if side is not None and not 1 <= side <= MAX_SIDE_MM:
                raise BadInput(f"{name} {side}: wanted 1 to {MAX_SIDE_MM} mm.")


class CatalogStore(Protocol):
    """Where products are kept."""

    def products(self) -> dict[str, Product]:
        """All products by SKU, in the order of their SKUs."""
        ...

    def put_products(self, products: Iterable[Product]) -> None:
        """Insert or replace, in one transaction: all of them or none."""
        ...


@dataclass(frozen=True)
class CatalogImport:
    """What an import did: how many products are new, changed and as they were, and which rows were refused."""

    n_new: int
    n_changed: int
    n_same: int
    problems: tuple[Problem, ...]


def import_catalog(store: CatalogStore, path: Path, *, is_strict: bool = False) -> CatalogImport:
    """Read products from a CSV file into the catalog.

    The header names the columns in any order; `sku` is needed, unknown columns are refused. A column that the file
    lacks leaves what the catalog holds for a known SKU as it is.

    Args:
        store: The catalog.
        path: CSV, UTF-8 (with or without mark), comma, semicolon or tab.
        is_strict: With one bad row, import none.

    Raises:
        BadInput: The file cannot be read as such a table, or `is_strict` and a row is bad.
    """
    known = store.products()
    good: dict[str, Product] = {}
    problems: list[Problem] = []
    rows = list(read_table(path, problems, needed=("sku",), allowed=COLUMNS))
    redefined = {fields["sku"] for _, fields in rows if "gtin" in fields}  # their GTINs are free to move
    sku_of_gtin = {to_gtin14(p.gtin): p.sku for p in known.values() if p.gtin and p.sku not in redefined}
    for line, fields in rows:
        try:
            product = _product(fields, known)
            _refuse_doubles(product, good, sku_of_gtin)
        except BadInput as error:
            problems.append(Problem(f"{path}:{line}", error.code, error.message))
        else:
            good[product.sku] = product
            if product.gtin:
                sku_of_gtin[to_gtin14(product.gtin)] = product.sku
    if is_strict and problems:
        first = problems[0]
        raise BadInput(
            f"{first.where}: {first.message} {len(problems)} bad rows in all; nothing was imported (--strict)."
        )
    changed = [product for product in good.values() if known.get(product.sku) != product]
    store.put_products(changed)
    n_new = len(good.keys() - known.keys())
    return CatalogImport(n_new, len(changed) - n_new, len(good) - len(changed), tuple(problems))


class Names:
    """From what a user calls a product to its SKU."""

    def __init__(self, products: Mapping[str, Product]) -> None:
        self._products = dict(products)
        self._by_gtin = {to_gtin14(p.gtin): p.sku for p in products.values() if p.gtin}
        names = Counter(p.name for p in products.values())
        self._by_name = {p.name: p.sku for p in products.values() if p.name and names[p.name] == 1}

    def sku(self, label: str) -> str:
        """The SKU, GTIN or unique name that the catalog knows; else the label is the SKU of a new product."""
        if label in self._products:
            return label
        as_gtin = self._by_gtin.get(to_gtin14(label)) if label.isdecimal() else None
        return as_gtin or self._by_name.get(label, label)

    def __contains__(self, sku: str) -> bool:
        return sku in self._products

    def add(self, products: Iterable[Product]) -> None:
        """Remember products that were created."""
        self._products.update({p.sku: p for p in products})


def export_catalog(store: CatalogStore) -> str:
    """The catalog as CSV text with the columns that `import_catalog` reads."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    quoted = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)  # Python leaves a lone return unquoted
    writer.writerow(COLUMNS)
    for p in store.products().values():
        price = "" if p.price is None else str(p.price)
        units = ["" if n is None else str(n) for n in (p.depth, p.reorder_point)]
        sides = ["" if n is None else str(n).removesuffix(".0") for n in (p.width_mm, p.height_mm)]
        fields = [p.sku, p.gtin or "", p.name, p.brand, p.category, p.size, price, p.currency, *units, *sides]
        (quoted if "\r" in "".join(fields) else writer).writerow(fields)
    return out.getvalue()


def _product(fields: Mapping[str, str], known: Mapping[str, Product]) -> Product:
    values: dict[str, Any] = dict(fields)
    if "gtin" in fields:
        values["gtin"] = parse_gtin(fields["gtin"]) if fields["gtin"] else None
    if "price" in fields:
        values["price"] = _price(fields["price"])
    values |= {name: _units(name, fields[name]) for name in ("depth", "reorder_point") if name in fields}
    values |= {name: _side(name, fields[name]) for name in ("width_mm", "height_mm") if name in fields}
    before = known.get(fields["sku"])
    return replace(before, **values) if before else Product(**values)


def _is_storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)  # no database takes these


def _price(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise BadInput(f"Price {text!r}: wanted a number with a point, such as 2.49.") from error


def _units(name: str, text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise BadInput(f"{name} {text!r}: wanted a whole number of units.")
    return int(text)


def _side(name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise BadInput(f"{name} {text!r}: wanted millimeters with a point, such as 66.5.") from error


def _refuse_doubles(product: Product, good: Mapping[str, Product], sku_of_gtin: Mapping[str, str]) -> None:
    if product.sku in good:
        raise BadInput(f"SKU {product.sku!r} stands twice in this file; the first row was taken.")
    if product.gtin:
        other = sku_of_gtin.get(to_gtin14(product.gtin), product.sku)
        if other != product.sku:
            raise BadInput(f"GTIN {product.gtin} belongs to SKU {other!r} already; one GTIN is one product.")
