"""Sizes as packs print them: one unit each kind, the confusions of readers of text, and what is no size."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.net_content import NetContent, find_contents, is_among


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("330 ml", (330, "ml"), id="milliliters"),
        pytest.param("0,33 l", (330, "ml"), id="comma"),
        pytest.param("0.33L", (330, "ml"), id="point, glued, capital"),
        pytest.param("33cl", (330, "ml"), id="centiliters"),
        pytest.param("1,5 Liter", (1500, "ml"), id="written out"),
        pytest.param("12 FL. OZ.", (354.882, "ml"), id="fluid ounces, 12 × 29.5735"),
        pytest.param("12 oz", (340.194, "g"), id="ounces of weight, 12 × 28.3495"),
        pytest.param("2 kg", (2000, "g"), id="kilograms"),
        pytest.param("1,000 g", (1000, "g"), id="thousands with a comma"),
        pytest.param("1.000 l", (1000, "ml"), id="a liter to three places"),
        pytest.param("20 bags", (20, "pieces"), id="pieces"),
        pytest.param("6 x 0,33 l", (1980, "ml"), id="multipack, 6 × 330"),
        pytest.param("4×125g", (500, "g"), id="multipack with a multiplication sign"),
        pytest.param("500 мл", (500, "ml"), id="Cyrillic"),
        pytest.param("0,5 л", (500, "ml"), id="Cyrillic liter"),
        pytest.param("400 γρ.", (400, "g"), id="Greek"),
        pytest.param("500毫升", (500, "ml"), id="Chinese"),
        pytest.param("1リットル", (1000, "ml"), id="Japanese"),
        pytest.param("5００ｍｌ", (500, "ml"), id="full width"),
        pytest.param("33O ml", (330, "ml"), id="a letter for a zero"),
        pytest.param("0,331", (330, "ml"), id="a one for the l"),
        pytest.param("0,5I", (500, "ml"), id="an I for the l"),
        pytest.param("e 330ml PET", (330, "ml"), id="between other things"),
    ],
)
def test_a_size_is_read(text: str, wanted: tuple[float, str]) -> None:
    (found,) = find_contents(text)
    assert found.amount == pytest.approx(wanted[0])
    assert found.kind == wanted[1]


@pytest.mark.parametrize(
    "text",
    ["", "ml", "A12L", "Cola1l", "2026", "o ml", "0 g", "per 100 g", "pro 100ml", "5 in 1", "B12 lemon", "12 legs"],
)
def test_what_is_no_size_is_none(text: str) -> None:
    assert find_contents(text) == ()


def test_several_sizes_come_in_their_order() -> None:
    found = find_contents("12 FL OZ (355 mL), 42 kcal per 100 ml")
    assert [(round(content.amount), content.kind) for content in found] == [(355, "ml"), (355, "ml")]
    assert [content.printed for content in found] == ["12 floz", "355 ml"]


def test_rounding_on_packs_is_the_same_amount_and_the_next_size_is_not() -> None:
    ml = NetContent(355, "ml", "")
    assert ml.is_same(NetContent(354.882, "ml", ""))  # 12 fl oz
    assert not ml.is_same(NetContent(330, "ml", ""))
    assert not ml.is_same(NetContent(355, "g", ""))
    assert NetContent(500, "ml", "").is_same(NetContent(499.792, "ml", ""))  # 16.9 fl oz
    assert is_among(ml, [NetContent(330, "ml", ""), NetContent(355, "ml", "")])
    assert not is_among(ml, [])


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.text(max_size=60))
def test_no_text_breaks_it_and_every_amount_is_above_zero(text: str) -> None:
    assert all(content.amount > 0 for content in find_contents(text))
