"""A simulated store's days, from the command that writes them to the stock that another store reads out of them."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import Run


def test_days_are_written_and_read(run: Run, tmp_path: Path) -> None:
    options = ("--products", "4", "--days", "3", "--start", "2026-03-02", "--seed", "2")
    done = run("simulate", "days", "days", *options)
    assert done.code == 0
    assert "counts by photos" in done.err
    assert run("init").code == 0
    assert run("places", "set", "store-1", "--zone", "Europe/Berlin", "--currency", "EUR").code == 0
    assert run("catalog", "import", "days/catalog.csv").code == 0
    for name in ("deliveries", "sales", "scans"):
        assert run("inventory", "import", f"days/{name}.csv").code == 0
    lines = json.loads(run("inventory", "show", "--json").out)
    assert [line["sku"] for line in lines] == ["sku-001", "sku-002", "sku-003", "sku-004"]
    assert run("inventory", "verify").code == 0

    assert run("simulate", "days", "photos-alone", *options, "--no-sales").code == 0
    assert not (tmp_path / "photos-alone" / "sales.csv").exists()
    wrong = run("simulate", "days", "x", "--start", "1.3.2026")
    assert (wrong.code, "wanted a date" in wrong.err) == (1, True)
