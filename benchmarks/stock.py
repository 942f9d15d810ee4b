"""What stock figures are worth: 90 simulated days of a shop with 60 products, scanned every 3 hours.

python benchmarks/stock.py [N_DAYS [N_SEEDS]]     (90 days of 5 stores by default; some minutes)

Truth is the simulator's log. Recognition is perfect, or misses 5 % of the facings and takes 2 % for another product of
the same bay. Either till and delivery notes are booked as they happen, or there is nothing but photos. The naive method
takes the count of the last photo for the stock, no facing for out of stock, and every fall between scans for sales.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from facings.adapters.sql_store import SqlStore, init_store
from facings.apps.inventory import StockLine, alerts
from facings.apps.ledger import Event, Kind, make_key
from facings.apps.scan import Sighting, record_scans
from facings.apps.stock_room import StockRoom, StockRules
from facings.catalog import Product
from facings.simulate.product_life import Happening
from facings.simulate.store_days import SITE, Look, Noise, StoreDays, simulate_days
from results_page import machine, markdown_table, write_section
from stock_scores import AlertScore, DemandScore, Flags, Gap, Units, gaps_of, score_alerts, score_demand, told_rates

N_DAYS, N_SEEDS, N_PRODUCTS, START = 90, 5, 60, date(2025, 1, 13)
WINDOW = timedelta(minutes=10)
RULES = StockRules(default_site=SITE, scan_window=WINDOW, sales_days=28, lead_time_days=3)
RECOGNITION = {"(a) perfect": Noise(), "(b) 5 % missed, 2 % confused": Noise(0.05, 0.02)}
_BOOKED: dict[str, Kind] = {"received": "received", "sold": "sold", "expired": "expired"}
_EMPTY = ("out_of_stock", "phantom_stock")
BOOKED, PHOTOS = "photos, till and deliveries", "photos alone"
Case = tuple[str, str, str]  # recognition, data, method
_ALERTS = (
    ("n_gaps", "{:.0f}"), ("recall", "{:.3f}"), ("recall_of_lasting", "{:.3f}"), ("precision", "{:.3f}"),
    ("listed_precision", "{:.3f}"), ("listed_recall", "{:.3f}"), ("delay_h", "{:.1f}"), ("late_h", "{:.1f}"),
)  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """What one way of looking at one store gave, by scan and product.

    Args:
        units: float (scans, products), stock.
        either_way: float (scans, products), its uncertainty.
        raised: bool (scans, products), whether it was called out of stock.
        rates: float (products, 3), units wanted an open day with the ends of the interval; NaN where not said.
    """

    units: Units
    either_way: Units
    raised: Flags
    rates: Units


@dataclass(frozen=True)
class Run:
    """How good they are: mean error of the stock, share of it within its uncertainty, alerts, demand."""

    error: float
    within: float
    alerts: AlertScore
    demand: DemandScore


def main(n_days: int, n_seeds: int) -> None:
    """Measure and rewrite the section of docs/results.md."""
    began = time.process_time()
    results: dict[Case, list[Run]] = {}
    for seed in range(n_seeds):
        days = simulate_days(n_products=N_PRODUCTS, n_days=n_days, start=START, seed=seed)
        gaps = gaps_of(days)
        for recognition, noise in RECOGNITION.items():
            looks = list(days.looks(noise))
            for data in (BOOKED, PHOTOS):
                ours, is_booked = _through_the_ledger(days, looks, is_booked=data == BOOKED), data == BOOKED
                for method, figures in (("Facings", ours), ("naive", _naive(days, looks, is_booked=is_booked))):
                    run = _score(days, gaps, figures, is_booked=is_booked)
                    results.setdefault((recognition, data, method), []).append(run)
                    print(seed, recognition, data, method, run, flush=True)
    took = time.process_time() - began
    write_section("stock", "\n\n".join(["## Stock and alerts", _conditions(n_days, n_seeds, took), _tables(results)]))


def _through_the_ledger(days: StoreDays, looks: Sequence[Look], *, is_booked: bool) -> Figures:
    """Day by day into a fresh store, and asked after every scan what is on hand and what is missing."""
    with tempfile.TemporaryDirectory() as folder:
        store = init_store(folder)
        store.put_products([stocked.product for stocked in days.products])
        room = StockRoom(store, RULES)
        seen: dict[str, list[Sighting]] = {place: [] for place in days.places}
        products, answers, told = store.products(), [], 0
        for number, moments in enumerate(days.moments):
            at = moments[0].at
            if is_booked:
                until = next((n for n in range(told, len(days.log)) if days.log[n].at > at), len(days.log))
                store.ledger.append(books(days.log, range(told, until)))
                told = until
            n_places = len(days.places)
            for look in looks[number * n_places : (number + 1) * n_places]:
                _scan(store, seen[look.place], look, number, products)
            lines = room.stock(now=at)
            found = alerts(lines, lead_time_days=3, now=at)
            answers.append((lines, {alert.line.sku for alert in found if alert.kind in _EMPTY}))
        demand = room.demand_report(days=len(days.days), now=days.days[-1].closes_at).demands
        store.close()
    return _figures(days, answers, told_rates(days, demand))


def _scan(store: SqlStore, seen: list[Sighting], look: Look, number: int, products: dict[str, Product]) -> None:
    photo_id = f"{look.place}-{number}"
    seen.append(Sighting(number + 1, photo_id, look.at, look.n_facings))
    record_scans(store.ledger, look.place, seen, [photo_id], products, window=WINDOW)


def books(log: Sequence[Happening], numbers: Iterable[int]) -> list[Event]:
    """What till, delivery notes and the list of what was thrown away tell; nobody tells of thefts."""
    return [
        Event(_BOOKED[line.kind], line.sku, SITE.name, line.quantity, line.at, "import", "books.csv", make_key(number))
        for number in numbers
        if (line := log[number]).kind in _BOOKED
    ]


def _figures(days: StoreDays, answers: Sequence[tuple[Sequence[StockLine], set[str]]], rates: Units) -> Figures:
    column = {stocked.sku: number for number, stocked in enumerate(days.products)}
    units, either_way = np.zeros((2, len(answers), len(column)))
    raised = np.zeros(units.shape, bool)
    for row, (lines, missing) in enumerate(answers):
        for line in lines:
            units[row, column[line.sku]] = line.on_hand
            either_way[row, column[line.sku]] = line.uncertainty
        raised[row, [column[sku] for sku in missing]] = True
    return Figures(units, either_way, raised, rates)


def _naive(days: StoreDays, looks: Sequence[Look], *, is_booked: bool) -> Figures:
    """The last photo alone: facings times depth; none is out of stock; demand is what was sold, or every fall."""
    column = {stocked.sku: number for number, stocked in enumerate(days.products)}
    units = np.zeros((len(days.moments), len(column)))
    for n, look in enumerate(looks):
        for sku, n_facings in look.n_facings.items():
            units[n // len(days.places), column[sku]] += n_facings * days.products[column[sku]].depth
    gone = np.maximum(0, -np.diff(units, axis=0)).sum(axis=0)
    if is_booked:
        sold = [line for line in days.log if line.kind == "sold"]
        gone = np.array([sum(line.quantity for line in sold if line.sku == sku) for sku in column], float)
    rates = np.repeat(gone[:, None] / len(days.days), 3, axis=1)
    return Figures(units, np.zeros_like(units), units == 0, rates)


def _score(days: StoreDays, gaps: list[Gap], figures: Figures, *, is_booked: bool) -> Run:
    """How good they are.

    Photos alone cannot know of the backroom: there the truth is what stands in the salesroom.
    """
    truth = np.array(
        [[m.on_hand if is_booked else m.on_hand - m.backroom for m in moments] for moments in days.moments], float
    )
    off = np.abs(figures.units - truth)
    return Run(
        float(off.mean()),
        float((off <= figures.either_way).mean()),
        score_alerts(days, gaps, figures.raised),
        score_demand(days, figures.rates),
    )


def _tables(results: Mapping[Case, list[Run]]) -> str:
    about = ("recognition", "data", "method")
    stock, alert, demand = [], [], []
    for case, runs in results.items():
        is_ours = case[2] == "Facings"
        within = _spread([run.within for run in runs]) if is_ours and case[1] == PHOTOS else ""
        stock.append((*case, _spread([run.error for run in runs], "{:.2f}"), within))
        alert.append((*case, *(_spread([getattr(run.alerts, name) for run in runs], form) for name, form in _ALERTS)))
        covered = _spread([run.demand.coverage for run in runs]) if is_ours else ""
        errors, tops = [run.demand.error for run in runs], [run.demand.top_10 for run in runs]
        demand.append((*case, _spread(errors), covered, _spread(tops, "{:.2f}")))
    columns = (
        "gaps", "recall", "recall, two scans or more", "precision", "precision of lists", "recall of lists",
        "delay, h", "90 % within, h",
    )  # fmt: skip
    return "\n\n".join(
        [
            markdown_table((*about, "stock on hand, mean error in units", "within its ±"), stock),
            markdown_table((*about, *columns), alert),
            markdown_table((*about, "rate, median relative error", "in its 90 % interval", "top 10 found"), demand),
        ]
    )


def _spread(values: Sequence[float], form: str = "{:.3f}") -> str:
    mean, low, high = (form.format(f(values)) for f in (np.mean, min, max))
    return f"{mean} ({low}–{high})"


def _conditions(n_days: int, n_seeds: int, took_s: float) -> str:
    return (
        f"`python benchmarks/stock.py` on {machine()}; {took_s:.0f} s of processor time. {n_days} simulated days of "
        f"{n_seeds} shops with {N_PRODUCTS} products, scanned every 3 hours of opening time, through `record_scans`, "
        "the ledger on SQLite and the alerts of `facings report inventory`; asked after every scan. Mean over the "
        "shops, in brackets the least and the most. Stock with till and deliveries is that of the whole shop, by "
        "photos alone that of the salesroom (no photo shows the backroom). A gap is a place that stood empty while a "
        "scan was made; an alert is an alert *out of stock* or *phantom stock*. Recall: gaps with an alert while they "
        "lasted. Precision: alerts that were right when raised. Lists: all lines of the lists of alerts after every "
        "scan. Delay: from the last unit to the alert; the next scan is up to 3 h away, over night 12 h. Demand: units "
        "wanted an open day over all days, also those that nobody could buy; naive is what was sold, or with photos "
        "alone every fall from scan to scan."
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else N_DAYS, int(sys.argv[2]) if len(sys.argv) > 2 else N_SEEDS)
