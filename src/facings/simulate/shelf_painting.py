"""Paints a stocked shelf as a viewpoint sees it, beside the map of which pixel belongs to which facing.

Painter's order: rows farthest above or below the eye first, for the boards between hide what is behind them. A row's
opening is painted whole (panel, boards, then goods from the back), so whatever reached into it before is gone. Light
and what stands in front of the goods come after: `shelf_light`, `shelf_fronts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from facings.simulate.backdrops import blurred_clutter
from facings.simulate.canvas import DARK, mix
from facings.simulate.fixtures import Fixture
from facings.simulate.framing import Framed
from facings.simulate.geometry import Points, warp_face, with_rim
from facings.simulate.ownership import Owner
from facings.simulate.standing import Unit
from facings.simulate.stocking import Product, Row
from facings.simulate.vocabulary import Color

KICK_CM = 10.0  # below the lowest board
_NEAR_FRAC = 0.5  # of the way to the camera, how far the floor is painted


@dataclass(frozen=True, eq=False)
class Sighting:
    """A pack that reaches into the photo.

    Args:
        number: What stands for it on the map, less 1.
        unit: The pack.
        quad_px: float64 (4, 2), where the corners of its front are in the photo.
    """

    number: int
    unit: Unit
    quad_px: Points


class ShelfPainter:
    """A picture of a shelf in the making.

    Args:
        framed: The shelf and the viewpoint.
        fixture: What it looks like.
        size_px: Width and height of the picture.
        rng: Chance for what is far behind.
    """

    def __init__(self, framed: Framed, fixture: Fixture, size_px: tuple[int, int], rng: np.random.Generator) -> None:
        self.view, self.fixture, self.rows = framed.view, fixture, framed.stock.rows
        self.half_cm, self.shown_half_cm = framed.painted_half_cm(fixture.depth_cm), framed.shown_half_cm
        self.owner: Owner = np.zeros((size_px[1], size_px[0]), np.int32)
        self.picture = blurred_clutter(size_px, rng)
        self._draw = ImageDraw.Draw(self.picture, "RGBA")
        self._faces: dict[int, Image.Image] = {}
        self._px_per_cm = 1.1 * size_px[0] / self._seen_width_cm(size_px)

    def _seen_width_cm(self, size_px: tuple[int, int]) -> float:
        middle = np.array([(0, size_px[1] / 2), (size_px[0], size_px[1] / 2)], np.float64)
        left, right = self.view.front_plane().inverse().apply(middle)
        return float(np.hypot(*(right - left)))

    def surroundings(self) -> None:
        """The floor in front; what is beyond the shelf is out of focus already."""
        foot = self.rows[-1].floor_cm + self.fixture.rail_cm + KICK_CM
        near = _NEAR_FRAC * float(self.view.eye[2])
        self._surface(_level(self.shown_half_cm, foot, 0, near), self.fixture.ground)
        self._surface(_level(self.shown_half_cm, foot, 0, 0.06 * near), mix(self.fixture.ground, DARK, 0.45))

    def row(self, row: Row, sightings: list[Sighting]) -> None:
        """One opening with all that stands in it."""
        self._opening(row)
        for sighting in sightings:
            self._foot_shadow(sighting.unit)
        for sighting in sorted(sightings, key=lambda each: -float(each.unit.quad_cm[:, 2].sum())):
            self._pack(sighting)

    def _opening(self, row: Row) -> None:
        half, depth, look = self.half_cm, self.fixture.depth_cm, self.fixture
        top, low = row.ceiling_cm, row.floor_cm
        back = mix(look.back, DARK, 0.42)
        self._surface(_upright(half, top, low), back)
        self._disown(_upright(half, top, low))
        self._panel(row, mix(back, DARK, 0.25))
        eye_y = float(self.view.eye[1])
        if eye_y > top:
            self._surface(_level(half, top, 0, depth), mix(look.board, DARK, 0.55 if look.shade > 0 else 0.15))
        if eye_y < low:
            self._surface(_level(half, low, 0, depth), mix(look.board, DARK, 0.3))
            self._surface(_level(half, low, 0.6 * depth, depth), mix(look.board, DARK, 0.5))

    def _panel(self, row: Row, color: Color) -> None:
        look, half, z = self.fixture, self.half_cm, self.fixture.depth_cm
        if look.panel == "slats":
            lines = [[(x, row.ceiling_cm, z), (x, row.floor_cm, z)] for x in np.arange(-half, half, 11.0)]
        elif look.panel == "grooves":
            lines = [[(-half, y, z), (half, y, z)] for y in np.arange(row.ceiling_cm, row.floor_cm, 8.0)]
        elif look.panel == "holes":
            ys = np.arange(row.ceiling_cm, row.floor_cm, 5.0)
            lines = [[(x, y, z), (x + 0.8, y, z)] for y in ys for x in np.arange(-half, half, 5.0)]
        else:
            return
        ends = self.view.project(np.array(lines, np.float64).reshape(-1, 3)).reshape(-1, 4)
        width = max(1, round(0.5 * self._px_per_cm))
        for line in ends.tolist():
            self._draw.line(line, fill=color, width=width)

    def _foot_shadow(self, unit: Unit) -> None:
        """Where a pack keeps the light off the board."""
        left, right = unit.quad_cm[3], unit.quad_cm[2]
        y, deep = float(unit.place.bottom_cm), unit.place.product.size_cm[2]
        if unit.place.level or self.view.eye[1] >= y:
            return
        for reach, alpha in ((0.9, 60), (0.45, 80)):
            x0, x1 = left[0] - reach, right[0] + reach
            near = [(x0, y, max(0.0, left[2] - reach)), (x1, y, max(0.0, right[2] - reach))]
            self._surface(np.array([*near, (x1, y, right[2] + deep), (x0, y, left[2] + deep)]), (*DARK, alpha))

    def _pack(self, sighting: Sighting) -> None:
        unit = sighting.unit
        patch, (x, y) = warp_face(self._face(unit.place.product), sighting.quad_px, self.picture.size)
        alpha = patch.getchannel("A")
        if unit.is_front:
            self._halo(alpha, x, y)
        lit = np.minimum(np.asarray(patch.convert("RGB")) * np.float32(unit.gain), 255).astype(np.uint8)
        self.picture.paste(Image.fromarray(lit), (x, y), alpha)
        window = self.owner[y : y + patch.height, x : x + patch.width]
        window[np.asarray(alpha) >= 128] = sighting.number + 1

    def _halo(self, alpha: Image.Image, x: int, y: int) -> None:
        """The soft shadow on what is behind."""
        reach = max(2, round(0.05 * min(alpha.size)))
        shade = Image.new("L", (alpha.width + 2 * reach, alpha.height + 2 * reach))
        shade.paste(Image.fromarray(np.asarray(alpha) // 2), (reach, reach))
        shade = shade.filter(ImageFilter.BoxBlur(reach / 2))
        self.picture.paste(DARK, (x - reach + reach // 3, y - reach // 2), shade)

    def _face(self, product: Product) -> Image.Image:
        key = id(product)
        if key not in self._faces:
            picture = Image.fromarray(product.pixels)
            wanted = [max(6, round(side * self._px_per_cm)) for side in product.size_cm[:2]]
            if wanted[0] < picture.width:
                picture = picture.resize((wanted[0], wanted[1]), Image.Resampling.HAMMING, reducing_gap=2.0)
            self._faces[key] = with_rim(picture)
        return self._faces[key]

    def _surface(self, corners: Points, fill: tuple[int, ...]) -> None:
        self._draw.polygon([tuple(p) for p in self.view.project(corners).tolist()], fill=fill)

    def _disown(self, corners: Points) -> None:
        mask = Image.new("1", self.picture.size)
        ImageDraw.Draw(mask).polygon([tuple(p) for p in self.view.project(corners).tolist()], fill=1)
        self.owner[np.asarray(mask)] = 0


def _upright(half: float, top: float, low: float, z: float = 0.0) -> Points:
    """Corners of a rectangle that faces the camera, centered on x = 0."""
    return np.array([(-half, top, z), (half, top, z), (half, low, z), (-half, low, z)], np.float64)


def _level(half: float, y: float, near: float, far: float) -> Points:
    """Corners of a level rectangle, centered on x = 0."""
    return np.array([(-half, y, near), (half, y, near), (half, y, far), (-half, y, far)], np.float64)
