"""The demand report: what is wanted, what is dead, what was lost, as CSV, JSON, rows and one page for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from facings.apps.demand import Demand
from facings.apps.demand_ranking import Ranking, is_dead, rank
from facings.apps.demand_rate import Rate
from facings.apps.forecast import Forecast
from facings.apps.ledger import Account, Event
from facings.page import render
from facings.report import csv_text

Row = dict[str, str | int | float | None]
COLUMNS: dict[str, type] = {
    "site": str, "sku": str, "name": str, "basis": str, "per_day": float, "low": float, "high": float, "units": float,
    "days_there": float, "days_empty": float, "units_lost": float, "money_lost": str, "currency": str, "trend": str,
    "growth_per_week": float, "is_dead": int, "forecast_units": float, "forecast_days": int, "forecast_model": str,
    "reason": str,
}  # fmt: skip
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
N_CHARTED, N_LISTED, MAX_LINES, N_EVENTS = 15, 15, 2000, 6


@dataclass(frozen=True)
class DemandReport:
    """Demand of a time, and what follows from it.

    Args:
        demands: By shop and SKU.
        forecasts: By (site, SKU), where one was asked for and can be made.
        start: From when, aware.
        end: Until when, aware.
        coverage: Of all intervals.
    """

    demands: tuple[Demand, ...]
    start: datetime
    end: datetime
    coverage: float
    forecasts: Mapping[Account, Forecast] = field(default_factory=dict)

    @property
    def ranking(self) -> Ranking:
        """The demand in the orders people ask for."""
        return rank(self.demands)

    @property
    def sites(self) -> list[str]:
        """Every shop that has demand."""
        return sorted({demand.site for demand in self.demands})

    @property
    def n_forecasts_won(self) -> int:
        """Forecasts whose model beat the naive ones."""
        return sum(found.back_test.is_naive_beaten for found in self.forecasts.values())


def to_rows(report: DemandReport) -> Iterator[Row]:
    """Each product and shop as plain values; money as a decimal in text."""
    for demand in report.demands:
        rate, growth, told = demand.rate, demand.trend, report.forecasts.get((demand.site, demand.sku))
        yield {
            "site": demand.site,
            "sku": demand.sku,
            "name": demand.product.name,
            "basis": demand.basis,
            "per_day": _rounded(rate.per_day if rate else None),
            "low": _rounded(rate.low if rate else None),
            "high": _rounded(rate.high if rate else None),
            "units": _rounded(demand.n_units),
            "days_there": _rounded(demand.there_days),
            "days_empty": _rounded(demand.empty_days),
            "units_lost": _rounded(demand.lost.per_day if demand.lost else None),
            "money_lost": None if demand.lost_money is None else str(demand.lost_money),
            "currency": demand.currency or None,
            "trend": growth.direction if growth else None,
            "growth_per_week": _rounded(growth.per_week if growth else None),
            "is_dead": int(is_dead(demand)),
            "forecast_units": _rounded(told.n_units if told else None),
            "forecast_days": len(told.days) if told else None,
            "forecast_model": told.model if told else None,
            "reason": demand.reason or None,
        }


def to_csv(report: DemandReport) -> str:
    """One line a product and shop."""
    return csv_text(COLUMNS, (row.values() for row in to_rows(report)))


def to_json(report: DemandReport) -> dict[str, Any]:
    """The report as JSON values, with the events behind each figure and the back-test behind each forecast."""
    return {
        "start": report.start.isoformat(timespec="seconds"),
        "end": report.end.isoformat(timespec="seconds"),
        "coverage": report.coverage,
        "money_lost": {currency: str(amount) for currency, amount in report.ranking.lost_money().items()},
        "demand": [
            {**row, **_details(demand), "forecast": _forecast_json(report.forecasts.get((demand.site, demand.sku)))}
            for row, demand in zip(to_rows(report), report.demands, strict=True)
        ],
    }


def to_html(report: DemandReport, events_of: Callable[[Demand], Sequence[Event]]) -> str:
    """The report as one self-contained page.

    Args:
        report: The report.
        events_of: The live events behind a product in a shop, in order of their times.
    """
    ranking = report.ranking
    charted = ranking.high[:N_CHARTED]
    listed = (*charted, *ranking.lost[:N_LISTED], *ranking.dead[:N_LISTED])
    return render(
        "demand.html.j2",
        report=report,
        ranking=ranking,
        charted=charted,
        top=max((demand.rate.high for demand in charted if demand.rate), default=1.0),
        money=[f"{amount:,.0f} {currency}" for currency, amount in sorted(ranking.lost_money().items())],
        dead=ranking.dead[:N_LISTED],
        lost=ranking.lost[:N_LISTED],
        lines=report.demands[:MAX_LINES],
        evidence={(d.site, d.sku): events_of(d)[-N_EVENTS:] for d in listed},
        week=_mean_week(report.demands),
        weekdays=WEEKDAYS,
        is_dead=is_dead,
    )


def _mean_week(demands: Sequence[Demand]) -> tuple[float, ...]:
    """Weekdays of all products together, each by its units; of nothing an even week."""
    weight = sum(demand.n_units for demand in demands)
    if not weight:
        return (1.0,) * 7
    return tuple(sum(demand.week[n] * demand.n_units for demand in demands) / weight for n in range(7))


def _details(demand: Demand) -> dict[str, Any]:
    return {
        "weekdays": dict(zip(WEEKDAYS, (_rounded(factor) for factor in demand.week), strict=True)),
        "units_lost_interval": _interval(demand.lost),
        "sale_event_ids": list(demand.event_ids),
        "shelves": [
            {"place": shelf.place, "n_looks": shelf.n_looks, "rate": _interval(shelf.rate),
             "count_event_ids": list(shelf.event_ids)}
            for shelf in demand.shelves
        ],
    }  # fmt: skip


def _forecast_json(told: Forecast | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {
        "model": told.model,
        "days": [
            {"day": day.day.isoformat(), "units": _rounded(day.n_units), "low": day.low, "high": day.high}
            for day in told.days
        ],
        "back_test": {
            "n_origins": told.back_test.n_origins,
            "n_days": told.back_test.n_days,
            "rmsse": {name: _rounded(score.rmsse) for name, score in told.back_test.scores.items()},
            "coverage": {name: _rounded(score.coverage) for name, score in told.back_test.scores.items()},
        },
    }


def _interval(rate: Rate | None) -> list[float | None] | None:
    return None if rate is None else [_rounded(figure) for figure in (rate.per_day, rate.low, rate.high)]


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)
