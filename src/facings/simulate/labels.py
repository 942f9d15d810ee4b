"""The printed face of a pack: logo, product name, illustration, small print, in one of eight layouts.

A layout belongs to a brand; flavor variants fill the same layout with another word, color and illustration.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from facings.simulate.canvas import DARK, WHITE, Canvas, luminance, mix, readable_on
from facings.simulate.motifs import MOTIFS
from facings.simulate.packs import Lettering, Pack
from facings.simulate.vocabulary import Color

_SMALL = Lettering(weight=0.01)
_LOUD = Lettering(weight=0.07, is_upper=True)


def draw_label(pack: Pack, width_px: int, height_px: int) -> Image.Image:
    """The flat print of a pack's front.

    Args:
        pack: Whose print.
        width_px: Width in pixels, 1 or more.
        height_px: Height in pixels, 1 or more.

    Returns:
        RGB image that covers the whole rectangle; nothing is smoothed yet.
    """
    design = pack.design
    ground = mix(design.flavor_color, design.ground, 0.1) if design.is_tinted else design.ground
    canvas = Canvas(width_px, height_px, ground)
    _LAYOUTS[design.layout](canvas, pack, ground)
    if design.has_barcode and canvas.aspect > 0.9:
        _barcode(canvas, pack.gtin)
    return canvas.image


def _motif(c: Canvas, pack: Pack, x: float, y: float, r: float) -> None:
    design = pack.design
    MOTIFS[design.motif](c, x, y, r, design.flavor_color, np.random.default_rng(design.brand_seed))


def _logo(c: Canvas, pack: Pack, y: float, w: float, h: float, ground: Color, x: float = 0.5) -> None:
    """The brand's shape with its name, centered on (x, y), in a room of w by h."""
    design = pack.design
    plate, ink = _logo_plate(c, pack, x, y, w, h, ground)
    room = (w * 0.84, h * 0.58) if plate is not None else (w, h * 0.72)
    outline = None if plate is not None else readable_on(ink, design.second)
    if outline is not None and abs(luminance(outline) - luminance(ground)) < 0.1:
        outline = None
    c.text(pack.brand, (x, y), room, design.wordmark, ink, outline=outline)


def _logo_plate(
    c: Canvas, pack: Pack, x: float, y: float, w: float, h: float, ground: Color
) -> tuple[Color | None, Color]:
    design = pack.design
    plate = design.second if abs(luminance(design.second) - luminance(ground)) > 0.12 else design.accent
    rim = readable_on(plate, design.accent)
    if design.logo == "oval":
        c.oval(x, y, w / 2, h / 2, rim)
        c.oval(x, y, w / 2 - 0.018, h / 2 - 0.018, plate)
    elif design.logo == "shield":
        top, low = y - h / 2, y + h * 0.3
        c.polygon(
            [(x - w / 2, top), (x + w / 2, top), (x + w * 0.46, low), (x, y + h * 0.62), (x - w * 0.46, low)], plate
        )
        c.line([(x - w * 0.43, low - 0.02), (x, y + h * 0.52), (x + w * 0.43, low - 0.02)], 0.012, rim)
    elif design.logo == "ribbon":
        for side in (-1, 1):
            fold = [
                (side * 0.36, -0.16),
                (side * 0.54, -0.16),
                (side * 0.47, 0.14),
                (side * 0.54, 0.44),
                (side * 0.36, 0.44),
            ]
            c.polygon([(x + u * w, y + v * h) for u, v in fold], mix(plate, DARK, 0.35))
        c.rectangle(x - w * 0.44, y - h * 0.36, x + w * 0.44, y + h * 0.32, plate)
    elif design.logo == "circle":
        r = min(w * 0.42, h * 0.52)
        c.oval(x, y, r, r, rim)
        c.oval(x, y, r * 0.93, r * 0.93, plate)
        c.rectangle(x - w / 2, y - h * 0.3, x + w / 2, y + h * 0.3, rim, 0.02)
        c.rectangle(x - w / 2 + 0.012, y - h * 0.3 + 0.012, x + w / 2 - 0.012, y + h * 0.3 - 0.012, plate, 0.012)
    elif design.logo == "tab":
        c.rectangle(x - w / 2, y - h * 0.42, x + w / 2, y + h * 0.42, plate, h * 0.18)
    elif design.logo == "arch":
        points = [
            (x + w / 2 * np.cos(a), y + h * 0.4 + h * 0.95 * np.sin(a)) for a in np.linspace(np.pi, 2 * np.pi, 30)
        ]
        c.polygon(points, plate)
        c.line(points, 0.014, rim)
    elif design.logo == "spark":
        c.oval(x + w * 0.42, y - h * 0.36, 0.035, 0.035, design.accent)
        c.rectangle(x - w * 0.4, y + h * 0.4, x + w * 0.4, y + h * 0.45, design.accent)
        return None, readable_on(ground, design.paper)
    else:
        return None, readable_on(ground, design.accent)
    return plate, readable_on(plate, design.paper)


def _title(c: Canvas, pack: Pack, y: float, w: float, h: float, ink: Color, x: float = 0.5) -> None:
    """Flavor word over the kind of goods."""
    design = pack.design
    c.text(design.flavor, (x, y - h * 0.18), (w, h * 0.56), design.text, ink)
    c.text(design.noun, (x, y + h * 0.32), (w, h * 0.34), design.text, ink)


def _small_print(c: Canvas, pack: Pack, ground: Color, y: float | None = None) -> None:
    """Net content at the lower right, two lines of fine print at the lower left."""
    ink = readable_on(ground, DARK)
    at = c.aspect - 0.06 if y is None else y
    c.text(pack.size, (0.82, at), (0.26, 0.055), Lettering(weight=0.04), ink)
    for i in range(2):
        c.rectangle(0.06, at - 0.018 + 0.022 * i, 0.34 - 0.07 * i, at - 0.009 + 0.022 * i, (*ink, 120))


def _tagline(c: Canvas, pack: Pack, y: float, ink: Color, w: float = 0.6, x: float = 0.5) -> None:
    c.text(pack.design.tagline, (x, y), (w, 0.05), _SMALL, ink)


def _badge(c: Canvas, pack: Pack, x: float, y: float, r: float) -> None:
    design = pack.design
    if not design.badge:
        return
    n = 14
    star = [
        (x + q * np.sin(np.pi * i / n), y - q * np.cos(np.pi * i / n))
        for i, q in enumerate([r if j % 2 else 0.84 * r for j in range(2 * n)])
    ]
    c.polygon(star, design.accent)
    c.text(design.badge, (x, y), (1.35 * r, 0.6 * r), _LOUD, readable_on(design.accent, design.second))


def _barcode(c: Canvas, gtin: str) -> None:
    """Bars that look like a barcode, in a white field at the lower left; they are not meant to be scanned."""
    x0, y1 = 0.05, c.aspect - 0.03
    y0, width = y1 - 0.11, 0.24
    c.rectangle(x0, y0, x0 + width, y1, WHITE)
    for i, digit in enumerate(gtin):
        for bar in range(2):
            left = x0 + 0.015 + (i + 0.5 * bar) * (width - 0.03) / len(gtin)
            c.rectangle(left, y0 + 0.012, left + 0.0015 + 0.0007 * (int(digit) >> bar), y1 - 0.03, DARK)
    c.text(gtin, (x0 + width / 2, y1 - 0.014), (width * 0.9, 0.02), _SMALL, DARK)


def _band(c: Canvas, pack: Pack, ground: Color) -> None:
    """Logo over a full-width flavor band over the illustration."""
    a, design = c.aspect, pack.design
    c.rectangle(0, 0.66 * a, 1, a, design.paper)
    _motif(c, pack, 0.5, 0.77 * a, min(0.36, 0.2 * a))
    c.rectangle(0, 0.36 * a, 1, 0.59 * a, design.flavor_color)
    c.rectangle(0, 0.345 * a, 1, 0.36 * a, design.accent)
    c.rectangle(0, 0.59 * a, 1, 0.605 * a, design.accent)
    _logo(c, pack, 0.19 * a, 0.84, min(0.42, 0.24 * a), ground)
    _title(c, pack, 0.475 * a, 0.84, 0.17 * a, readable_on(design.flavor_color, design.paper))
    _badge(c, pack, 0.84, 0.66 * a, 0.12)
    _small_print(c, pack, design.paper)


def _diagonal(c: Canvas, pack: Pack, ground: Color) -> None:
    """Two colors cut by a slanted edge, illustration at the lower right."""
    a, design = c.aspect, pack.design
    lower = design.second if design.is_tinted else design.flavor_color
    c.polygon([(0, 0.72 * a), (1, 0.44 * a), (1, a), (0, a)], lower)
    c.polygon([(0, 0.70 * a), (1, 0.42 * a), (1, 0.445 * a), (0, 0.725 * a)], design.accent)
    _logo(c, pack, 0.16 * a, 0.8, min(0.4, 0.2 * a), ground)
    ink = readable_on(ground, design.paper)
    c.text(design.flavor, (0.42, 0.34 * a), (0.7, 0.11 * a), design.text, ink)
    c.text(design.noun, (0.32, 0.45 * a), (0.5, 0.075 * a), design.text, ink)
    r = min(0.34, 0.22 * a)
    c.oval(0.62, 0.71 * a, r * 1.12, r * 1.12, (*design.paper, 235))
    _motif(c, pack, 0.62, 0.71 * a, r * 0.92)
    _badge(c, pack, 0.16, 0.8 * a, 0.11)
    _small_print(c, pack, lower)


def _hero(c: Canvas, pack: Pack, ground: Color) -> None:
    """A large disc with the illustration in the middle, flavor ribbon across its foot."""
    a, design = c.aspect, pack.design
    r = min(0.42, 0.27 * a)
    c.oval(0.5, 0.54 * a, r * 1.1, r * 1.1, design.accent)
    c.oval(0.5, 0.54 * a, r * 1.04, r * 1.04, design.paper)
    c.oval(0.5, 0.54 * a, r * 0.98, r * 0.98, mix(design.flavor_color, WHITE, 0.72))
    _motif(c, pack, 0.5, 0.52 * a, r * 0.8)
    _logo(c, pack, 0.15 * a, 0.82, min(0.38, 0.2 * a), ground)
    y, h = 0.79 * a, min(0.2, 0.15 * a)
    for side in (-1, 1):
        ear = [(0.32, 0.0), (0.47, 0.02), (0.43, 0.09), (0.47, 0.16), (0.32, 0.14)]
        c.polygon([(0.5 + side * u, y - h / 2 + v * h * 6) for u, v in ear], mix(design.flavor_color, DARK, 0.4))
    c.rectangle(0.1, y - h / 2, 0.9, y + h / 2, design.flavor_color)
    c.text(design.flavor, (0.5, y), (0.72, h * 0.66), design.text, readable_on(design.flavor_color, design.paper))
    c.text(design.noun, (0.5, 0.895 * a), (0.5, 0.06 * a), design.text, readable_on(ground, design.paper))
    _badge(c, pack, 0.85, 0.37 * a, 0.11)
    _small_print(c, pack, ground)


def _plaque(c: Canvas, pack: Pack, ground: Color) -> None:
    """Vertical stripes with a paper plaque that carries everything."""
    a, design = c.aspect, pack.design
    stripe = mix(ground, WHITE if luminance(ground) < 0.5 else design.second, 0.22)
    for i in range(6):
        c.rectangle(i / 6, 0, i / 6 + 1 / 12, a, stripe)
    c.rectangle(0.09, 0.07 * a, 0.91, 0.93 * a, design.accent, 0.09)
    c.rectangle(0.11, 0.07 * a + 0.02, 0.89, 0.93 * a - 0.02, design.paper, 0.075)
    _logo(c, pack, 0.22 * a, 0.68, min(0.34, 0.19 * a), design.paper)
    _tagline(c, pack, 0.345 * a, readable_on(design.paper, design.second), 0.5)
    _motif(c, pack, 0.5, 0.52 * a, min(0.27, 0.15 * a))
    c.rectangle(0.11, 0.7 * a, 0.89, 0.84 * a, design.flavor_color)
    _title(c, pack, 0.77 * a, 0.66, 0.115 * a, readable_on(design.flavor_color, WHITE))
    c.text(pack.size, (0.5, 0.885 * a), (0.3, 0.05), Lettering(weight=0.04), readable_on(design.paper, DARK))
    _badge(c, pack, 0.83, 0.4 * a, 0.1)


def _minimal(c: Canvas, pack: Pack, ground: Color) -> None:
    """Paper with one large wordmark and a color block at the foot."""
    a, design = c.aspect, pack.design
    c.rectangle(0, 0, 1, a, design.paper)
    c.rectangle(0, 0, 1, 0.045 * a, ground)
    c.rectangle(0, 0.76 * a, 1, a, design.flavor_color)
    _logo(c, pack, 0.19 * a, 0.84, min(0.36, 0.22 * a), design.paper)
    _tagline(c, pack, 0.315 * a, readable_on(design.paper, design.second))
    _motif(c, pack, 0.5, 0.55 * a, min(0.36, 0.2 * a))
    _title(c, pack, 0.85 * a, 0.8, 0.12 * a, readable_on(design.flavor_color, WHITE))
    _badge(c, pack, 0.84, 0.4 * a, 0.1)
    _small_print(c, pack, design.flavor_color)


def _column(c: Canvas, pack: Pack, ground: Color) -> None:
    """The wordmark climbs a side column; name and illustration stand beside it."""
    a, design = c.aspect, pack.design
    if a < 0.9:
        _minimal(c, pack, ground)
        return
    c.rectangle(0, 0, 0.31, a, design.second)
    c.rectangle(0.31, 0, 0.335, a, design.accent)
    room = (0.2, min(0.8 * a, 1.5))
    ink = readable_on(design.second, design.paper)
    c.text(pack.brand, (0.155, 0.47 * a), room, design.wordmark, ink, is_vertical=True)
    _title(c, pack, 0.15 * a, 0.56, 0.17 * a, readable_on(ground, design.paper), 0.665)
    r = min(0.29, 0.2 * a)
    c.oval(0.665, 0.5 * a, r * 1.06, r * 1.06, design.paper)
    _motif(c, pack, 0.665, 0.5 * a, r * 0.86)
    c.rectangle(0.335, 0.76 * a, 1, 0.87 * a, design.flavor_color)
    _tagline(c, pack, 0.815 * a, readable_on(design.flavor_color, WHITE), 0.54, 0.665)
    _badge(c, pack, 0.88, 0.31 * a, 0.1)
    c.text(pack.size, (0.8, 0.93 * a), (0.28, 0.06), Lettering(weight=0.04), readable_on(ground, DARK))


def _burst(c: Canvas, pack: Pack, ground: Color) -> None:
    """Rays from behind a slanted logo; the illustration fills the foot."""
    a, design = c.aspect, pack.design
    ray = mix(ground, WHITE if luminance(ground) < 0.6 else design.second, 0.2)
    reach = 1.2 * max(1.0, a)
    for i in range(14):
        t = 2 * np.pi * i / 14
        edge = [(0.5 + reach * np.cos(t + d), 0.35 * a + reach * np.sin(t + d)) for d in (-0.11, 0.11)]
        c.polygon([(0.5, 0.35 * a), *edge], ray)
    _motif(c, pack, 0.5, 0.735 * a, min(0.44, 0.22 * a))
    _logo(c, pack, 0.24 * a, 0.88, min(0.5, 0.28 * a), ground)
    y, h = 0.47 * a, 0.12 * a
    c.polygon(
        [(0.04, y - h * 0.45), (0.96, y - h * 0.6), (0.96, y + h * 0.5), (0.04, y + h * 0.65)], design.flavor_color
    )
    c.line([(0.04, y + h * 0.65), (0.96, y + h * 0.5)], 0.014, design.accent)
    ink = readable_on(design.flavor_color, WHITE)
    c.text(f"{design.flavor} {design.noun}", (0.5, y), (0.8, h * 0.66), design.text, ink)
    _badge(c, pack, 0.85, 0.61 * a, 0.13)
    _small_print(c, pack, ground)


def _wave(c: Canvas, pack: Pack, ground: Color) -> None:
    """A wave of the flavor's color rises from the foot, the illustration rides on it."""
    a, design = c.aspect, pack.design
    t = np.linspace(0, 1, 40)
    phase = design.brand_seed % 7
    for lift, color in ((0.0, design.accent), (0.025, design.paper), (0.05, design.flavor_color)):
        crest = (0.62 + lift) * a + 0.05 * a * np.sin(2 * np.pi * t + phase)
        c.polygon([*zip(t.tolist(), crest.tolist(), strict=True), (1, a), (0, a)], color)
    _logo(c, pack, 0.17 * a, 0.84, min(0.4, 0.22 * a), ground)
    _title(c, pack, 0.38 * a, 0.76, 0.17 * a, readable_on(ground, design.paper))
    r = min(0.32, 0.2 * a)
    c.oval(0.52, 0.7 * a, r * 1.08, r * 1.08, (*design.paper, 240))
    _motif(c, pack, 0.52, 0.7 * a, r * 0.88)
    _badge(c, pack, 0.14, 0.56 * a, 0.11)
    _small_print(c, pack, design.flavor_color)


_LAYOUTS: dict[str, Callable[[Canvas, Pack, Color], None]] = {
    "band": _band,
    "diagonal": _diagonal,
    "hero": _hero,
    "plaque": _plaque,
    "minimal": _minimal,
    "column": _column,
    "burst": _burst,
    "wave": _wave,
}
