"""Barcodes on a pack that claims to be a product: a number of its own that is another product's speaks against it.

So does a wrong check digit, if it is printed and not misread: it is read again at another size, and has to stay. How a
number begins says what it is for and, mostly, whose it is (GS1 General Specifications, 1.4: GS1 Company Prefix).
"""

from __future__ import annotations

import numpy as np
from PIL import Image as PillowImage

from facings.apps.authenticity_answer import Check
from facings.evidence import Barcode, BarcodeReader
from facings.gtin import check_digit, in_words, is_same_shop_item, number_in, number_kind, to_gtin14
from facings.types import UInt8Array

_OTHER_SIZE = 0.8
_MAKERS_DIGITS = slice(1, 8)  # of 14: company prefixes have 4 to 12 digits, most of them 7 or more


def check_barcode(pixels: UInt8Array, gtin: str, reader: BarcodeReader) -> list[Check]:
    """The numbers on the pack against the catalog's; none where nothing was read.

    Args:
        pixels: uint8 (h, w, 3) RGB.
        gtin: Of the product that the pack claims to be, "" where the catalog has none.
        reader: Finds barcodes.
    """
    found: list[Check] = []
    for barcode in _printed(pixels, reader):
        read = number_in(barcode.text)
        if read is None:
            continue
        x1, y1, x2, y2 = (round(corner) for corner in barcode.box)
        is_odd, words = _judged(read, gtin)
        found.append(Check("barcode", None, f"The barcode says {read}{words}", (x1, y1, x2, y2), is_odd))
    fitting_ones = [check for check in found if not check.is_odd]
    return fitting_ones or found  # a neighbor's barcode may be in the photo as well


def _judged(read: str, gtin: str) -> tuple[bool, str]:
    """Whether a number speaks against the pack, and why."""
    if read[-1] != check_digit(read[:-1]):
        return True, ", whose check digit is wrong."
    if not gtin:
        return False, f", {in_words(number_kind(read))}; the catalog has no number to hold it against."
    if to_gtin14(read) == to_gtin14(gtin) or is_same_shop_item(read, gtin):
        return False, ", as the catalog does."
    if number_kind(read) != number_kind(gtin):
        return True, f", {in_words(number_kind(read))}, the catalog {gtin}, {in_words(number_kind(gtin))}."
    is_same_maker = to_gtin14(read)[_MAKERS_DIGITS] == to_gtin14(gtin)[_MAKERS_DIGITS]
    maker = "they begin alike, as numbers of one maker do" if is_same_maker else "it begins with another maker's digits"
    return True, f", the catalog {gtin}: {maker}."


def _printed(pixels: UInt8Array, reader: BarcodeReader) -> list[Barcode]:
    """Codes that are what is printed: intact ones, and broken ones that say the same at another size."""
    codes = reader.read(pixels)
    if all(code.is_intact for code in codes):
        return list(codes)
    size = [max(1, round(_OTHER_SIZE * side)) for side in (pixels.shape[1], pixels.shape[0])]
    smaller = np.asarray(PillowImage.fromarray(pixels).resize((size[0], size[1]), PillowImage.Resampling.BICUBIC))
    again = {code.text for code in reader.read(smaller)}
    return [code for code in codes if code.is_intact or code.text in again]
