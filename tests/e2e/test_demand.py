"""Demand and planogram reports as a user asks for them."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from command_line import Run
from conftest import save_photo


@pytest.fixture
def sold(run: Run, tmp_path: Path) -> Run:
    """A shop that sold three oat drinks a day for six weeks, and one tea."""
    run("init")
    (tmp_path / "c.csv").write_text("sku,name,price,currency\nmilk,Oat drink,1.09,EUR\ntea,,,\n")
    run("catalog", "import", "c.csv")
    run("places", "set", "store-1", "--zone", "Europe/Berlin", "--currency", "EUR")
    today = datetime.now(UTC).replace(hour=11, minute=0, second=0, microsecond=0)
    lines = ["at,sku,quantity"]
    lines += [f"{(today - timedelta(days=n)).isoformat()},milk,3" for n in range(1, 43)]
    lines += [f"{(today - timedelta(days=30)).isoformat()},tea,1"]
    (tmp_path / "sold.csv").write_text("\n".join(lines) + "\n")
    assert run("inventory", "import", "sold.csv", "--kind", "sold", "--place", "store-1").code == 0
    return run


def test_demand_in_every_form(sold: Run, tmp_path: Path) -> None:
    shown = sold("report", "demand")
    assert shown.code == 0
    assert "Wanted most" in shown.out
    assert "2 products" in shown.err
    facts = json.loads(sold("report", "demand", "--format", "json").out)
    milk, tea = facts["demand"]
    assert (milk["sku"], milk["basis"], milk["units"]) == ("milk", "sales", 126)
    assert milk["per_day"] == pytest.approx(3, rel=0.08)
    assert milk["low"] < milk["per_day"] < milk["high"]
    assert len(milk["sale_event_ids"]) == 42
    assert tea["per_day"] < 0.1
    wide = json.loads(sold("report", "demand", "--format", "json", "--coverage", "0.99", "--sku", "Oat drink").out)
    assert wide["demand"][0]["high"] > milk["high"]
    for name in ("demand.csv", "demand.html", "demand.json"):
        assert sold("report", "demand", "--out", name).code == 0
    rows = list(csv.DictReader((tmp_path / "demand.csv").read_text().splitlines()))
    assert [row["sku"] for row in rows] == ["milk", "tea"]
    assert "Oat drink is wanted most" in (tmp_path / "demand.html").read_text()
    assert sold("report", "demand", "--format", "html").code == 2  # a page goes into a file


def test_demand_as_parquet(sold: Run, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    for what in ("demand", "inventory"):
        assert sold("report", what, "--out", f"{what}.parquet").code == 0
        assert parquet.read_table(tmp_path / f"{what}.parquet").column("sku").to_pylist() == ["milk", "tea"]
    assert sold("report", "demand", "--format", "parquet").code == 2


def test_demand_with_a_forecast(sold: Run) -> None:
    pytest.importorskip("statsforecast", reason="statsforecast is not installed")
    told = sold("report", "demand", "--format", "json", "--forecast", "7", "--sku", "milk")
    assert told.code == 0
    (milk,) = json.loads(told.out)["demand"]
    assert len(milk["forecast"]["days"]) == 7
    assert milk["forecast_units"] == pytest.approx(21, rel=0.1)
    assert "as a week ago" in milk["forecast"]["back_test"]["rmsse"]


def test_an_empty_store_has_no_demand(run: Run) -> None:
    run("init")
    shown = run("report", "demand")
    assert (shown.code, "0 products" in shown.err) == (0, True)


def test_planogram_of_the_record_and_replay(shop: Run, tmp_path: Path) -> None:
    bay = "store-1/aisle-2/bay-3"
    (tmp_path / "plan.csv").write_text("shelf,position,sku,facings\n1,1,bread,1\n1,2,apple,1\n")
    nothing = shop("report", "planogram", "--plan", "plan.csv", "--place", bay)
    assert nothing.code == 1
    assert "no photo of it is on record" in nothing.err
    first = save_photo(tmp_path / "new" / "bread.jpg", 1, width=144, height=120)
    assert shop("recognize", first, "--place", bay, "--detector", "whole-photo").code == 0
    for form in ("json", "csv"):
        done = shop("report", "planogram", "--plan", "plan.csv", "--place", bay, "--format", form)
        assert done.code == 0
        assert "bread.jpg" in done.out
    assert shop("report", "planogram", "--plan", "plan.csv", "--place", bay, "--out", "plan.html").code == 0
    assert "bread" in (tmp_path / "plan.html").read_text()
    again = shop("replay", "--model", "starter", "--json")
    assert again.code == 0
    *_, counts = map(json.loads, again.out.splitlines())
    assert (counts["n_photos"], counts["n_boxes"]) == (1, 1)
    assert shop("replay", "--model", "no-such-model").code == 1
