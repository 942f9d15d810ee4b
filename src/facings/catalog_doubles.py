"""Products that stand in the catalog twice, as far as their numbers and names can tell.

Names are compared as sets of words, with brand and size among them, so that order, case, accents, punctuation and the
unit of a size ("0,5 l", "500 ml") make no difference. Another number is another product: sizes that differ on purpose
are no doubles.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TypeVar

from facings.catalog import Product
from facings.gtin import to_gtin14

MIN_WORD_LENGTH = 5  # shorter words with another letter are other words

_SIZE = re.compile(r"(\d+(?:[.,]\d+)?)\s*(ml|cl|dl|l|g|kg)\b")
_MILLILITERS, _GRAMS = {"ml": 1, "cl": 10, "dl": 100, "l": 1000}, {"g": 1, "kg": 1000}
_WORD = re.compile(r"\d+(?:\.\d+)?[a-z]*|[^\W\d_]+")

Item = TypeVar("Item")


@dataclass(frozen=True)
class CatalogDouble:
    """Two lines of the catalog that may be one product.

    Args:
        first: SKU.
        second: SKU, later in order.
        why: In words.
    """

    first: str
    second: str
    why: str


def find_doubles(products: Iterable[Product]) -> list[CatalogDouble]:
    """Pairs of products that may be one, each pair once with the strongest reason, by SKU.

    The reasons, strongest first: the same GTIN; the same article in another packing level (GTINs that differ in
    indicator and check digit alone; GS1 General Specifications, GTIN-14); the same name; names in which one letter of
    one word is another one, or missing. Of several products with one GTIN or name each is paired with the next.

    Args:
        products: The catalog.
    """
    every = sorted(products, key=lambda product: product.sku)
    found: dict[tuple[str, str], str] = {}
    for first, second, why in (*_by_gtin(every), *_by_name(every)):
        found.setdefault((min(first, second), max(first, second)), why)
    return [CatalogDouble(*pair, why) for pair, why in sorted(found.items())]


def _by_gtin(products: Sequence[Product]) -> Iterator[tuple[str, str, str]]:
    numbered = [(to_gtin14(p.gtin), p.sku) for p in products if p.gtin]
    for skus in _sharing(numbered):
        yield from ((*pair, "the same GTIN") for pair in pairwise(skus))
    for skus in _sharing((gtin[1:13], sku) for gtin, sku in numbered):
        yield from ((*pair, "one article in two packing levels, by GTIN") for pair in pairwise(skus))


def _by_name(products: Sequence[Product]) -> Iterator[tuple[str, str, str]]:
    named = [(_words(p), p.sku) for p in products if p.name]
    for skus in _sharing(named):
        yield from ((*pair, "the same name") for pair in pairwise(skus))
    # Names that differ in one word have all others in common; words that differ in one letter have all others so.
    missing = ((words - {word}, (word, sku)) for words, sku in named for word in sorted(words) if _is_long(word))
    for alike in _sharing(missing):
        for several in _sharing((rest, entry) for entry in alike for rest in _without_a_letter(entry[0])):
            for (one, sku), (other, other_sku) in combinations(several, 2):
                if one != other:
                    yield sku, other_sku, f"names that differ in one letter: {one}, {other}"


def _sharing(items: Iterable[tuple[Hashable, Item]]) -> Iterator[list[Item]]:
    """What has a key in common with something else, key by key."""
    groups: defaultdict[Hashable, list[Item]] = defaultdict(list)
    for key, item in items:
        groups[key].append(item)
    return (group for group in groups.values() if len(group) > 1)


def _words(product: Product) -> frozenset[str]:
    """The words and numbers of brand, name and size; sizes in milliliters or grams."""
    text = unicodedata.normalize("NFKD", f"{product.brand} {product.name} {product.size}").casefold()
    plain = "".join(c for c in text if not unicodedata.combining(c))
    return frozenset(_WORD.findall(_SIZE.sub(_in_small_unit, plain).replace(",", ".")))


def _in_small_unit(size: re.Match[str]) -> str:
    number, unit = float(size[1].replace(",", ".")), size[2]
    return f"{number * _GRAMS[unit]:g}g" if unit in _GRAMS else f"{number * _MILLILITERS[unit]:g}ml"


def _is_long(word: str) -> bool:
    return len(word) >= MIN_WORD_LENGTH and not word[0].isdecimal()


def _without_a_letter(word: str) -> set[str]:
    """The word, and all that is left of it without one of its letters."""
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}
