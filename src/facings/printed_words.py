"""Which of several products the words on a pack name, although text is never read without errors.

Only words that are there count, never those that are missing: a word may be hidden, too small, or in letters that the
reader does not know. A product fits where every telling word that was read stands in its name or brand; a word is
telling where some of the products have it and others do not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facings.catalog import Product

_ALIKE = 0.8  # share of letters that two spellings must share, in order
_MIN_LETTERS = 3  # shorter words are found in others by chance
_MIN_GLUED = 5  # words of so many letters are also looked for inside what was read as one word
_WORD = re.compile(r"[^\W_]+")
_AMOUNT = re.compile(r"\d+[a-z]{0,2}")
_CJK = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+)")
# Capitals of Cyrillic and Greek that look like Latin ones are read as these, and the other way round.
_LOOKS_LATIN = str.maketrans("авекмнорстухіј" + "αβεζηικμνορτυχ", "abekmhopctyxij" + "abezhikmnoptyx")


@dataclass(frozen=True)
class Named:
    """What the words on a pack say.

    Args:
        skus: The products that they fit; empty where they fit none of them together.
        words: The telling words that were read, as the catalog writes them.
    """

    skus: tuple[str, ...]
    words: tuple[str, ...]


def named_by(lines: Sequence[str], products: Sequence[Product]) -> Named | None:
    """Which of the products the lines of text fit.

    Args:
        lines: What was read on one pack.
        products: Those that it may be, each once.

    Returns:
        None where no telling word was read.
    """
    of_product = {p.sku: _words_of(p) for p in products}
    as_written = {word: written for words in of_product.values() for word, written in words.items()}
    telling = {word for word in as_written if any(word not in words for words in of_product.values())}
    found = _without_rivals(_found(telling, lines))
    if not found:
        return None
    skus = tuple(sku for sku, words in of_product.items() if found <= words.keys())
    return Named(skus, tuple(sorted(as_written[word] for word in found)))


def words_in(text: str) -> tuple[str, ...]:
    """The words of a text in one case, without accents, with letters that look alike made one; CJK runs are words.

    >>> words_in("Crème BRÛLÉE, 2x")
    ('creme', 'brulee', '2x')
    """
    return tuple(_folded(word) for word in _split(text))


def _split(text: str) -> list[str]:
    return _WORD.findall(_CJK.sub(r" \1 ", unicodedata.normalize("NFKC", text)))


def _folded(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).translate(_LOOKS_LATIN)


def _words_of(product: Product) -> dict[str, str]:
    """The words of a product that may tell it from others, each with its spelling in the catalog."""
    words = {_folded(word): word for word in _split(f"{product.name} {product.brand}")}
    return {word: written for word, written in words.items() if _is_long_enough(word) and not _AMOUNT.fullmatch(word)}


def _is_long_enough(word: str) -> bool:
    return len(word) >= (1 if _CJK.match(word) else _MIN_LETTERS)


def _found(telling: set[str], lines: Sequence[str]) -> dict[str, float]:
    """The telling words that were read, each with how well."""
    read = [word for line in lines for word in words_in(line)]
    glued = ["".join(words_in(line)) for line in lines]
    best = {word: _likeness(word, read, glued) for word in telling}
    return {word: likeness for word, likeness in best.items() if likeness >= _ALIKE}


def _likeness(word: str, read: Sequence[str], glued: Sequence[str]) -> float:
    """How well a word is to be seen in what was read, 0 to 1 (normalized indel similarity, Levenshtein 1966)."""
    from rapidfuzz import fuzz

    if _CJK.match(word):
        return float(any(word in line for line in glued))
    least = 100 if len(word) < _MIN_GLUED - 1 else 100 * _ALIKE  # a wrong letter in three leaves nothing to go by
    whole = max((fuzz.ratio(word, other, score_cutoff=least) for other in read), default=0.0)
    if len(word) < _MIN_GLUED:
        return whole / 100
    longer = [line for line in glued if len(line) > len(word)]
    return max([whole, *(fuzz.partial_ratio(word, line, score_cutoff=least) for line in longer)]) / 100


def _without_rivals(found: Mapping[str, float]) -> set[str]:
    """Of telling words that are spelled alike, the one that fits best: one printed word cannot be both."""
    return {word for word in found if not any(_gives_way(word, other, found) for other in found if other != word)}


def _gives_way(word: str, other: str, found: Mapping[str, float]) -> bool:
    from rapidfuzz import fuzz

    if word not in other and fuzz.ratio(word, other) < 100 * _ALIKE:
        return False
    return found[word] < found[other] or (found[word] == found[other] and other not in word)
