"""Doubles of the catalog: found by number and name, and not where products differ on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from facings.catalog import Product
from facings.catalog_doubles import CatalogDouble, find_doubles

GTIN = "4006381333931"
CASE = "14006381333938"  # the same article with indicator digit 1
OTHER = "96385074"


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        pytest.param({"gtin": "036000291452"}, {"gtin": "0036000291452"}, "the same GTIN", id="12 and 13 digits"),
        pytest.param({"gtin": GTIN}, {"gtin": CASE}, "one article in two packing levels, by GTIN", id="unit and case"),
        pytest.param({"gtin": GTIN}, {"gtin": OTHER}, None, id="two GTINs"),
        pytest.param({"name": "Oat drink"}, {"name": "OAT  DRINK"}, "the same name", id="case and spaces"),
        pytest.param({"name": "Crème fraîche"}, {"name": "fraiche, creme"}, "the same name", id="accents and order"),
        pytest.param({"name": "Cola 0,5 l"}, {"name": "Cola", "size": "500 ml"}, "the same name", id="unit of a size"),
        pytest.param({"name": "Cola 33cl"}, {"name": "Cola 0.33 L"}, "the same name", id="centiliters"),
        pytest.param({"name": "Rice 1 kg"}, {"name": "Rice 1000 g"}, "the same name", id="kilograms"),
        pytest.param({"name": "Milk", "brand": "Arla"}, {"name": "Arla milk"}, "the same name", id="brand in the name"),
        pytest.param({"name": "Cola 0.5 l"}, {"name": "Cola 1 l"}, None, id="two sizes"),
        pytest.param({"name": "Milk 3.5 %"}, {"name": "Milk 1.5 %"}, None, id="two fat contents"),
        pytest.param({"name": "Cola 6 x 330 ml"}, {"name": "Cola 330 ml"}, None, id="multipack"),
        pytest.param({"name": "Lemon tea"}, {"name": "Mango tea"}, None, id="two flavors"),
        pytest.param({"name": ""}, {"name": ""}, None, id="no names"),
        pytest.param(
            {"name": "Vanilla yoghurt"},
            {"name": "Vanila yoghurt"},
            "names that differ in one letter: vanilla, vanila",
            id="a letter missing",
        ),
        pytest.param(
            {"name": "Yogurt plain"},
            {"name": "plain Yogart"},
            "names that differ in one letter: yogurt, yogart",
            id="another letter",
        ),
        pytest.param({"name": "Plain yogurt 1 l"}, {"name": "Plain yogart 2 l"}, None, id="a letter and the size"),
        pytest.param({"name": "Pear"}, {"name": "Peas"}, None, id="short words"),
        pytest.param({"name": "Juice 10001"}, {"name": "Juice 10002"}, None, id="numbers are not misspelt"),
        pytest.param({"name": "Молоко"}, {"name": "МОЛОКО"}, "the same name", id="Cyrillic"),
    ],
)
def test_a_pair(first: dict[str, Any], second: dict[str, Any], why: str | None) -> None:
    found = find_doubles([Product("b", **second), Product("a", **first)])
    assert found == ([] if why is None else [CatalogDouble("a", "b", why)])


def test_the_strongest_reason_counts_once() -> None:
    found = find_doubles([Product("b", GTIN, "Oat drink"), Product("a", GTIN, "Oat drink")])
    assert found == [CatalogDouble("a", "b", "the same GTIN")]


def test_of_many_the_same_each_is_paired_with_the_next() -> None:
    found = find_doubles([Product(f"p{number}", name="Tea") for number in range(4)])
    assert [(double.first, double.second) for double in found] == [("p0", "p1"), ("p1", "p2"), ("p2", "p3")]


def test_an_empty_catalog() -> None:
    assert find_doubles([]) == []
