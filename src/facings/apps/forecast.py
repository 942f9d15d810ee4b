"""What will be wanted in the days to come, by the model that a back-test on the product's own past found best.

Rolling origin (Tashman 2000, "Out-of-sample tests of forecasting accuracy"): from several days of the past on, each
model forecasts the days after that day from the days before it, and its errors are compared with those of two that know
nothing: as yesterday, as a week ago. A model is used only where it beats both. The error is RMSSE of the M5 competition
(Makridakis et al. 2022): root of the mean squared error over that of yesterday's value within the past; its best
forecast is the mean, which is what intermittent demand needs, where the best median is often 0. Intervals are quantiles
of a negative binomial with the forecast as mean; how many days they held in the back-test is told beside them.

Days that the shelf stood empty are no truth and are not judged; in the past they are filled with what was to expect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

import numpy as np

from facings.apps.demand import Demand
from facings.apps.demand_days import DemandDay
from facings.apps.demand_rate import Floats, negative_binomial
from facings.errors import BadInput

NAIVE, SEASONAL_NAIVE = "as yesterday", "as a week ago"
WEEK = 7
MAX_HORIZON = 56
_MIN_TRAINING, _N_ORIGINS = 21, 4
_SHARE_THERE = 0.5  # of a day; with less its sales are no truth


class ForecastModels(Protocol):
    """Models that forecast daily series, by name."""

    @property
    def names(self) -> tuple[str, ...]:
        """The models."""
        ...

    def forecast(self, name: str, history: Floats, horizon: int) -> Floats:
        """Expected units of the next days: float64 (T,), T at least 21, by day → float64 (horizon,), 0 or more."""
        ...


@dataclass(frozen=True)
class Score:
    """How a model did on the past.

    Args:
        rmsse: Root mean squared scaled error, lower is better; yesterday's value within the past has 1.
        pinball: Mean pinball loss at both ends of the interval, in units, lower is better.
        coverage: Share of days whose units lay within the interval.
    """

    rmsse: float
    pinball: float
    coverage: float


@dataclass(frozen=True)
class BackTest:
    """How all models did on the past of one product.

    Args:
        scores: By model, the naive ones among them.
        n_origins: Days from which was forecast.
        n_days: Days judged, over all origins.
        winner: The model with the smallest RMSSE; of equals a naive one.
    """

    scores: Mapping[str, Score]
    n_origins: int
    n_days: int
    winner: str

    @property
    def is_naive_beaten(self) -> bool:
        """Whether a real model won."""
        return self.winner not in {NAIVE, SEASONAL_NAIVE}


@dataclass(frozen=True)
class ForecastDay:
    """A day to come: expected units, and with the coverage asked for so many or more, and so many or fewer."""

    day: date
    n_units: float
    low: int
    high: int


@dataclass(frozen=True)
class Forecast:
    """The days to come of one product in one shop.

    Args:
        days: The days, on the shop's calendar.
        model: What made it.
        coverage: Of its intervals.
        back_test: Why this model.
    """

    days: tuple[ForecastDay, ...]
    model: str
    coverage: float
    back_test: BackTest

    @property
    def n_units(self) -> float:
        """Expected units over all days."""
        return sum(day.n_units for day in self.days)


def forecast(demand: Demand, models: ForecastModels, *, horizon: int) -> Forecast | None:
    """The days after those that are known of a product.

    Args:
        demand: With its days and rate.
        models: What may be used.
        horizon: Days, 1 to 56.

    Returns:
        The forecast; None where the past is too short (four weeks) or nobody can say what is wanted.

    Raises:
        BadInput: The horizon is out of range.
    """
    if not 1 <= horizon <= MAX_HORIZON:
        raise BadInput(f"Horizon of {horizon} days: wanted 1 to {MAX_HORIZON}.")
    days = _whole(demand.days)
    if demand.rate is None or len(days) < _MIN_TRAINING + WEEK:
        return None
    past = _filled(days, demand)
    span = min(horizon, WEEK)
    tested = back_test(
        past, np.array([_is_truth(day) for day in days]), models, span, demand.spread, demand.rate.coverage
    )
    means = _forecast(tested.winner, past, horizon, models)
    first = days[-1].day + timedelta(days=1)
    closed = [weight == 0 for weight in demand.week]
    found = []
    for n in range(horizon):
        day = first + timedelta(days=n)
        mean = 0.0 if closed[day.weekday()] else float(means[n])
        low, high = interval(mean, demand.spread, demand.rate.coverage)
        found.append(ForecastDay(day, mean, low, high))
    return Forecast(tuple(found), tested.winner, demand.rate.coverage, tested)


def back_test(
    past: Floats, is_truth: np.ndarray[tuple[int], np.dtype[np.bool_]], models: ForecastModels, horizon: int,
    spread: float, coverage: float,
) -> BackTest:  # fmt: skip
    """Every model from several origins.

    Args:
        past: float64 (T,), units by day, T at least 21 + horizon.
        is_truth: bool (T,), whether the day's units are what was wanted.
        models: What is tested, beside the two naive ones.
        horizon: Days forecast from each origin.
        spread: Variance over mean of a day's units.
        coverage: Of the intervals.
    """
    origins = [len(past) - horizon * (n + 1) for n in range(_N_ORIGINS)]
    origins = [origin for origin in origins if origin >= _MIN_TRAINING]
    scores, n_days = {}, 0
    for name in (NAIVE, SEASONAL_NAIVE, *models.names):
        squares, pinballs, held = [], [], []
        for origin in origins:
            scale = float(np.mean(np.diff(past[:origin]) ** 2)) or 1.0
            means = _forecast(name, past[:origin], horizon, models)
            for step, mean in enumerate(means):
                if is_truth[origin + step]:
                    units = past[origin + step]
                    low, high = interval(float(mean), spread, coverage)
                    squares.append((units - mean) ** 2 / scale)
                    pinballs.append(
                        _pinball(units, low, (1 - coverage) / 2) + _pinball(units, high, (1 + coverage) / 2)
                    )
                    held.append(low <= units <= high)
        n_days = len(squares)
        if squares:
            scores[name] = Score(float(np.sqrt(np.mean(squares))), float(np.mean(pinballs)) / 2, float(np.mean(held)))
    winner = min(scores, key=lambda name: scores[name].rmsse) if scores else SEASONAL_NAIVE
    return BackTest(scores, len(origins), n_days, winner)


def interval(mean: float, spread: float, coverage: float) -> tuple[int, int]:
    """The quantiles of a negative binomial at both ends of a coverage.

    >>> interval(0.1, 1.0, 0.9), interval(10.0, 1.0, 0.9)
    ((0, 1), (5, 15))
    """
    if mean <= 0:
        return 0, 0
    n = int(mean + 12 * np.sqrt(mean * spread) + 12 * spread) + 2
    below = np.cumsum(negative_binomial(np.array([mean]), np.array([spread]), n)[0])
    low, high = (int(np.searchsorted(below, p)) for p in ((1 - coverage) / 2, (1 + coverage) / 2))
    return low, min(high, n)


def _forecast(name: str, history: Floats, horizon: int, models: ForecastModels) -> Floats:
    if name == NAIVE:
        return np.full(horizon, history[-1])
    if name == SEASONAL_NAIVE:
        return np.resize(history[-WEEK:], horizon)
    return models.forecast(name, history, horizon)


def _pinball(truth: float, quantile: float, level: float) -> float:
    return max(level * (truth - quantile), (level - 1) * (truth - quantile))


def _whole(days: Sequence[DemandDay]) -> list[DemandDay]:
    """Without the first and the last day if only a part of them is known."""
    several = list(days)
    usual = {day.day.weekday(): day.open_days for day in several[1:-1]}
    for end in (0, -1):
        if several and several[end].open_days < 0.9 * usual.get(several[end].day.weekday(), 0.0):
            several.pop(end)
    return several


def _is_truth(day: DemandDay) -> bool:
    return day.there_days >= _SHARE_THERE * max(day.open_days, 1e-9)


def _filled(days: Sequence[DemandDay], demand: Demand) -> Floats:
    """Units by day; of days without the product what was to expect, of part of a day what the whole one would have."""
    rate = demand.rate.per_day if demand.rate else 0.0
    return np.array(
        [
            day.n_units * (day.open_days / day.there_days if day.there_days > 0 else 1.0)
            if _is_truth(day)
            else max(day.n_units, rate * demand.week[day.day.weekday()] * day.open_days)
            for day in days
        ]
    )
