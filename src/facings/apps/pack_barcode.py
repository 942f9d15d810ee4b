"""Barcodes on a pack that claims to be a product: a number of its own that is another product's speaks against it."""

from __future__ import annotations

from facings.apps.authenticity_answer import Check
from facings.evidence import BarcodeReader
from facings.gtin import check_digit, is_same_shop_item, number_in, to_gtin14
from facings.types import UInt8Array


def check_barcode(pixels: UInt8Array, gtin: str, reader: BarcodeReader) -> list[Check]:
    """The numbers on the pack against the catalog's; none where nothing was read or the catalog has no number.

    Args:
        pixels: uint8 (h, w, 3) RGB.
        gtin: Of the product that the pack claims to be, "" where the catalog has none.
        reader: Finds barcodes.
    """
    found: list[Check] = []
    if not gtin:
        return found
    for barcode in reader.read(pixels):
        read = number_in(barcode.text) if barcode.is_intact else None
        if read is None:
            continue
        x1, y1, x2, y2 = (round(corner) for corner in barcode.box)
        if read[-1] != check_digit(read[:-1]):
            is_odd, words = True, f"The barcode says {read}, whose check digit is wrong."
        elif to_gtin14(read) == to_gtin14(gtin) or is_same_shop_item(read, gtin):
            is_odd, words = False, f"The barcode says {read}, as the catalog does."
        else:
            is_odd, words = True, f"The barcode says {read}, the catalog {gtin}."
        found.append(Check("barcode", None, words, (x1, y1, x2, y2), is_odd))
    fitting_ones = [check for check in found if not check.is_odd]
    return fitting_ones or found  # a neighbor's barcode may be in the photo as well
