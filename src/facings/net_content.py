"""How much is in a pack, as it is printed: "0,33 l", "330 ml", "12 FL OZ", "6 x 0.5 L" in one unit each kind.

Source: UN/CEFACT Recommendation 20 for the size of units; ounces, pints and gallons are those of the USA.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["ml", "g", "pieces"]

_SAME_WITHIN = 0.015  # 12 fl oz are 355 ml, 16.9 fl oz 500 ml
# Spellings in Latin, Cyrillic, Greek and CJK → kind of amount, and how much of it a unit is.
_UNITS: tuple[tuple[str, Kind, float], ...] = (
    ("ml мл μλ 毫升 ミリリットル", "ml", 1.0),
    ("cl сл", "ml", 10.0),
    ("dl дл", "ml", 100.0),
    ("l lt ltr liter litre liters litres litro litros л литр λ λίτρο λίτρα 升 公升 リットル", "ml", 1000.0),
    ("floz", "ml", 29.5735),
    ("pt pint pints", "ml", 473.176),
    ("qt", "ml", 946.353),
    ("gal gallon", "ml", 3785.41),
    ("mg мг", "g", 0.001),
    ("g gr гр г γρ 克 グラム", "g", 1.0),
    ("kg kgs кг κιλό κιλά 千克 公斤 キログラム", "g", 1000.0),
    ("oz", "g", 28.3495),
    ("lb lbs", "g", 453.592),
    ("pcs pieces stk stück bags tabs count ct шт τεμ τεμάχια 个 個 片 包", "pieces", 1.0),
)


def _plain(text: str) -> str:
    """Folded to one case and one form of each letter, without accents."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in folded if not unicodedata.combining(letter))


_SIZES = {_plain(word): (kind, size) for spellings, kind, size in _UNITS for word in spellings.split()}
_NUMBER = r"[0-9o]{1,5}(?:\s?[.,]\s?[0-9o]{1,3})?"
_UNIT = "|".join(re.escape(unit) for unit in sorted(_SIZES, key=len, reverse=True))
_AMOUNT = re.compile(
    rf"(?<![0-9a-z.,])(?:(?P<count>[0-9]{{1,3}})\s?[x×*х]\s?)?(?P<number>{_NUMBER})\s?(?P<unit>{_UNIT})(?![a-zа-яα-ω0-9])"
)
# A small L looks like a 1, an I or a bar.
_LITERS_MISREAD = re.compile(r"(?<![0-9.,])(0\s?[.,]\s?[0-9]{1,2}?)\s?[1i|](?![0-9a-z.,])")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
_OF_A_PORTION = re.compile(r"(?:per|pro|par|por|je|на|ανα|每)\s?(?:100|30|15)\s?(?:g|ml|г|мл|克|毫升)(?![a-z0-9])")


@dataclass(frozen=True)
class NetContent:
    """An amount of goods.

    Args:
        amount: In `kind`, of all pieces of a multipack together.
        kind: "ml", "g" or "pieces".
        printed: The text that said so.
    """

    amount: float
    kind: Kind
    printed: str

    def is_same(self, other: NetContent) -> bool:
        """Whether both are one amount, as far as rounding on packs allows to say."""
        larger = max(self.amount, other.amount)
        return self.kind == other.kind and abs(self.amount - other.amount) <= _SAME_WITHIN * larger


def find_contents(text: str) -> tuple[NetContent, ...]:
    """Every amount in a text, in its order; those of a portion ("per 100 g") are left out.

    Takes comma and point, an O for a zero, and a 1 or I for the l of a liter, as readers of text confuse them.

    >>> [(c.amount, c.kind) for c in find_contents("6 x 0,33 l")]
    [(1980.0, 'ml')]
    """
    plain = _OF_A_PORTION.sub(" ", _plain(text).replace("fl. oz", "floz").replace("fl oz", "floz"))
    plain = _LITERS_MISREAD.sub(r"\1 l", plain)
    return tuple(content for found in _AMOUNT.finditer(plain) if (content := _content(found)))


def is_among(content: NetContent, others: Iterable[NetContent]) -> bool:
    """Whether one of several amounts is this one."""
    return any(content.is_same(other) for other in others)


def _content(found: re.Match[str]) -> NetContent | None:
    if not any(digit.isdecimal() for digit in found["number"]):
        return None
    kind, size = _SIZES[found["unit"]]
    digits = found["number"].replace("o", "0").replace(" ", "")
    is_grouped = size == 1 and _THOUSANDS.fullmatch(digits)  # nobody prints thousandths of a gram
    digits = digits.replace(",", "").replace(".", "") if is_grouped else digits.replace(",", ".")
    amount = round(int(found["count"] or 1) * float(digits) * size, 6)
    return NetContent(amount, kind, found[0].strip()) if amount > 0 else None
