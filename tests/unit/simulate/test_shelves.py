"""Shelf plans and shelf photos: as many facings as asked, each in its own exact box."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facings.errors import BadInput
from facings.simulate import shelves
from facings.simulate.camera import Camera
from facings.simulate.fronts import draw_front
from facings.simulate.geometry import Homography
from facings.simulate.packs import Pack, make_packs
from facings.simulate.planning import ShelfPlan, Slot, plan_shelf
from facings.simulate.shelves import MIN_VISIBLE_FRAC, shelf_photo
from facings.types import UInt8Array

PACKS = make_packs(60, 5)
CLEAN = Camera()


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("n_facings", "n_rows"), [(1, 1), (5, 1), (5, 5), (60, 4), (400, 9)])
def test_plan_holds_what_was_asked_for(n_facings: int, n_rows: int) -> None:
    plan = plan_shelf(PACKS, rng(), n_facings=n_facings, n_rows=n_rows, empty_frac=0.2)
    assert plan.n_facings == n_facings
    assert len(plan.rows) == n_rows
    assert sum(slot.is_empty for row in plan.rows for slot in row) == round(0.2 * n_facings)


def test_rows_are_about_equally_wide() -> None:
    plan = plan_shelf(PACKS, rng(), n_facings=100, n_rows=5)
    widths = [sum(slot.pack.size_cm[0] for slot in row) for row in plan.rows]
    assert max(widths) - min(widths) < 2 * max(pack.size_cm[0] for pack in PACKS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_facings": 0}, "n_facings: got 0"),
        ({"n_facings": -5}, "n_facings: got -5"),
        ({"n_facings": 5, "n_rows": 6}, "n_rows: got 6, wanted 1 to n_facings .5."),
        ({"n_rows": 0}, "n_rows: got 0"),
        ({"empty_frac": 1.5}, "empty_frac: got 1.5"),
    ],
    ids=["no facings", "negative", "too many rows", "no rows", "too empty"],
)
def test_bad_plans_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        plan_shelf(PACKS, rng(), **changes)


def test_a_plan_needs_packs_and_slots() -> None:
    with pytest.raises(BadInput, match="packs: got none"):
        plan_shelf([], rng())
    with pytest.raises(BadInput, match="row without slots"):
        ShelfPlan(((Slot(PACKS[0]),), ()))


def test_boxes_are_inside_and_in_the_order_of_the_plan() -> None:
    plan = plan_shelf(PACKS, rng(1), n_facings=40)
    photo = shelf_photo(plan, rng(2), (640, 480))
    standing = [slot.pack.sku for row in plan.rows for slot in row if not slot.is_empty]
    assert photo.pixels.shape == (480, 640, 3)
    assert photo.boxes.dtype == np.float32
    assert photo.boxes.shape == (40, 4)
    assert list(photo.skus) == standing
    assert (photo.boxes[:, :2] >= 0).all()
    assert (photo.boxes[:, 2:] <= (640, 480)).all()
    assert (photo.boxes[:, 2:] - photo.boxes[:, :2] >= 8).all()
    assert ((photo.visible_fraction >= MIN_VISIBLE_FRAC) & (photo.visible_fraction <= 1)).all()


def test_taking_a_unit_away_leaves_the_others_where_they_are() -> None:
    pack = next(p for p in PACKS if p.form == "can")
    full = ShelfPlan(((Slot(pack), Slot(pack), Slot(pack)),))
    gone = ShelfPlan(((Slot(pack), Slot(pack, is_empty=True), Slot(pack)),))
    before, after = (shelf_photo(plan, rng(3), (480, 360), camera=CLEAN) for plan in (full, gone))
    np.testing.assert_array_equal(before.boxes[[0, 2]], after.boxes)
    ys, xs = np.nonzero((before.pixels != after.pixels).any(axis=2))
    x0, y0, x1, y1 = before.boxes[1].tolist()
    reach = 0.15 * (x1 - x0)  # its shadow
    assert len(ys) > 0.5 * (x1 - x0) * (y1 - y0)
    assert xs.min() >= x0 - reach
    assert xs.max() <= x1 + reach
    assert ys.min() >= y0 - reach
    assert ys.max() <= y1 + reach


def test_boxes_are_tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen straight on, with packs painted in a key color, the colored pixels span the boxes to a pixel."""
    pack = next(p for p in PACKS if p.form == "jar")

    def keyed(packed: Pack, height_px: int) -> UInt8Array:
        front = draw_front(packed, height_px).copy()
        front[:, :, :3] = (255, 0, 255)
        return front

    monkeypatch.setattr(shelves, "draw_front", keyed)
    monkeypatch.setattr(shelves, "_viewpoint", lambda *_: Homography(np.eye(3)))
    photo = shelf_photo(ShelfPlan(((Slot(pack),),)), rng(1), (300, 300), camera=CLEAN)
    red, green, blue = (photo.pixels[:, :, channel].astype(int) for channel in range(3))
    ys, xs = np.nonzero((red - green > 60) & (blue - green > 60))
    np.testing.assert_allclose(photo.boxes[0], (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1), atol=1.0)


def test_what_the_frame_cuts_is_less_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    pack = next(p for p in PACKS if p.form == "box")
    plan = ShelfPlan(((Slot(pack), Slot(pack)),))
    whole = shelf_photo(plan, rng(1), (400, 300), camera=CLEAN)
    x1, _, x2, _ = whole.boxes[0].tolist()
    half_way = (x1 + x2) / 2
    shift = np.array([[1, 0, -half_way], [0, 1, 0], [0, 0, 1.0]])
    monkeypatch.setattr(shelves, "_viewpoint", lambda *_: Homography(shift))
    cut = shelf_photo(plan, rng(1), (400, 300), camera=CLEAN)
    assert cut.visible_fraction[0] == pytest.approx(0.5, abs=0.1)
    assert cut.boxes[0, 0] == 0
    assert cut.visible_fraction[1] > 0.9


def test_an_empty_shelf_has_no_boxes() -> None:
    photo = shelf_photo(ShelfPlan(((Slot(PACKS[0], is_empty=True),),)), rng(), (200, 150))
    assert photo.boxes.shape == (0, 4)
    assert photo.skus == ()


def test_the_photo_repeats_with_its_seed_and_only_then() -> None:
    plan = plan_shelf(PACKS, rng(), n_facings=6, n_rows=1)
    first, again, other = (shelf_photo(plan, rng(seed), (320, 200)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.boxes, again.boxes)
    assert (first.pixels != other.pixels).any()


def test_four_hundred_facings_each_have_a_box() -> None:
    photo = shelf_photo(plan_shelf(PACKS, rng(), n_facings=400), rng(4), (1280, 960), camera=CLEAN)
    assert len(photo.boxes) >= 390
    assert (photo.boxes[:, 2:] - photo.boxes[:, :2] > 5).all()


@pytest.mark.parametrize("size_px", [(100, 400), (400, 9000)])
def test_sizes_out_of_range_are_refused(size_px: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match="wanted width and height of 128 to 8192"):
        shelf_photo(plan_shelf(PACKS, rng(), n_facings=3), rng(), size_px)


def test_a_crowd_in_a_small_photo_is_refused() -> None:
    with pytest.raises(BadInput, match="too small for 400 facings"):
        shelf_photo(plan_shelf(PACKS, rng(), n_facings=400), rng(), (200, 150))
