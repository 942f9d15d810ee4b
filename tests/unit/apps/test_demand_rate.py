"""Rates and their intervals against the Gamma distribution's own figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.apps.demand_rate import gamma_rate, negative_binomial, poisson_rate, posterior_rate, sum_rates
from facings.errors import BadInput


@pytest.mark.parametrize(
    ("n_units", "n_days", "spread", "mean", "low", "high"),
    [
        # Gamma(½, 28): mean 0.5/28; quantiles are those of χ² with 1 degree of freedom over 2 · 28
        (0, 28, 1.0, 0.5 / 28, 0.003932 / 56, 3.841459 / 56),
        # Gamma(10.5, 90): χ² with 21 degrees of freedom: 11.5913, 32.6706
        (10, 90, 1.0, 10.5 / 90, 11.5913 / 180, 32.6706 / 180),
        # spread 4: Gamma(5/4 + ½, 90/4): χ² with 3.5 degrees: 0.5201, 8.6655
        (5, 90, 4.0, 1.75 * 4 / 90, 0.52005 * 2 / 90, 8.66551 * 2 / 90),
    ],
    ids=["nothing sold", "ten sold", "in baskets"],
)
def test_rates_by_the_chi_square_tables(
    n_units: float, n_days: float, spread: float, mean: float, low: float, high: float
) -> None:
    rate = poisson_rate(n_units, n_days, spreads=np.array([spread]))
    assert rate.per_day == pytest.approx(mean, rel=1e-4)
    assert rate.low == pytest.approx(low, rel=3e-3)
    assert rate.high == pytest.approx(high, rel=1e-3)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(0, 400), days=st.floats(0.5, 400), spread=st.floats(1, 6))
def test_a_rate_lies_in_its_interval_which_narrows_with_more_of_the_same(n: int, days: float, spread: float) -> None:
    rate, more = (poisson_rate(k * n, k * days, spreads=np.array([spread])) for k in (1, 4))
    assert 0 <= rate.low <= rate.per_day <= rate.high
    assert more.high - more.low < rate.high - rate.low
    assert rate.times(7).high == pytest.approx(7 * rate.high)


def test_spreads_in_doubt_are_mixed() -> None:
    few, many = (poisson_rate(10, 90, spreads=np.array([spread])) for spread in (1.0, 4.0))
    spreads = np.array([1.0, 4.0])
    sure, mixed = (poisson_rate(10, 90, spreads=spreads, weights=np.array(w)) for w in ([1.0, 0.0], [0.5, 0.5]))
    assert sure.low == pytest.approx(few.low, rel=1e-3)
    assert mixed.per_day == pytest.approx((few.per_day + many.per_day) / 2, rel=1e-3)
    assert many.low < mixed.low < few.low < few.high < mixed.high < many.high


def test_customers_take_baskets() -> None:
    singles, pairs = poisson_rate(40, 20), poisson_rate(40, 20, sizes=np.array([2.0]))
    for name in ("per_day", "low", "high", "deviation"):
        assert getattr(pairs, name) == pytest.approx(2 * getattr(singles, name), rel=1e-3)
    mixed = poisson_rate(40, 20, sizes=np.array([1.0, 2.0]), size_weights=np.array([0.5, 0.5]))
    assert mixed.per_day == pytest.approx((singles.per_day + pairs.per_day) / 2, rel=1e-3)
    assert [mixed.low, mixed.high] == pytest.approx([1.64, 4.9], abs=0.03)  # 10 % of the one, and of the other


def test_intervals_hold_what_they_say() -> None:
    rng = np.random.default_rng(5)
    for true, days in ((0.05, 90), (0.4, 60), (3.0, 30)):
        found = [poisson_rate(int(n), days) for n in rng.poisson(true * days, 300)]
        held = np.mean([rate.low <= true <= rate.high for rate in found])
        assert held == pytest.approx(0.9, abs=0.06)


def test_shelves_together_are_as_one_shelf_of_twice_the_time() -> None:
    one = poisson_rate(400, 20)
    both, whole = sum_rates([one, one]), poisson_rate(800, 20)
    assert both.per_day == pytest.approx(whole.per_day, rel=0.01)
    assert both.low == pytest.approx(whole.low, rel=0.01)
    assert both.high == pytest.approx(whole.high, rel=0.01)
    assert sum_rates([one]) is one


def test_a_flat_belief_has_its_middle_in_the_middle() -> None:
    logs = np.log(np.linspace(1, 2, 10))
    rate = posterior_rate(np.linspace(0, 1, 1001), np.zeros(1001), coverage=0.8)
    assert np.log([rate.low, rate.high]) == pytest.approx([0.1, 0.9], abs=1e-3)
    assert posterior_rate(logs, np.arange(10, dtype=np.float64) * 1e3).per_day == pytest.approx(
        2
    )  # all weight on the last


def test_negative_binomial_has_the_mean_and_the_spread_asked_for() -> None:
    chance = negative_binomial(np.array([3.0, 3.0]), np.array([1.0, 2.5]), 80)
    units = np.arange(80)
    assert chance.sum(axis=1) == pytest.approx([1, 1])
    assert chance @ units == pytest.approx([3, 3])
    assert chance @ units**2 - 9 == pytest.approx([3, 7.5])
    assert chance[0, :2] == pytest.approx([np.exp(-3), 3 * np.exp(-3)])  # Poisson


@pytest.mark.parametrize("bad", [{"n_units": -1}, {"n_days": 0}, {"spreads": np.array([0.5])}, {"coverage": 1.0}])
def test_figures_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    given: dict[str, Any] = {"n_units": 1.0, "n_days": 1.0} | bad
    with pytest.raises(BadInput, match="wanted"):
        poisson_rate(given.pop("n_units"), given.pop("n_days"), **given)


def test_gamma_of_a_huge_shape_is_its_mean() -> None:
    assert gamma_rate(1e8, 1e7).per_day == pytest.approx(10, rel=1e-4)
