"""How much of a stocked shelf a photo shows, so that so many facings stand in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facings.errors import BadInput
from facings.simulate.fixtures import Fixture
from facings.simulate.geometry import rectangle_corners
from facings.simulate.stocking import Stock, Supply, stock_shelf
from facings.simulate.viewpoint import Stance, Viewpoint

_CELL_CM2 = 300.0  # first guess of what a facing takes, with its share of board and air
_GROWTH = 1.35
_N_GROWN = 12
_N_HALVED = 24
_SHOWN_FRAC = 0.65  # of a place inside the frame, for a facing there to count

Cut = Literal["middle", "top", "foot"]


@dataclass(frozen=True, eq=False)
class Framed:
    """A stocked shelf and the viewpoint that shows as much of it as was wanted.

    Args:
        stock: All of the shelf, also what the photo does not show.
        view: Where the photo is taken from.
        is_inside: bool (P,), for each place whether the photo shows most of it.
        shown_cm: float64 (4,), xyxy of the part of the front plane that holds all of the photo.
    """

    stock: Stock
    view: Viewpoint
    is_inside: NDArray[np.bool_]
    shown_cm: NDArray[np.float64]

    @property
    def shown_half_cm(self) -> float:
        """How far to the left or right of x = 0 the photo shows the front plane."""
        return float(np.abs(self.shown_cm[[0, 2]]).max())

    def painted_half_cm(self, depth_cm: float) -> float:
        """How far to paint so that the photo shows no end down to a depth; what is farther may be behind the camera."""
        return self.shown_half_cm * (1 - 2 * depth_cm / float(self.view.eye[2]))


@dataclass(frozen=True)
class Aim:
    """What of the shelf the photo shows from top to bottom.

    Args:
        cut: "middle": shelf only; "top" or "foot": that end of it too.
        margin: With an end, the share of the photo's height beyond it.
    """

    cut: Cut
    margin: float = 0.0

    def target_cm(self, stock: Stock, height_cm: float) -> tuple[float, float]:
        """The place in the center of a photo that shows so many centimeters from top to bottom."""
        foot = stock.rows[-1].floor_cm
        inward = (0.5 - self.margin) * height_cm
        return 0.0, {"middle": foot / 2, "top": inward, "foot": foot - inward}[self.cut]


def random_aim(rng: np.random.Generator) -> Aim:
    """Mostly shelf only, as photos of shelves are."""
    cut: Cut = "middle" if rng.random() < 0.6 else "foot" if rng.random() < 0.6 else "top"
    return Aim(cut, float(rng.uniform(0.03, 0.16)))


def frame_shelf(
    supply: Supply,
    fixture: Fixture,
    stance: Stance,
    aim: Aim,
    rng: np.random.Generator,
    *,
    n_places: int,
    size_px: tuple[int, int],
) -> Framed:
    """A shelf stocked and framed so that at least `n_places` places are in the photo, and hardly more.

    Args:
        supply: Gives the products.
        fixture: Gives the thickness of boards.
        stance: How the camera is held.
        aim: What it looks at.
        rng: Source of chance.
        n_places: Places wanted, 1 or more.
        size_px: Width and height of the photo.

    Raises:
        BadInput: No cut-out can be used.
    """
    aspect = size_px[0] / size_px[1]
    width = float(np.sqrt(n_places * _CELL_CM2 * aspect))
    for _ in range(_N_GROWN):
        stock = stock_shelf(supply, fixture, rng, width_cm=1.9 * width, height_cm=1.5 * width / aspect)
        framed = _narrowest(stock, stance, aim, n_places, size_px, 1.5 * width)
        if framed.is_inside.sum() >= n_places and _is_covered(framed, aim):
            return framed
        width *= _GROWTH
    raise BadInput(f"got products too large for {n_places} facings in a photo of {size_px[0]}×{size_px[1]} px.")


def _narrowest(
    stock: Stock, stance: Stance, aim: Aim, n_places: int, size_px: tuple[int, int], widest_cm: float
) -> Framed:
    """The closest view that shows enough places; the widest one allowed where none does."""
    fronts = np.array([place.front_cm for place in stock.places])
    low, high = 0.0, widest_cm
    best = _framed(stock, fronts, stance, aim, size_px, high)
    for _ in range(_N_HALVED):
        middle = (low + high) / 2
        framed = _framed(stock, fronts, stance, aim, size_px, middle)
        if framed.is_inside.sum() >= n_places:
            best, high = framed, middle
        else:
            low = middle
    return best


def _framed(
    stock: Stock, fronts: NDArray[np.float64], stance: Stance, aim: Aim, size_px: tuple[int, int], width_cm: float
) -> Framed:
    """What a view of a width shows; `fronts` is float64 (P, 4), the places as xyxy in centimeters."""
    view = stance.view(aim.target_cm(stock, width_cm * size_px[1] / size_px[0]), width_cm, size_px)
    plane = view.front_plane()
    low, high = plane.apply(fronts[:, :2]), plane.apply(fronts[:, 2:])
    shown = np.clip(np.minimum(high, size_px) - np.maximum(low, 0), 0, None).prod(axis=1)
    ends = np.column_stack([fronts.reshape(-1, 2), np.zeros(2 * len(fronts))])
    is_before = (view.depth_cm(ends).reshape(-1, 2) > 0).all(axis=1)
    corners = plane.inverse().apply(rectangle_corners(0, 0, *size_px))
    shown_cm = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    is_inside = is_before & (shown > 0) & (shown >= _SHOWN_FRAC * (high - low).prod(axis=1))
    return Framed(stock, view, is_inside, shown_cm)


def _is_covered(framed: Framed, aim: Aim) -> bool:
    """Whether the shelf reaches beyond the photo on all sides but the one that is meant to show."""
    _, top, _, low = framed.shown_cm
    foot = framed.stock.rows[-1].floor_cm
    is_wide = framed.shown_half_cm <= framed.stock.width_cm / 2
    return is_wide and (aim.cut == "top" or top >= 0) and (aim.cut == "foot" or low <= foot)
