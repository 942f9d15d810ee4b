"""A drawing surface in units of its own width, with stretched, slanted, bent and turned lettering.

x runs from 0 to 1, y from 0 to `aspect` (height over width). Nothing is smoothed here: draw large, then reduce.
The only font is the one inside Pillow, so that a bare machine draws the same letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facings.simulate.packs import Lettering
from facings.simulate.vocabulary import Color

Point = tuple[float, float]
Fill = tuple[int, ...]
WHITE: Color = (255, 255, 255)
DARK: Color = (32, 28, 34)


def mix(a: Color, b: Color, share: float) -> Color:
    """Color between `a` (share 0) and `b` (share 1)."""
    return cast(Color, tuple(round(p + (q - p) * share) for p, q in zip(a, b, strict=True)))


def luminance(color: Color) -> float:
    """Perceived brightness in [0, 1] (Rec. 601 weights)."""
    return (0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]) / 255


def readable_on(ground: Color, wish: Color) -> Color:
    """`wish` when it stands out from `ground`, else white or near-black, whichever does."""
    if abs(luminance(wish) - luminance(ground)) > 0.33:
        return wish
    return WHITE if luminance(ground) < 0.55 else DARK


class Canvas:
    """An RGB surface to draw a label on.

    Args:
        width_px: Width in pixels, 1 or more.
        height_px: Height in pixels, 1 or more.
        ground: Color it starts with.
    """

    def __init__(self, width_px: int, height_px: int, ground: Color) -> None:
        self.image = Image.new("RGB", (width_px, height_px), ground)
        self.aspect = height_px / width_px
        self._k = float(width_px)
        self._draw = ImageDraw.Draw(self.image, "RGBA")

    def polygon(self, points: Iterable[Point], fill: Fill) -> None:
        """A filled polygon; a fourth fill value is opacity, 0 to 255."""
        self._draw.polygon([(x * self._k, y * self._k) for x, y in points], fill=fill)

    def line(self, points: Iterable[Point], width: float, fill: Fill) -> None:
        """A polyline with round joints."""
        scaled = [(x * self._k, y * self._k) for x, y in points]
        self._draw.line(scaled, fill=fill, width=max(1, round(width * self._k)), joint="curve")

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, fill: Fill, radius: float = 0.0) -> None:
        """A filled rectangle, its corners rounded by `radius`."""
        box = (x0 * self._k, y0 * self._k, x1 * self._k, y1 * self._k)
        self._draw.rounded_rectangle(box, radius=radius * self._k, fill=fill)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Fill, turn_rad: float = 0.0) -> None:
        """A filled ellipse around (x, y), turned clockwise."""
        if turn_rad == 0.0:
            k = self._k
            self._draw.ellipse(((x - rx) * k, (y - ry) * k, (x + rx) * k, (y + ry) * k), fill=fill)
        else:
            self.polygon(oval_points(x, y, rx, ry, turn_rad), fill)

    def ring(self, x: float, y: float, r: float, width: float, fill: Fill) -> None:
        """A circle drawn as a line."""
        k = self._k
        box = ((x - r) * k, (y - r) * k, (x + r) * k, (y + r) * k)
        self._draw.ellipse(box, outline=fill, width=max(1, round(width * k)))

    def text(
        self,
        text: str,
        center: Point,
        room: tuple[float, float],
        style: Lettering,
        fill: Color,
        *,
        outline: Color | None = None,
        is_vertical: bool = False,
    ) -> None:
        """Text as large as its room allows, keeping the style's proportions.

        Args:
            text: What to write; nothing is drawn when it would be under three pixels high.
            center: Center of the room.
            room: Width and height of the room.
            style: The brand's lettering.
            fill: Letter color.
            outline: Color of a rim around the letters.
            is_vertical: Read from bottom to top; `room` stays as seen on the canvas.
        """
        along, across = (room[1], room[0]) if is_vertical else room
        width_px, height_px = along * self._k, across * self._k
        if height_px < 3 or width_px < 3:
            return
        masks = _lettering(text, style, min(160, max(14, round(height_px))), outline is not None)
        scale = min(width_px / (masks[0].width * style.stretch), height_px / masks[0].height)
        size = (max(1, round(masks[0].width * style.stretch * scale)), max(1, round(masks[0].height * scale)))
        for mask, color in zip(masks, (outline, fill) if outline is not None else (fill,), strict=True):
            inked = mask.resize(size, Image.Resampling.BILINEAR)
            inked = inked.transpose(Image.Transpose.ROTATE_90) if is_vertical else inked
            corner = (round(center[0] * self._k - inked.width / 2), round(center[1] * self._k - inked.height / 2))
            self.image.paste(color, corner, inked)


def oval_points(x: float, y: float, rx: float, ry: float, turn_rad: float = 0.0, n: int = 40) -> list[Point]:
    """`n` points of an ellipse around (x, y), turned clockwise by `turn_rad`."""
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    px, py = rx * np.cos(t), ry * np.sin(t)
    return list(zip((x + px * c - py * s).tolist(), (y + px * s + py * c).tolist(), strict=True))


@lru_cache(maxsize=64)
def font(size_px: int) -> ImageFont.FreeTypeFont:
    """The font inside Pillow at a size in pixels."""
    face = ImageFont.load_default(size_px)
    if not isinstance(face, ImageFont.FreeTypeFont):  # Pillow built without FreeType
        raise TypeError("The simulator needs a Pillow with FreeType; the one installed has none.")
    return face


def _lettering(text: str, style: Lettering, size_px: int, has_outline: bool) -> Sequence[Image.Image]:
    """Masks cropped to their common ink: (outline, letters), or (letters,)."""
    shown = text.upper() if style.is_upper else text
    weights = (style.weight + 0.09, style.weight) if has_outline else (style.weight,)
    masks = [_ink(shown, style, size_px, weight) for weight in weights]
    box = masks[0].getbbox() or (0, 0, 1, 1)
    return [mask.crop(box) for mask in masks]


def _ink(text: str, style: Lettering, size_px: int, weight: float) -> Image.Image:
    face = font(size_px)
    advances = [face.getlength(letter) + (style.spacing + style.weight * 1.2) * size_px for letter in text]
    margin = round(size_px * 0.4)
    mask = Image.new("L", (round(sum(advances)) + 2 * margin, round(size_px * 1.3) + 2 * margin))
    draw = ImageDraw.Draw(mask)
    x = float(margin)
    for letter, advance in zip(text, advances, strict=True):
        draw.text((x, margin), letter, fill=255, font=face, stroke_width=weight * size_px)
        x += advance
    if style.slant:
        shift = style.slant * mask.height / 2
        mask = mask.transform(
            mask.size, Image.Transform.AFFINE, (1, style.slant, -shift, 0, 1, 0), Image.Resampling.BILINEAR
        )
    return _bend(mask, 0.32 * size_px) if style.is_curved else mask


def _bend(mask: Image.Image, sagitta_px: float) -> Image.Image:
    """The mask with its middle raised above its ends, along a parabola."""
    pixels = np.asarray(mask)
    height, width = pixels.shape
    t = np.linspace(-1, 1, width)
    drop = np.rint(sagitta_px * t**2).astype(np.int64)
    bent = np.zeros((height + int(np.ceil(sagitta_px)), width), np.uint8)
    rows = np.arange(height)[:, None] + drop[None, :]
    bent[rows, np.arange(width)[None, :]] = pixels
    return Image.fromarray(bent)
