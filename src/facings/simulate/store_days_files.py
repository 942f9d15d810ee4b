"""A simulated store's days as the files that a shop would have, and the truth beside them.

catalog.csv          facings catalog import catalog.csv
deliveries.csv       facings inventory import deliveries.csv   (also what was thrown away)
sales.csv            facings inventory import sales.csv
scans.csv            facings inventory import scans.csv        (what photos showed: facings times depth)
truth-log.csv        every unit that moved, and those that were wanted and not there
truth-stock.csv      what stood where at each scan
truth-products.csv   demand of each product
store.json           how all this was made
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from facings.apps.money import from_minor
from facings.apps.scan import AUTHOR
from facings.simulate.output_folder import replaced_folder
from facings.simulate.store_days import Noise, StoreDays

MADE_BY = "facings simulate days"
_MARK = "store.json"
_TABLES = ("catalog", "deliveries", "sales", "scans", "truth-log", "truth-stock", "truth-products")
_OWN_NAMES = frozenset({_MARK, *(f"{name}.csv" for name in _TABLES)})
_EVENT = ("at", "kind", "sku", "place", "quantity", "price", "currency")

Row = Iterable[object]


@dataclass(frozen=True)
class DaysSummary:
    """What was written: events of the log, units sold, units wanted and not there, counts by photos."""

    n_events: int
    n_sold: int
    n_lost: int
    n_counts: int


def write_days(out: Path, days: StoreDays, noise: Noise, *, with_sales: bool = True) -> DaysSummary:
    """Write the files of a store's days into a folder.

    Args:
        out: An empty or new folder, or one made here before.
        days: The store.
        noise: How recognition errs in its photos.
        with_sales: Whether the till tells anything; without it there are only photos and deliveries.

    Raises:
        BadInput: The folder holds other files.
    """
    counts = list(_counts(days, noise))
    with replaced_folder(out, own_names=_OWN_NAMES, mark=_MARK, made_by=MADE_BY) as folder:
        _write(folder, "catalog", ("sku", "name", "category", "price", "currency", "depth"), _catalog(days))
        _write(folder, "deliveries", _EVENT, _events(days, ("received", "expired")))
        if with_sales:
            _write(folder, "sales", _EVENT, _events(days, ("sold",)))
        _write(folder, "scans", ("at", "kind", "sku", "place", "quantity", "author"), counts)
        log = ((line.at.isoformat(), line.kind, line.sku, line.place, line.quantity) for line in days.log)
        _write(folder, "truth-log", _EVENT[:5], log)
        _write(folder, "truth-stock", ("at", "sku", "shelf", "facings", "elsewhere", "backroom"), _stock(days))
        _write(folder, "truth-products", ("sku", "place", "facings", "depth", "daily_demand", "growth"), _demand(days))
        made = {"made_by": MADE_BY, "seed": days.seed, "n_days": len(days.days), "site": days.site.name}
        about = {"zone": days.site.zone, "missed_frac": noise.missed_frac, "confused_frac": noise.confused_frac}
        (folder / _MARK).write_text(json.dumps(made | about, indent=1) + "\n", encoding="utf-8")
    n_units = {kind: sum(line.quantity for line in days.log if line.kind == kind) for kind in ("sold", "lost")}
    return DaysSummary(len(days.log), n_units["sold"], n_units["lost"], len(counts))


def _catalog(days: StoreDays) -> Iterator[Row]:
    for p in (stocked.product for stocked in days.products):
        yield p.sku, p.name, p.category, p.price, p.currency, p.depth


def _events(days: StoreDays, kinds: tuple[str, ...]) -> Iterator[Row]:
    """What the books of a shop hold: at the shop, with what was paid or asked for one unit."""
    stocked = {product.sku: product for product in days.products}
    for line in days.log:
        if line.kind in kinds:
            product, currency = stocked[line.sku].product, days.site.currency
            price = from_minor(stocked[line.sku].unit_cost, currency) if line.kind == "received" else product.price
            paid = ("", "") if line.kind == "expired" else (price, currency)
            yield line.at.isoformat(), line.kind, line.sku, days.site.name, line.quantity, *paid


def _counts(days: StoreDays, noise: Noise) -> Iterator[Row]:
    """One row a scan for each product that the photo shows or that belongs there."""
    depth = {product.sku: product.depth for product in days.products}
    at_home = {place: [p.sku for p in days.products if p.place == place] for place in days.places}
    for look in days.looks(noise):
        for sku in sorted({*look.n_facings, *at_home[look.place]}):
            units = look.n_facings.get(sku, 0) * depth[sku]
            yield look.at.isoformat(), "counted", sku, look.place, units, AUTHOR


def _stock(days: StoreDays) -> Iterator[Row]:
    for moments in days.moments:
        for m in moments:
            yield m.at.isoformat(), m.sku, m.shelf, m.n_facings, len(m.elsewhere), m.backroom


def _demand(days: StoreDays) -> Iterator[Row]:
    for p in days.products:
        yield p.sku, p.place, p.n_facings, p.depth, f"{p.daily_demand:.4f}", f"{p.growth:.5f}"


def _write(folder: Path, name: str, columns: Iterable[str], rows: Iterable[Row]) -> None:
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
