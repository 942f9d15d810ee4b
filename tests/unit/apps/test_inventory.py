"""Stock lines and alerts, with numbers worked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from facings.apps.inventory import Alert, StockLine, alerts, conflicts, early_sales, shortages, stock_lines
from facings.apps.inventory_report import InventoryReport, to_csv, to_html, to_json
from facings.apps.ledger import Event, Kind, fold_all
from facings.apps.places import Site
from facings.apps.shelf_belief import Belief
from facings.catalog import Product

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
PRODUCTS = {
    p.sku: p
    for p in (
        Product("milk", name="<b>Milk</b>", price=Decimal("1.10"), currency="EUR"),
        Product("tea", price=Decimal("2.00"), currency="EUR", reorder_point=4),
        Product("jam"),
    )
}
_ids = count(1)


def event(kind: Kind, quantity: int, days_ago: float, place: str = "s", sku: str = "milk", **fields: Any) -> Event:
    number = next(_ids)
    at = NOW - timedelta(days=days_ago)
    plain = {"author": "ann", "source": "f:1", "key": str(number), "event_id": number}
    return Event(kind, sku, place, quantity, at, **{**plain, **fields})


def lines(
    *events: Event,
    sold: Mapping[str, tuple[int, float]] | None = None,
    changes: Mapping[tuple[str, str], int] | None = None,
    beliefs: Mapping[tuple[str, str], Belief] | None = None,
) -> tuple[StockLine, ...]:
    """Stock lines; `sold` by SKU: units, and days since the first of these sales."""
    days = {("s", sku): (n, NOW - timedelta(days=first)) for sku, (n, first) in (sold or {}).items()}
    balances = fold_all(events).values()
    return stock_lines(
        balances, PRODUCTS, {}, site_changes=changes or {}, sold=days, now=NOW, sales_days=28, beliefs=beliefs or {}
    )


def alert(*args: Any, **options: Any) -> Alert:
    (found,) = alerts(lines(*args, **options), lead_time_days=3, now=NOW)
    return found


def test_books_of_the_site_are_on_hand_and_shelves_say_what_stands_there() -> None:
    (line,) = lines(
        event("received", 24, 9), event("sold", 4, 8), event("counted", 9, 7, "s/a", uncertainty=2),
        event("counted", 3, 6, "s/b"),
    )  # fmt: skip
    assert (line.on_hand, line.shelf, line.is_book, line.uncertainty) == (20, 12, True, 0)
    assert [b.place for b in line.places] == ["s", "s/a", "s/b"]


def test_without_books_on_hand_is_what_shelves_hold_less_sales_since() -> None:
    shelves = event("counted", 9, 7, "s/a", uncertainty=2), event("counted", 3, 6, "s/b", uncertainty=1)
    (line,) = lines(*shelves)
    assert (line.on_hand, line.is_book, line.uncertainty) == (12, False, 3)
    assert line.counted_at == NOW - timedelta(days=6)
    (line,) = lines(*shelves, event("sold", 5, 5), changes={("s", "milk"): -5})
    assert (line.on_hand, line.is_book) == (7, False)


def test_sales_alone_are_books_that_do_not_fit() -> None:
    (line,) = lines(event("sold", 5, 5))
    assert (line.on_hand, line.is_book) == (-5, True)
    assert shortages([line]) == ("milk in s: 5 more left than was there, since 2026-03-26 12:00 UTC.",)
    assert early_sales([line]) == (
        "milk in s: sold on 2026-03-26 12:00 UTC, before any of it was received or counted.",
    )
    (right,) = lines(event("received", 5, 6), event("sold", 5, 5))
    assert (shortages([right]), early_sales([right])) == ((), ())


def test_days_of_supply() -> None:
    (line,) = lines(event("received", 21, 40), sold={"milk": (84, 28)})  # 3 a day
    assert (line.daily_sales, line.days_of_supply) == (3, 7)
    (line,) = lines(event("received", 21, 40), sold={"milk": (30, 10)})  # first sold 10 days ago: 3 a day too
    assert line.daily_sales == pytest.approx(3)
    (line,) = lines(event("received", 21, 40), sold={"milk": (4, 0.1)})  # an hour does not make 40 a day
    assert line.daily_sales == 4
    (line,) = lines(event("received", 21, 40))
    assert (line.daily_sales, line.days_of_supply) == (None, None)


def test_out_of_stock_says_since_when_and_what_it_costs() -> None:
    received = event("received", 10, 20, unit_price=70, currency="EUR")
    found = alert(received, event("sold", 10, 2), sold={"milk": (28, 28)})
    assert (found.kind, found.reason) == ("out_of_stock", "None left since 2 days; it sold 1 a day.")
    assert found.since == NOW - timedelta(days=2)
    assert found.basis == "margin"
    assert found.loss_per_day == pytest.approx(0.40)  # 1.10 less 0.70, one a day


def test_without_cost_the_price_is_lost_and_without_price_the_unit() -> None:
    gone = [event("counted", 0, 3, sku=sku) for sku in ("milk", "tea", "jam")]
    found = alerts(lines(*gone, sold={"milk": (56, 28)}), lead_time_days=3, now=NOW)
    assert [(a.line.sku, a.basis, a.loss_per_day) for a in found] == [
        ("milk", "price", 2.2), ("tea", "price", 2.0), ("jam", "units", 1.0)
    ]  # fmt: skip


def test_a_cost_in_another_currency_says_nothing_of_the_margin() -> None:
    received = event("received", 1, 20, unit_price=70, currency="USD")
    assert alert(received, event("sold", 1, 2)).basis == "price"


def test_phantom_stock() -> None:
    books = event("received", 10, 20), event("sold", 2, 10)
    found = alert(*books, event("counted", 6, 9, "s/a"), event("counted", 0, 1, "s/a"), event("counted", 0, 2, "s/b"))
    assert (found.kind, found.since) == ("phantom_stock", NOW - timedelta(days=1))
    assert found.reason == "The ledger says 8, the shelf has shown none for 24 h."
    just_now = alert(*books, event("counted", 0, 0, "s/a"))
    assert just_now.reason == "The ledger says 8, the shelf has shown none for less than an hour."
    still = lines(*books, event("counted", 0, 1, "s/a"), event("counted", 1, 2, "s/b"))
    assert alerts(still, lead_time_days=3, now=NOW) == ()


def test_a_scanned_shelf_holds_what_its_last_photos_tell_together() -> None:
    counted = event("counted", 0, 1, "s/a"), event("counted", 8, 1, "s/b")
    since = NOW - timedelta(days=2)
    believed = {("s/a", "milk"): Belief(2.4, 1, 5, 0.1, None), ("s/b", "milk"): Belief(7.6, 4, 10, 0, None)}
    (line,) = lines(*counted, beliefs=believed)
    assert (line.on_hand, line.shelf, line.uncertainty, line.shelf_empty_since) == (10, 10, 7, None)
    assert alerts([line], lead_time_days=3, now=NOW) == ()  # the photo alone would have said: none at s/a
    empty = {place: Belief(0.2, 0, 1, 0.9, since) for place in believed}
    assert alert(*counted, beliefs=empty).since == since  # though the last photo took something else for it
    assert alert(*counted, event("received", 9, 5), beliefs=empty).kind == "phantom_stock"


def test_low_stock_by_catalog_or_by_what_sells_until_delivery() -> None:
    by_catalog = alert(event("received", 4, 9, sku="tea"))
    assert (by_catalog.kind, by_catalog.reason) == ("low_stock", "4 left; the reorder point is 4.")
    assert alerts(lines(event("received", 5, 9, sku="tea")), lead_time_days=3, now=NOW) == ()
    by_sales = alert(event("received", 2, 9), sold={"milk": (28, 28)})  # 1 a day, 3 days to delivery
    assert by_sales.reason == "2 left, 2.0 days of supply; the reorder point is 3."
    assert by_sales.loss_per_day == pytest.approx(1.10 / 3)  # one of the three days is without
    assert alerts(lines(event("received", 4, 9), sold={"milk": (28, 28)}), lead_time_days=3, now=NOW) == ()


def test_below_zero_the_books_are_wrong() -> None:
    found = alert(event("received", 3, 9), event("sold", 5, 4))
    assert (found.kind, found.since, found.loss_per_day) == ("sold_unknown", NOW - timedelta(days=4), 0)
    assert found.reason == "2 more left than was there, since 2026-03-27 12:00 UTC. Count it."


def test_a_product_that_left_the_catalog_keeps_its_history() -> None:
    (line,) = lines(event("received", 3, 9, sku="gone"))
    assert (line.sku, line.product, line.on_hand) == ("gone", Product("gone"), 3)


def test_times_are_those_of_the_shop(report: InventoryReport) -> None:
    balances = fold_all([event("counted", 5, 3), event("sold", 9, 2)]).values()
    berlin = {"s": Site("s", "Europe/Berlin")}
    stock = stock_lines(balances, PRODUCTS, berlin, site_changes={}, sold={}, now=NOW, sales_days=28)
    assert shortages(stock) == ("milk in s: 4 more left than was there, since 2026-03-29 14:00 CEST.",)
    page = to_html(replace(report, lines=stock), lambda _: [])
    assert "2026-03-28 13:00 CET" in page  # the day before summer time began


def test_conflicts_of_two_people() -> None:
    window = timedelta(minutes=10)
    minute = 1 / 24 / 60
    first, second = event("counted", 7, 2 * minute), event("counted", 9, minute, author="bob")
    assert conflicts([first, second], window) == ((first, second),)
    assert conflicts([first, event("counted", 7, minute, author="bob")], window) == ()  # they agree
    assert conflicts([first, event("counted", 9, minute)], window) == ()  # one corrected oneself
    assert conflicts([event("counted", 7, 1), second], window) == ()  # a day lies between
    assert conflicts([first, event("counted", 9, minute, author="scan")], window) == ()
    assert conflicts([first, event("counted", 9, minute, "s/a", author="bob")], window) == ()


@pytest.fixture
def report() -> InventoryReport:
    stock = lines(event("counted", 0, 3), event("received", 50, 3, sku="tea"), event("counted", 2, 3, sku="=jam"))
    old, new = event("counted", 7, 0.1, sku="tea"), event("counted", 9, 0.1, sku="tea", author="bob")
    return InventoryReport(stock, alerts(stock, lead_time_days=3, now=NOW), ("a problem",), ((old, new),), NOW)


def test_the_page_escapes_and_asks_nothing_of_the_network(report: InventoryReport) -> None:
    page = to_html(report, lambda _: [event("counted", 0, 3, source="readings 7")])
    assert "&lt;b&gt;Milk&lt;/b&gt;" in page
    assert "<b>Milk</b>" not in page
    assert "1 thing to do" in page
    assert "readings 7" in page
    assert "ann counted 7" in page
    assert "a problem" in page
    assert "http://" not in page
    assert "https://" not in page


def test_an_empty_ledger_gives_a_page_that_says_what_to_do() -> None:
    empty = InventoryReport((), (), (), (), NOW)
    assert "facings inventory import" in to_html(empty, lambda _: [])
    assert to_csv(empty).count("\n") == 1


def test_csv_and_json(report: InventoryReport) -> None:
    rows = to_csv(report).splitlines()
    assert len(rows) == 4
    assert rows[1].startswith("s,'=jam,")  # no formula for a spreadsheet
    assert rows[2].startswith(
        "s,milk,<b>Milk</b>,0,0,,,,2026-03-28T12:00:00+00:00,out_of_stock,None left since 3 days."
    )
    facts = to_json(report)
    assert [line["sku"] for line in facts["stock"]] == ["=jam", "milk", "tea"]
    assert facts["alerts"][0]["loss_in"] == "EUR sales"
    assert facts["conflicts"][0]["holds"]["author"] == "bob"
