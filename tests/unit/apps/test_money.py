"""Money: minor units by currency, nothing rounded in silence."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facings.apps.money import check_currency, from_minor, to_minor
from facings.errors import BadInput


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("2.49", "EUR", 249), ("0", "EUR", 0), ("300", "JPY", 300), ("1.234", "KWD", 1234), ("2.490", "EUR", 249)],
)
def test_amounts_in_minor_units(amount: str, currency: str, units: int) -> None:
    assert to_minor(amount, currency) == units
    assert from_minor(units, currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        ("2,49", "EUR", "a number with a point"),
        ("-1", "EUR", "zero or more"),
        ("NaN", "EUR", "zero or more"),
        ("1e30", "EUR", "zero or more"),
        ("2.495", "EUR", "smallest unit"),
        ("0.5", "JPY", "smallest unit"),
    ],
)
def test_what_is_no_amount_of_the_currency(amount: str, currency: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        to_minor(amount, currency)


@pytest.mark.parametrize("code", ["", "eur", "EURO", "E1R", "ÄÖÜ"])
def test_what_is_no_currency(code: str) -> None:
    with pytest.raises(BadInput, match="ISO 4217"):
        check_currency(code)


@given(st.integers(0, 10**14), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_there_and_back(units: int, currency: str) -> None:
    assert to_minor(from_minor(units, currency), currency) == units
