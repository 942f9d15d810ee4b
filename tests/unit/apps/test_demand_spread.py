"""How much days vary, learned from a shop's products together."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from facings.apps.demand_days import EVEN_WEEK, DemandDay
from facings.apps.demand_rate import poisson_rate
from facings.apps.demand_spread import SPREADS, Floats, spread_log_likelihood, spread_weights


def days_of(units: Floats, there: float = 1.0) -> tuple[DemandDay, ...]:
    first = date(2026, 3, 2)
    return tuple(DemandDay(first + timedelta(days=n), float(u), 1.0, there) for n, u in enumerate(units))


def in_baskets(rng: np.random.Generator, mean: float, basket: float, n_days: int = 90) -> Floats:
    """Customers by Poisson, baskets geometric: a variance of 2 · basket − 1 times the mean."""
    return np.array([rng.geometric(1 / basket, n).sum() for n in rng.poisson(mean / basket, n_days)], float)


def believed(products: list[Floats]) -> list[float]:
    weights = spread_weights([spread_log_likelihood(days_of(units), EVEN_WEEK) for units in products])
    return [float(weight @ SPREADS) for weight in weights]


def test_by_hand() -> None:
    # Four days of 0 and two of 3 at a mean of 1, spread φ, size r = 1 / (φ − 1): (1/φ)^r a day without any,
    # and r (r + 1) (r + 2) / 6 · (1/φ)^r · (1 − 1/φ)³ a day with three, the 6 being the same for all spreads.
    logs = spread_log_likelihood(days_of(np.array([0, 0, 3, 0, 0, 3.0])), EVEN_WEEK)
    size = 1 / (SPREADS - 1)
    wanted = -6 * size * np.log(SPREADS) + 2 * np.log(size * (size + 1) * (size + 2) * (1 - 1 / SPREADS) ** 3)
    assert logs == pytest.approx(wanted)
    assert logs.argmax() > 0


@pytest.mark.parametrize("units", [[], [3.0, 4.0], [0.0] * 30], ids=["no days", "two days", "nothing sold"])
def test_what_tells_nothing_leaves_all_as_it_was(units: list[float]) -> None:
    assert (spread_log_likelihood(days_of(np.array(units)), EVEN_WEEK) == 0).all()
    assert spread_weights([]) == []


def test_a_day_hardly_there_tells_nothing() -> None:
    assert (spread_log_likelihood(days_of(np.arange(9.0), there=0.2), EVEN_WEEK) == 0).all()


def test_much_is_known_of_a_fast_product() -> None:
    rng = np.random.default_rng(1)
    even, lumpy = believed([in_baskets(rng, 8, 1.0), in_baskets(rng, 8, 2.0)])
    assert even == pytest.approx(1, abs=0.3)
    assert lumpy == pytest.approx(3, rel=0.35)


def test_sums_of_a_whole_shop_vary_more_than_any_product() -> None:
    rng = np.random.default_rng(6)
    sums = np.array([rng.negative_binomial(200 / 39, 1 / 40) for _ in range(180)], float)  # a variance of 40 means
    assert believed([sums])[0] == pytest.approx(40, rel=0.25)
    quiet = [0.0] * 50 + [1.0, 1.0]
    assert believed([np.array(quiet), *(in_baskets(rng, 5, 1.0) for _ in range(12))])[0] < 2  # and no such thing here


def test_a_product_that_hardly_sold_is_as_its_shop() -> None:
    rng, one = np.random.default_rng(2), np.array([0.0] * 60 + [1.0, 1.0])
    (calm, *_), (wild, *_) = (believed([one, *(in_baskets(rng, 5, b) for _ in range(12))]) for b in (1.0, 2.5))
    assert calm < 1.5
    assert wild > calm + 0.7


def test_intervals_of_products_that_rarely_sell_hold_what_they_say() -> None:
    rng, true, held = np.random.default_rng(3), 0.25, []
    for _ in range(12):
        shop = [in_baskets(rng, true, 2.0) for _ in range(20)]
        weights = spread_weights([spread_log_likelihood(days_of(units), EVEN_WEEK) for units in shop])
        for units, weight in zip(shop, weights, strict=True):
            rate = poisson_rate(float(units.sum()), 90, spreads=SPREADS, weights=weight)
            held.append(rate.low <= true <= rate.high)
    assert np.mean(held) == pytest.approx(0.9, abs=0.04)
