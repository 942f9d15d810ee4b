"""Composed shelves: boxes that the pixels confirm, the rule for what is boxed, exact repetition, clear refusals."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from facings.errors import BadInput
from facings.simulate import composed_shelves, shelf_painting
from facings.simulate.camera import Camera
from facings.simulate.composed_shelves import (
    MIN_BOXED_FRAC,
    MIN_COUNTED_FRAC,
    ComposedShelf,
    compose_shelf,
    most_facings,
)
from facings.simulate.geometry import Points, warp_face
from facings.simulate.shelf_fronts import draw_fronts
from facings.simulate.shelf_painting import ShelfPainter, Sighting
from facings.simulate.viewpoint import Stance
from facings.types import IntArray, UInt8Array
from solid_cutouts import broken, disc, solid

CLEAN = Camera()
SIZE = (480, 360)
GOODS = [solid(f"box-{i}", width=24 + 4 * i, group=f"g{i % 3}") for i in range(8)] + [disc("disc-0"), disc("disc-1")]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Keyed:
    """Every pack gets a color of its own, in even light and with hard edges; remembers where each was painted."""

    def __init__(self) -> None:
        self.sightings: dict[int, Sighting] = {}
        self._number = 0

    def color(self, number: int) -> tuple[int, int, int]:
        return 11 + 30 * (number % 8), 13 + 30 * (number // 8 % 8), 17 + 30 * (number // 64 % 8)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        paint = ShelfPainter._pack

        def keyed_pack(painter: ShelfPainter, sighting: Sighting) -> None:
            self.sightings[sighting.number] = sighting
            self._number = sighting.number
            even = dataclasses.replace(sighting.unit, gain=1.0)
            paint(painter, dataclasses.replace(sighting, unit=even))

        def hard_edged(framed: Image.Image, quad: Points, size: tuple[int, int]) -> tuple[Image.Image, tuple[int, int]]:
            patch, at = warp_face(framed, quad, size)
            alpha = patch.getchannel("A").point([0] * 128 + [255] * 128)
            patch.paste(self.color(self._number), (0, 0, *patch.size))
            patch.putalpha(alpha)
            return patch, at

        def hard_fronts(*arguments: Any) -> Image.Image:
            fronts = draw_fronts(*arguments)
            fronts.putalpha(fronts.getchannel("A").point([0] * 128 + [255] * 128))
            return fronts

        patch.setattr(ShelfPainter, "_pack", keyed_pack)
        patch.setattr(shelf_painting, "warp_face", hard_edged)
        patch.setattr(composed_shelves, "draw_fronts", hard_fronts)
        patch.setattr(ShelfPainter, "_halo", lambda *_: None)  # the shadow on neighbors, which changes their color
        patch.setattr(composed_shelves, "light_shelf", lambda picture, *_: np.asarray(picture))

    def pixels_of(self, number: int, picture: UInt8Array) -> tuple[IntArray, ...]:
        return np.nonzero((picture == np.array(self.color(number), np.uint8)).all(axis=2))


@pytest.fixture
def keyed() -> Iterator[Keyed]:
    with pytest.MonkeyPatch.context() as patch:
        painted = Keyed()
        painted.install(patch)
        yield painted


def check_against_pixels(keyed: Keyed, shelf: ComposedShelf) -> None:
    """The boxes are those of the packs that show enough, each tight around the pixels of its color."""
    expected = []
    for number, sighting in sorted(keyed.sightings.items()):
        ys, xs = keyed.pixels_of(number, shelf.pixels)
        product, (x, y) = sighting.unit.place.product, sighting.quad_px.T
        area = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2 * product.opaque_frac
        if len(ys) >= MIN_BOXED_FRAC * area:
            share = min(len(ys) / area, 1.0)
            expected.append((product.sku, [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], share))
    assert shelf.skus == tuple(sku for sku, _, _ in expected)
    np.testing.assert_array_equal(shelf.boxes, [box for _, box, _ in expected])
    np.testing.assert_allclose(shelf.visible_frac, [share for _, _, share in expected], atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("stance", [Stance(), None], ids=["straight on", "as it comes"])
def test_boxes_are_confirmed_by_the_pixels(keyed: Keyed, seed: int, stance: Stance | None) -> None:
    shelf = compose_shelf(GOODS, n_facings=25, size_px=SIZE, rng=rng(seed), camera=CLEAN, stance=stance)
    assert len(shelf.boxes) >= 20
    check_against_pixels(keyed, shelf)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    yaw=st.floats(-0.24, 0.24),
    pitch=st.floats(-0.15, 0.15),
    roll=st.floats(-0.05, 0.05),
    distance=st.floats(0.75, 1.5),
    seed=st.integers(0, 99),
)
def test_boxes_hold_however_the_camera_is_held(
    keyed: Keyed, yaw: float, pitch: float, roll: float, distance: float, seed: int
) -> None:
    keyed.sightings.clear()
    held = Stance(yaw, pitch, roll, distance)
    shelf = compose_shelf(GOODS, n_facings=12, size_px=(320, 240), rng=rng(seed), camera=CLEAN, stance=held)
    check_against_pixels(keyed, shelf)
    quads = np.array([sighting.quad_px for sighting in keyed.sightings.values()])
    low, high = np.clip(quads.min(axis=1), 0, None), np.clip(quads.max(axis=1), None, (320, 240))
    for box in shelf.boxes:  # none reaches out of the quad that it belongs to
        assert ((low <= box[:2] + 1) & (high >= box[2:] - 1)).all(axis=1).any()


def test_a_round_pack_is_bounded_by_what_is_opaque(keyed: Keyed) -> None:
    shelf = compose_shelf(
        [disc("disc")], n_facings=6, size_px=(320, 240), rng=rng(3), camera=CLEAN, stance=Stance(distance=1.5)
    )
    check_against_pixels(keyed, shelf)
    assert (shelf.visible_frac > 0.9).any()


def test_little_visible_is_ignored_and_less_has_no_box() -> None:
    shelf = compose_shelf(GOODS, n_facings=40, size_px=SIZE, rng=rng(5), camera=CLEAN)
    assert (shelf.visible_frac >= MIN_BOXED_FRAC).all()
    np.testing.assert_array_equal(shelf.is_ignored, shelf.visible_frac < MIN_COUNTED_FRAC)
    assert shelf.is_ignored.any()
    assert not shelf.is_ignored.all()


@pytest.mark.parametrize("n_facings", [1, 2, 30, 100])
def test_about_as_many_boxes_as_facings_wanted(n_facings: int) -> None:
    counted = []
    for seed in range(3):
        shelf = compose_shelf(GOODS, n_facings=n_facings, size_px=SIZE, rng=rng(seed), camera=CLEAN)
        counted.append(int((~shelf.is_ignored).sum()))
    assert 0.7 * n_facings - 1 <= np.mean(counted) <= 1.3 * n_facings + 1


@pytest.mark.parametrize("size_px", [(160, 640), (640, 160), (128, 128)], ids=["tower", "panorama", "smallest"])
@pytest.mark.parametrize("shape", [(16, 160), (160, 16)], ids=["thin", "flat"])
def test_odd_photos_and_odd_goods_are_composed(size_px: tuple[int, int], shape: tuple[int, int]) -> None:
    for seed in range(2):
        goods = [solid("odd", width=shape[0], height=shape[1]), solid("even")]
        shelf = compose_shelf(goods, n_facings=8, size_px=size_px, rng=rng(seed), camera=CLEAN)
        assert shelf.pixels.shape == (size_px[1], size_px[0], 3)
        assert 3 <= (~shelf.is_ignored).sum() <= 14


def test_boxes_are_inside_and_typed() -> None:
    shelf = compose_shelf(GOODS, n_facings=30, size_px=SIZE, rng=rng(2))
    assert shelf.pixels.shape == (360, 480, 3)
    assert shelf.pixels.dtype == np.uint8
    assert shelf.boxes.dtype == shelf.visible_frac.dtype == np.float32
    assert shelf.is_ignored.dtype == np.bool_
    assert len(shelf.boxes) == len(shelf.skus) == len(shelf.is_ignored) == len(shelf.visible_frac)
    assert (shelf.boxes[:, :2] >= 0).all()
    assert (shelf.boxes[:, 2:] <= SIZE).all()
    assert (shelf.boxes[:, 2:] > shelf.boxes[:, :2]).all()
    assert set(shelf.skus) <= {cutout.sku for cutout in GOODS}


def test_the_same_state_of_chance_gives_the_same_photo_and_only_it() -> None:
    first, again, other = (compose_shelf(GOODS, n_facings=20, size_px=SIZE, rng=rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.boxes, again.boxes)
    assert first.skus == again.skus
    assert (first.pixels != other.pixels).any()


def test_a_broken_cutout_is_told_and_the_others_go_on() -> None:
    shelf = compose_shelf([broken("bad"), *GOODS[:2]], n_facings=10, size_px=SIZE, rng=rng(1), camera=CLEAN)
    (problem,) = shelf.problems
    assert problem.where == "bad.png"
    assert problem.code == "bad_image"
    assert set(shelf.skus) <= {"box-0", "box-1"}
    assert len(shelf.boxes) >= 5


def test_nothing_but_broken_cutouts_is_an_error() -> None:
    with pytest.raises(BadInput, match=r"got 2 cut-outs and none can be used\. The first: .*damaged"):
        compose_shelf([broken("a"), broken("b")], n_facings=10, size_px=SIZE, rng=rng())


@pytest.mark.parametrize(
    ("n_facings", "size_px", "message"),
    [
        (0, SIZE, "Facings: got 0"),
        (200, SIZE, "got 200, but a photo of 480×360 px holds at most 108"),
        (5, (100, 400), "got 100×400 px, wanted width and height of 128 to 8192"),
        (5, (400, 9000), "got 400×9000 px"),
    ],
    ids=["none", "crowd", "narrow", "huge"],
)
def test_numbers_out_of_range_are_refused(n_facings: int, size_px: tuple[int, int], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        compose_shelf(GOODS, n_facings=n_facings, size_px=size_px, rng=rng())


def test_without_cutouts_there_is_no_shelf() -> None:
    with pytest.raises(BadInput, match="Cut-outs: got none"):
        compose_shelf([], n_facings=5, size_px=SIZE, rng=rng())


def test_capacity_grows_with_the_photo() -> None:
    assert most_facings((480, 360)) == 108  # 172,800 px² at 1,600 each
    assert most_facings((4000, 3000)) == 1000
