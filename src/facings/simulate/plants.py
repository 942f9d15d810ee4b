"""Illustrations of what grows: fruit, leaves, flowers, grain, nuts.

Each takes a canvas, a center, a radius (in canvas widths), the flavor's color and a random stream for small
differences, and stays within about one radius of the center.
"""

from __future__ import annotations

import numpy as np

from facings.simulate.canvas import DARK, WHITE, Canvas, mix
from facings.simulate.vocabulary import Color

COCOA: Color = (92, 54, 34)
GOLD: Color = (240, 190, 80)
NUT: Color = (170, 108, 58)
_LEAF: Color = (74, 142, 60)


def shine(c: Canvas, x: float, y: float, r: float) -> None:
    """A soft highlight at the upper left of a ball of radius r."""
    c.oval(x - 0.35 * r, y - 0.4 * r, 0.28 * r, 0.18 * r, (*WHITE, 120), -0.6)


def _one_leaf(c: Canvas, x: float, y: float, length: float, turn_rad: float, color: Color) -> None:
    """A pointed leaf whose stalk is at (x, y)."""
    t = np.linspace(0, 1, 12)
    bulge = 0.26 * length * np.sin(np.pi * t) ** 0.8
    along, across = np.concatenate([t, t[::-1]]) * length, np.concatenate([bulge, -bulge[::-1]])
    cos, sin = np.cos(turn_rad), np.sin(turn_rad)
    points = list(
        zip((x + along * cos - across * sin).tolist(), (y + along * sin + across * cos).tolist(), strict=True)
    )
    c.polygon(points, color)
    c.polygon([*points[:12], (x, y)], (*DARK, 35))
    c.line([(x, y), (x + 0.9 * length * cos, y + 0.9 * length * sin)], 0.035 * length, mix(color, WHITE, 0.5))


def citrus(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    """A whole fruit with its leaf behind a cut half."""
    _one_leaf(c, x - 0.35 * r, y - 0.45 * r, 0.75 * r, -2.2, _LEAF)
    c.oval(x - 0.3 * r, y, 0.66 * r, 0.66 * r, mix(color, DARK, 0.08))
    shine(c, x - 0.3 * r, y, 0.66 * r)
    sx, sy, s = x + 0.32 * r, y + 0.22 * r, 0.64 * r
    c.oval(sx, sy, s, s, mix(color, DARK, 0.15))
    c.oval(sx, sy, 0.92 * s, 0.92 * s, mix(color, WHITE, 0.88))
    start = rng.uniform(0, 1)
    for i in range(9):
        a = start + 2 * np.pi * i / 9
        wedge = [(sx + 0.84 * s * np.cos(a + t), sy + 0.84 * s * np.sin(a + t)) for t in np.linspace(-0.28, 0.28, 6)]
        c.polygon([(sx + 0.1 * s * np.cos(a), sy + 0.1 * s * np.sin(a)), *wedge], mix(color, WHITE, 0.18))


def apple(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    """Two round fruits with stalk and leaf."""
    for dx, scale, shade in ((0.42, 0.62, 0.22), (-0.2, 0.78, 0.0)):
        cx, cy, s = x + dx * r, y + (1 - scale) * 0.5 * r + 0.08 * r, scale * r
        tone = mix(color, DARK, shade)
        c.line([(cx, cy - 0.7 * s), (cx + 0.14 * s, cy - 1.15 * s)], 0.09 * s, COCOA)
        _one_leaf(c, cx + 0.06 * s, cy - 0.9 * s, 0.65 * s, -0.5 + rng.uniform(-0.2, 0.2), _LEAF)
        c.oval(cx - 0.3 * s, cy, 0.62 * s, 0.84 * s, tone, 0.1)
        c.oval(cx + 0.3 * s, cy, 0.62 * s, 0.84 * s, tone, -0.1)
        c.oval(cx + 0.22 * s, cy + 0.2 * s, 0.6 * s, 0.55 * s, (*WHITE, 18))
        shine(c, cx, cy, 0.9 * s)


def berries(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    """A cluster of six berries."""
    for turn in (-2.5, -0.7):
        _one_leaf(c, x, y - 0.3 * r, 0.85 * r, turn, _LEAF)
    spots = [(-0.55, 0.1), (0.05, -0.25), (0.58, 0.05), (-0.25, 0.5), (0.32, 0.5), (0.0, 0.15)]
    for i, (dx, dy) in enumerate(spots):
        s = r * rng.uniform(0.32, 0.38)
        tone = mix(color, DARK, 0.1 * (i % 3))
        bx, by = x + dx * r, y + dy * r
        c.oval(bx, by, s, s, mix(tone, DARK, 0.25))
        c.oval(bx - 0.05 * s, by - 0.07 * s, 0.9 * s, 0.9 * s, tone)
        for a in np.linspace(0, 2 * np.pi, 7)[:-1]:
            c.oval(bx + 0.5 * s * np.cos(a), by + 0.5 * s * np.sin(a), 0.07 * s, 0.07 * s, mix(tone, WHITE, 0.45))
        shine(c, bx, by, s)


def cherries(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    """A pair on their stems."""
    for dx, dy in ((-0.42, 0.42), (0.42, 0.3)):
        bend = rng.uniform(0.05, 0.2) * r
        stem = [(x + 0.1 * r, y - 0.85 * r), (x + dx * 0.6 * r + bend, y - 0.2 * r), (x + dx * r, y + dy * r)]
        c.line(stem, 0.06 * r, mix(_LEAF, DARK, 0.3))
        c.oval(x + dx * r, y + dy * r, 0.46 * r, 0.46 * r, mix(color, DARK, 0.15))
        c.oval(x + dx * r - 0.03 * r, y + dy * r - 0.03 * r, 0.41 * r, 0.41 * r, color)
        shine(c, x + dx * r, y + dy * r, 0.45 * r)
    _one_leaf(c, x + 0.1 * r, y - 0.82 * r, 0.85 * r, 0.15, _LEAF)


def pineapple(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    """One pineapple with its crown."""
    for turn in np.linspace(-2.5, -0.65, 7):
        _one_leaf(c, x, y - 0.2 * r, (0.8 + 0.1 * rng.random()) * r, float(turn), _LEAF)
    c.oval(x, y + 0.32 * r, 0.5 * r, 0.66 * r, color)
    for step in np.linspace(-0.8, 0.8, 6):
        half = 0.5 * np.sqrt(1 - step**2)
        cy = y + 0.32 * r + step * 0.62 * r
        for side in (-1, 1):
            c.line([(x - side * half * r, cy), (x + side * half * r, cy + 0.12 * r)], 0.03 * r, mix(color, COCOA, 0.55))
    shine(c, x, y + 0.32 * r, 0.6 * r)


def leaves(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    """Five leaves from one stalk."""
    green = mix(color, _LEAF, 0.45)
    for turn, length in ((-2.45, 1.05), (-0.7, 1.05), (-1.57, 1.3), (2.6, 0.8), (0.5, 0.8)):
        tone = mix(green, DARK if rng.random() < 0.5 else WHITE, 0.18)
        _one_leaf(c, x, y + 0.35 * r, length * r, turn + rng.uniform(-0.1, 0.1), tone)


def flower(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    """Three blossoms."""
    for dx, dy, s in ((-0.45, 0.35, 0.5), (0.5, 0.3, 0.45), (0.0, -0.15, 0.72)):
        cx, cy, n = x + dx * r, y + dy * r, int(rng.integers(7, 10))
        for i in range(n):
            a = 2 * np.pi * i / n + dx
            petal = mix(color, WHITE, 0.35 + 0.25 * (i % 2))
            c.oval(cx + 0.6 * s * r * np.cos(a), cy + 0.6 * s * r * np.sin(a), 0.42 * s * r, 0.2 * s * r, petal, a)
        c.oval(cx, cy, 0.3 * s * r, 0.3 * s * r, GOLD)
        c.oval(cx, cy, 0.18 * s * r, 0.18 * s * r, mix(GOLD, COCOA, 0.4))


def grain(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    """Three ears."""
    tone = mix(color, GOLD, 0.6)
    for lean in (-0.42, 0.42, 0.0):
        top_x = x + lean * r
        c.line([(x + 0.25 * lean * r, y + r), (top_x, y - 0.55 * r)], 0.035 * r, mix(tone, COCOA, 0.4))
        for i in range(6):
            gy = y - 0.75 * r + 0.2 * i * r
            gx = top_x - 0.09 * lean * i * r
            for side in (-1, 1):
                kernel = mix(tone, WHITE if side < 0 else COCOA, 0.15 + 0.1 * rng.random())
                c.oval(gx + side * 0.11 * r, gy, 0.075 * r, 0.16 * r, kernel, side * 0.5 + 0.3 * lean)


def nuts(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    """Three nuts and two leaves."""
    _one_leaf(c, x - 0.2 * r, y - 0.2 * r, 0.8 * r, -2.4, _LEAF)
    _one_leaf(c, x + 0.2 * r, y - 0.2 * r, 0.8 * r, -0.7, _LEAF)
    for dx, dy in ((-0.45, 0.2), (0.45, 0.15), (0.0, 0.42)):
        s, tone = rng.uniform(0.42, 0.48) * r, mix(NUT, color, 0.2)
        bx, by = x + dx * r, y + dy * r
        c.polygon([(bx - 0.35 * s, by - 0.75 * s), (bx, by - 1.2 * s), (bx + 0.35 * s, by - 0.75 * s)], tone)
        c.oval(bx, by, s, s, mix(tone, DARK, 0.2))
        c.oval(bx, by - 0.05 * s, 0.92 * s, 0.9 * s, tone)
        c.oval(bx, by - 0.62 * s, 0.6 * s, 0.26 * s, mix(tone, WHITE, 0.45))
        shine(c, bx, by + 0.1 * s, 0.8 * s)


def chili(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    """Two peppers."""
    for dx, flip in ((-0.28, 1), (0.3, -1)):
        t = np.linspace(0, 1, 16)
        spine_x, spine_y = x + dx * r + flip * 0.5 * r * (t**2 - 0.3), y + (-0.55 + 1.4 * t) * r
        half = 0.2 * r * (1 - t) ** 0.6 * rng.uniform(0.9, 1.1)
        left = list(zip((spine_x - half).tolist(), spine_y.tolist(), strict=True))
        right = list(zip((spine_x + half).tolist(), spine_y.tolist(), strict=True))
        c.polygon(left + right[::-1], mix(color, (220, 30, 20), 0.6))
        c.line([(px + 0.05 * r, py) for px, py in left[2:11]], 0.04 * r, (*WHITE, 150))
        c.oval(float(spine_x[0]), float(spine_y[0]), 0.21 * r, 0.11 * r, _LEAF)
        c.line([(float(spine_x[0]), float(spine_y[0])), (x + dx * r, y - 0.95 * r)], 0.08 * r, _LEAF)
