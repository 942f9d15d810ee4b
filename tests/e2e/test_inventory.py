"""Stock as a user keeps it: photos, receipts, sales, corrections, reports."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from command_line import Run
from conftest import save_photo
from facings import errors
from facings.adapters.sql_store import init_store, open_store
from facings.catalog import Product

pytestmark = pytest.mark.usefixtures("one_product_a_photo")

BAY = "store-1/aisle-2/bay-3"
N_ROWS = 400


def on_hand(run: Run, place: str = "") -> dict[str, int]:
    lines = json.loads(run("inventory", "show", "--json", "--place", place).out)
    return {line["sku"]: line["on_hand"] for line in lines}


def test_photos_become_stock_once(shop: Run, tmp_path: Path) -> None:
    first = save_photo(tmp_path / "new" / "bread.jpg", 1, width=144, height=120)
    done = shop("scan", first, "--place", BAY, "--depth", "4")
    assert done.code == 0
    assert "4 (as given)" in done.out
    assert "1 counts written" in done.err
    again = shop("scan", first, "--place", BAY)
    assert "counted already; nothing was changed" in again.err
    assert on_hand(shop) == {"bread": 4}
    second = save_photo(tmp_path / "new" / "apple.jpg", 0, width=144, height=120)
    both = shop("scan", first, second, "--place", BAY, "--json")
    (scan,) = both.lines
    assert [(c["sku"], c["quantity"]) for c in scan["counts"]] == [("apple", 1), ("bread", 1)]
    assert len(scan["photo_ids"]) == 2
    broken = tmp_path / "new" / "broken.jpg"
    broken.write_bytes(b"no photo")
    failed = shop("scan", broken, "--place", BAY)
    assert failed.code == 1
    assert "broken.jpg" in failed.err
    assert on_hand(shop) == {"apple": 1, "bread": 1}
    assert shop("scan", first, "--place", "a//b").code == 1


def test_a_scan_that_was_cut_short_is_completed(shop: Run, tmp_path: Path) -> None:
    """Readings go on record photo by photo, the counts follow in one transaction."""
    first = save_photo(tmp_path / "new" / "bread.jpg", 1, width=144, height=120)
    assert shop("recognize", first, "--place", BAY).code == 0
    assert on_hand(shop) == {}
    assert "1 counts written" in shop("scan", first, "--place", BAY).err
    assert on_hand(shop) == {"bread": 1}


def test_books_by_files_corrections_and_reports(run: Run, tmp_path: Path) -> None:
    run("init")
    (tmp_path / "c.csv").write_text("sku,name,price,currency,reorder_point\nmilk,Oat drink,1.09,EUR,9\ntea,,,,\n")
    assert run("catalog", "import", "c.csv").code == 0
    assert run("places", "set", "store-1", "--zone", "Europe/Berlin", "--currency", "EUR").code == 0
    sites = json.loads(run("places", "list", "--json").out)
    assert sites == [{"name": "store-1", "zone": "Europe/Berlin", "currency": "EUR"}]
    (tmp_path / "in.csv").write_text("date,sku,quantity,price\n2026-03-01,milk,24,0.70\n2026-03-01,jam,1,\n")
    done = run("inventory", "import", "in.csv", "--kind", "received", "--place", "store-1")
    assert done.code == 1  # jam is unknown
    assert "in.csv:3: SKU 'jam'" in done.err
    (tmp_path / "out.csv").write_text(
        "at;sku;quantity;store\n2026-03-02 10:00;milk;20;store-1\n2026-03-02;tea;1;store-2\n"
    )
    assert "store-2: time zone never set" in run("inventory", "import", "out.csv", "--kind", "sold").err
    again = run("inventory", "import", "out.csv", "--kind", "sold")
    assert (again.code, "2 there already, nothing was changed" in again.err) == (0, True)
    assert on_hand(run) == {"milk": 4, "tea": -1}
    assert on_hand(run, "store-1") == {"milk": 4}
    shown = run("inventory", "show")
    assert "tea in store-2: 1 more left than was there" in shown.err

    assert run("inventory", "adjust", "Oat drink", "--to", "6", "--place", "store-1", "--author", "ann").code == 0
    assert run("inventory", "adjust", "milk", "--to", "5", "--place", "store-1", "--author", "bob").code == 0
    assert on_hand(run, "store-1") == {"milk": 5}
    assert run("inventory", "adjust", "nothing", "--to", "5", "--place", "store-1", "--author", "bob").code == 1
    events = run("inventory", "events", "--json", "--sku", "milk").lines
    assert [(e["kind"], e["quantity"], e["author"]) for e in events[2:]] == [
        ("counted", 6, "ann"),
        ("counted", 5, "bob"),
    ]
    assert run("inventory", "undo", events[3]["event_id"], "--author", "eve").code == 0
    assert "was undone already" in run("inventory", "undo", events[3]["event_id"], "--author", "eve").err
    assert on_hand(run, "store-1") == {"milk": 6}

    assert "low_stock" in run("report", "inventory").out
    facts = json.loads(run("report", "inventory", "--format", "json").out)
    assert [(a["kind"], a["sku"]) for a in facts["alerts"]] == [("low_stock", "milk"), ("sold_unknown", "tea")]
    assert run("report", "inventory", "--out", "stock.csv").code == 0
    assert run("report", "inventory", "--out", "stock.html").code == 0
    assert "2 things to do" in (tmp_path / "stock.html").read_text()
    assert run("report", "inventory", "--format", "html").code == 2
    assert run("report", "--format", "json").code == 0  # the record's own report is where it was
    assert run("inventory", "export", "--format", "json").out.count("\n") == 6
    assert run("inventory", "export", "--out", "ledger.csv").code == 0
    assert "got columns event_id" in run("inventory", "import", "ledger.csv").err
    assert run("inventory", "export", "--format", "parquet").code == 2
    verified = run("inventory", "verify")
    assert (verified.code, "0 faults" in verified.err) == (0, True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one receipt of each of four products, and a file of sales."""
    folder = tmp_path_factory.mktemp("made")
    store = init_store(str(folder / "store"))
    store.put_products([Product(f"p{n}") for n in range(4)])
    store.close()
    rows = [f"2026-03-{1 + n // 24:02d} {n % 24:02d}:00,p{n % 4},s,{1 + n % 3},sold" for n in range(N_ROWS)]
    (folder / "sales.csv").write_text("\n".join(["at,sku,place,quantity,kind", *rows, ""]))
    return folder


@pytest.mark.parametrize("then_s", [0.0, 0.02, 0.1, 0.3, 0.5, 0.8])
def test_a_killed_import_leaves_a_sound_ledger_and_the_second_completes_it(
    then_s: float, made: Path, tmp_path: Path
) -> None:
    location = tmp_path / "store"
    shutil.copytree(made / "store", location)
    paths = [str(Path(errors.__file__).parents[1]), str(Path(__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    arguments = [sys.executable, "-m", "e2e.import_slowly", str(location), str(made / "sales.csv")]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        time.sleep(then_s)
        worker.send_signal(signal.SIGKILL)
    assert worker.returncode == -signal.SIGKILL

    store = open_store(str(location))
    store.health()  # runs the integrity check
    n_events = len(list(store.ledger.events()))
    assert n_events in {0, N_ROWS}  # a file is one transaction
    assert sorted(store.ledger.folded(), key=lambda b: (b.place, b.sku)) == store.ledger.balances()
    store.close()
    second = subprocess.run([*arguments, "end"], env=environment, capture_output=True, text=True, check=True)
    assert second.stdout.split() == ["ready", str(N_ROWS - n_events), str(n_events)]
    store = open_store(str(location))
    sold = store.ledger.units_sold(datetime(2026, 1, 1, tzinfo=UTC))
    assert sum(n for n, _ in sold.values()) == sum(1 + n % 3 for n in range(N_ROWS))
    assert {b.sku: -b.on_hand for b in store.ledger.balances()} == {sku: n for (_, sku), (n, _) in sold.items()}
    store.close()
