"""The files of a simulated store are read by the commands that a shop would use."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from facings.adapters.sql_store import SqlStore
from facings.apps.ledger_file import import_ledger
from facings.apps.shelf_belief import shelf_beliefs
from facings.catalog import import_catalog
from facings.errors import BadInput
from facings.simulate.store_days import SITE, Noise, StoreDays, simulate_days
from facings.simulate.store_days_files import write_days


@pytest.fixture(scope="module")
def days() -> StoreDays:
    return simulate_days(n_products=5, n_days=4, start=date(2025, 3, 28), seed=1)


def test_a_store_reads_them_and_knows_what_is_there(days: StoreDays, store: SqlStore, tmp_path: Path) -> None:
    done = write_days(tmp_path / "days", days, Noise())
    catalog = import_catalog(store, tmp_path / "days" / "catalog.csv")
    assert (catalog.n_new, catalog.problems) == (5, ())
    store.ledger.put_site(SITE)
    n_new = 0
    for name in ("deliveries", "sales", "scans"):
        path = tmp_path / "days" / f"{name}.csv"
        read = import_ledger(store.ledger, path, store.products(), default_site=SITE)
        assert read.problems == ()
        n_new += read.n_new
    kinds = Counter(event.kind for event in store.ledger.events())
    assert n_new == kinds.total()
    assert kinds["counted"] == done.n_counts == 5 * len(days.moments)
    units: Counter[str] = Counter()
    for line in days.log:
        units[line.sku] += {"received": 1, "sold": -1, "expired": -1}.get(line.kind, 0) * line.quantity
    assert {b.sku: b.on_hand for b in store.ledger.balances() if b.is_site} == units
    last = {(m.sku): m.n_facings for m in days.moments[-1] if not m.elsewhere}
    shelf = {b.sku: b.on_hand for b in store.ledger.balances() if not b.is_site}
    depth = {p.sku: p.depth for p in days.products}
    assert {sku: shelf[sku] for sku in last} == {sku: n * depth[sku] for sku, n in last.items()}
    beliefs = shelf_beliefs(store.ledger.events(is_live=True), store.products(), {SITE.name: SITE})
    assert len(beliefs) == 5


def test_without_a_till_there_are_no_sales_and_the_truth_stays(days: StoreDays, tmp_path: Path) -> None:
    write_days(tmp_path / "a", days, Noise(0.05, 0.02))
    write_days(tmp_path / "b", days, Noise(0.05, 0.02), with_sales=False)
    assert not (tmp_path / "b" / "sales.csv").exists()
    for path in sorted((tmp_path / "b").iterdir()):
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes()
    with (tmp_path / "b" / "truth-log.csv").open(encoding="utf-8") as file:
        told = [(row["kind"], row["sku"], int(row["quantity"])) for row in csv.DictReader(file)]
    assert told == [(line.kind, line.sku, line.quantity) for line in days.log]


def test_it_replaces_its_own_folder_and_no_other(days: StoreDays, tmp_path: Path) -> None:
    write_days(tmp_path / "a", days, Noise())
    write_days(tmp_path / "a", days, Noise(), with_sales=False)
    assert not (tmp_path / "a" / "sales.csv").exists()
    (tmp_path / "a" / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="other files"):
        write_days(tmp_path / "a", days, Noise())
    assert (tmp_path / "a" / "mine.txt").read_text() == "mine"
