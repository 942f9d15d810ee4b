"""Stand-ins for readers of barcodes and text: what they read is written into the pixels, a letter a pixel."""

from __future__ import annotations

import numpy as np

from facings.evidence import Barcode, Corners, Pixels, TextLine

_CODE, _LINE = (1, 2, 3), (3, 2, 1)  # the color before a code, and before a line of text


def write_code(pixels: Pixels, text: str, x: int, y: int) -> Corners:
    """Write a code at a place; its box."""
    return _write(pixels, _CODE, text, x, y)


def write_line(pixels: Pixels, text: str, x: int, y: int) -> Corners:
    """Write a line of text at a place; its box."""
    return _write(pixels, _LINE, text, x, y)


class PixelCodes:
    """Reads what `write_code` wrote, and counts the crops."""

    def __init__(self) -> None:
        self.n_read = 0

    def read(self, crop: Pixels) -> tuple[Barcode, ...]:
        """See `evidence.BarcodeReader`."""
        self.n_read += 1
        return tuple(Barcode(text, "EAN-13", box) for text, box in dict(_read(crop, _CODE)).items())


class PixelLines:
    """Reads what `write_line` wrote, and counts the crops."""

    def __init__(self) -> None:
        self.n_read = 0

    def read(self, crop: Pixels) -> tuple[TextLine, ...]:
        """See `evidence.TextReader`."""
        self.n_read += 1
        return tuple(TextLine(text, box, 0.9) for text, box in _read(crop, _LINE))


def _write(pixels: Pixels, mark: tuple[int, int, int], text: str, x: int, y: int) -> Corners:
    letters = text.encode()
    pixels[y, x] = mark
    pixels[y, x + 1] = len(letters)
    for n, letter in enumerate(letters):
        pixels[y, x + 2 + n] = letter
    return (x, y, x + 2 + len(letters), y + 1)


def _read(pixels: Pixels, mark: tuple[int, int, int]) -> list[tuple[str, Corners]]:
    found: list[tuple[str, Corners]] = []
    for y, x in np.argwhere((pixels == mark).all(axis=2)).tolist():
        n_letters = int(pixels[y, x + 1, 0]) if x + 1 < pixels.shape[1] else pixels.shape[1]
        if x + 2 + n_letters <= pixels.shape[1]:  # else cut off by the crop
            letters = pixels[y, x + 2 : x + 2 + n_letters, 0].tobytes()
            found.append((letters.decode(), (x, y, x + 2 + n_letters, y + 1)))
    return found
