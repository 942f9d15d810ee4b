"""A pack seen from the front: its print wrapped on a box, carton, can, bottle, pouch or jar.

Every form fills its rectangle from edge to edge; outside its silhouette it is transparent. Work is done at twice
the size (more for small pictures) and reduced, so that edges and letters are smooth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from facings.errors import BadInput
from facings.simulate.canvas import DARK, WHITE, mix, readable_on
from facings.simulate.labels import draw_label
from facings.simulate.packs import Pack
from facings.simulate.vocabulary import Color
from facings.types import UInt8Array

Float = NDArray[np.float32]
_STEEL: Color = (196, 200, 206)


def draw_front(pack: Pack, height_px: int) -> UInt8Array:
    """A pack's front, lit from the upper left, without surroundings.

    Args:
        pack: What to draw.
        height_px: Height in pixels, 16 to 4096; the width follows from `pack.size_cm`.

    Returns:
        uint8 (height_px, w, 4), RGBA with straight alpha; the silhouette touches all four edges.

    Raises:
        BadInput: The height is out of range.
    """
    if not 16 <= height_px <= 4096:
        raise BadInput(f"height_px: got {height_px}, wanted 16 to 4096.")
    width_px = max(4, round(height_px * pack.size_cm[0] / pack.size_cm[1]))
    factor = 2 if height_px > 240 else 3
    rgb, silhouette = _FORMS[pack.form](pack, width_px * factor, height_px * factor)
    large = Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8)).reduce(factor)
    alpha = silhouette.reduce(factor)
    return np.dstack([np.asarray(large), np.asarray(alpha)])


def draw_side(pack: Pack, height_px: int) -> UInt8Array:
    """The side panel of a box or carton: plain ground with a table and fine print.

    Args:
        pack: What to draw.
        height_px: Height in pixels, 16 or more.

    Returns:
        uint8 (height_px, w, 3) RGB; the width follows from the depth in `pack.size_cm`.
    """
    width_px = max(3, round(height_px * pack.size_cm[2] / pack.size_cm[1]))
    ground = _base(pack)
    image = Image.new("RGB", (width_px, height_px), mix(ground, DARK, 0.12))
    draw = ImageDraw.Draw(image, "RGBA")
    ink = readable_on(ground, DARK)
    draw.rectangle(
        (0.12 * width_px, 0.3 * height_px, 0.88 * width_px, 0.62 * height_px), fill=(*pack.design.paper, 230)
    )
    for i in range(9):
        y = (0.33 + 0.03 * i) * height_px
        draw.line((0.18 * width_px, y, (0.8 - 0.08 * (i % 3)) * width_px, y), fill=(*DARK, 120))
    for i in range(6):
        y = (0.7 + 0.03 * i) * height_px
        draw.line((0.14 * width_px, y, (0.84 - 0.1 * (i % 2)) * width_px, y), fill=(*ink, 110))
    return np.asarray(image)


def _base(pack: Pack) -> Color:
    design = pack.design
    return mix(design.flavor_color, design.ground, 0.1) if design.is_tinted else design.ground


def _print(pack: Pack, width: int, height: int) -> UInt8Array:
    return np.asarray(draw_label(pack, width, height))


def _lit_cylinder(width: int, gloss: float) -> tuple[Float, Float]:
    """Gain and added light over the width of a round body, each float32 (width,)."""
    x = np.linspace(-1, 1, width, dtype=np.float32)
    gain = 0.5 + 0.56 * np.sqrt(np.clip(1 - (0.97 * x + 0.12) ** 2, 0, 1))
    shine = 70 * gloss * np.exp(-(((x + 0.45) / 0.1) ** 2)) + 24 * gloss * np.exp(-(((x - 0.72) / 0.07) ** 2))
    return gain.astype(np.float32), shine.astype(np.float32)


def _wrap(art: UInt8Array, sag: float) -> UInt8Array:
    """Flat print as seen on a round body: columns crowd toward the edges, rows sag by `sag` of the height."""
    height, width = art.shape[:2]
    x = np.linspace(-1, 1, width)
    columns = np.clip((0.5 + np.arcsin(x * 0.995) / 2.75) * width, 0, width - 1).astype(np.int64)
    drop = sag * height * (np.sqrt(1 - (0.98 * x) ** 2) - 0.5)
    rows = np.clip(np.arange(height)[:, None] - drop[None, :], 0, height - 1).astype(np.int64)
    wrapped: UInt8Array = art[rows, columns[None, :]]
    return wrapped


def _polygon_mask(width: int, height: int, points: list[tuple[float, float]]) -> Image.Image:
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).polygon([(x * width, y * height) for x, y in points], fill=255)
    return mask


def _box(pack: Pack, width: int, height: int) -> tuple[Float, Image.Image]:
    rgb = _print(pack, width, height).astype(np.float32)
    rgb *= np.linspace(1.04, 0.93, width, dtype=np.float32)[None, :, None]
    rgb *= np.linspace(1.03, 0.95, height, dtype=np.float32)[:, None, None]
    rim = max(2, round(0.008 * width))
    rgb[:, :rim] += 26
    rgb[:rim] += 22
    rgb[:, -rim:] *= 0.8
    rgb[-rim:] *= 0.75
    return rgb, Image.new("L", (width, height), 255)


def _carton(pack: Pack, width: int, height: int) -> tuple[Float, Image.Image]:
    """Gable-top carton: fin, slanted roof with a cap, printed body."""
    fin, roof = round(0.05 * height), round(0.19 * height)
    base = _base(pack)
    picture = Image.new("RGB", (width, height), mix(base, WHITE, 0.12))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width, fin), fill=mix(base, DARK, 0.12))
    for i in range(3):
        draw.line((0, fin * (i + 1) / 4, width, fin * (i + 1) / 4), fill=mix(base, DARK, 0.28), width=2)
    draw.polygon(((0.1 * width, fin), (0, roof), (0.24 * width, roof)), fill=mix(base, DARK, 0.16))
    draw.polygon(((0.9 * width, fin), (width, roof), (0.76 * width, roof)), fill=mix(base, DARK, 0.24))
    _screw_cap(draw, 0.5 * width, 0.5 * (fin + roof) + 0.005 * height, 0.17 * width, pack.design.accent)
    rgb = np.asarray(picture).astype(np.float32)
    rgb[roof:] = _print(pack, width, height - roof)
    rgb[roof : roof + max(2, height // 250)] *= 0.75
    rgb *= np.linspace(1.05, 0.9, width, dtype=np.float32)[None, :, None]
    outline = [(0, 0), (1, 0), (1, fin / height), (0.94, fin / height), (1, roof / height), (1, 1), (0, 1)]
    outline += [(0, roof / height), (0.06, fin / height), (0, fin / height)]
    return rgb, _polygon_mask(width, height, outline)


def _screw_cap(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, color: Color) -> None:
    squash = 0.62
    draw.ellipse((x - r, y - squash * r + 0.12 * r, x + r, y + squash * r + 0.12 * r), fill=mix(color, DARK, 0.45))
    draw.ellipse((x - r, y - squash * r, x + r, y + squash * r), fill=color)
    draw.ellipse(
        (x - 0.72 * r, y - 0.72 * squash * r, x + 0.72 * r, y + 0.72 * squash * r), fill=mix(color, WHITE, 0.28)
    )


def _can(pack: Pack, width: int, height: int) -> tuple[Float, Image.Image]:
    """Drink cans have a drawn-in neck; food cans have straight rims."""
    is_drink = pack.category == "soda"
    neck = 0.09 if is_drink else 0.035
    top, low = round(neck * height), round((1 - 0.6 * neck) * height)
    rgb = np.empty((height, width, 3), np.float32)
    rgb[:] = _STEEL
    rgb[top:low] = _wrap(_print(pack, width, low - top), 0.02)
    gain, shine = _lit_cylinder(width, 1.0)
    rgb = rgb * gain[None, :, None] + shine[None, :, None]
    bands = np.ones(height, np.float32)
    rim = max(2, round(0.012 * height))
    bands[rim : 2 * rim], bands[:rim] = 0.7, 1.15
    bands[top - rim : top], bands[low : low + rim] = 0.78, 0.7
    rgb *= bands[:, None, None]
    pinch = 0.1 if is_drink else 0.012
    crown = 0.016  # the rim seen from slightly above
    arc = [(0.5 + (0.5 - pinch) * np.cos(a), crown + crown * np.sin(a)) for a in np.linspace(np.pi, 2 * np.pi, 16)]
    foot_half, bend = 0.5 - 0.6 * pinch, 0.02
    foot = [(0.5 + foot_half * np.cos(a), 1 - bend + bend * np.sin(a)) for a in np.linspace(0, np.pi, 16)]
    outline = [*arc, (1 - pinch, 0.35 * neck), (1, neck), (1, 1 - 0.6 * neck), *foot, (0, 1 - 0.6 * neck), (0, neck)]
    return rgb, _polygon_mask(width, height, [*outline, (pinch, 0.35 * neck)])


_ROUND_BOTTLES = (
    ((0.0, 0.2), (0.075, 0.2), (0.076, 0.16), (0.12, 0.17), (0.3, 0.48), (0.36, 0.5), (0.95, 0.5), (1.0, 0.43)),
    ((0.0, 0.19), (0.07, 0.19), (0.071, 0.15), (0.2, 0.17), (0.36, 0.5), (0.6, 0.47), (0.9, 0.5), (1.0, 0.42)),
    ((0.0, 0.24), (0.08, 0.24), (0.081, 0.2), (0.11, 0.22), (0.22, 0.5), (0.3, 0.5), (0.97, 0.5), (1.0, 0.46)),
)
_FLAT_BOTTLES = (
    ((0.0, 0.22), (0.12, 0.22), (0.121, 0.18), (0.16, 0.2), (0.27, 0.5), (0.5, 0.47), (0.94, 0.5), (1.0, 0.44)),
    ((0.0, 0.26), (0.14, 0.3), (0.141, 0.24), (0.17, 0.42), (0.26, 0.5), (0.6, 0.5), (0.95, 0.45), (1.0, 0.4)),
)


def _bottle(pack: Pack, width: int, height: int) -> tuple[Float, Image.Image]:
    """Cap, neck, shoulders and a printed sleeve around the belly."""
    design = pack.design
    is_flat = pack.category in ("detergent", "shampoo")
    shapes = _FLAT_BOTTLES if is_flat else _ROUND_BOTTLES
    profile = np.array(shapes[design.brand_seed % len(shapes)])
    rows = (np.arange(height) + 0.5) / height
    half = np.interp(rows, profile[:, 0], profile[:, 1])
    cap_end = round(profile[1, 0] * height)
    rgb = np.empty((height, width, 3), np.float32)
    rgb[:] = _liquid(pack)
    top, low = round((profile[4, 0] + 0.06) * height), round(0.9 * height)
    art = _print(pack, width, low - top)
    rgb[top:low] = art if is_flat else _wrap(art, 0.015)
    rgb[top : top + 2] *= 0.7
    rgb[low - 2 : low] *= 0.7
    rgb[:cap_end] = readable_on(_liquid(pack), design.accent) if is_flat else design.accent
    ridges = np.where((np.arange(width) // max(2, width // 50)) % 2 == 0, 1.0, 0.82).astype(np.float32)
    rgb[:cap_end] *= ridges[None, :, None]
    # Light follows the outline: each row is lit across its own width.
    x = (np.arange(width)[None, :] + 0.5 - width / 2) / (half[:, None] * width)
    gain, shine = _lit_cylinder(512, 0.8 if is_flat else 1.1)
    at = np.clip((x + 1) / 2 * 511, 0, 511).astype(np.int64)
    strength = 0.55 if is_flat else 1.0
    rgb = rgb * (1 + strength * (gain[at] - 1))[:, :, None] + shine[at][:, :, None]
    mask = Image.fromarray(np.where(np.abs(x) <= 1, 255, 0).astype(np.uint8))
    return rgb, mask


def _liquid(pack: Pack) -> Color:
    """Color of what shows above and below the sleeve."""
    design = pack.design
    if pack.category in ("detergent", "shampoo"):
        return mix(_base(pack), WHITE, 0.08)
    if pack.category == "water":
        return mix((176, 214, 236), design.flavor_color, 0.12)
    if design.flavor in ("Cola", "Zero"):
        return (58, 28, 20)
    return mix(design.flavor_color, WHITE, 0.12)


def _pouch(pack: Pack, width: int, height: int) -> tuple[Float, Image.Image]:
    """A filled bag: crimped seams, bulging sides, soft folds and highlights."""
    rgb = _print(pack, width, height).astype(np.float32)
    light, shine = _foil_light(width, height, np.random.default_rng(pack.design.brand_seed))
    rgb = rgb * light[:, :, None] + shine[:, :, None]
    seam = round(0.045 * height)
    teeth = np.where((np.arange(seam) // max(1, seam // 6)) % 2 == 0, 1.12, 0.84).astype(np.float32)
    base = np.array(mix(_base(pack), _STEEL, 0.25), np.float32)
    for rows in (slice(0, seam), slice(height - seam, height)):
        rgb[rows] = (0.5 * rgb[rows] + 0.5 * base) * teeth[:, None, None]
    t = np.linspace(0, 1, 60)
    inset = 0.035 * (1 - np.sqrt(np.clip(np.sin(np.pi * t), 0, 1))) * np.where((t < 0.05) | (t > 0.95), 0.55, 1.0)
    left = list(zip(inset.tolist(), t.tolist(), strict=True))
    right = [(1 - u, v) for u, v in reversed(left)]
    return rgb, _polygon_mask(width, height, left + right)


def _foil_light(width: int, height: int, rng: np.random.Generator) -> tuple[Float, Float]:
    """Gain and added light on a bag, each float32 (height, width); smooth, so worked out on a coarse grid."""
    y, x = np.mgrid[0 : 1 : complex(0, max(16, height // 5)), -1 : 1 : complex(0, max(16, width // 5))]
    light = 1.06 - 0.2 * (x + 0.25) ** 2 - 0.1 * (2 * y - 1) ** 4
    for _ in range(5):
        angle, where, reach = rng.uniform(-0.5, 0.5), rng.uniform(-0.8, 0.8), rng.uniform(0.05, 0.12)
        crease = x + np.tan(angle) * (y - 0.5) - where
        ends = np.exp(-(((np.abs(y - 0.5) - 0.5) / 0.22) ** 2))
        light += 0.16 * ends * np.tanh(crease / reach) * np.exp(-((crease / (2.2 * reach)) ** 2))
    upright = np.sqrt(np.clip(np.sin(np.pi * y), 0, 1))
    shine = 55 * np.exp(-(((x + 0.62 + 0.05 * np.sin(5 * y)) / 0.09) ** 2)) * upright
    shine += 24 * np.exp(-(((x - 0.74) / 0.06) ** 2)) * upright
    gain, added = (
        np.asarray(Image.fromarray(field.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC))
        for field in (light, shine)
    )
    return gain, added


def _jar(pack: Pack, width: int, height: int) -> tuple[Float, Image.Image]:
    """Glass with a metal lid and a paper label."""
    lid, neck = round(0.15 * height), round(0.22 * height)
    top, low = round(0.3 * height), round(0.92 * height)
    rgb = np.empty((height, width, 3), np.float32)
    filling = (74, 44, 28) if pack.category == "coffee" else mix(pack.design.flavor_color, DARK, 0.15)
    rgb[:] = filling
    rgb[lid:neck] = mix(filling, WHITE, 0.35)
    rgb[top:low] = _wrap(_print(pack, width, low - top), 0.02)
    rgb[:lid] = pack.design.accent
    ridges = np.where((np.arange(width) // max(2, width // 60)) % 2 == 0, 1.0, 0.88).astype(np.float32)
    rgb[: round(0.8 * lid)] *= ridges[None, :, None]
    rgb[round(0.8 * lid) : lid] *= 0.8
    rgb[low:] = mix(filling, WHITE, 0.12)
    gain, shine = _lit_cylinder(width, 1.1)
    rgb = rgb * gain[None, :, None] + shine[None, :, None]
    shoulder = [(0.04, lid / height), (0.07, (lid / height) + 0.015), (0.0, 0.27)]
    left = [(0.045, 0.012), (0.03, 0.03), (0.03, lid / height), *shoulder, (0.0, 0.95), (0.05, 1.0)]
    right = [(1 - u, v) for u, v in reversed(left)]
    return rgb, _polygon_mask(width, height, [(0.08, 0.0), *left, *right, (0.92, 0.0)])


_FORMS: dict[str, Callable[[Pack, int, int], tuple[Float, Image.Image]]] = {
    "box": _box,
    "carton": _carton,
    "can": _can,
    "bottle": _bottle,
    "pouch": _pouch,
    "jar": _jar,
}
