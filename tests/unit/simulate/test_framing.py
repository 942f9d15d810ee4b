"""Framing shows as many places as wanted, and hardly more, on a shelf that reaches beyond the photo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facings.simulate.fixtures import FIXTURES, random_fixture
from facings.simulate.framing import Aim, Framed, frame_shelf, random_aim
from facings.simulate.sold_out import still_stocked
from facings.simulate.stocking import Supply
from facings.simulate.viewpoint import Stance
from solid_cutouts import solid

GOODS = [solid(f"sku-{i}", width=16 + 6 * i, height=64, group=f"g{i % 4}") for i in range(12)]
SIZE = (640, 480)
LOOK = FIXTURES["gondola"][0]


def framed(n_places: int, aim: Aim, stance: Stance | None = None, seed: int = 0) -> Framed:
    rng = np.random.default_rng(seed)
    held = Stance() if stance is None else stance
    return frame_shelf(Supply(GOODS, 12, rng), LOOK, held, aim, rng, n_places=n_places, size_px=SIZE)


@pytest.mark.parametrize("n_places", [1, 20, 150])
@pytest.mark.parametrize("stance", [Stance(), Stance(0.2, -0.1, 0.03, 0.8)], ids=["straight", "askew"])
def test_enough_places_are_inside_and_hardly_more(n_places: int, stance: Stance) -> None:
    found = framed(n_places, Aim("middle"), stance)
    n_inside = int(found.is_inside.sum())
    assert n_places <= n_inside <= 1.15 * n_places + 6  # a row or a column comes into view at once


def test_a_place_is_inside_when_the_photo_shows_most_of_it() -> None:
    found = framed(20, Aim("middle"))
    left, top, right, bottom = found.shown_cm.tolist()
    for place, is_inside in zip(found.stock.places, found.is_inside.tolist(), strict=True):
        x0, y0, x1, y1 = place.front_cm
        shown = max(0, min(x1, right) - max(x0, left)) * max(0, min(y1, bottom) - max(y0, top))
        share = shown / ((x1 - x0) * (y1 - y0))
        if abs(share - 0.65) > 1e-6:
            assert is_inside == (share > 0.65)


@pytest.mark.parametrize(("cut", "is_top", "is_foot"), [("middle", 0, 0), ("top", 1, 0), ("foot", 0, 1)])
def test_only_the_end_that_is_meant_shows(cut: Any, is_top: int, is_foot: int) -> None:
    found = framed(40, Aim(cut, 0.1))
    left, top, right, bottom = found.shown_cm.tolist()
    assert left >= -found.stock.width_cm / 2
    assert right <= found.stock.width_cm / 2
    assert (top < 0) == is_top
    assert (bottom > found.stock.rows[-1].floor_cm) == is_foot
    if is_top:
        assert -top == pytest.approx(0.1 * (bottom - top))


def test_exactly_so_many_stay_and_stacks_lose_their_top_first() -> None:
    for seed in range(4):
        found = framed(60, Aim("middle"), seed=seed)
        kept = still_stocked(found, 45, np.random.default_rng(seed))
        inside = {place for place, is_in in zip(found.stock.places, found.is_inside, strict=True) if is_in}
        assert len(inside & set(kept)) == 45
        assert set(found.stock.places) - set(kept) <= inside
        levels = {(place.column, place.level) for place in kept}
        for column, level in levels & {(place.column, place.level) for place in inside}:
            below = [p for p in inside if p.column == column and p.level < level]
            assert all((column, place.level) in levels for place in below)


def test_looks_and_aims_vary() -> None:
    rng = np.random.default_rng(0)
    assert {random_fixture(rng).kind for _ in range(60)} == set(FIXTURES)
    aims = [random_aim(rng) for _ in range(60)]
    assert {aim.cut for aim in aims} == {"middle", "top", "foot"}
    assert all(0 < aim.margin < 0.2 for aim in aims)
