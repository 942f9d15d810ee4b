"""Words and barcodes printed anew: read back by what reads real ones, and only where they should be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from facings.adapters.barcode import ZxingReader
from facings.errors import BadInput
from facings.evidence import TextLine
from facings.gtin import parse_gtin
from facings.simulate.forged_print import WORD_KINDS, bars, other_number, print_barcode, reprint

NUMBER = "4006381333931"
LINE = TextLine("CREAM", (20.0, 30.0, 80.0, 50.0), 0.9)


def blank() -> np.ndarray:
    pixels = np.full((120, 300, 3), (200, 180, 160), np.uint8)
    pixels[35:45, 30:70] = (20, 40, 90)
    return pixels


def test_bars_by_hand() -> None:
    # Guards 101 and 01010; first digit 4: the left ones are odd, even, odd, odd, even, even; 0 odd is 0001101.
    dark = "".join("1" if bit else "0" for bit in bars(NUMBER))
    assert len(dark) == 95
    assert (dark[:3], dark[45:50], dark[-3:]) == ("101", "01010", "101")
    assert dark[3:10] == "0001101"
    assert dark[-10:-3] == "1100110"  # 1 on the right


@pytest.mark.parametrize("number", [NUMBER, "7310865004703", "0012345678905"])
def test_a_printed_barcode_is_read(number: str) -> None:
    changed = print_barcode(blank(), number, 20, 10, 2)
    (found,) = ZxingReader().read(changed)
    assert found.text.zfill(13) == number
    assert (changed[:, :20] == blank()[:, :20]).all()


def test_another_number_is_one_of_the_same_company() -> None:
    other = other_number(NUMBER, np.random.default_rng(0))
    assert parse_gtin(other) == other != NUMBER
    assert other[:10] == NUMBER[:10]


@pytest.mark.parametrize("kind", WORD_KINDS)
def test_only_the_line_is_printed_over_in_its_colors(kind: str) -> None:
    found = reprint(blank(), LINE, kind, "medium", np.random.default_rng(1))
    assert found.is_edited.sum() == 60 * 20
    assert (found.pixels[~found.is_edited] == blank()[~found.is_edited]).all()
    assert (found.pixels[found.is_edited] != blank()[found.is_edited]).any()
    inside = found.pixels[30:50, 20:80].reshape(-1, 3)
    assert inside.min(0).tolist() >= [20, 40, 90]
    assert inside.max(0).tolist() <= [200, 180, 160]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: reprint(blank(), LINE, "crayon", "medium", np.random.default_rng(0)), "got 'crayon'"),
        (
            lambda: reprint(
                blank(), TextLine("A", (500, 5, 600, 9), 1), "other font", "slight", np.random.default_rng(0)
            ),
            "too small",
        ),
        (lambda: bars("12"), "wanted 13 digits"),
        (lambda: print_barcode(blank(), NUMBER, 200, 0, 2), "wanted 226 by 75"),
    ],
    ids=["kind", "outside", "digits", "room"],
)
def test_what_cannot_be_printed(make: Callable[[], object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make()
