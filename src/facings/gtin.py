"""GTIN: the 8, 12, 13 or 14-digit trade number, kept as text, checked by its last digit; and what is written like one.

Sources: GS1 General Specifications, section 7.9.1 (check digit: modulo 10, weights 3 and 1 from the right), section 1.4
and the list of GS1 Prefixes and GS1-8 Prefixes (which numbers mean what), section 3 (application identifiers); GS1
Digital Link Standard (GTIN in a web address).
"""

from __future__ import annotations

import re
from typing import Literal

from facings.errors import BadInput

LENGTHS = (8, 12, 13, 14)
NumberKind = Literal["item", "case", "by measure", "regional", "shop-internal", "coupon"]

_WORDS: dict[NumberKind, str] = {
    "item": "a trade item",
    "case": "a case of several items",
    "by measure": "an item sold by measure",
    "regional": "a number for use inside a region or shop, which may carry a price or weight",
    "shop-internal": "a shop-internal number",
    "coupon": "a coupon or refund receipt",
}
_IN_TEXT = (
    re.compile(r"^[0-9 -]+$"),  # the number alone
    re.compile(r"^\(01\)([0-9]{14})"),  # GS1 element string
    re.compile(r"^https?://[^?#]*/01/([0-9]{8,14})(?:[/?#]|$)", re.IGNORECASE),
)


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


def number_kind(gtin: str) -> NumberKind:
    """What a right number stands for, as far as its first digits say.

    Numbers of the prefixes 02 and 20 to 29 are regional: national schemes put price or weight into most of them. Those
    of 04, and 8-digit ones that begin with 0 or 2, are one company's own. 14 digits that begin with 1 to 8 are a case,
    with 9 an item of variable measure.

    >>> number_kind("4006381333931"), number_kind("2012345006751")
    ('item', 'regional')
    """
    digits = to_gtin14(gtin)
    if digits.startswith("000000"):  # GTIN-8
        return "shop-internal" if digits[6] in "02" else "item"
    if digits[0] != "0":
        return "by measure" if digits[0] == "9" else "case"
    if digits[1] == "2" or digits[1:3] == "02":
        return "regional"
    if digits[1:3] == "04":
        return "shop-internal"
    return "coupon" if digits[1:3] == "99" or digits[1:4] in {"980", "981", "982", "983", "984"} else "item"


def in_words(kind: NumberKind) -> str:
    """What a number of this kind stands for.

    >>> in_words("case")
    'a case of several items'
    """
    return _WORDS[kind]


def is_same_shop_item(read: str, listed: str) -> bool:
    """Whether a number with price or weight is of the item that a catalog lists without.

    National schemes differ; most have two digits of prefix, five of the shop's item, then the price or weight. So a
    listed number whose digits 8 to 12 are zeros stands for all that share its first seven.

    >>> is_same_shop_item("2012345006751", "2012345000001")
    True
    """
    mine, theirs = to_gtin14(read), to_gtin14(listed)
    are_regional = number_kind(read) == number_kind(listed) == "regional"
    return are_regional and mine[:8] == theirs[:8] and theirs[8:13] == "00000"


def number_in(text: str) -> str | None:
    """The digits, unchecked, where a barcode's text is meant to hold a GTIN; None where it holds something else.

    >>> number_in("(01)09521234543213(3103)000123"), number_in("https://example.com/win")
    ('09521234543213', None)
    """
    for pattern in _IN_TEXT:
        found = pattern.match(text)
        if found:
            digits = (found.group(1) if pattern.groups else text).replace(" ", "").replace("-", "")
            return digits if len(digits) in LENGTHS else None
    return None


def _wanted() -> str:
    return ", ".join(map(str, LENGTHS[:-1])) + f" or {LENGTHS[-1]}"
