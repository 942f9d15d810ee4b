"""Shares and limits with an error rate: hand-worked samples, and promises kept on drawn ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facings.conformal import PRIOR_PHOTOS, PRIOR_PRODUCTS, pooled_floors, product_sample


def array(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, np.float64)


def codes(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


def test_each_product_counts_once() -> None:
    # Product 0 has four photos, product 1 one: at or above 3 lie two of four and none of one, so (1 + 0.5) / (2 + 1).
    sample = product_sample(array(1, 2, 3, 4, 2), codes(0, 0, 0, 0, 1))
    assert sample.share_above(array(5, 4, 3, 2, 1)).tolist() == pytest.approx(
        [1 / 3, 1.25 / 3, 1.5 / 3, 2.75 / 3, 3 / 3]
    )


def test_the_limit_is_what_has_to_be_exceeded() -> None:
    sample = product_sample(array(1, 2, 3, 4), codes(0, 1, 2, 3))  # shares above 4: 1/5, at 4: 2/5, at 3: 3/5
    assert sample.least == pytest.approx(0.2)
    assert sample.limit(0.19) == np.inf
    assert sample.limit(0.2) == 4
    assert sample.limit(0.4) == 3
    assert sample.limit(1.0) == -np.inf
    assert sample.share_above(array(np.nextafter(4, 5)))[0] <= 0.2 < sample.share_above(array(4))[0]


def test_more_products_to_compare_with_make_each_share_larger() -> None:
    figures, products = array(1, 2, 3), codes(0, 1, 2)
    plain, corrected = product_sample(figures, products), product_sample(figures, products, n_compared=3)
    assert corrected.share_above(array(9)) == pytest.approx(1.5 * plain.share_above(array(9)))
    assert corrected.least == pytest.approx(1.5 / 4)


def test_nothing_known_vouches_for_nothing() -> None:
    empty = product_sample(array(), codes())
    assert empty.share_above(array(1e9)).tolist() == [1.0]
    assert empty.limit(0.99) == np.inf
    assert product_sample(array(1), codes(0), n_compared=1).least == 1.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=40), st.floats(0.01, 1))
def test_what_exceeds_the_limit_has_at_most_the_share_and_nothing_else(
    photos: list[tuple[int, int]], share: float
) -> None:
    sample = product_sample(array(*(value for _, value in photos)), codes(*(product for product, _ in photos)))
    limit = sample.limit(share)
    asked = np.linspace(-1, 10, 45)
    assert ((asked > limit) == (sample.share_above(asked) <= share)).all()


def test_a_further_product_is_accepted_no_more_often_than_promised() -> None:
    # Photos of a product share most of their figure: 30 products of 8 photos, 400 draws, a promise of 10 %.
    rng = np.random.default_rng(0)
    accepted = []
    for _ in range(400):
        own = rng.normal(size=31)
        figures = own[:, None] + 0.3 * rng.normal(size=(31, 8))
        sample = product_sample(figures[:30].ravel(), np.repeat(np.arange(30), 8))
        accepted.append((sample.share_above(figures[30]) <= 0.1).mean())
    assert 0.06 < float(np.mean(accepted)) < 0.11  # the standard error is 0.015


def test_photos_counted_as_independent_would_have_promised_too_much() -> None:
    # Two products, one of them far off: with a hundred photos each, "1 % of photos" is no 1 % of products.
    sample = product_sample(np.concatenate([np.zeros(100), np.full(100, 5.0)]), np.repeat([0, 1], 100))
    assert sample.share_above(array(6))[0] == pytest.approx(1 / 3)


def test_floor_of_a_product_with_many_photos_is_its_own() -> None:
    figures = np.concatenate([np.arange(2000) / 2000, *(5 + np.arange(50) / 50 for _ in range(19))])
    products = np.concatenate([np.zeros(2000, np.int64), np.repeat(np.arange(1, 20), 50)])
    floors = pooled_floors(figures, products, np.zeros(20, np.int64), 0.1)
    assert floors[0] < 0.15
    assert (floors[1:] > 4).all() or (floors[1:] >= floors[0]).all()


def test_floor_of_a_product_without_photos_is_that_of_its_category() -> None:
    # Category 0 has figures about 0, category 1 about 10; product 40 of category 1 has no photo.
    products = np.repeat(np.arange(40), 10)
    categories = np.array([0] * 20 + [1] * 20 + [1], np.int64)
    figures = np.where(products < 20, 0.0, 10.0) + np.tile(np.arange(10) / 10, 40)
    floors = pooled_floors(figures, products, categories, 0.5)
    assert floors[40] == pytest.approx(10.0, abs=0.5)
    assert (floors[:20] < 1).all()


def test_mixture_of_own_photos_and_pool_is_the_one_worked_by_hand() -> None:
    # Ten products of one photo with figures 0 to 9, one category. Below figure g lie g of 10: all = (1 + g) / 11, the
    # category = (g + 5 · all) / 15; product 9 itself has none below its 9: (0 + 20 · category) / 21.
    floors = pooled_floors(np.arange(10.0), np.arange(10), np.zeros(10, np.int64), 0.25)

    def of_category(g: int) -> float:
        return (g + PRIOR_PRODUCTS * (1 + g) / 11) / (10 + PRIOR_PRODUCTS)

    def of_nine(g: int) -> float:
        return PRIOR_PHOTOS * of_category(g) / (1 + PRIOR_PHOTOS)

    assert floors[9] == max(g for g in range(10) if of_nine(g) <= 0.25)


def test_too_few_products_give_no_floor() -> None:
    assert (pooled_floors(array(1, 2), codes(0, 1), codes(0, 0), 0.1) == -np.inf).all()
    assert (pooled_floors(array(), codes(), codes(0, 0), 0.1) == -np.inf).all()
