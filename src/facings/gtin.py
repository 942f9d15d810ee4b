"""GTIN: the 8, 12, 13 or 14-digit trade number, kept as text, checked by its last digit.

Source: GS1 General Specifications, section 7.9.1 (modulo 10, weights 3 and 1 from the right).
"""

from __future__ import annotations

from facings.errors import BadInput

LENGTHS = (8, 12, 13, 14)


def check_digit(body: str) -> str:
    """The check digit that belongs behind a body of digits.

    >>> check_digit("400638133393")
    '1'
    """
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return str(-weighted % 10)


def parse_gtin(text: str) -> str:
    """The GTIN as digits, spaces and hyphens taken out, length as given.

    >>> parse_gtin("4006381-333931")
    '4006381333931'

    Raises:
        BadInput: Not digits, a length that no GTIN has, or a wrong check digit.
    """
    digits = text.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdecimal()):
        raise BadInput(f"GTIN {text!r}: got other characters than digits, wanted {_wanted()} digits.")
    if len(digits) not in LENGTHS:
        lost = " A spreadsheet may have cut leading zeros." if len(digits) in {7, 11} else ""
        raise BadInput(f"GTIN {text!r}: got {len(digits)} digits, wanted {_wanted()}.{lost}")
    if not digits.strip("0"):
        raise BadInput(f"GTIN {text!r}: got zeros alone, which stand for no product; wanted a number or nothing.")
    wanted = check_digit(digits[:-1])
    if digits[-1] != wanted:
        raise BadInput(f"GTIN {text!r}: check digit is {digits[-1]}, wanted {wanted}; a digit was misread or mistyped.")
    return digits


def to_gtin14(gtin: str) -> str:
    """A GTIN padded to 14 digits, the form in which two of different length compare.

    >>> to_gtin14("96385074")
    '00000096385074'
    """
    return gtin.zfill(14)


def _wanted() -> str:
    return ", ".join(map(str, LENGTHS[:-1])) + f" or {LENGTHS[-1]}"
