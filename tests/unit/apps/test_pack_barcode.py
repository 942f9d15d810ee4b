"""Numbers on a pack against the catalog's."""

from __future__ import annotations

import numpy as np
import pytest

from facings.adapters.barcode import ZxingReader
from facings.apps.pack_barcode import check_barcode
from facings.evidence import Barcode, Pixels
from facings.simulate.forged_print import print_barcode

OWN, OTHER = "4006381333931", "7310865004703"
BLANK = np.zeros((4, 4, 3), np.uint8)


class Reads:
    """Reads what it was given."""

    def __init__(self, *texts: str, is_intact: bool = True) -> None:
        self._codes = tuple(Barcode(text, "EAN-13", (1.2, 2, 3, 4), is_intact) for text in texts)

    def read(self, crop: Pixels) -> tuple[Barcode, ...]:  # noqa: ARG002 (the port's signature)
        return self._codes


@pytest.mark.parametrize(
    "reader, gtin, wanted",
    [
        (Reads(OWN), OWN, [False]),
        (Reads("0" + OWN), OWN, [False]),  # the same number in 14 digits
        (Reads(OTHER), OWN, [True]),
        (Reads(OTHER, OWN), OWN, [False]),  # a neighbor's is in the photo too
        (Reads("(01)0" + OWN[:-1] + "9"), OWN, [True]),  # a check digit that is wrong
        (Reads("https://example.com"), OWN, []),
        (Reads(OWN[:-1] + "9", is_intact=False), OWN, [True]),  # and stays so at another size
        (Reads(OTHER), "", [False]),  # nothing to hold it against
        (Reads(OTHER[:-1] + "9"), "", [True]),
        (Reads(), OWN, []),
    ],
)
def test_which_numbers_speak_against_a_pack(reader: Reads, gtin: str, wanted: list[bool]) -> None:
    found = check_barcode(BLANK, gtin, reader)
    assert [check.is_odd for check in found] == wanted
    assert all(check.name == "barcode" and check.box == (1, 2, 3, 4) for check in found)


@pytest.mark.parametrize(
    "number, words",
    [
        (OWN, "The barcode says 4006381333931, as the catalog does."),
        (OTHER, "The barcode says 7310865004703, the catalog 4006381333931: it begins with another maker's digits."),
        ("4006381000017", "the catalog 4006381333931: they begin alike, as numbers of one maker do."),
        ("2012345006751", "may carry a price or weight, the catalog 4006381333931, a trade item."),
        (OWN[:-1] + "9", "The barcode says 4006381333939, whose check digit is wrong."),
    ],
)
def test_what_is_said_of_a_number(number: str, words: str) -> None:
    (found,) = check_barcode(BLANK, OWN, Reads(number))
    assert found.words.endswith(words)


def test_a_number_that_the_catalog_lacks_is_told() -> None:
    (found,) = check_barcode(BLANK, "", Reads(OTHER))
    assert found.words == f"The barcode says {OTHER}, a trade item; the catalog has no number to hold it against."


class ReadsOnce(Reads):
    """Reads something else the second time: print that is too small for it."""

    def read(self, crop: Pixels) -> tuple[Barcode, ...]:
        return super().read(crop) if crop.shape == BLANK.shape else ()


def test_a_number_that_does_not_stay_was_misread() -> None:
    assert check_barcode(BLANK, OWN, ReadsOnce(OWN[:-1] + "9", is_intact=False)) == []


@pytest.mark.parametrize("number, is_odd", [(OWN, False), (OTHER, True), (OWN[:-1] + "9", True)])
def test_printed_numbers(number: str, is_odd: bool) -> None:
    pack = print_barcode(np.full((150, 300, 3), 90, np.uint8), number, 30, 20, 2)
    (found,) = check_barcode(pack, OWN, ZxingReader())
    assert found.is_odd == is_odd
    assert number in found.words
