"""Draws the differences between plan and shelf into the photo.

Each kind has its own color, line and number, so that nobody depends on telling colors apart. A number is the place in
the list of what to do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facings.apps.planogram_match import Box
from facings.apps.planogram_todo import Kind, tasks
from facings.apps.planogram_verdicts import Compliance, PositionCheck
from facings.errors import BadInput
from facings.types import UInt8Array

Color = tuple[int, int, int]

# Okabe and Ito (2008); black letters are legible on each.
COLORS: dict[str, Color] = {
    "in_place": (0, 158, 115),
    "missing": (213, 94, 0),
    "misplaced": (204, 121, 167),
    "too_few": (213, 94, 0),
    "extra": (86, 180, 233),
    "too_many": (86, 180, 233),
    "unknown": (230, 159, 0),
}
_DIMMED = 0.55  # how bright the photo stays, so that marks stand out
_INK = (0, 0, 0)


@dataclass(frozen=True)
class _Mark:
    box: Box
    kind: str
    words: str
    is_dashed: bool


def draw_differences(pixels: UInt8Array, compliance: Compliance) -> UInt8Array:
    """The photo with everything that is not as planned; what is in place keeps a thin frame.

    Args:
        pixels: uint8 (H, W, 3) RGB, the photo that was checked.
        compliance: What came of it.

    Returns:
        uint8 (H, W, 3) RGB, a new array.
    """
    dimmed = (pixels * _DIMMED + 255 * 0.12).astype(np.uint8)
    picture = Image.fromarray(dimmed)
    original = Image.fromarray(pixels)
    marks = list(_marks(compliance))
    line_px = max(2, min(picture.size) // 300)
    for mark in marks:  # what is marked is shown as bright as it was
        if not mark.is_dashed:
            corners = _inside(mark.box, picture.size)
            if corners[0] < corners[2] and corners[1] < corners[3]:
                picture.paste(original.crop(corners), corners[:2])
    draw = ImageDraw.Draw(picture)
    for mark in marks:
        _frame(draw, mark, line_px)
    for mark in marks:
        _write(draw, mark, line_px, picture.size)
    return np.asarray(picture, np.uint8)


def _marks(compliance: Compliance) -> Iterator[_Mark]:
    """Frames of what is in place, then of each task: its boxes, and dashed the places that are empty."""
    for check in compliance.asked:
        for number in check.in_place:
            if number is not None:
                yield _Mark(compliance.sightings[number].box, "in_place", "", is_dashed=False)
    check_of = {(check.row + 1, check.position.position_id): check for check in compliance.asked}
    for rank, task in enumerate(tasks(compliance), start=1):
        planned = check_of.get((task.shelf or 0, task.position))
        if planned is None:
            yield from (_Mark(compliance.sightings[n].box, task.kind, str(rank), is_dashed=False) for n in task.boxes)
        else:
            yield from _of_position(compliance, planned, rank)


def _of_position(compliance: Compliance, check: PositionCheck, rank: int) -> Iterator[_Mark]:
    """Its product elsewhere and too much, what could not be told, and dashed the places without the product."""
    several: tuple[tuple[Kind, tuple[int, ...]], ...] = (
        ("misplaced", check.found_at),
        ("too_many", check.surplus),
        ("unknown", check.unknown),
    )
    for kind, numbers in several:
        yield from (_Mark(compliance.sightings[n].box, kind, str(rank), is_dashed=False) for n in numbers)
    untold = {compliance.sightings[n].box for n in check.unknown}
    for number, place in zip(check.in_place, check.places, strict=True):
        if number is None and place is not None and place not in untold:
            yield _Mark(place, "missing", f"{rank} {check.position.sku}", is_dashed=True)


def _inside(box: Box, size_px: tuple[int, int]) -> tuple[int, int, int, int]:
    """Whole pixels, inside the picture."""
    x1, y1, x2, y2 = box
    width, height = size_px
    return max(0, math.floor(x1)), max(0, math.floor(y1)), min(width, math.ceil(x2)), min(height, math.ceil(y2))


def _frame(draw: ImageDraw.ImageDraw, mark: _Mark, line_px: int) -> None:
    x1, y1, x2, y2 = (round(corner) for corner in mark.box)
    color = COLORS[mark.kind]
    width = max(1, line_px // 2) if mark.kind == "in_place" else line_px
    if not mark.is_dashed:
        draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=color, width=width)
        return
    for start in range(x1, x2, 8 * width):
        end = min(start + 5 * width, x2)
        draw.line((start, y1, end, y1), fill=color, width=width)
        draw.line((start, y2, end, y2), fill=color, width=width)
    for start in range(y1, y2, 8 * width):
        end = min(start + 5 * width, y2)
        draw.line((x1, start, x1, end), fill=color, width=width)
        draw.line((x2, start, x2, end), fill=color, width=width)


def _write(draw: ImageDraw.ImageDraw, mark: _Mark, line_px: int, size_px: tuple[int, int]) -> None:
    """What stands here at the top of the box, what should at its bottom; the number alone where no more fits."""
    if not mark.words:
        return
    font = _font(int(np.clip(min(size_px) / 60, 10, 40)))
    x1, y1, x2, y2 = _inside(mark.box, size_px)
    pad = line_px + 1
    fits = font.getlength(mark.words) + 2 * pad <= x2 - x1
    words = mark.words if fits else mark.words.split(maxsplit=1)[0]
    height = round(1.3 * font.size)
    top = max(y1, y2 - height) if mark.is_dashed else y1
    draw.rectangle((x1, top, x1 + font.getlength(words) + 2 * pad, top + height), fill=COLORS[mark.kind])
    draw.text((x1 + pad, top + height / 2), words, fill=_INK, font=font, anchor="lm")


@lru_cache(maxsize=8)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size_px))


def save_picture(pixels: UInt8Array, path: Path, *, photo: Path) -> None:
    """Write a drawn picture as JPEG or PNG, by its ending.

    Raises:
        BadInput: It cannot be written, has another ending, or would replace the photo itself.
    """
    if path.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
        raise BadInput(f"{path}: wanted a name that ends in .jpg or .png.")
    if path.resolve() == photo.resolve():
        raise BadInput(f"{path}: this is the photo itself, which must not be drawn over.", "Name another file.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, quality=90)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror or error}).") from error
