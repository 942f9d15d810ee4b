"""Whether intervals of demand hold what they say, on more shops than benchmarks/stock.py asks after every scan.

python benchmarks/demand.py [N_SHOPS [N_DAYS]]     (10 shops of 90 days by default; a quarter of an hour)

Three shops of 60 products tell a share of 90 % to ± 4 points; ten tell it to ± 2. Here everything is recorded first,
and demand is asked for once, at the end.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from facings.adapters.sql_store import init_store
from facings.apps.scan import Sighting, record_scans
from facings.apps.stock_room import StockRoom
from facings.simulate.store_days import Look, StoreDays, simulate_days
from results_page import machine, markdown_table, write_section
from stock import BOOKED, PHOTOS, RECOGNITION, RULES, START, WINDOW, books
from stock_scores import Flags, Units, score_demand, told_rates, true_rates

N_SHOPS, N_DAYS, N_PRODUCTS = 10, 90, 60
_PACES = {"all": (0.0, np.inf), "below 1": (0.0, 1.0), "1 to 5": (1.0, 5.0), "5 and more": (5.0, np.inf)}
Case = tuple[str, str]  # recognition, data


@dataclass(frozen=True)
class Shop:
    """What was wanted in one shop, and what Facings says of it.

    Args:
        truth: float (products,), units an open day.
        told: float (products, 3), the rate and its interval.
        top_10: Share of the ten products in highest demand that are among the ten highest rates.
    """

    truth: Units
    told: Units
    top_10: float


def main(n_shops: int, n_days: int) -> None:
    """Measure and rewrite the section of docs/results.md."""
    began = time.process_time()
    shops: dict[Case, list[Shop]] = {}
    for seed in range(n_shops):
        days = simulate_days(n_products=N_PRODUCTS, n_days=n_days, start=START, seed=seed)
        for (recognition, noise), data in product(RECOGNITION.items(), (BOOKED, PHOTOS)):
            told = _asked(days, list(days.looks(noise)), is_booked=data == BOOKED)
            score = score_demand(days, told)
            shops.setdefault((recognition, data), []).append(Shop(true_rates(days), told, score.top_10))
            print(seed, recognition, data, score, flush=True)
    took = time.process_time() - began
    write_section("demand", "\n\n".join(["## Demand", _conditions(n_days, n_shops, took), _table(shops)]))


def _asked(days: StoreDays, looks: Sequence[Look], *, is_booked: bool) -> Units:
    """All that happened recorded in a fresh store, and what it then says of demand."""
    with tempfile.TemporaryDirectory() as folder:
        store = init_store(folder)
        store.put_products([stocked.product for stocked in days.products])
        if is_booked:
            store.ledger.append(books(days.log, range(len(days.log))))
        products = store.products()
        for place in days.places:
            of_place = (look for look in looks if look.place == place)
            seen = [Sighting(n, f"{place}-{n}", look.at, look.n_facings) for n, look in enumerate(of_place, start=1)]
            record_scans(store.ledger, place, seen, [one.photo_id for one in seen], products, window=WINDOW)
        room = StockRoom(store, RULES)
        found = room.demand_report(days=len(days.days), now=days.days[-1].closes_at).demands
        store.close()
    return told_rates(days, found)


def _table(shops: Mapping[Case, Sequence[Shop]]) -> str:
    rows = []
    for case, several in shops.items():
        truth, told = (np.concatenate([getattr(shop, name) for shop in several]) for name in ("truth", "told"))
        top_10 = f"{np.mean([shop.top_10 for shop in several]):.2f}"
        for pace, (least, most) in _PACES.items():
            is_of = (truth >= least) & (truth < most)
            rows.append((*case, pace, *_row(truth[is_of], told[is_of]), top_10 if pace == "all" else ""))
    columns = (
        "recognition", "data", "wanted a day", "products", "in its 90 % interval", "truth above it", "truth below it",
        "rate, median relative error", "mean error of its logarithm", "top 10 found",
    )  # fmt: skip
    return markdown_table(columns, rows)


def _row(truth: Units, told: Units) -> tuple[str, ...]:
    rate, low, high = told.T
    is_held: Flags = (low <= truth) & (truth <= high)
    share, n = float(is_held.mean()), len(truth)
    return (
        str(n),
        f"{share:.3f} ± {1.96 * np.sqrt(share * (1 - share) / n):.3f}",
        f"{(truth > high).mean():.3f}",
        f"{(truth < low).mean():.3f}",
        f"{np.median(np.abs(rate - truth) / truth):.3f}",
        f"{np.mean(np.log(rate / truth)):+.3f}",
    )


def _conditions(n_days: int, n_shops: int, took_s: float) -> str:
    return (
        f"`python benchmarks/demand.py` on {machine()}; {took_s:.0f} s of processor time. {n_days} simulated days of "
        f"{n_shops} shops with {N_PRODUCTS} products, scanned every 3 hours of opening time, through `record_scans` "
        "and the ledger on SQLite; demand asked for at the end. Wanted: units an open day over all days, also those "
        "that nobody could buy. ±: 95 % of the draws of so many products. Nothing was tuned on these shops."
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else N_SHOPS, int(sys.argv[2]) if len(sys.argv) > 2 else N_DAYS)
