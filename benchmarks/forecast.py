"""Whether forecasts beat the two that know nothing, on real sales and on those of a simulated shop.

python benchmarks/forecast.py [N_WEEKS]     (26 by default; some minutes)

Real: CDs sold each day by the music shop CDNOW, January 1997 to June 1998, to those who bought first in early 1997
(Fader, Hardie 2001, "Forecasting repeat sales at CDNOW"). The file lies in a package (MIT, nothing of it is imported):
pip install --no-deps lifetimes==0.11.3
Week by week only the past is known: the model is chosen on it, forecasts seven days, and is compared with what came.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from facings.adapters.statsforecast_models import StatsForecastModels
from facings.apps.demand import Demand, demands
from facings.apps.forecast import NAIVE, SEASONAL_NAIVE, WEEK, ForecastModels, forecast
from facings.apps.ledger import Event
from facings.apps.places import Site
from facings.apps.scan import AUTHOR
from facings.catalog import Product
from facings.errors import DependencyMissing
from facings.simulate.store_days import SITE, Noise, StoreDays, simulate_days
from results_page import machine, markdown_table, write_section

N_WEEKS, N_PRODUCTS, N_DAYS, SEED, COVERAGE = 26, 20, 90, 5, 0.9
_DAY = timedelta(days=1)
_SHOP = Site("cdnow", "UTC", "USD")
OURS = "Facings"


@dataclass
class Errors:
    """What forecasts were off: squared errors scaled as RMSSE is, by method; days in the interval; models chosen."""

    squares: dict[str, list[float]] = field(default_factory=dict)
    held: list[bool] = field(default_factory=list)
    chosen: Counter[str] = field(default_factory=Counter)

    def add(
        self, demand: Demand, known: Mapping[date, float], truth: Mapping[date, float], models: ForecastModels
    ) -> None:
        """Forecast the seven days after those of a demand, and compare them with what came.

        Args:
            demand: Of the days that are known.
            known: Units by day, as far as a forecaster knows them.
            truth: Units by day.
            models: What forecasts.
        """
        told = forecast(demand, models, horizon=WEEK)
        if told is None:
            return
        self.chosen[told.model] += 1
        yesterday = told.days[0].day - _DAY
        n_days = (yesterday - min(known)) // _DAY
        past = np.array([known.get(yesterday - n * _DAY, 0.0) for n in range(n_days, -1, -1)])
        scale = float(np.mean(np.diff(past) ** 2)) or 1.0
        for day in told.days:
            units = truth.get(day.day, 0.0)
            means = {OURS: day.n_units, NAIVE: past[-1], SEASONAL_NAIVE: known.get(day.day - WEEK * _DAY, 0.0)}
            for name, mean in means.items():
                self.squares.setdefault(name, []).append((mean - units) ** 2 / scale)
            self.held.append(day.low <= units <= day.high)


def main(n_weeks: int) -> None:
    """Measure and rewrite the section of docs/results.md."""
    models = StatsForecastModels()
    results = {
        "CDNOW, one series, real": _real(n_weeks, models),
        f"simulated shop, {N_PRODUCTS} products": _simulated(models),
    }
    rows = []
    for name, errors in results.items():
        chosen = ", ".join(f"{model} {n}" for model, n in errors.chosen.most_common(4))
        rmsse = [f"{np.sqrt(np.mean(errors.squares[way])):.3f}" for way in (OURS, NAIVE, SEASONAL_NAIVE)]
        rows.append((name, sum(errors.chosen.values()), *rmsse, f"{np.mean(errors.held):.3f}", chosen))
        print(rows[-1], flush=True)
    columns = (
        "series", "forecasts of 7 days", "RMSSE, Facings", "RMSSE, as yesterday", "RMSSE, as a week ago",
        "in its 90 % interval", "chosen",
    )  # fmt: skip
    write_section("forecast", "\n\n".join(["## Forecasts", _conditions(n_weeks), markdown_table(columns, rows)]))


def _real(n_weeks: int, models: ForecastModels) -> Errors:
    units, errors = _cdnow(), Errors()
    events = [_event("cd", n, _noon(day), number) for number, (day, n) in enumerate(sorted(units.items()))]
    last = max(units)
    for week in range(n_weeks, 0, -1):
        until = last - WEEK * week * _DAY  # the last day that is known
        known = [event for event in events if event.at.date() <= until]
        (demand,) = _ask(known, {}, _SHOP, _midnight(until + _DAY))
        errors.add(demand, units, units, models)
    return errors


def _cdnow() -> Counter[date]:
    """Units sold by day."""
    package = find_spec("lifetimes")
    if package is None or not package.submodule_search_locations:
        raise DependencyMissing("The real sales lie in lifetimes.", "pip install --no-deps lifetimes==0.11.3")
    units: Counter[date] = Counter()
    path = Path(package.submodule_search_locations[0]) / "datasets" / "CDNOW_master.txt"
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        if line.strip():
            _, day, n_units, _ = line.split()
            units[datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date()] += int(n_units)
    return units


def _simulated(models: ForecastModels) -> Errors:
    """The last four weeks of a shop; the truth is what was wanted, also what nobody could buy."""
    days = simulate_days(n_products=N_PRODUCTS, n_days=N_DAYS, start=date(2025, 1, 13), seed=SEED)
    events, errors = _booked(days), Errors()
    products = {stocked.sku: stocked.product for stocked in days.products}
    wanted, sold = (_by_day(days, kinds) for kinds in ({"sold", "lost"}, {"sold"}))
    for week in range(4, 0, -1):
        end = days.days[-1 - WEEK * week].closes_at
        for demand in _ask([event for event in events if event.at <= end], products, SITE, end):
            errors.add(demand, sold[demand.sku], wanted[demand.sku], models)
    return errors


def _by_day(days: StoreDays, kinds: set[str]) -> dict[str, Counter[date]]:
    """Units by SKU and day of the shop's calendar."""
    units: dict[str, Counter[date]] = {stocked.sku: Counter() for stocked in days.products}
    for line in days.log:
        if line.kind in kinds:
            units[line.sku][SITE.to_wall(line.at).date()] += line.quantity
    return units


def _booked(days: StoreDays) -> list[Event]:
    """Sales, and counts by photos with errors of recognition."""
    sold = [line for line in days.log if line.kind == "sold"]
    events = [_event(line.sku, line.quantity, line.at, n, SITE.name) for n, line in enumerate(sold)]
    depth = {stocked.sku: stocked.depth for stocked in days.products}
    for n, look in enumerate(days.looks(Noise(0.05, 0.02))):
        for sku in [stocked.sku for stocked in days.products if stocked.place == look.place]:
            units = look.n_facings.get(sku, 0) * depth[sku]
            events.append(Event("counted", sku, look.place, units, look.at, AUTHOR, "readings", f"{n}-{sku}"))
    return events


def _ask(events: Iterable[Event], products: Mapping[str, Product], site: Site, end: datetime) -> tuple[Demand, ...]:
    return demands(events, products, {site.name: site}, start=end - 600 * _DAY, end=end, coverage=COVERAGE)


def _event(sku: str, n_units: int, at: datetime, number: int, place: str = _SHOP.name) -> Event:
    return Event("sold", sku, place, n_units, at, "import", "sales.csv", f"sale-{number}")


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _conditions(n_weeks: int) -> str:
    return (
        f"`python benchmarks/forecast.py` on {machine()}. Week by week only the past is known: a model is chosen by "
        f"its back-test on that past, forecasts seven days and is compared with what came; {n_weeks} weeks of real "
        "sales (CDs sold a day by CDNOW to 23,570 customers of early 1997), four weeks of a shop of the simulator "
        f"(seed {SEED}; sales, and photos with 5 % misses and 2 % confusions; judged by what was wanted). RMSSE: root "
        "of the mean squared error over that of yesterday's value within the past, lower is better. Chosen: how often "
        "each model was."
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else N_WEEKS)
