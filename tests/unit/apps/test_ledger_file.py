"""Receipts, sales and counts from files: good ones, and every kind of bad one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from facings.adapters.sql_store import SqlStore
from facings.apps.ledger_file import LedgerImport, import_ledger
from facings.apps.places import Site
from facings.catalog import Product
from facings.errors import BadInput

PRODUCTS = {p.sku: p for p in (Product("milk", gtin="4006381333931", name="Oat drink"), Product("tea", currency="USD"))}
HEAD = "at,sku,place,quantity,kind\n"
ROWS = "2026-03-01 08:00,milk,s,24,received\n2026-03-01 12:00,milk,s,5,sold\n2026-03-01 12:00,milk,s,5,sold\n"


def load(store: SqlStore, folder: Path, text: str | bytes, **options: Any) -> LedgerImport:
    path = folder / "x.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return import_ledger(store.ledger, path, PRODUCTS, default_site=Site("any"), **options)


def stock(store: SqlStore) -> dict[tuple[str, str], int]:
    return {(b.place, b.sku): b.on_hand for b in store.ledger.balances()}


def messages(done: LedgerImport) -> list[str]:
    return [f"{problem.where.rpartition(':')[2]}: {problem.message}" for problem in done.problems]


def test_rows_become_events(store: SqlStore, tmp_path: Path) -> None:
    store.ledger.put_site(Site("s", "Europe/Berlin", "EUR"))
    text = (
        "Date;SKU;Store;Quantity;Kind;Price;Currency;To_place;Note;Author\n"
        "2026-03-01;4006381333931;s;24;Received;0.70;;;;\n"
        "2026-03-01;Oat drink;s;5;sold;1.09;CHF;;a note;ann\n"
        "2026-03-01;milk;s;20;counted;;;;;\n"
        "2026-03-01T08:30:00Z;milk;s;2;moved;;;t/a;;\n"
        "2026-03-01;milk;s;-1;adjusted;;;;;\n"
    )
    done = load(store, tmp_path, text)
    assert (done.n_new, done.n_known, done.problems, done.undeclared) == (5, 0, (), ())
    found = list(store.ledger.events())
    assert [(e.kind, e.quantity, e.unit_price, e.currency, e.author, e.note) for e in found] == [
        ("received", 24, 70, "EUR", "import", ""),
        ("moved", 2, None, "", "import", ""),
        ("sold", 5, 109, "CHF", "ann", "a note"),
        ("adjusted", -1, None, "", "import", ""),
        ("counted", 20, None, "", "import", ""),
    ]
    assert found[0].at == datetime(2026, 2, 28, 23, tzinfo=UTC)  # goods come before the shop opens, in Berlin
    assert found[2].at == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert found[4].at == datetime(2026, 3, 1, 22, 59, 59, tzinfo=UTC)  # stock is counted after it closes
    assert found[2].source.startswith("x.csv@")
    assert found[2].source.endswith(":3")
    assert stock(store) == {("s", "milk"): 20, ("t", "milk"): 2, ("t/a", "milk"): 2}


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(HEAD + ROWS, id="the same file"),
        pytest.param((HEAD + ROWS).replace(",", ";").replace("\n", "\r\n"), id="another delimiter and line end"),
        pytest.param("\ufeff" + HEAD + ROWS, id="a byte order mark"),
    ],
)
def test_a_file_told_again_changes_nothing(again: str, store: SqlStore, tmp_path: Path) -> None:
    assert load(store, tmp_path, HEAD + ROWS).n_new == 3
    done = load(store, tmp_path, again)
    assert (done.n_new, done.n_known, done.problems) == (0, 3, ())
    assert stock(store) == {("s", "milk"): 14}  # two equal rows of one file are two sales


def test_a_file_that_grew_or_was_cut_adds_what_is_new(store: SqlStore, tmp_path: Path) -> None:
    cut = load(store, tmp_path, HEAD + ROWS + "2026-03-01 13:00,milk,s,1")
    assert (cut.n_new, messages(cut)) == (3, ["5: got a row of 4 fields, wanted 5 as in the header."])
    cut = load(store, tmp_path, HEAD + ROWS + "2026-03-01 13:00,milk,s,12,sold")  # is it 'sold', or 'sold_out'?
    assert cut.n_new == 0
    assert messages(cut)[0].startswith("5: the file ends without a line end, so this row may be cut")
    whole = load(store, tmp_path, HEAD + ROWS + "2026-03-01 13:00,milk,s,12,sold\n")
    assert (whole.n_new, whole.n_known, whole.problems) == (1, 3, ())
    assert stock(store) == {("s", "milk"): 2}


def test_ids_make_rows_the_same_whatever_else_they_say(store: SqlStore, tmp_path: Path) -> None:
    head = "id,at,sku,store,quantity\n"
    first = load(store, tmp_path, head + "T1,2026-03-01 12:00,milk,s,5\nT1,2026-03-01 12:00,tea,s,1\n", kind="sold")
    assert first.n_new == 2  # one ticket, two products
    second = load(store, tmp_path, head + "T1,2026-03-01 12:00,milk,s,6\nT2,2026-03-01 12:00,milk,s,5\n", kind="sold")
    assert (second.n_new, second.n_known) == (1, 0)
    assert messages(second)[0].startswith(
        "2: this id stands in the ledger for another event (sold 5 on 2026-03-01 12:00"
    )
    assert stock(store) == {("s", "milk"): -10, ("s", "tea"): -1}


BAD_ROWS = {
    "2026-03-01,jam,s,1,sold": "SKU 'jam': not in the catalog",
    "2026-03-01,milk,s,1.5,sold": "Quantity '1.5': wanted a whole number",
    "2026-03-01,milk,s,,sold": "Quantity ''",
    "2026-03-01,milk,s,-2,sold": "Book what came back as received",
    "2026-03-01,milk,s,99999999999,sold": "Quantity '99999999999'",
    "2026-03-01,milk,s,1,lost": "Event kind 'lost': wanted one of",
    "2026-03-01,milk,s,1,undone": "facings inventory undo",
    "2026-03-01,milk,s,1,": "wanted one of",
    "01.03.2026,milk,s,1,sold": "Time '01.03.2026': wanted ISO 8601",
    "2222-03-01,milk,s,1,sold": "lies in the future",
    "2026-03-01,milk,s//a,1,sold": "Place 's//a'",
    "2026-03-01,milk,s,1,sold,extra": "got a row of 6 fields",
}


@pytest.mark.parametrize(("row", "words"), BAD_ROWS.items())
def test_a_bad_row_is_named_and_the_others_go_in(row: str, words: str, store: SqlStore, tmp_path: Path) -> None:
    done = load(store, tmp_path, f"{HEAD}{ROWS}{row}\n2026-03-01 14:00,milk,s,1,sold\n")
    assert done.n_new == 4
    (message,) = messages(done)
    assert message.startswith("5: ")
    assert words in message


def test_strict_is_all_or_nothing(store: SqlStore, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"x.csv:5: SKU 'jam'.* 1 bad rows in all; nothing was imported"):
        load(store, tmp_path, HEAD + ROWS + "2026-03-01,jam,s,1,sold\n", is_strict=True)
    assert stock(store) == {}
    assert load(store, tmp_path, HEAD + ROWS, is_strict=True).n_new == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "got columns none", id="empty"),
        pytest.param((HEAD + ROWS).replace(",", "|"), r"got columns at\|sku", id="wrong delimiter"),
        pytest.param((HEAD + ROWS).encode("utf-16"), "is not UTF-8|zero bytes", id="UTF-16"),
        pytest.param((HEAD + ROWS.replace("milk", "Müsli")).encode("latin-1"), "is not UTF-8", id="Latin-1"),
        pytest.param(HEAD + ROWS + '2026-03-01,"milk,s,1,sold\n', "unclosed quote", id="cut inside a quote"),
        pytest.param("at,sku,quantity,colour\n", "got columns", id="unknown column"),
        pytest.param("sku,place,quantity,kind\nmilk,s,1,sold\n", "no column says when", id="no time"),
        pytest.param("at,sku,quantity,kind\n2026-03-01,milk,1,sold\n", "no column says where", id="no place"),
        pytest.param("at,sku,place,quantity\n2026-03-01,milk,s,1\n", "no column says what happened", id="no kind"),
        pytest.param("at,date,sku,place,quantity,kind\n,,a,s,1,sold\n", "columns at and date", id="two times"),
    ],
)
def test_what_is_no_such_file(text: str | bytes, words: str, store: SqlStore, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=words):
        load(store, tmp_path, text)
    assert stock(store) == {}
    with pytest.raises(BadInput, match="cannot be read"):
        import_ledger(store.ledger, tmp_path / "none.csv", PRODUCTS, default_site=Site("any"))


def test_money_needs_a_currency(store: SqlStore, tmp_path: Path) -> None:
    text = "at,sku,place,quantity,kind,price\n2026-03-01,milk,s,1,sold,1.09\n2026-03-01,tea,s,1,sold,1.09\n"
    done = load(store, tmp_path, text)
    assert messages(done) == ["2: Price 1.09: in which currency? Neither row, site nor product says."]
    assert [e.currency for e in store.ledger.events()] == ["USD"]
    assert done.undeclared == ("s",)
