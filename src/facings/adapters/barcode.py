"""Barcodes by zxing-cpp (Apache-2.0): EAN, UPC, ITF, Code 128, GS1 DataBar, QR Code and Data Matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PillowImage

from facings.evidence import Barcode, Corners, Pixels

if TYPE_CHECKING:
    import zxingcpp

_SMALL_PX = 320  # crops up to so many pixels a side are read again enlarged: their bars are thinner than two pixels
_ZOOM = 2


class ZxingReader:
    """Reads barcodes, see `evidence.BarcodeReader`, turned by any angle.

    Where no code is right, an EAN or UPC whose check digit is wrong is given, as not intact. The library is imported
    with the first crop, so that making a reader costs nothing.
    """

    def read(self, crop: Pixels) -> tuple[Barcode, ...]:
        """See `evidence.BarcodeReader`."""
        gray = PillowImage.fromarray(np.ascontiguousarray(crop)).convert("L")
        codes = _codes(gray)
        if not any(code.is_intact for code in codes) and max(gray.size) <= _SMALL_PX:
            larger = gray.resize((_ZOOM * gray.width, _ZOOM * gray.height), PillowImage.Resampling.BICUBIC)
            codes = _codes(larger, _ZOOM) or codes
        return tuple(code for code in codes if code.is_intact) or tuple(codes)


def _codes(gray: PillowImage.Image, zoom: int = 1) -> list[Barcode]:
    """The codes of a picture that was enlarged so many times, boxes in pixels before; each text once."""
    import zxingcpp

    kinds = zxingcpp.BarcodeFormat
    formats = [kinds.EANUPC, kinds.ITF, kinds.Code128, kinds.DataBar, kinds.QRCode, kinds.DataMatrix]
    read = zxingcpp.read_barcodes(np.asarray(gray), formats=zxingcpp.BarcodeFormats(formats), return_errors=True)
    # Stripes of other things are taken for broken codes, mostly short ones; those of 8 or 13 digits are worth telling.
    worth_telling = {kinds.EAN13, kinds.EAN8, kinds.UPCA}
    told = [code for code in read if code.text and (code.error is None or code.format in worth_telling)]
    found: dict[str, Barcode] = {}
    for code in told:
        found.setdefault(code.text, Barcode(code.text, str(code.format), _box(code, zoom), code.error is None))
    return list(found.values())


def _box(code: zxingcpp.Barcode, zoom: int) -> Corners:
    at = code.position
    corners = [(p.x / zoom, p.y / zoom) for p in (at.top_left, at.top_right, at.bottom_left, at.bottom_right)]
    xs, ys = zip(*corners, strict=True)
    return (min(xs), min(ys), max(xs), max(ys))
