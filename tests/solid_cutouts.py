"""Cut-outs of one color each, for tests that look for them in the picture."""

from __future__ import annotations

from functools import partial

import numpy as np

from facings.errors import BadImage
from facings.simulate.cutouts import Cutout
from facings.types import UInt8Array


def solid(sku: str, *, width: int = 30, height: int = 50, group: str = "") -> Cutout:
    """An opaque rectangle."""
    return Cutout(sku, f"{sku}.png", partial(np.full, (height, width, 4), 255, np.uint8), group)


def disc(sku: str, side: int = 240) -> Cutout:
    """A circle that touches all four edges."""
    return Cutout(sku, f"{sku}.png", partial(_disc_pixels, side))


def broken(sku: str) -> Cutout:
    """One that cannot be decoded."""
    return Cutout(sku, f"{sku}.png", partial(_refuse, sku))


def _disc_pixels(side: int) -> UInt8Array:
    y, x = np.mgrid[:side, :side] + 0.5 - side / 2
    pixels = np.full((side, side, 4), 255, np.uint8)
    pixels[:, :, 3] = np.where(x**2 + y**2 <= (side / 2) ** 2, 255, 0)
    return pixels


def _refuse(sku: str) -> UInt8Array:
    raise BadImage(f"{sku}.png: the picture is damaged.")
