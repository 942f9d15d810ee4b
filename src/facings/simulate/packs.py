"""The goods of an invented store: who makes them, what they cost, and how their packs are designed.

Products come in families, as in real stores: one brand in one category has one layout, logo, typography and color
scheme; its variants differ in flavor word, flavor color, illustration or size. Families follow each other in the
order of their number and each is drawn from its own random stream, so product i is the same however many are made:
`make_packs(10, seed) == make_packs(100, seed)[:10]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from facings.errors import BadInput
from facings.gtin import check_digit
from facings.simulate.vocabulary import (
    BADGES,
    CATEGORIES,
    CODAS,
    MIDDLES,
    ONSETS,
    REAL_NAMES,
    SCHEMES,
    TAGLINES,
    Category,
    Color,
    Flavor,
    PackSize,
)

MAX_PRODUCTS = 20_000
CURRENCY = "EUR"
LAYOUTS = ("band", "diagonal", "hero", "plaque", "minimal", "column", "burst", "wave")
LOGOS = ("oval", "shield", "ribbon", "circle", "plain", "tab", "arch", "spark")
_GS1_DEMONSTRATION_PREFIX = "952"  # reserved by GS1 for examples: no real product carries it


@dataclass(frozen=True)
class Lettering:
    """How a brand writes.

    Args:
        stretch: Width factor, 1 is as drawn by the font.
        slant: Shear, horizontal shift per unit of height; positive leans right.
        weight: Stroke added around each letter, as a share of the letter height.
        spacing: Extra advance, as a share of the letter height.
        is_upper: Whether all letters are capitals.
        is_curved: Whether the wordmark stands on an arc.
    """

    stretch: float = 1.0
    slant: float = 0.0
    weight: float = 0.03
    spacing: float = 0.0
    is_upper: bool = False
    is_curved: bool = False


@dataclass(frozen=True)
class Design:
    """What is printed on a pack; all but the last four fields are the same for every pack of a family.

    Args:
        layout: One of `LAYOUTS`.
        logo: One of `LOGOS`.
        ground: Main color of the brand, RGB.
        second: Darker or quieter partner of `ground`.
        accent: Small bright parts.
        paper: Light areas.
        wordmark: Lettering of the brand name.
        text: Lettering of the product name.
        tagline: Short line under the brand.
        badge: Word in a star or disc, "" for none.
        is_tinted: True when the flavor colors the whole ground, False when only bands and the illustration.
        has_barcode: Whether the front shows the barcode.
        brand_seed: Seed of details shared by the family.
        flavor: Flavor word.
        noun: What it is.
        flavor_color: RGB.
        motif: Name of the illustration.
    """

    layout: str
    logo: str
    ground: Color
    second: Color
    accent: Color
    paper: Color
    wordmark: Lettering
    text: Lettering
    tagline: str
    badge: str
    is_tinted: bool
    has_barcode: bool
    brand_seed: int
    flavor: str
    noun: str
    flavor_color: Color
    motif: str


@dataclass(frozen=True)
class Pack:
    """One product of the store.

    Args:
        sku: The store's own unit, such as "JUI-00007"; unique.
        gtin: GTIN-13 with its check digit, from the range GS1 keeps for demonstrations; unique.
        name: Brand, flavor and kind, such as "Norvia Orange Juice".
        brand: Invented maker.
        category: Lowercase kind.
        form: "box", "carton", "can", "bottle", "pouch" or "jar".
        size: Net content as printed, such as "330 ml".
        size_cm: Width, height, depth in centimeters.
        price: Two decimals.
        currency: ISO 4217 code.
        family: Number of the family; packs of one family are look-alikes.
        design: What is printed on it.
    """

    sku: str
    gtin: str
    name: str
    brand: str
    category: str
    form: str
    size: str
    size_cm: tuple[float, float, float]
    price: Decimal
    currency: str
    family: int
    design: Design


def make_packs(n_products: int, seed: int) -> tuple[Pack, ...]:
    """The first `n_products` products of the store that `seed` names.

    Args:
        n_products: 1 to `MAX_PRODUCTS`.
        seed: 0 or more.

    Returns:
        Packs in catalog order, families side by side. The first n are the same for every larger n.

    Raises:
        BadInput: A number is out of range.
    """
    if not 1 <= n_products <= MAX_PRODUCTS:
        raise BadInput(f"n_products: got {n_products}, wanted 1 to {MAX_PRODUCTS}.")
    if seed < 0:
        raise BadInput(f"seed: got {seed}, wanted 0 or more.")
    packs: list[Pack] = []
    for pack in _endless_packs(seed):
        packs.append(pack)
        if len(packs) == n_products:
            break
    return tuple(packs)


def _endless_packs(seed: int) -> Iterator[Pack]:
    used_brands: set[str] = set()
    order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,))).permutation(len(CATEGORIES))
    schemes = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,))).permutation(len(SCHEMES))
    family, index = 0, 0
    while True:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, family)))
        brand = _new_brand(rng, used_brands)
        category = CATEGORIES[order[family % len(order)]]
        for pack in _family(rng, family, brand, category, int(schemes[family % len(schemes)]), index, seed):
            yield pack
            index += 1
        family += 1


def _new_brand(rng: np.random.Generator, used: set[str]) -> str:
    while True:
        middle = rng.choice(MIDDLES) if rng.random() < 0.45 else ""
        name = str(rng.choice(ONSETS)) + str(middle) + str(rng.choice(CODAS))
        if name not in used and name not in REAL_NAMES:
            used.add(name)
            return name


def _family(
    rng: np.random.Generator, family: int, brand: str, category: Category, scheme: int, first_index: int, seed: int
) -> list[Pack]:
    form = str(rng.choice(sorted({size.form for size in category.sizes})))
    sizes = [size for size in category.sizes if size.form == form]
    n_flavors = int(rng.integers(2, 5))
    chosen = rng.permutation(len(category.flavors))[:n_flavors]
    flavors = [category.flavors[int(i)] for i in chosen]
    small = int(rng.integers(len(sizes)))
    variants = [(flavor, sizes[small]) for flavor in flavors]
    if len(sizes) > 1 and rng.random() < 0.6:
        variants += [(flavor, sizes[1 - small]) for flavor in flavors[: int(rng.integers(1, 3))]]
    house = _house_style(rng, scheme)
    level = float(rng.uniform(0.85, 1.3))
    return [
        _pack(first_index + i, family, brand, category, flavor, size, house, level, seed)
        for i, (flavor, size) in enumerate(variants)
    ]


@dataclass(frozen=True)
class _House:
    """The part of a design that a family shares."""

    layout: str
    logo: str
    scheme: int
    wordmark: Lettering
    text: Lettering
    tagline: str
    badge: str
    is_tinted: bool
    has_barcode: bool
    brand_seed: int


def _house_style(rng: np.random.Generator, scheme: int) -> _House:
    return _House(
        layout=str(rng.choice(LAYOUTS)),
        logo=str(rng.choice(LOGOS)),
        scheme=scheme,
        wordmark=Lettering(
            stretch=float(rng.uniform(0.75, 1.3)),
            slant=float(rng.choice((0.0, 0.0, 0.12, 0.25))),
            weight=float(rng.uniform(0.03, 0.1)),
            spacing=float(rng.choice((0.0, 0.0, 0.06, 0.14))),
            is_upper=bool(rng.random() < 0.5),
            is_curved=bool(rng.random() < 0.35),
        ),
        text=Lettering(
            stretch=float(rng.uniform(0.8, 1.15)),
            slant=float(rng.choice((0.0, 0.0, 0.0, 0.2))),
            weight=float(rng.uniform(0.02, 0.06)),
            spacing=float(rng.choice((0.0, 0.03, 0.1))),
            is_upper=bool(rng.random() < 0.5),
        ),
        tagline=str(rng.choice(TAGLINES)),
        badge=str(rng.choice(BADGES)) if rng.random() < 0.45 else "",
        is_tinted=bool(rng.random() < 0.4),
        has_barcode=bool(rng.random() < 0.2),
        brand_seed=int(rng.integers(2**31)),
    )


def _pack(
    index: int,
    family: int,
    brand: str,
    category: Category,
    flavor: Flavor,
    size: PackSize,
    house: _House,
    level: float,
    seed: int,
) -> Pack:
    ground, second, accent, paper = SCHEMES[house.scheme]
    body = f"{_GS1_DEMONSTRATION_PREFIX}{seed % 10_000:04d}{index:05d}"
    cents = round(size.price * level * 10) * 10 + 9
    return Pack(
        sku=f"{category.name[:3].upper()}-{index + 1:05d}",
        gtin=body + check_digit(body),
        name=f"{brand} {flavor.word} {category.noun}",
        brand=brand,
        category=category.name,
        form=size.form,
        size=size.text,
        size_cm=size.size_cm,
        price=Decimal(cents) / 100,
        currency=CURRENCY,
        family=family,
        design=Design(
            layout=house.layout,
            logo=house.logo,
            ground=ground,
            second=second,
            accent=accent,
            paper=paper,
            wordmark=house.wordmark,
            text=house.text,
            tagline=house.tagline,
            badge=house.badge,
            is_tinted=house.is_tinted,
            has_barcode=house.has_barcode,
            brand_seed=house.brand_seed,
            flavor=flavor.word,
            noun=category.noun,
            flavor_color=flavor.color,
            motif=flavor.motif,
        ),
    )
