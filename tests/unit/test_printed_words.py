"""Words on a pack against names of the catalog: only what is there counts, and reading errors do not matter."""

from __future__ import annotations

import pytest

from facings.catalog import Product
from facings.printed_words import Named, named_by, words_in

ORANGE = Product("orange", name="Norvia Orange Juice", brand="Norvia")
MANGO = Product("mango", name="Norvia Mango Juice", brand="Norvia")
BOTH = Product("both", name="Norvia Orange Mango Juice", brand="Norvia")
COLA = Product("cola", name="Cola")
ZERO = Product("zero", name="Cola Zero")
LEMON = Product("lemon", name="Cola Zero Lemon")


@pytest.mark.parametrize(
    ("lines", "products", "wanted"),
    [
        pytest.param(["ORANGE", "JUICE"], [ORANGE, MANGO], Named(("orange",), ("Orange",)), id="one telling word"),
        pytest.param(["0RANGE"], [ORANGE, MANGO], Named(("orange",), ("Orange",)), id="a letter misread"),
        pytest.param(["NORVIAORANGEJUICE"], [ORANGE, MANGO], Named(("orange",), ("Orange",)), id="words run together"),
        pytest.param(["ORANGE"], [ORANGE, MANGO, BOTH], Named(("orange", "both"), ("Orange",)), id="two have it"),
        pytest.param(["orange", "mango"], [ORANGE, MANGO, BOTH], Named(("both",), ("Mango", "Orange")), id="both"),
        pytest.param(["orange", "mango"], [ORANGE, MANGO], Named((), ("Mango", "Orange")), id="words of two products"),
        pytest.param(["NORVIA", "JUICE"], [ORANGE, MANGO], None, id="words that all have"),
        pytest.param(["cherry"], [ORANGE, MANGO], None, id="words that none has"),
        pytest.param([], [ORANGE, MANGO], None, id="nothing read"),
        pytest.param(["ORANGE"], [ORANGE], None, id="one product: nothing to tell it from"),
        pytest.param(["ORANGE"], [], None, id="no product"),
        pytest.param(["cola"], [COLA, ZERO], None, id="a word that is missing says nothing"),
        pytest.param(["ZERO"], [COLA, ZERO, LEMON], Named(("zero", "lemon"), ("Zero",)), id="lemon may be hidden"),
        pytest.param(["cola zero", "lem0n"], [COLA, ZERO, LEMON], Named(("lemon",), ("Lemon", "Zero")), id="all three"),
        pytest.param(
            ["oranges"],
            [Product("a", name="Orange"), Product("b", name="Oranges")],
            Named(("b",), ("Oranges",)),
            id="one word is part of the other",
        ),
        pytest.param(
            ["VANILLA"],
            [Product("a", name="Milk Vanilla"), Product("b", name="Milk Vanille")],
            Named(("a",), ("Vanilla",)),
            id="spelled alike: the better one",
        ),
        pytest.param(
            ["VANILL"],
            [Product("a", name="Milk Vanilla"), Product("b", name="Milk Vanille")],
            None,
            id="spelled alike and equally far: neither",
        ),
        pytest.param(["tee"], [Product("a", name="Tea"), Product("b", name="Rum")], None, id="short words exactly"),
        pytest.param(["steam"], [Product("a", name="Tea"), Product("b", name="Rum")], None, id="short words whole"),
        pytest.param(
            ["330 ml"], [Product("a", name="Cola 330 ml"), Product("b", name="Cola 500 ml")], None, id="an amount"
        ),
    ],
)  # fmt: skip
def test_which_products_the_words_fit(lines: list[str], products: list[Product], wanted: Named | None) -> None:
    assert named_by(lines, products) == wanted


@pytest.mark.parametrize(
    ("lines", "names", "wanted"),
    [
        pytest.param(["CRÈME BRÛLÉE"], ["Creme brulee", "Vanille"], "a", id="Latin with accents"),
        pytest.param(["ВИШНЕВЫЙ"], ["Сок вишнёвый", "Сок яблочный"], "a", id="Cyrillic"),
        pytest.param(["MAKC"], ["Чай МАКС", "Чай Лето"], "a", id="Cyrillic read as Latin letters that look alike"),
        pytest.param(["ΣΟΚΟΛΑΤΑ"], ["Γάλα σοκολάτα", "Γάλα φρέσκο"], "a", id="Greek without its accents"),
        pytest.param(["草莓牛奶"], ["草莓 牛奶", "有机 牛奶"], "a", id="Chinese, without spaces"),
        pytest.param(["いちごミルク"], ["いちご ミルク", "バナナ ミルク"], "a", id="Japanese"),
    ],
)
def test_names_in_four_alphabets(lines: list[str], names: list[str], wanted: str) -> None:
    products = [Product(sku, name=name) for sku, name in zip("ab", names, strict=True)]
    named = named_by(lines, products)
    assert named is not None
    assert named.skus == (wanted,)


def test_words_are_told_as_the_catalog_writes_them() -> None:
    named = named_by(["вишневыи"], [Product("a", name="Сок Вишнёвый"), Product("b", name="Сок")])
    assert named == Named(("a",), ("Вишнёвый",))


def test_words_in_a_text() -> None:
    assert words_in("Crème BRÛLÉE, 2x") == ("creme", "brulee", "2x")
    assert words_in("有机牛奶Milk") == ("有机牛奶", "milk")
    assert words_in(" – ") == ()
