"""Draws what was found into a photo: a box for each product with what was decided, readable also on a dense shelf.

Lines and letters grow with the boxes. A name stays inside its own box, cut off where it does not fit. What was decided
shows in the color, in the kind of line and in the words, so that no one depends on telling colors apart.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from facings.errors import BadInput
from facings.images import MAX_MEGAPIXELS, decode, read_bytes
from facings.types import Detections, PhotoDetections, PhotoResult, Recognition, UInt8Array, Verdict

Kind = Verdict | Literal["product"]
Box = tuple[int, int, int, int]

# Told apart by people who do not tell red from green (Okabe and Ito, 2008); black letters are legible on each.
COLORS: dict[Kind, tuple[int, int, int]] = {
    "accepted": (0, 158, 115),
    "ambiguous": (230, 159, 0),
    "unknown": (213, 94, 0),
    "product": (86, 180, 233),
}
# Length of a dash and of the gap behind it, in widths of the line; a solid line is one long dash.
DASHES: dict[Kind, tuple[int, int]] = {
    "accepted": (100_000, 0),
    "ambiguous": (6, 3),
    "unknown": (2, 2),
    "product": (100_000, 0),
}
_MIN_FONT_PX, _MAX_FONT_PX = 9, 40
_MIN_LEGEND_PX, _MAX_LEGEND_PX = 10, 48
_MAX_LINES = 3
_MAX_COVERED_FRAC = 0.4  # of a box's height, by its words
_LEADING = 1.2  # height of a line, in heights of its letters
_INK = (0, 0, 0)
_PAPER = (255, 255, 255)


@dataclass(frozen=True)
class Mark:
    """A box and what is written into it.

    Args:
        box: x1, y1, x2, y2 in whole pixels, right and bottom exclusive, at least one pixel wide and high.
        kind: Gives color and line.
        words: Written inside its top edge, as much as fits; "" for none.
        end: Kept where the words are cut off.
        confidence: The detector's, 0 to 1; written inside the bottom edge unless it is 1, which was never in doubt.
    """

    box: Box
    kind: Kind
    words: str
    end: str
    confidence: float


def annotate(pixels: UInt8Array, recognitions: Sequence[Recognition], names: Mapping[str, str]) -> UInt8Array:
    """The photo with its recognitions drawn in.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        recognitions: Boxes in its pixels.
        names: SKU → what to write; a SKU that is not there is written itself.

    Returns:
        uint8 (H, W, 3) RGB, a new array.
    """
    return _draw(pixels, [_mark(r, names) for r in recognitions])


def annotate_detections(pixels: UInt8Array, detections: Detections) -> UInt8Array:
    """The photo with boxes drawn in, and the confidence of each where it fits.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        detections: Boxes in its pixels.

    Returns:
        uint8 (H, W, 3) RGB, a new array.
    """
    return _draw(pixels, _product_marks(detections))


def _mark(r: Recognition, names: Mapping[str, str]) -> Mark:
    """Accepted: the name. Ambiguous: two names and a question mark. Unknown: that word, or a question mark."""
    verdict = r.decision.verdict
    skus = [r.decision.sku] if r.decision.sku is not None else [c.sku for c in r.decision.candidates[:2]]
    words = "unknown" if verdict == "unknown" else " or ".join(names.get(sku, "") or sku for sku in skus)
    return Mark(_outwards(r.box), verdict, words, "?" if verdict == "ambiguous" else "", r.confidence)


def _product_marks(detections: Detections) -> list[Mark]:
    found = zip(detections.xyxy.tolist(), detections.confidence.tolist(), strict=True)
    return [Mark(_outwards(box), "product", "", "", confidence) for box, confidence in found]


def _outwards(box: Sequence[float]) -> Box:
    """A box in whole pixels, as it is cropped."""
    x1, y1, x2, y2 = box
    return math.floor(x1), math.floor(y1), math.ceil(x2), math.ceil(y2)


def _draw(pixels: UInt8Array, marks: Sequence[Mark]) -> UInt8Array:
    picture = PillowImage.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    line_px = _line_px(marks, picture.size)
    for mark in marks:
        _frame(draw, mark.box, mark.kind, line_px)
    for mark in marks:  # words last, so that no box of a neighbor runs through them
        _write(draw, mark, line_px)
    return np.asarray(picture, np.uint8)


def _line_px(marks: Sequence[Mark], size_px: tuple[int, int]) -> int:
    """One width for the whole photo, so that it means nothing: thin, but seen when the photo is shown on a screen."""
    sides = [min(x2 - x1, y2 - y1) for x1, y1, x2, y2 in (mark.box for mark in marks)]
    return max(2, min(size_px) // 1000, int(np.median(sides) / 40)) if sides else 2


def _frame(draw: ImageDraw.ImageDraw, box: Box, kind: Kind, line_px: int) -> None:
    x1, y1, x2, y2 = box
    line_px = max(1, min(line_px, (x2 - x1) // 2, (y2 - y1) // 2))
    dash, gap = (length * line_px for length in DASHES[kind])
    for start in range(x1, x2, dash + gap):
        end = min(start + dash, x2) - 1
        for top in (y1, y2 - line_px):
            draw.rectangle((start, top, end, top + line_px - 1), fill=COLORS[kind])
    for start in range(y1, y2, dash + gap):
        end = min(start + dash, y2) - 1
        for left in (x1, x2 - line_px):
            draw.rectangle((left, start, left + line_px - 1, end), fill=COLORS[kind])


def _write(draw: ImageDraw.ImageDraw, mark: Mark, line_px: int) -> None:
    """Words inside the top edge of the box, confidence inside the bottom edge, as large as the box allows."""
    x1, y1, x2, y2 = mark.box
    height = y2 - y1
    size = int(np.clip(min((x2 - x1) / 8, height / 8), _MIN_FONT_PX, _MAX_FONT_PX))
    font, pad, line_height = _font(size), line_px + 1, round(size * _LEADING)
    room = x2 - x1 - 2 * pad
    n_lines = int(np.clip(height * _MAX_COVERED_FRAC / line_height, 1, _MAX_LINES))
    lines = _lines(mark, font, room, n_lines) if line_height <= height else []
    for number, line in enumerate(lines):
        top = y1 + number * line_height
        right = x1 + math.ceil(font.getlength(line)) + 2 * pad
        draw.rectangle((x1, top, min(right, x2) - 1, top + line_height - 1), fill=COLORS[mark.kind])
        draw.text((x1 + pad, top + line_height / 2), line, fill=_INK, font=font, anchor="lm")
    digits = f"{min(99, round(100 * mark.confidence)):02d}"
    width = math.ceil(font.getlength(digits)) + 2 * pad
    if mark.confidence < 1 and width <= x2 - x1 and (len(lines) + 1.5) * line_height <= height:
        draw.rectangle((x2 - width, y2 - line_height, x2 - 1, y2 - 1), fill=COLORS[mark.kind])
        draw.text((x2 - pad, y2 - line_height / 2), digits, fill=_INK, font=font, anchor="rm")


def _lines(mark: Mark, font: ImageFont.FreeTypeFont, room: float, n_lines: int) -> list[str]:
    """The words in as few lines as they need, none wider than the room, the last cut off where there is more."""
    lines: list[str] = []
    for word in mark.words.split():  # names may hold line breaks
        if lines and (len(lines) == n_lines or font.getlength(f"{lines[-1]} {word}{mark.end}") <= room):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    fitted = [_cut_off(line, mark.end if line is lines[-1] else "", font, room) for line in lines]
    if all(fitted):
        return fitted
    return ["?"] if mark.kind in {"ambiguous", "unknown"} and font.getlength("?") <= room else []


def _cut_off(line: str, end: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    """As much of a line as fits, with a full stop as abbreviations have; "" where that is under two letters."""
    if font.getlength(line + end) <= room:
        return line + end
    shorter = (f"{line[:n].rstrip()}.{end}" for n in range(len(line) - 1, 1, -1))
    return next((text for text in shorter if font.getlength(text) <= room), "")


def _with_legend(pixels: UInt8Array, marks: Sequence[Mark]) -> UInt8Array:
    """The picture with a strip below that says what its lines mean, where it is wide enough for one."""
    counts = Counter(mark.kind for mark in marks)
    kinds: tuple[Kind, ...] = ("product",) if "product" in counts else ("accepted", "ambiguous", "unknown")
    entries = [f"{kind} {counts[kind]}" for kind in kinds]
    if any(mark.confidence < 1 for mark in marks):
        entries.append("number: confidence in %")
    height, width = pixels.shape[:2]
    largest = min(_MAX_LEGEND_PX, max(_MIN_LEGEND_PX, min(height, width) // 45))
    for size in range(largest, _MIN_LEGEND_PX - 1, -1):
        starts = np.cumsum([size, *(_font(size).getlength(entry) + 4 * size for entry in entries)])
        if marks and starts[-1] <= width:
            return np.concatenate((pixels, _legend(width, size, kinds, entries, starts.tolist())))
    return pixels


def _legend(
    width: int, size: int, kinds: Sequence[Kind], entries: Sequence[str], starts: Sequence[float]
) -> UInt8Array:
    """A white strip of letters of a size in pixels: a frame of each kind before its entry, none before the remark."""
    strip = PillowImage.new("RGB", (width, 2 * size), _PAPER)
    draw = ImageDraw.Draw(strip)
    for number, (entry, x) in enumerate(zip(entries, starts, strict=False)):
        if number < len(kinds):
            box = (int(x), int(0.4 * size), int(x) + 2 * size, int(1.6 * size))
            _frame(draw, box, kinds[number], max(2, size // 10))
        indent = 2.5 * size if number < len(kinds) else 0
        draw.text((x + indent, size), entry, fill=_INK, font=_font(size), anchor="lm")
    return np.asarray(strip, np.uint8)


@lru_cache(maxsize=64)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    """The font inside Pillow, which has outlines wherever Pillow was built with FreeType, as its wheels are."""
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size_px))


class AnnotatedFolder:
    """A folder that annotated copies of photos are written to, as JPEG.

    Args:
        directory: Made when it is not there.
        names: SKU → what to write.
        max_megapixels: Refuse larger photos, as when they were recognized.
    """

    def __init__(self, directory: Path, names: Mapping[str, str], max_megapixels: float = MAX_MEGAPIXELS) -> None:
        self._directory = directory
        self._names = names
        self._max_megapixels = max_megapixels
        self._taken: set[Path] = set()

    def add(self, result: PhotoResult | PhotoDetections) -> Path:
        """Draw one result; the path written. Further photos of one name get a number.

        Raises:
            BadInput: The folder cannot be written, or the picture would replace the photo itself.
        """
        photo = Path(result.photo)
        numbers = ("", *(f"-{number}" for number in range(2, len(self._taken) + 3)))
        paths = (self._directory / f"{photo.stem}{number}.jpg" for number in numbers)
        target = next(path for path in paths if path not in self._taken)
        self._taken.add(target)
        if target.resolve() == photo.resolve():
            raise BadInput(f"{target}: this is the photo itself, which must not be drawn over.", "Name another folder.")
        pixels = decode(read_bytes(photo), source=result.photo, max_megapixels=self._max_megapixels).pixels
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            PillowImage.fromarray(self._drawn(pixels, result)).save(target, quality=90)
        except OSError as error:
            raise BadInput(f"{target}: cannot be written ({error.strerror or error}).") from error
        return target

    def _drawn(self, pixels: UInt8Array, result: PhotoResult | PhotoDetections) -> UInt8Array:
        if isinstance(result, PhotoDetections):
            marks = _product_marks(result.detections)
        else:
            marks = [_mark(r, self._names) for r in result.recognitions]
        return _with_legend(_draw(pixels, marks), marks)
