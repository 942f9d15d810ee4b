"""Figures of the open set: hand-worked, and what their ends mean."""

from __future__ import annotations

import numpy as np
import pytest

from facings.errors import BadInput
from facings.evaluate.clustered_share import clustered_share
from facings.evaluate.openset import separation


def array(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, np.float64)


def flags(*values: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array(values, np.bool_)


def test_figures_worked_by_hand() -> None:
    # Pairs: 4 beats 1 and 3; 3 beats 1 and ties with 3; 2 beats 1: (2 + 1.5 + 1) / 6. The 2 is named wrongly:
    # (2 + 1.5) / 6. All known queries reach 2, as does one of two unknown ones.
    found = separation(array(4, 3, 2), flags(1, 1, 0), array(1, 3))
    assert [found.auroc, found.oscr, found.fpr_at_95] == pytest.approx([4.5 / 6, 3.5 / 6, 0.5])


def test_the_lowest_twentieth_of_the_known_may_be_missed() -> None:
    known = array(-100, *range(1, 20))
    assert separation(known, flags(*[1] * 20), array(0.5)).fpr_at_95 == 0
    assert separation(known[:19], flags(*[1] * 19), array(0.5)).fpr_at_95 == 1


@pytest.mark.parametrize(("unknown", "auroc"), [((-1, -2), 1.0), ((9, 8), 0.0), ((1, 1), 0.5)])
def test_ends(unknown: tuple[float, ...], auroc: float) -> None:
    found = separation(array(1, 1), flags(1, 1), array(*unknown))
    assert (found.auroc, found.oscr) == (auroc, auroc)


def test_both_sides_are_needed() -> None:
    for known, unknown in ((array(), array(1)), (array(1), array())):
        with pytest.raises(BadInput, match="wanted both"):
            separation(known, flags(*[1] * len(known)), unknown)


def test_interval_over_products_is_wider_than_one_over_photos() -> None:
    # Ten products of twenty photos; in one all photos count. Photos as cases would say 6.5 to 15 %.
    share = clustered_share(np.arange(200) < 20, [f"sku-{n // 20}" for n in range(200)])
    assert (share.value, share.n_products) == (0.1, 10)
    assert share.low == 0
    assert share.high >= 0.3


def test_interval_of_even_products_is_narrow() -> None:
    share = clustered_share(np.arange(200) % 10 == 0, [f"sku-{n // 20}" for n in range(200)])
    assert (share.low, share.high) == (0.1, 0.1)


@pytest.mark.parametrize(("is_hit", "low", "high"), [(False, 0.0, 0.3085), (True, 0.6915, 1.0)])
def test_where_all_or_none_counts_each_product_is_one_case(is_hit: bool, low: float, high: float) -> None:
    share = clustered_share(np.full(100, is_hit), [f"sku-{n // 10}" for n in range(100)])  # 1 − 0.025 ^ (1 / 10)
    assert [share.low, share.high] == pytest.approx([low, high], abs=1e-4)


def test_one_product_says_nothing_of_the_next() -> None:
    share = clustered_share(np.arange(4) < 2, ["milk"] * 4)
    assert (share.low, share.high) == (0.0, 1.0)


@pytest.mark.parametrize("products", [[], ["milk"]])
def test_a_share_needs_photos_and_a_product_for_each(products: list[str]) -> None:
    with pytest.raises(BadInput, match="wanted one product for each"):
        clustered_share(np.zeros(2 * len(products), np.bool_), products)
