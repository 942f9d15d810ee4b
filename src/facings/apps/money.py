"""Money as integer minor units of a currency: what a ledger adds up without loss.

Source: ISO 4217 gives each currency a code and the number of decimal digits of its minor unit.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from facings.errors import BadInput

_DIGITS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
_USUAL_DIGITS = 2


def check_currency(code: str) -> str:
    """The code, if it has the form of one of ISO 4217.

    Raises:
        BadInput: It has not.
    """
    if not (len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()):
        raise BadInput(f"Currency {code!r}: wanted a three-letter ISO 4217 code such as EUR.")
    return code


def to_minor(amount: str | Decimal, currency: str) -> int:
    """An amount in minor units: 2.49 EUR → 249.

    Args:
        amount: Zero or more, with a decimal point.
        currency: ISO 4217 code.

    Raises:
        BadInput: No number, negative, or finer than the currency's minor unit.
    """
    try:
        value = Decimal(amount).scaleb(_DIGITS.get(currency, _USUAL_DIGITS))
    except InvalidOperation as error:
        raise BadInput(f"Price {str(amount)!r}: wanted a number with a point, such as 2.49.") from error
    if not value.is_finite() or not 0 <= value < 10**15:
        raise BadInput(f"Price {amount}: wanted an amount of zero or more.")
    if value != value.to_integral_value():
        raise BadInput(f"Price {amount} {currency}: finer than the currency's smallest unit; wanted it rounded.")
    return int(value)


def from_minor(units: int, currency: str) -> Decimal:
    """The amount as people write it: 249 EUR → 2.49.

    >>> str(from_minor(249, "EUR")), str(from_minor(300, "JPY"))
    ('2.49', '300')
    """
    return Decimal(units).scaleb(-_DIGITS.get(currency, _USUAL_DIGITS))
