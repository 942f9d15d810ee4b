"""A drawn pack, and photos of it from several sides before changing backgrounds."""

from __future__ import annotations

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from facings.types import UInt8Array

WIDTH, HEIGHT = 288, 288
PACK = (130, 200)  # width and height of the drawn front


def front(seed: int = 0) -> UInt8Array:
    """uint8 (200, 130, 3): a printed front with frames, disks and lines of print."""
    rng = np.random.default_rng(seed)
    picture = PillowImage.new("RGB", PACK, tuple(rng.integers(150, 240, 3).tolist()))
    draw = ImageDraw.Draw(picture)
    for _ in range(14):
        x, y, size = int(rng.integers(0, 110)), int(rng.integers(0, 180)), int(rng.integers(8, 30))
        color = tuple(rng.integers(0, 200, 3).tolist())
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)((x, y, x + size, y + size), fill=color)
    for _ in range(60):
        x, y = int(rng.integers(0, 120)), int(rng.integers(0, 195))
        right, bottom = x + int(rng.integers(2, 9)), y + int(rng.integers(1, 4))
        draw.rectangle((x, y, right, bottom), fill=tuple(rng.integers(0, 90, 3).tolist()))
    return np.asarray(picture)


def photo(pack: UInt8Array, seed: int) -> UInt8Array:
    """uint8 (288, 288, 3): the front seen a little from the side, in other light, before another background."""
    rng = np.random.default_rng(1000 + seed)
    coarse = rng.integers(0, 256, (24, 24, 3)).astype(np.uint8)
    behind = PillowImage.fromarray(coarse).resize((WIDTH, HEIGHT), PillowImage.Resampling.BICUBIC)
    corners = np.array([[70, 40], [200, 40], [200, 240], [70, 240]], float) + rng.uniform(-9, 9, (4, 2))
    flat = np.array([[0, 0], [PACK[0], 0], [PACK[0], PACK[1]], [0, PACK[1]]], float)
    lay = np.linalg.solve(*_equations(corners, flat)).tolist()
    size = (WIDTH, HEIGHT)
    front_there = PillowImage.fromarray(pack).transform(
        size, PillowImage.Transform.PERSPECTIVE, lay, PillowImage.Resampling.BICUBIC
    )
    mask = PillowImage.new("L", size)
    ImageDraw.Draw(mask).polygon([tuple(corner) for corner in corners.tolist()], fill=255)
    behind.paste(front_there, mask=mask)
    lit = np.asarray(behind, float) * rng.uniform(0.85, 1.1, 3) + rng.normal(0, 2, (HEIGHT, WIDTH, 3))
    return np.clip(lit, 0, 255).astype(np.uint8)


def _equations(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    return np.array(rows), target.ravel()


def forged(pack: UInt8Array) -> UInt8Array:
    """The front with a block of its print elsewhere."""
    changed = pack.copy()
    changed[90:130, 40:80] = pack[20:60, 40:80]
    return changed
