"""Light on a shelf: dark under boards or bright under their lamps, and uneven along the aisle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facings.simulate.fixtures import Fixture
from facings.simulate.framing import Framed
from facings.types import UInt8Array

_STEP_PX = 4  # light is smooth, so it is worked out on a coarse grid
_REACH_FRAC = 0.12  # of the opening's height, over which the shade of the board above fades


def light_shelf(picture: Image.Image, framed: Framed, fixture: Fixture, rng: np.random.Generator) -> UInt8Array:
    """A painted shelf, dimmed and brightened.

    Args:
        picture: RGB, evenly lit.
        framed: What it shows.
        fixture: Gives the shade under boards.
        rng: Chance for the lamps along the aisle.

    Returns:
        uint8 (H, W, 3), RGB.
    """
    gain = Image.fromarray(_gain(picture.size, framed, fixture, rng))
    smooth = np.asarray(gain.resize(picture.size, Image.Resampling.BILINEAR))
    lit: UInt8Array = np.clip(np.asarray(picture) * smooth[:, :, None], 0, 255).astype(np.uint8)
    return lit


def _gain(size_px: tuple[int, int], framed: Framed, fixture: Fixture, rng: np.random.Generator) -> NDArray[np.float32]:
    xs, ys = (np.arange(0, side, _STEP_PX) + _STEP_PX / 2 for side in size_px)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    cm = framed.view.front_plane().inverse().apply(grid)
    ceilings, floors = np.array([(row.ceiling_cm, row.floor_cm) for row in framed.stock.rows]).T
    row = np.clip(np.searchsorted(ceilings, cm[:, 1]) - 1, 0, len(ceilings) - 1)
    down = np.clip((cm[:, 1] - ceilings[row]) / (floors - ceilings)[row], 0, 1)
    gain = 1 - fixture.shade * np.exp(-down / _REACH_FRAC) - 0.12 * abs(fixture.shade) * (1 - down)
    lamps = 1 + 0.07 * np.sin(cm[:, 0] / float(rng.uniform(20, 60)) + float(rng.uniform(0, 6)))
    result: NDArray[np.float32] = (gain * lamps).reshape(len(ys), len(xs)).astype(np.float32)
    return result
