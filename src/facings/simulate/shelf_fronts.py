"""What stands in front of the goods: edges of the boards, price tags, cards that advertise, posts."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from facings.simulate.canvas import DARK, WHITE, font, mix
from facings.simulate.fixtures import Fixture
from facings.simulate.framing import Framed
from facings.simulate.geometry import Points, warp_face, with_rim
from facings.simulate.shelf_painting import KICK_CM
from facings.simulate.viewpoint import Viewpoint
from facings.simulate.vocabulary import Color

_SCALE = 2  # drawn so many times larger, then reduced, for smooth edges
_TAG_PX = (132, 84)
_N_TAGS = 10
_TAGGED_FRAC, _ADVERTISED_FRAC = 0.9, 0.04  # of runs
_LOUD: tuple[Color, ...] = ((214, 30, 38), (255, 216, 0), (30, 120, 60))


def draw_fronts(framed: Framed, fixture: Fixture, size_px: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """All of it as an RGBA layer of `size_px`, transparent where goods show."""
    layer = _Layer(framed, fixture, size_px)
    layer.edges()
    layer.tags(rng)
    layer.posts(rng)
    return layer.image.reduce(_SCALE)


class _Layer:
    """The layer in the making, `_SCALE` times too large."""

    def __init__(self, framed: Framed, fixture: Fixture, size_px: tuple[int, int]) -> None:
        self.stock, self.fixture = framed.stock, fixture
        self.half_cm = framed.painted_half_cm(fixture.depth_cm)
        self.view = Viewpoint(np.diag([_SCALE, _SCALE, 1.0]) @ framed.view.matrix, framed.view.eye)
        self.image = Image.new("RGBA", (size_px[0] * _SCALE, size_px[1] * _SCALE))
        self.draw = ImageDraw.Draw(self.image)
        self.foot_cm = framed.stock.rows[-1].floor_cm + fixture.rail_cm

    def edges(self) -> None:
        half, look = self.half_cm, self.fixture
        for y in [-look.rail_cm, *(row.floor_cm for row in self.stock.rows)]:
            top, low = y - look.lip_cm, y + look.rail_cm
            self._bar(-half, top, half, low, look.rail)
            self._bar(-half, top, half, top + 0.3, mix(look.rail, WHITE, 0.5))
            self._bar(-half, low - 0.5, half, low, mix(look.rail, DARK, 0.4))
        self._bar(-half, self.foot_cm, half, self.foot_cm + KICK_CM, mix(look.rail, DARK, 0.55))

    def posts(self, rng: np.random.Generator) -> None:
        look = self.fixture
        if not look.post_cm:
            return
        for x in np.arange(-self.half_cm + float(rng.uniform(0, look.bay_cm)), self.half_cm, look.bay_cm).tolist():
            self._bar(x, -look.rail_cm, x + look.post_cm, self.foot_cm, look.rail)
            self._bar(x, -look.rail_cm, x + 0.3 * look.post_cm, self.foot_cm, mix(look.rail, WHITE, 0.3))

    def tags(self, rng: np.random.Generator) -> None:
        """A price tag at the first facing of most runs; now and then a card that hangs into the row below."""
        drawn = [_tag(self.fixture.tag, rng) for _ in range(_N_TAGS)]
        near = [place for place in self.stock.places if abs(place.left_cm) < self.half_cm]
        for place in {place.run: place for place in reversed(near)}.values():
            x = place.left_cm + float(rng.uniform(0, 0.5))
            y = self.stock.rows[place.row].floor_cm + 0.4
            width = min(float(rng.uniform(4.2, 6.2)), 0.95 * place.product.size_cm[0])
            number, chance, advertised = int(rng.integers(_N_TAGS)), float(rng.random()), float(rng.random())
            if chance < _TAGGED_FRAC:
                self._lay(drawn[number], x, y, x + width, y + self.fixture.rail_cm - 0.9)
            if advertised < _ADVERTISED_FRAC:
                card = _tag(_LOUD[number % len(_LOUD)], rng)
                self._lay(card, x, y, x + 8.0, y + self.fixture.rail_cm + 3.0)

    def _lay(self, face: Image.Image, x0: float, y0: float, x1: float, y1: float) -> None:
        quad = self._seen(x0, y0, x1, y1)
        if (quad.min(axis=0) < self.image.size).all() and (quad.max(axis=0) > 0).all():
            patch, at = warp_face(face, quad, self.image.size)
            self.image.alpha_composite(patch, at)

    def _bar(self, x0: float, y0: float, x1: float, y1: float, color: Color) -> None:
        self.draw.polygon([tuple(p) for p in self._seen(x0, y0, x1, y1).tolist()], fill=(*color, 255))

    def _seen(self, x0: float, y0: float, x1: float, y1: float) -> Points:
        return self.view.project(np.array([(x0, y0, 0), (x1, y0, 0), (x1, y1, 0), (x0, y1, 0)], np.float64))


def _tag(color: Color, rng: np.random.Generator) -> Image.Image:
    """A name, a price, a barcode, ready to be laid."""
    width, height = _TAG_PX
    tag = Image.new("RGBA", _TAG_PX, (*color, 255))
    draw = ImageDraw.Draw(tag)
    price = f"{rng.integers(0, 20)}.{rng.integers(10, 99)}"
    draw.text((0.94 * width, 0.28 * height), price, (20, 20, 24), font(round(0.45 * height)), anchor="ra")
    for y, share in ((0.1, 0.8), (0.2, float(rng.uniform(0.3, 0.7)))):
        draw.line((0.06 * width, y * height, share * width, y * height), fill=(70, 70, 76), width=4)
    for x in np.flatnonzero(rng.random(15) < 0.5).tolist():
        at = 0.06 * width + 2 * x
        draw.line((at, 0.5 * height, at, 0.88 * height), fill=(40, 40, 44), width=2)
    return with_rim(tag)
