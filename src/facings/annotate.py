"""Draws what was recognized into a photo: a box and a name for each product, colored by the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from facings.errors import BadInput
from facings.images import MAX_MEGAPIXELS, decode, read_bytes
from facings.types import PhotoResult, Recognition, UInt8Array, Verdict

# Told apart by people who do not tell red from green (Okabe and Ito, 2008).
COLORS: dict[Verdict, tuple[int, int, int]] = {
    "accepted": (0, 158, 115),
    "ambiguous": (230, 159, 0),
    "unknown": (213, 94, 0),
}
_MIN_FONT_PX, _MAX_FONT_PX = 9, 40


def annotate(pixels: UInt8Array, recognitions: Sequence[Recognition], names: Mapping[str, str]) -> UInt8Array:
    """The photo with its recognitions drawn in.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        recognitions: Boxes in its pixels.
        names: SKU → what to write; a SKU that is not there is written itself.

    Returns:
        uint8 (H, W, 3) RGB, a new array.
    """
    picture = PillowImage.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    line_px = max(2, round(min(picture.size) / 250))
    for r in recognitions:
        x1, y1, x2, y2 = r.box
        frame = (x1, y1, max(x1, x2 - 1), max(y1, y2 - 1))  # a box may be thinner than a pixel
        draw.rectangle(frame, outline=COLORS[r.decision.verdict], width=line_px)
    for r in recognitions:  # names last, so that no box of a neighbor runs through them
        _write(draw, r, _caption(r, names), line_px)
    return np.asarray(picture, np.uint8)


def _caption(r: Recognition, names: Mapping[str, str]) -> str:
    skus = [c.sku for c in r.decision.candidates]
    if r.decision.sku is not None:
        return names.get(r.decision.sku, "") or r.decision.sku
    if r.decision.verdict == "ambiguous":
        return " or ".join(names.get(sku, "") or sku for sku in skus[:2]) + "?"
    return "unknown"


def _write(draw: ImageDraw.ImageDraw, r: Recognition, caption: str, line_px: int) -> None:
    """The caption inside the top edge of the box, as large as the box allows, cut off where it does not fit."""
    x1, y1, x2, y2 = r.box
    caption = " ".join(caption.split())  # names may hold line breaks
    room = x2 - x1 - 2 * line_px
    size = int(min(_MAX_FONT_PX, max(_MIN_FONT_PX, (x2 - x1) / 9)))
    font = ImageFont.load_default(size)
    while caption and draw.textlength(caption, font) > room:
        caption = caption[:-2].rstrip(" …") + "…" if len(caption) > 2 else ""
    if not caption:
        return
    height = size * 1.35
    right = x1 + draw.textlength(caption, font) + 2 * line_px + 2
    draw.rectangle((x1, y1, min(right, x2 - 1), max(y1, min(y1 + height, y2 - 1))), fill=COLORS[r.decision.verdict])
    draw.text((x1 + line_px + 1, y1 + height / 2), caption, fill=(255, 255, 255), font=font, anchor="lm")


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

    def add(self, result: PhotoResult) -> Path:
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
            drawn = annotate(pixels, result.recognitions, self._names)
            PillowImage.fromarray(drawn).save(target, quality=90)
        except OSError as error:
            raise BadInput(f"{target}: cannot be written ({error.strerror or error}).") from error
        return target
