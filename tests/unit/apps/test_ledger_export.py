"""The ledger for other programs."""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from facings.adapters.parquet_file import write_parquet
from facings.apps.ledger import Event
from facings.apps.ledger_export import COLUMNS, to_csv, to_json, to_rows
from facings.errors import BadInput, DependencyMissing

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENTS = [
    Event("received", "milk", "s", 24, AT, "ann", "f:1", "k1", "=1+1", 70, "EUR", event_id=1, recorded_at=AT),
    Event("undone", "milk", "s", 0, AT, "bob", "event 1", "k2", undoes=1, event_id=2, recorded_at=AT),
]


def test_csv() -> None:
    rows = list(csv.DictReader(to_csv(to_rows(EVENTS))))
    assert list(rows[0]) == list(COLUMNS)
    assert (rows[0]["price"], rows[0]["note"], rows[0]["at"]) == ("0.70", "'=1+1", "2026-03-01T12:00:00+00:00")
    assert (rows[1]["undoes"], rows[1]["price"]) == ("1", "")


def test_json() -> None:
    first, second = map(json.loads, to_json(to_rows(EVENTS)))
    assert (first["price"], first["note"], second["undoes"], second["price"]) == ("0.70", "=1+1", 1, None)


def test_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    path = tmp_path / "new" / "ledger.parquet"
    write_parquet(path, to_rows(EVENTS), COLUMNS)
    assert parquet.read_table(path).to_pylist() == list(to_rows(EVENTS))
    write_parquet(path, [], COLUMNS)
    assert parquet.read_table(path).num_rows == 0
    with pytest.raises(BadInput, match="cannot be written"):
        write_parquet(tmp_path, to_rows(EVENTS), COLUMNS)


def test_parquet_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DependencyMissing, match=r"pip install 'facings\[parquet\]'"):
        write_parquet(tmp_path / "x.parquet", [], COLUMNS)
