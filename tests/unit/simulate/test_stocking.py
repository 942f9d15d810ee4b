"""Stocked shelves: products keep their size, fit their rows, stand in runs; bad cut-outs are put aside."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from facings.errors import BadInput
from facings.simulate.cutouts import Cutout, pack_cutouts
from facings.simulate.fixtures import FIXTURES
from facings.simulate.packs import make_packs
from facings.simulate.stocking import Stock, Supply, stock_shelf
from facings.types import UInt8Array
from solid_cutouts import broken, solid

GOODS = [solid(f"sku-{i}", width=16 + 6 * i, height=64, group=f"g{i % 4}") for i in range(12)]
LOOK = FIXTURES["gondola"][0]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def stocked(cutouts: list[Cutout], seed: int = 0, n_products: int = 50) -> tuple[Stock, Supply]:
    supply = Supply(cutouts, n_products, rng(seed))
    return stock_shelf(supply, LOOK, rng(seed + 100), width_cm=200, height_cm=150), supply


def test_rows_follow_one_another_and_fill_the_height() -> None:
    stock, _ = stocked(GOODS)
    for upper, lower in pairwise(stock.rows):
        assert upper.ceiling_cm < upper.floor_cm
        assert lower.ceiling_cm == pytest.approx(upper.floor_cm + LOOK.rail_cm)
    assert stock.rows[-1].floor_cm + LOOK.rail_cm >= 150
    assert {place.row for place in stock.places} == set(range(len(stock.rows)))


@pytest.mark.parametrize("seed", range(3))
def test_everything_fits_between_its_boards_and_side_by_side(seed: int) -> None:
    stock, _ = stocked(GOODS, seed)
    for place in stock.places:
        left, top, _, bottom = place.front_cm
        assert top >= stock.rows[place.row].ceiling_cm
        assert bottom <= stock.rows[place.row].floor_cm + 1e-9
        assert left >= -100
    on_board = [place for place in stock.places if place.level == 0]
    for one, other in pairwise(on_board):
        if one.row == other.row:
            assert other.left_cm >= one.front_cm[2] - 1e-9
    for row in range(len(stock.rows)):
        assert max(place.front_cm[2] for place in stock.places if place.row == row) >= 90


def test_a_product_has_one_size_and_keeps_the_aspect_of_its_cutout() -> None:
    stock, _ = stocked([*GOODS, *(solid(f"sku-{i}", width=30 + i, height=60) for i in range(12))])
    heights = defaultdict(set)
    for place in stock.places:
        width, height, depth = place.product.size_cm
        assert width / height == pytest.approx(place.product.pixels.shape[1] / place.product.pixels.shape[0])
        assert 3 <= depth <= 14
        heights[place.product.sku].add(height)
    assert max(map(len, heights.values())) == 1


def test_packs_keep_their_known_size() -> None:
    packs = {pack.sku: pack.size_cm for pack in make_packs(12, 3)}
    stock, _ = stocked(list(pack_cutouts(make_packs(12, 3))))
    assert all(place.product.size_cm == packs[place.product.sku] for place in stock.places)


def test_runs_are_one_to_six_of_one_product() -> None:
    stock, _ = stocked(GOODS)
    runs = defaultdict(set)
    for place in stock.places:
        runs[place.run].add((id(place.product), place.row))
    assert max(map(len, runs.values())) == 1
    sizes = Counter(run for run, _ in {(place.run, place.column) for place in stock.places})
    assert set(sizes.values()) <= {1, 2, 3, 4, 5, 6}
    assert len(set(sizes.values())) >= 3


def test_low_goods_are_stacked_without_gaps() -> None:
    flat = [solid("flat", width=60, height=20), solid("tall", width=20, height=60)]
    stacks = defaultdict(list)
    for seed in range(3):
        for place in stocked(flat, seed)[0].places:
            stacks[seed, place.column].append(place)
    high = [stack for stack in stacks.values() if len(stack) > 1]
    assert high
    for stack in high:
        assert [place.level for place in stack] == list(range(len(stack)))
        assert all(place.is_stacked for place in stack)
        for below, above in pairwise(stack):
            assert above.bottom_cm == pytest.approx(below.front_cm[1])


def test_only_the_assortment_is_decoded() -> None:
    loaded: list[str] = []

    def watched(number: int) -> Cutout:
        cutout = solid(f"sku-{number}", group=f"g{number % 20}")

        def load() -> UInt8Array:
            loaded.append(cutout.sku)
            return cutout.load()

        return Cutout(cutout.sku, cutout.where, load, cutout.group)

    stocked([watched(i) for i in range(300)], n_products=15)
    assert len(loaded) == len(set(loaded))
    assert 10 <= len(loaded) <= 15 + 8  # the last block may run over


def test_bad_cutouts_are_replaced_by_others() -> None:
    many = [broken(f"bad-{i}") for i in range(30)]
    stock, supply = stocked([*many, solid("good")], n_products=3)
    assert {place.product.sku for place in stock.places} == {"good"}
    assert {problem.where for problem in supply.problems.values()} <= {cutout.where for cutout in many}
    assert supply.problems


def test_only_bad_cutouts_are_an_error() -> None:
    with pytest.raises(BadInput, match="got 3 cut-outs and none can be used"):
        stocked([broken(f"bad-{i}") for i in range(3)])
