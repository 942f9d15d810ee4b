"""Words and barcodes printed anew into a photo of a pack: another font, wrong letters, another number.

Bars: GS1 General Specifications, section 5.2 (EAN-13).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

from facings.errors import BadInput
from facings.evidence import TextLine
from facings.gtin import check_digit, to_gtin14
from facings.simulate.canvas import font
from facings.simulate.forgeries import STRENGTHS, Forgery
from facings.types import UInt8Array

WORD_KINDS = ("other font", "misspelled word")
N_MODULES, _QUIET = 95, 9

_LETTERS = "ABCDEFGHIJKLMNOPRSTUVWY"
_FONT_PX = 64  # drawn large, then brought to size
_NARROWED = {"slight": 1.0, "medium": 0.85, "strong": 0.7}  # width of a word in another font over the old one
_ODD = ("0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011")
_FIRST = ("OOOOOO", "OOEOEE", "OOEEOE", "OOEEEO", "OEOOEE", "OEEOOE", "OEEEOO", "OEOEOE", "OEOEEO", "OEEOEO")


def reprint(pixels: UInt8Array, line: TextLine, kind: str, strength: str, rng: np.random.Generator) -> Forgery:
    """A photo in which a line of text was printed over, in its colors.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        line: What it says, and where.
        kind: One of `WORD_KINDS`.
        strength: One of `STRENGTHS`: how much narrower the other font is; or one, two, three wrong letters.
        rng: Chooses letters.

    Raises:
        BadInput: An unknown kind or strength, or a line outside the photo.
    """
    if kind not in WORD_KINDS or strength not in STRENGTHS:
        raise BadInput(f"Reprint: got {kind!r}, {strength!r}; wanted {WORD_KINDS}, {STRENGTHS}.")
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = (round(corner) for corner in line.box)
    x1, y1, x2, y2 = max(0, x1), max(0, y1), min(width, x2), min(height, y2)
    if x2 - x1 < len(line.text) or y2 - y1 < 4:
        raise BadInput(f"Reprint: got a line of {x2 - x1} by {y2 - y1} px, too small for {line.text!r}.")
    text = line.text if kind == "other font" else _misspelled(line.text, STRENGTHS.index(strength) + 1, rng)
    share = _ink(text, (x2 - x1, y2 - y1), _NARROWED[strength] if kind == "other font" else 1.0)
    paper, ink = _colors(pixels[y1:y2, x1:x2])
    changed = pixels.copy()
    changed[y1:y2, x1:x2] = np.round(paper + share[..., None] * (ink - paper)).astype(np.uint8)
    is_edited = np.zeros((height, width), bool)
    is_edited[y1:y2, x1:x2] = True
    return Forgery(changed, is_edited, kind, strength)


def print_barcode(pixels: UInt8Array, number: str, left: int, top: int, module_px: int) -> UInt8Array:
    """A photo with an EAN-13 on a white label, its quiet zones included.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        number: 13 digits; the check digit need not be right, as fakes get it wrong.
        left: Of the label, in pixels.
        top: Of the label.
        module_px: Width of the narrowest bar.

    Raises:
        BadInput: There is no room for it.
    """
    is_dark = np.pad(bars(number), _QUIET).repeat(module_px)
    tall = len(is_dark) // 3
    if left < 0 or top < 0 or left + len(is_dark) > pixels.shape[1] or top + tall > pixels.shape[0]:
        raise BadInput(f"Barcode: got {pixels.shape[1]} px of photo from {left} on, wanted {len(is_dark)} by {tall}.")
    changed = pixels.copy()
    changed[top : top + tall, left : left + len(is_dark)] = np.where(is_dark, 25, 235)[None, :, None]
    return changed


def bars(number: str) -> NDArray[np.bool_]:
    """bool (95,): where an EAN-13 is dark.

    Raises:
        BadInput: Not 13 digits.
    """
    if len(number) != 13 or not number.isdecimal():
        raise BadInput(f"Barcode: got {number!r}, wanted 13 digits.")
    left = "".join(
        _ODD[int(digit)] if side == "O" else _mirrored(_inverted(_ODD[int(digit)]))
        for digit, side in zip(number[1:7], _FIRST[int(number[0])], strict=True)
    )
    right = "".join(_inverted(_ODD[int(digit)]) for digit in number[7:])
    return np.array([bit == "1" for bit in f"101{left}01010{right}101"])


def other_number(gtin: str, rng: np.random.Generator) -> str:
    """13 digits of another product with a right check digit: a neighbor in the same company's range."""
    body = to_gtin14(gtin)[1:13]
    other = f"{body[:-2]}{(int(body[-2:]) + int(rng.integers(1, 100))) % 100:02d}"
    return other + check_digit(other)


def _inverted(bits: str) -> str:
    return bits.translate(str.maketrans("01", "10"))


def _mirrored(bits: str) -> str:
    return bits[::-1]


def _misspelled(text: str, n_wrong: int, rng: np.random.Generator) -> str:
    letters = list(text)
    for at in rng.choice(len(letters), min(n_wrong, len(letters)), replace=False):
        others = [letter for letter in _LETTERS if letter != letters[at].upper()]
        letters[at] = str(rng.choice(others))
        letters[at] = letters[at] if text[at].isupper() else letters[at].lower()
    return "".join(letters)


def _ink(text: str, size_px: tuple[int, int], width_frac: float) -> NDArray[np.float64]:
    """float64 (h, w), 0 to 1: the word as wide as this share of the box, in its middle."""
    face = font(_FONT_PX)
    left, top, right, bottom = (round(corner) for corner in face.getbbox(text))
    drawn = PillowImage.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(drawn).text((-left, -top), text, fill=255, font=face)
    width = max(1, round(size_px[0] * width_frac))
    small = drawn.resize((width, size_px[1]), PillowImage.Resampling.BICUBIC)
    whole = PillowImage.new("L", size_px)
    whole.paste(small, ((size_px[0] - width) // 2, 0))
    return np.asarray(whole) / 255


def _colors(piece: UInt8Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a line is printed on, the median of its edge, and its ink, the fifth of its pixels furthest from that."""
    values = piece.reshape(-1, 3).astype(np.float64)
    edge = np.concatenate([piece[0], piece[-1], piece[:, 0], piece[:, -1]]).astype(np.float64)
    paper = np.median(edge, axis=0)
    away = np.abs(values - paper).sum(1)
    return paper, np.median(values[away >= np.quantile(away, 0.8)], axis=0)
