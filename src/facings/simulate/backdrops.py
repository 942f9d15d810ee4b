"""What stands behind a product in a photo: a shelf bay, blurred shop clutter, a table, or a hand in an aisle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from facings.simulate.canvas import DARK, WHITE, mix
from facings.simulate.vocabulary import SCHEMES, Color

_SKINS: tuple[Color, ...] = ((244, 208, 178), (226, 178, 140), (186, 130, 92), (128, 84, 58), (88, 58, 42))
_WALLS: tuple[Color, ...] = ((228, 226, 220), (205, 214, 220), (236, 224, 205), (190, 196, 190), (214, 205, 214))
_TABLES: tuple[Color, ...] = ((178, 134, 92), (122, 84, 58), (206, 178, 140), (226, 224, 220), (92, 96, 104))


def draw_backdrop(kind: str, size_px: tuple[int, int], base_y: float, rng: np.random.Generator) -> Image.Image:
    """A scene without a product.

    Args:
        kind: One of `BACKDROPS`.
        size_px: Width and height.
        base_y: Where the product will stand, in pixels from the top.
        rng: Source of chance.

    Returns:
        RGB image of `size_px`.
    """
    return BACKDROPS[kind](size_px, base_y, rng)


def blurred_clutter(size_px: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Rows of out-of-focus colored packs, as an aisle looks behind a near subject."""
    width, height = size_px
    small = Image.new("RGB", (max(8, width // 6), max(8, height // 6)), (70, 66, 64))
    draw = ImageDraw.Draw(small)
    y = -int(rng.integers(0, 8))
    while y < small.height:
        row = int(rng.integers(10, 22))
        x = -int(rng.integers(0, 6))
        while x < small.width:
            pack_width, color = int(rng.integers(3, 11)), SCHEMES[int(rng.integers(len(SCHEMES)))]
            top = y + int(rng.integers(0, 4))
            for _ in range(int(rng.integers(1, 4))):
                draw.rectangle((x, top, x + pack_width - 1, y + row), fill=mix(color[0], DARK, 0.15))
                draw.rectangle(
                    (x, top + row // 2, x + pack_width - 1, y + row - 2), fill=color[int(rng.integers(1, 4))]
                )
                x += pack_width
        draw.rectangle((0, y + row, small.width, y + row + 2), fill=(196, 194, 190))
        y += row + 3
    blurred = small.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.9, 2.2))))
    return blurred.resize(size_px, Image.Resampling.BICUBIC)


def _clutter(size_px: tuple[int, int], base_y: float, rng: np.random.Generator) -> Image.Image:
    image = blurred_clutter(size_px, rng)
    draw = ImageDraw.Draw(image)
    top = base_y - 0.04 * size_px[1]
    draw.rectangle((0, top, size_px[0], 2 * size_px[1]), fill=(206, 204, 200))
    draw.rectangle((0, base_y + 0.05 * size_px[1], size_px[0], 2 * size_px[1]), fill=(150, 148, 146))
    return image


def _grained(size_px: tuple[int, int], color: Color, rng: np.random.Generator) -> Image.Image:
    """A plane of `color` with long soft streaks, as wood or brushed laminate."""
    width, height = size_px
    streaks = rng.normal(0, 9, (max(2, height // 3), max(2, width // 60), 1))
    pixels = np.clip(np.array(color) + streaks, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).resize(size_px, Image.Resampling.BICUBIC)


def _table(size_px: tuple[int, int], base_y: float, rng: np.random.Generator) -> Image.Image:
    width, height = size_px
    wall = _WALLS[int(rng.integers(len(_WALLS)))]
    shade = np.linspace(0.86, 1.05, height)[:, None, None] * np.linspace(1.04, 0.92, width)[None, :, None]
    image = Image.fromarray(np.clip(np.array(wall) * shade, 0, 255).astype(np.uint8))
    edge = round(np.clip(base_y - height * rng.uniform(0.08, 0.22), 1, height - 2))
    image.paste(_grained((width, height - edge), _TABLES[int(rng.integers(len(_TABLES)))], rng), (0, edge))
    ImageDraw.Draw(image).line((0, edge, width, edge), fill=mix(wall, DARK, 0.35), width=max(1, height // 300))
    return image


def _shelf(size_px: tuple[int, int], base_y: float, rng: np.random.Generator) -> Image.Image:
    width, height = size_px
    back = mix(_WALLS[int(rng.integers(len(_WALLS)))], DARK, float(rng.uniform(0.1, 0.45)))
    shade = np.linspace(0.55, 1.0, height)[:, None, None] * np.ones((1, width, 1))
    image = Image.fromarray(np.clip(np.array(back) * shade, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    pitch = int(rng.integers(max(6, width // 16), max(8, width // 8)))
    for x in range(int(rng.integers(pitch)), width, pitch):
        draw.line((x, 0, x, height), fill=mix(back, DARK, 0.3), width=max(1, width // 300))
    board = mix(_WALLS[int(rng.integers(len(_WALLS)))], WHITE, 0.2)
    draw.rectangle((0, base_y - 0.03 * height, width, base_y + 0.035 * height), fill=board)
    draw.rectangle((0, base_y + 0.035 * height, width, base_y + 0.1 * height), fill=mix(board, DARK, 0.22))
    draw.rectangle((0, base_y + 0.1 * height, width, 2 * height), fill=mix(back, DARK, 0.6))
    tag_x = width * rng.uniform(0.1, 0.7)
    draw.rectangle((tag_x, base_y + 0.045 * height, tag_x + 0.16 * width, base_y + 0.09 * height), fill=(250, 248, 236))
    return image


def _hand(size_px: tuple[int, int], base_y: float, rng: np.random.Generator) -> Image.Image:
    """A palm from below and fingertips that show at one side behind the pack."""
    image = blurred_clutter(size_px, rng)
    width, height = size_px
    skin = _SKINS[int(rng.integers(len(_SKINS)))]
    layer = ImageDraw.Draw(image)
    x, thick = width * rng.uniform(0.4, 0.6), 0.085 * width
    palm_y = base_y - 0.12 * height
    layer.polygon(
        ((x - 0.2 * width, palm_y), (x + 0.2 * width, palm_y), (x + 0.13 * width, height), (x - 0.13 * width, height)),
        fill=mix(skin, DARK, 0.12),
    )
    layer.ellipse((x - 0.24 * width, palm_y - 0.1 * height, x + 0.24 * width, palm_y + 0.16 * height), fill=skin)
    for i in range(4):
        y = palm_y - (0.02 + 0.065 * i) * height
        layer.rounded_rectangle(
            (x, y, x + 0.37 * width - 4 * i, y + 0.8 * thick), thick / 2, fill=mix(skin, DARK, 0.05 * i)
        )
    layer.rounded_rectangle(
        (x - 0.36 * width, palm_y - 0.1 * height, x, palm_y - 0.1 * height + thick), thick / 2, fill=skin
    )
    return image.filter(ImageFilter.GaussianBlur(max(1.0, width / 300)))


BACKDROPS: dict[str, Callable[[tuple[int, int], float, np.random.Generator], Image.Image]] = {
    "shelf": _shelf,
    "clutter": _clutter,
    "table": _table,
    "hand": _hand,
}
