"""Illustrations printed on packs, by name; those of plants are in `plants`.

Each takes a canvas, a center, a radius (in canvas widths), the flavor's color and a random stream for small
differences, and stays within about one radius of the center.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from facings.simulate import plants
from facings.simulate.canvas import DARK, WHITE, Canvas, mix
from facings.simulate.plants import COCOA, GOLD, NUT, shine
from facings.simulate.vocabulary import Color

Motif = Callable[[Canvas, float, float, float, Color, np.random.Generator], None]


def _scatter(rng: np.random.Generator, n: int) -> list[tuple[float, float, float]]:
    """Places (dx, dy, turn) on a loose pile, back to front."""
    a = np.arange(n) * 2.4 + rng.uniform(0, 6)
    d = 0.72 * np.sqrt((np.arange(n) + 0.5) / n)
    places = zip((d * np.cos(a)).tolist(), (0.8 * d * np.sin(a)).tolist(), rng.uniform(0, 3.1, n).tolist(), strict=True)
    return sorted(places, key=lambda place: place[1])


def _coffee(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    for dx, dy, turn in _scatter(rng, 9):
        bx, by, tone = x + dx * r, y + dy * r, mix(COCOA, color, 0.2 * rng.random())
        c.oval(bx + 0.02 * r, by + 0.03 * r, 0.34 * r, 0.24 * r, mix(tone, DARK, 0.5), turn)
        c.oval(bx, by, 0.33 * r, 0.23 * r, mix(tone, WHITE, 0.12), turn)
        cos, sin = np.cos(turn), np.sin(turn)
        crease = [(t, 0.05 * np.sin(2 * np.pi * t / 0.6)) for t in np.linspace(-0.3, 0.3, 9)]
        c.line(
            [(bx + (u * cos - v * sin) * r, by + (u * sin + v * cos) * r) for u, v in crease],
            0.035 * r,
            mix(tone, DARK, 0.7),
        )


def _legumes(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    for dx, dy, turn in _scatter(rng, 11):
        bx, by, tone = x + dx * r, y + dy * r, mix(color, WHITE, 0.25 * rng.random())
        c.oval(bx + 0.02 * r, by + 0.03 * r, 0.32 * r, 0.2 * r, mix(tone, DARK, 0.45), turn)
        c.oval(bx, by, 0.31 * r, 0.19 * r, tone, turn)
        c.oval(bx - 0.06 * r, by - 0.07 * r, 0.14 * r, 0.05 * r, (*WHITE, 130), turn)


def _chocolate(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    tone = mix(COCOA, color, 0.25)
    slope = rng.uniform(0.08, 0.2)
    for row in range(3):
        for col in range(3):
            x0, y0 = x + (col - 1.5) * 0.56 * r, y + (row - 1.4) * 0.52 * r + (col - 1) * slope * r
            c.rectangle(x0, y0, x0 + 0.53 * r, y0 + 0.49 * r, mix(tone, DARK, 0.35), 0.05 * r)
            c.rectangle(x0, y0, x0 + 0.5 * r, y0 + 0.45 * r, mix(tone, WHITE, 0.1), 0.05 * r)
            c.rectangle(x0 + 0.08 * r, y0 + 0.08 * r, x0 + 0.42 * r, y0 + 0.37 * r, tone, 0.03 * r)
            c.line([(x0 + 0.1 * r, y0 + 0.09 * r), (x0 + 0.4 * r, y0 + 0.09 * r)], 0.03 * r, mix(tone, WHITE, 0.4))


def _splash(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    c.oval(x, y + 0.55 * r, 1.0 * r, 0.34 * r, mix(color, WHITE, 0.55))
    c.oval(x, y + 0.5 * r, 0.92 * r, 0.28 * r, WHITE)
    for i in range(7):
        a = np.pi * (i + 0.5) / 7
        px, lift = x - 0.72 * r * np.cos(a), (0.35 + 0.4 * np.sin(a) + 0.1 * rng.random()) * r
        base = y + 0.55 * r
        c.polygon([(px - 0.16 * r, base), (px + 0.04 * r * (i - 3), base - lift), (px + 0.16 * r, base)], WHITE)
        c.oval(px + 0.05 * r * (i - 3), base - lift - 0.1 * r, 0.07 * r, 0.09 * r, WHITE)
    c.oval(x, y + 0.55 * r, 0.55 * r, 0.13 * r, mix(color, WHITE, 0.7))


def _drops(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    for dx, dy, s in ((-0.45, 0.3, 0.38), (0.48, 0.38, 0.3), (0.05, -0.05, 0.6)):
        cx, cy, size = x + dx * r, y + dy * r, s * r * rng.uniform(0.92, 1.0)
        tone = mix(color, WHITE, 0.25 + 0.3 * (s < 0.5))
        c.polygon(
            [(cx - 0.62 * size, cy - 0.2 * size), (cx, cy - 1.5 * size), (cx + 0.62 * size, cy - 0.2 * size)], tone
        )
        c.oval(cx, cy, 0.66 * size, 0.66 * size, tone)
        shine(c, cx, cy, 0.7 * size)


def _waves(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    t = np.linspace(-1, 1, 25)
    for i, light in enumerate((0.7, 0.45, 0.2, 0.0)):
        phase = rng.uniform(0, 6.28)
        top = y + (-0.35 + 0.32 * i) * r + 0.14 * r * np.sin(2.2 * np.pi * t / 1.4 + phase)
        reach = np.sqrt(np.clip(1 - ((top - y) / r) ** 2, 0, 1)) * r
        upper = list(zip((x + t * reach).tolist(), top.tolist(), strict=True))
        lower = [(px, py + 0.3 * r) for px, py in reversed(upper)]
        c.polygon(upper + lower, mix(color, WHITE, light))


def _bubbles(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    for i, (dx, dy, _) in enumerate(_scatter(rng, 14)):
        s = r * (0.1 + 0.17 * ((i * 5) % 7) / 6)
        c.oval(x + dx * r, y + dy * 1.2 * r, s, s, (*mix(color, WHITE, 0.55), 190))
        c.ring(x + dx * r, y + dy * 1.2 * r, s, 0.03 * r, mix(color, WHITE, 0.85))
        shine(c, x + dx * r, y + dy * 1.2 * r, s)


def _chips(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    for dx, dy, turn in _scatter(rng, 7):
        cx, cy, tone = x + 0.8 * dx * r, y + 0.8 * dy * r, mix(GOLD, color, 0.1 + 0.1 * rng.random())
        c.oval(cx + 0.03 * r, cy + 0.05 * r, 0.46 * r, 0.34 * r, (*DARK, 70), turn)
        c.oval(cx, cy, 0.46 * r, 0.34 * r, mix(tone, COCOA, 0.3), turn)
        c.oval(cx, cy, 0.43 * r, 0.31 * r, mix(tone, WHITE, 0.18), turn)
        c.oval(cx + 0.06 * r, cy + 0.03 * r, 0.28 * r, 0.18 * r, tone, turn + 0.3)
        for _ in range(4):
            c.oval(cx + rng.uniform(-0.2, 0.2) * r, cy + rng.uniform(-0.15, 0.15) * r, 0.02 * r, 0.02 * r, color)


def _cup(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    for dx in (-0.3, 0.0, 0.3):
        t, phase = np.linspace(0, 1, 12), rng.uniform(0, 6)
        steam = zip(
            (x + dx * r + 0.08 * r * np.sin(6 * t + phase)).tolist(), (y - (0.2 + 0.7 * t) * r).tolist(), strict=True
        )
        c.line(list(steam), 0.05 * r, (*WHITE, 150))
    c.oval(x, y + 0.78 * r, 0.95 * r, 0.17 * r, mix(color, WHITE, 0.7))
    c.ring(x + 0.66 * r, y + 0.25 * r, 0.27 * r, 0.1 * r, mix(color, WHITE, 0.85))
    side = [(x - 0.7 * r, y), (x + 0.7 * r, y), (x + 0.42 * r, y + 0.76 * r), (x - 0.42 * r, y + 0.76 * r)]
    c.polygon(side, mix(color, WHITE, 0.85))
    c.polygon([(x, y), side[1], side[2], (x + 0.1 * r, y + 0.76 * r)], (*DARK, 28))
    c.oval(x, y, 0.7 * r, 0.19 * r, mix(color, WHITE, 0.95))
    c.oval(x, y + 0.02 * r, 0.6 * r, 0.14 * r, mix(COCOA, color, 0.3))


def _mountain(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    c.oval(x + 0.4 * r, y - 0.45 * r, 0.28 * r, 0.28 * r, GOLD)
    for dx, height, shade in ((0.4, 0.9, 0.35), (-0.45, 1.0, 0.2), (0.0, 1.35 + 0.2 * rng.random(), 0.0)):
        px, base, tip = x + dx * r, y + 0.7 * r, y + (0.7 - height) * r
        tone = mix(color, WHITE, shade)
        c.polygon([(px - 0.6 * r, base), (px, tip), (px + 0.6 * r, base)], tone)
        c.polygon([(px, tip), (px + 0.6 * r, base), (px + 0.1 * r, base)], (*DARK, 45))
        cap = [(-0.18, 0.3), (-0.06, 0.22), (0.02, 0.34), (0.1, 0.24), (0.18, 0.3)]
        c.polygon([(px, tip), *[(px + u * height * r, tip + v * height * 1.0 * r) for u, v in cap]], WHITE)


def _bowl(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    c.oval(x, y + 0.15 * r, 0.95 * r, 0.4 * r, WHITE)
    for dx, dy, _ in _scatter(rng, 20):
        px, py = x + dx * 1.05 * r, y + (0.5 * dy + 0.02) * r
        c.oval(px, py + 0.03 * r, 0.15 * r, 0.12 * r, mix(NUT, DARK, 0.35))
        c.oval(px, py, 0.15 * r, 0.12 * r, mix(GOLD, color, 0.35 * rng.random()))
        c.oval(px, py, 0.05 * r, 0.035 * r, mix(NUT, DARK, 0.3))
    rim = [(x + 0.95 * r * np.cos(a), y + 0.15 * r + 0.4 * r * np.sin(a)) for a in np.linspace(0, np.pi, 20)]
    c.polygon([*rim, (x - 0.45 * r, y + 0.92 * r), (x + 0.45 * r, y + 0.92 * r)], mix(color, WHITE, 0.15))
    body = [(x + 0.93 * r * np.cos(a), y + 0.2 * r + 0.62 * r * np.sin(a)) for a in np.linspace(0, np.pi, 24)]
    c.polygon([*rim[::-1], *body[::-1]], mix(color, WHITE, 0.15))
    c.line(rim, 0.05 * r, WHITE)


def _pasta(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    for dx, dy, turn in _scatter(rng, 12):
        bx, by, tone = x + dx * r, y + dy * r, mix(mix(GOLD, color, 0.08), WHITE, 0.15 + 0.2 * rng.random())
        cos, sin = np.cos(turn), np.sin(turn)
        tube = [(-0.34, -0.12), (0.26, -0.12), (0.38, 0.12), (-0.22, 0.12)]
        at = [(bx + (u * cos - v * sin) * r, by + (u * sin + v * cos) * r) for u, v in tube]
        c.polygon([(px + 0.02 * r, py + 0.05 * r) for px, py in at], (*DARK, 80))
        c.polygon(at, tone)
        for v in (-0.06, 0.0, 0.06):
            ends = [(-0.28, v), (0.32, v)]
            c.line(
                [(bx + (u * cos - w * sin) * r, by + (u * sin + w * cos) * r) for u, w in ends],
                0.018 * r,
                mix(tone, NUT, 0.6),
            )


def _honeycomb(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    tone = mix(color, (246, 176, 30), 0.5)
    for q in range(-2, 3):
        for p in range(-2, 3):
            cx, cy = x + (q + 0.5 * p) * 0.46 * r, y + p * 0.4 * r
            if (cx - x) ** 2 + (cy - y) ** 2 > (0.85 * r) ** 2:
                continue
            cell = [(cx + 0.25 * r * np.sin(a), cy + 0.25 * r * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 7)[:-1]]
            c.polygon(cell, mix(tone, WHITE, 0.35 * rng.random()))
            c.line([*cell, cell[0]], 0.035 * r, mix(tone, COCOA, 0.35))
    c.oval(x + 0.1 * r, y + 0.55 * r, 0.13 * r, 0.22 * r, mix(tone, COCOA, 0.15))


def _cookie(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    for dx, dy, s in ((0.38, -0.28, 0.56), (-0.25, 0.18, 0.72)):
        cx, cy, size = x + dx * r, y + dy * r, s * r
        c.oval(cx + 0.04 * r, cy + 0.06 * r, size, size, (*DARK, 80))
        c.oval(cx, cy, size, size, mix(NUT, GOLD, 0.3))
        c.oval(cx, cy, 0.9 * size, 0.9 * size, mix(GOLD, NUT, 0.25))
        for px, py, _ in _scatter(rng, 11):
            c.oval(cx + px * 1.05 * size, cy + py * 1.2 * size, 0.11 * size, 0.1 * size, mix(COCOA, color, 0.25))


def _spark(c: Canvas, x: float, y: float, r: float, color: Color, rng: np.random.Generator) -> None:
    for dx, dy, s in ((-0.5, 0.4, 0.4), (0.55, 0.45, 0.32), (0.0, -0.1, 0.85)):
        cx, cy, size, n = x + dx * r, y + dy * r, s * r, 8
        radii = [size * (1.0 if i % 4 == 0 else 0.62 if i % 2 == 0 else 0.24) for i in range(2 * n)]
        points = [(cx + q * np.sin(np.pi * i / n), cy - q * np.cos(np.pi * i / n)) for i, q in enumerate(radii)]
        c.polygon(points, mix(color, WHITE, 0.3 + 0.4 * rng.random()))
        c.oval(cx, cy, 0.2 * size, 0.2 * size, WHITE)


MOTIFS: dict[str, Motif] = {
    "apple": plants.apple,
    "berries": plants.berries,
    "bowl": _bowl,
    "bubbles": _bubbles,
    "cherries": plants.cherries,
    "chili": plants.chili,
    "chips": _chips,
    "chocolate": _chocolate,
    "citrus": plants.citrus,
    "coffee": _coffee,
    "cookie": _cookie,
    "cup": _cup,
    "drops": _drops,
    "flower": plants.flower,
    "grain": plants.grain,
    "honeycomb": _honeycomb,
    "leaves": plants.leaves,
    "legumes": _legumes,
    "mountain": _mountain,
    "nuts": plants.nuts,
    "pasta": _pasta,
    "pineapple": plants.pineapple,
    "spark": _spark,
    "splash": _splash,
    "waves": _waves,
}
