"""Two products that the stand-in embedder cannot tell apart and cells can, and stand-in cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from conftest import FakeEmbedder
from facings.manifest import LabelledPhoto
from facings.model_card import ModelCard
from facings.types import FloatArray, UInt8Array

_QUARTERS = np.array([[[180, 60, 60], [60, 180, 60]], [[60, 60, 180], [150, 150, 60]]])


class FakeCells:
    """Cells of 4×4 squares of a 16×16 picture; counts what it was shown."""

    stride_px = 4

    def __init__(self) -> None:
        self.n_shown = 0

    @property
    def card(self) -> ModelCard:
        """That of the stand-in embedder."""
        return FakeEmbedder().card

    def run(self, batch: UInt8Array) -> FloatArray:
        """uint8 (N, 3, 16, 16) → float32 (N, 4, 4, 6): colors, and how far each is from that of its quarter."""
        self.n_shown += len(batch)
        squares = batch.reshape(len(batch), 3, 4, 4, 4, 4).mean(axis=(3, 5), dtype=np.float32)
        quarters = squares.reshape(len(batch), 3, 2, 2, 2, 2).mean(axis=(3, 5))
        apart = np.abs(squares - quarters.repeat(2, axis=2).repeat(2, axis=3))
        return np.ascontiguousarray(np.concatenate([squares, apart], axis=1).transpose(0, 2, 3, 1))


def look_alike(seed: int, *, is_striped: bool) -> UInt8Array:
    """64×64: four flat quarters whose light varies; with stripes, the first has the same mean color in two halves."""
    rng = np.random.default_rng(seed)
    quarters = _QUARTERS + rng.integers(-15, 16, (2, 2, 1))
    pixels = quarters.repeat(32, axis=0).repeat(32, axis=1)
    if is_striped:
        pixels[:32, :16] += 50
        pixels[:32, 16:32] -= 50
    return np.clip(pixels, 0, 255).astype(np.uint8)


def look_alike_photos(folder: Path, n: int) -> list[LabelledPhoto]:
    """n photos each of "plain" and "striped", which differ in the upper left, and of "other", which is unlike both."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = []
    for sku, first_seed in (("plain", 0), ("striped", 100), ("other", 200)):
        for seed in range(first_seed, first_seed + n):
            pixels = look_alike(seed, is_striped=sku == "striped")
            PillowImage.fromarray(255 - pixels if sku == "other" else pixels).save(folder / f"{sku}-{seed}.png")
            photos.append(LabelledPhoto(folder / f"{sku}-{seed}.png", sku))
    return photos
