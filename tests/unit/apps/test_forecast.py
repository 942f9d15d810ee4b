"""Forecasts: what a back-test chooses, and that it chooses honestly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from facings.apps.demand import Demand
from facings.apps.demand_days import DemandDay
from facings.apps.demand_rate import Floats, poisson_rate
from facings.apps.forecast import NAIVE, SEASONAL_NAIVE, back_test, forecast, interval
from facings.apps.places import Site
from facings.catalog import Product
from facings.errors import BadInput

FIRST = date(2026, 3, 2)  # a Monday
ALL_TRUE = np.ones(60, bool)


class Constant:
    """Two models that say the same every day, whatever was."""

    names = ("always 2", "always 9")

    def forecast(self, name: str, history: Floats, horizon: int) -> Floats:  # noqa: ARG002
        """See `apps.forecast.ForecastModels`."""
        return np.full(horizon, float(name.split()[1]))


def of(units: list[float], *, there: list[float] | None = None) -> Demand:
    shares = there or [1.0] * len(units)
    days = tuple(
        DemandDay(FIRST + timedelta(days=n), u, 1.0, s) for n, (u, s) in enumerate(zip(units, shares, strict=True))
    )
    return Demand(
        clock=Site("s"), sku="a", product=Product("a"), basis="sales", rate=poisson_rate(sum(units), len(units)),
        reason="", n_units=sum(units), there_days=sum(shares), empty_days=0, lost=None, unit_price=None, currency="",
        trend=None, week=(1.0,) * 7, spread=1.0, days=days, shelves=(), event_ids=(),
    )  # fmt: skip


def test_rmsse_by_hand() -> None:
    past = np.array([1.0, 3.0] * 30)  # the scale: mean of squared steps, 2² each
    tested = back_test(past, ALL_TRUE, Constant(), 7, 1.0, 0.9)
    assert tested.n_origins == 4
    assert tested.n_days == 28
    assert tested.scores["always 2"].rmsse == pytest.approx(np.sqrt(1 / 4))  # off by 1 each day
    assert tested.scores["always 9"].rmsse == pytest.approx(np.sqrt((64 + 36) / 2 / 4))
    assert (tested.winner, tested.is_naive_beaten) == ("always 2", True)


def test_a_model_is_used_only_when_it_wins() -> None:
    weekly = np.array([5.0, 1, 1, 1, 1, 9, 0] * 8)
    tested = back_test(weekly, ALL_TRUE[:56], Constant(), 7, 1.0, 0.9)
    assert tested.scores[SEASONAL_NAIVE].rmsse == 0
    assert (tested.winner, tested.is_naive_beaten) == (SEASONAL_NAIVE, False)
    steady = back_test(np.full(56, 2.0), ALL_TRUE[:56], Constant(), 7, 1.0, 0.9)
    assert steady.winner == NAIVE  # of equals a naive one


def test_days_without_goods_are_not_judged() -> None:
    past = np.full(60, 2.0)
    past[40:50] = 0
    is_truth = ALL_TRUE.copy()
    is_truth[40:50] = False
    tested = back_test(past, is_truth, Constant(), 7, 1.0, 0.9)
    assert tested.n_days == 18
    assert tested.scores["always 2"].rmsse == 0


def test_the_days_to_come() -> None:
    told = forecast(of([1.0, 3.0] * 28), Constant(), horizon=10)
    assert told is not None
    assert (told.model, len(told.days), told.n_units) == ("always 2", 10, 20)
    assert told.days[0].day == date(2026, 4, 27)
    assert (told.days[0].low, told.days[0].high) == (0, 5)
    closed = forecast(replace(of([1.0, 3.0] * 28), week=(0.0, *[7 / 6] * 6)), Constant(), horizon=7)
    assert closed is not None
    assert [day.n_units for day in closed.days if day.day.weekday() == 0] == [0]


def test_an_empty_shelf_is_filled_with_what_was_to_expect() -> None:
    units, there = [2.0] * 56, [1.0] * 56
    units[49:] = [0.0] * 7
    there[49:] = [0.0] * 7
    told = forecast(of(units, there=there), Constant(), horizon=7)
    assert told is not None
    assert told.n_units == pytest.approx(14, rel=0.15)  # and not 0


def test_too_little_is_not_forecast() -> None:
    assert forecast(of([1.0] * 27), Constant(), horizon=7) is None
    assert forecast(replace(of([1.0] * 60), rate=None), Constant(), horizon=7) is None
    for bad in (0, 57):
        with pytest.raises(BadInput, match="wanted 1 to 56"):
            forecast(of([1.0] * 60), Constant(), horizon=bad)


@pytest.mark.parametrize(
    ("mean", "spread", "wanted"),
    [(0.0, 1.0, (0, 0)), (0.1, 1.0, (0, 1)), (10.0, 1.0, (5, 15)), (10.0, 4.0, (2, 22))],
    ids=["nothing", "rare", "Poisson", "in baskets"],
)
def test_intervals_are_quantiles(mean: float, spread: float, wanted: tuple[int, int]) -> None:
    assert interval(mean, spread, 0.9) == wanted


def test_the_library_forecasts_what_it_is_given() -> None:
    pytest.importorskip("statsforecast", reason="statsforecast is not installed")
    from facings.adapters.statsforecast_models import StatsForecastModels

    models = StatsForecastModels()
    rare = np.array([0.0, 0, 0, 2] * 12)
    for name in models.names:
        assert models.forecast(name, np.zeros(30), 5).tolist() == [0] * 5
        means = models.forecast(name, rare, 4)
        assert means.shape == (4,)
        assert (means >= 0).all()
        assert means.sum() == pytest.approx(2, rel=0.5), name
    rng = np.random.default_rng(1)
    weekly = rng.poisson(np.resize([2, 2, 2, 2, 4, 9, 0.1], 84)).astype(float)
    told = forecast(of(weekly.tolist()), models, horizon=7)
    assert told is not None
    assert told.back_test.is_naive_beaten
    assert told.days[5].n_units > 2 * told.days[0].n_units  # Saturday against Monday
    assert datetime.combine(told.days[0].day, datetime.min.time(), UTC).weekday() == 0
