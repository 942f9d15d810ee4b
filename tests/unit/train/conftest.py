"""Toy products that a small network tells apart: each has one color, each photo its own pattern in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from facings.manifest import LabelledPhoto

COLORS = {"cherry": (230, 30, 30), "lime": (40, 220, 40), "plum": (60, 40, 220), "pear": (220, 220, 40)}


def toy_photos(
    folder: Path, n_each: int, *, products: tuple[str, ...] = tuple(COLORS), seed: int = 0
) -> list[LabelledPhoto]:
    """`n_each` photos of each product, 48×40 px PNG files; no two look alike."""
    found = []
    for product in products:
        for number in range(n_each):
            rng = np.random.default_rng((seed, list(COLORS).index(product), number))
            shade = rng.uniform(0.3, 1.0, (5, 6, 1)).repeat(8, axis=0).repeat(8, axis=1)
            pixels = (shade * np.array(COLORS[product])).astype(np.uint8)
            path = folder / product / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PillowImage.fromarray(pixels).save(path)
            category = "citrus" if product == "lime" else "other"
            found.append(LabelledPhoto(path, product, category))
    return found


@pytest.fixture
def toys(tmp_path: Path) -> list[LabelledPhoto]:
    """Six photos of each of four products."""
    return toy_photos(tmp_path / "toys", 6)


@pytest.fixture
def toys_to_check(tmp_path: Path) -> list[LabelledPhoto]:
    """Three further photos of each."""
    return toy_photos(tmp_path / "check", 3, seed=1)
