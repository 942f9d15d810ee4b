"""What every reader of barcodes and every reader of text has to do, the stand-ins of other tests too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from facings.adapters.barcode import ZxingReader
from facings.adapters.text import RapidOcrReader, can_read_text
from facings.evidence import BarcodeReader, Corners, TextReader
from facings.types import UInt8Array
from pixel_readers import PixelCodes, PixelLines, write_code, write_line
from real_print import draw_barcode, draw_text

Draw = Callable[[UInt8Array, str, int, int], Corners]
GTIN, OTHER = "4006381333931", "9520000000011"


@dataclass(frozen=True)
class Codes:
    """A reader of barcodes, and what draws for it."""

    reader: BarcodeReader
    draw: Draw


@dataclass(frozen=True)
class Lines:
    """A reader of text, and what draws for it."""

    reader: TextReader
    draw: Draw


@pytest.fixture(scope="module", params=["stand-in", "zxing"])
def codes(request: pytest.FixtureRequest) -> Codes:
    return Codes(PixelCodes(), write_code) if request.param == "stand-in" else Codes(ZxingReader(), draw_barcode)


@pytest.fixture(scope="module", params=["stand-in", "RapidOCR"])
def lines(request: pytest.FixtureRequest) -> Iterator[Lines]:
    if request.param == "stand-in":
        yield Lines(PixelLines(), write_line)
        return
    if not can_read_text():
        pytest.skip("RapidOCR is not installed")
    yield Lines(RapidOcrReader(), draw_text)


def blank(width: int = 400, height: int = 300) -> UInt8Array:
    return np.full((height, width, 3), 235, np.uint8)


def overlap(a: Corners, b: Corners) -> float:
    """Shared part of the smaller box."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return max(0, width) * max(0, height) / min(areas)


def test_a_barcode_is_read_where_it_stands_and_the_picture_stays_as_it_was(codes: Codes) -> None:
    pixels = blank()
    box = codes.draw(pixels, GTIN, 40, 100)
    before = pixels.copy()
    (found,) = codes.reader.read(pixels)
    assert (found.text, found.is_intact) == (GTIN, True)
    assert found.symbology
    assert overlap(found.box, box) > 0.7
    assert codes.reader.read(pixels) == (found,)
    assert (pixels == before).all()


def test_two_barcodes_are_both_read(codes: Codes) -> None:
    pixels = blank(800, 300)
    boxes = {GTIN: codes.draw(pixels, GTIN, 10, 80), OTHER: codes.draw(pixels, OTHER, 420, 80)}
    found = codes.reader.read(pixels)
    assert sorted(code.text for code in found) == sorted(boxes)
    assert all(overlap(code.box, boxes[code.text]) > 0.7 for code in found)


def test_one_barcode_printed_twice_is_told_once(codes: Codes) -> None:
    pixels = blank(800, 300)
    for x in (10, 420):
        codes.draw(pixels, GTIN, x, 80)
    assert [code.text for code in codes.reader.read(pixels)] == [GTIN]


def test_a_part_of_a_picture_can_be_read(codes: Codes) -> None:
    pixels = blank(500, 400)
    x1, y1, x2, y2 = codes.draw(pixels, GTIN, 60, 100)
    (found,) = codes.reader.read(pixels[50:, 20:])  # a view, whose rows do not follow each other
    assert found.text == GTIN
    assert overlap(found.box, (x1 - 20, y1 - 50, x2 - 20, y2 - 50)) > 0.7


@pytest.mark.parametrize("side", [1, 2, 8, 300])
def test_a_picture_without_a_barcode_has_none(codes: Codes, side: int) -> None:
    assert codes.reader.read(blank(side, side)) == ()


def test_text_is_read_where_it_stands_from_the_top(lines: Lines) -> None:
    pixels = blank()
    low = lines.draw(pixels, "330 ml", 60, 200)
    high = lines.draw(pixels, "ORANGE", 60, 80)
    before = pixels.copy()
    found = lines.reader.read(pixels)
    assert [line.text.lower().replace(" ", "") for line in found] == ["orange", "330ml"]
    assert [overlap(line.box, box) > 0.7 for line, box in zip(found, (high, low), strict=True)] == [True, True]
    assert all(0 < line.confidence <= 1 for line in found)
    assert (pixels == before).all()


@pytest.mark.parametrize("side", [1, 64])
def test_a_picture_without_text_has_none(lines: Lines, side: int) -> None:
    assert lines.reader.read(blank(side, side)) == ()
