"""Invented goods: unique, with valid numbers, in families of look-alikes, the same however many are made."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest

from facings.errors import BadInput
from facings.gtin import parse_gtin
from facings.simulate.packs import MAX_PRODUCTS, Pack, make_packs


@pytest.fixture(scope="module")
def packs() -> tuple[Pack, ...]:
    return make_packs(300, 5)


def test_numbers_and_names_are_unique(packs: tuple[Pack, ...]) -> None:
    assert len({pack.sku for pack in packs}) == 300
    assert len({pack.gtin for pack in packs}) == 300
    assert len({(pack.name, pack.size) for pack in packs}) == 300


def test_gtins_are_valid_and_from_the_demonstration_range(packs: tuple[Pack, ...]) -> None:
    for pack in packs:
        assert parse_gtin(pack.gtin) == pack.gtin
        assert len(pack.gtin) == 13
        assert pack.gtin.startswith("952")


def test_more_products_leave_the_first_ones_alone(packs: tuple[Pack, ...]) -> None:
    assert make_packs(7, 5) == packs[:7]


def test_another_seed_is_another_store(packs: tuple[Pack, ...]) -> None:
    assert not {pack.brand for pack in make_packs(20, 6)} & {pack.brand for pack in packs[:20]}


def test_twins_share_the_layout_and_differ_in_flavor_or_size(packs: tuple[Pack, ...]) -> None:
    families: dict[int, list[Pack]] = defaultdict(list)
    for pack in packs:
        families[pack.family].append(pack)
    assert max(len(family) for family in families.values()) >= 4
    for family in families.values():
        first = family[0]
        for twin in family[1:]:
            own, other = first.design, twin.design
            same_flavor = replace(other, flavor=own.flavor, flavor_color=own.flavor_color, motif=own.motif)
            assert same_flavor == own
            assert (twin.brand, twin.category, twin.form) == (first.brand, first.category, first.form)
        assert len({(pack.design.flavor, pack.size) for pack in family}) == len(family)


def test_all_forms_and_sixteen_categories_occur(packs: tuple[Pack, ...]) -> None:
    assert {pack.form for pack in packs} == {"box", "carton", "can", "bottle", "pouch", "jar"}
    assert len({pack.category for pack in packs}) == 16


@pytest.mark.parametrize(
    ("n_products", "seed", "message"),
    [
        (0, 1, "n_products: got 0"),
        (-3, 1, "n_products: got -3"),
        (MAX_PRODUCTS + 1, 1, "n_products: got"),
        (3, -1, "seed: got -1"),
    ],
    ids=["none", "negative", "too many", "negative seed"],
)
def test_bad_numbers_are_refused(n_products: int, seed: int, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make_packs(n_products, seed)
