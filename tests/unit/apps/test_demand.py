"""Demand by shop and product, with numbers worked by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from facings.apps.demand import Demand, demands
from facings.apps.demand_days import DemandDay, Trend, make_days, own_week, trend, week_of, weighed_days
from facings.apps.demand_ranking import rank
from facings.apps.demand_report import DemandReport, to_csv, to_html, to_json, to_rows
from facings.apps.ledger import Event, Kind
from facings.apps.places import Site
from facings.apps.shop_hours import ShopHours
from facings.catalog import Product
from facings.errors import BadInput

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
END = START + timedelta(days=28)
SITES = {"s": Site("s", "UTC", "EUR"), "berlin": Site("berlin", "Europe/Berlin", "EUR")}
PRODUCTS = {
    "milk": Product("milk", name="<b>Milk</b>", price=Decimal("1.10"), currency="EUR"),
    "tea": Product("tea", price=Decimal("2.00"), currency="USD"),
}
EVEN = (1.0,) * 7
_ids = count(1)


def event(kind: Kind, quantity: int, day: float, place: str = "s", sku: str = "milk", **fields: Any) -> Event:
    number = next(_ids)
    plain = {"author": "import", "source": "f:1", "key": str(number), "event_id": number}
    return Event(kind, sku, place, quantity, START + timedelta(days=day), **{**plain, **fields})


def found(events: Iterable[Event], **options: Any) -> dict[str, Demand]:
    return {d.sku: d for d in demands(events, PRODUCTS, SITES, **{"start": START, "end": END} | options)}


def daily(n: int, *, sku: str = "milk", n_days: int = 28, place: str = "s", hour: float = 12) -> list[Event]:
    return [event("sold", n, day + hour / 24, place, sku) for day in range(n_days)]


def empty_from(day: float, until: float) -> list[Event]:
    """Photos of the only shelf every quarter of a day, which show none in a time and two facings in all others."""
    times = [n / 4 for n in range(28 * 4)]
    return [event("counted", 0 if day <= t < until else 2, t, "s/a", author="scan", source="readings 7") for t in times]


def test_sales_of_every_day() -> None:
    milk = found(daily(3))["milk"]
    assert milk.basis == "sales"
    assert milk.rate is not None
    # known from the first sale on, Monday noon: 27.5 days, 84 units: Gamma(84 / φ + ½, 27.5 / φ) with φ = 1
    assert milk.n_units == 84
    assert milk.there_days == pytest.approx(27.5)
    assert milk.rate.per_day == pytest.approx(84.5 / 27.5, rel=0.02)
    assert milk.rate.low < 3.05 < milk.rate.high
    assert milk.spread == pytest.approx(1, abs=0.05)
    assert milk.lost_money == Decimal("0.00")
    assert len(milk.event_ids) == 28


def test_days_without_any_are_no_days_without_demand() -> None:
    sales = [sale for sale in daily(3) if not 10 <= (sale.at - START) / timedelta(days=1) < 17]
    milk = found([*sales, *empty_from(10, 17)])["milk"]
    assert milk.rate is not None
    assert milk.empty_days == pytest.approx(7, abs=0.4)
    assert milk.rate.per_day == pytest.approx(63 / 20.5, rel=0.05)  # and not 63 / 27.5
    assert milk.lost is not None
    assert milk.lost.per_day == pytest.approx(7 * 63 / 20.5, rel=0.1)
    assert milk.lost_money == pytest.approx(Decimal("23.66"), abs=Decimal(3))  # 21.5 units at 1.10
    (shelf,) = milk.shelves
    assert (shelf.place, shelf.n_looks, len(shelf.event_ids)) == ("s/a", 112, 112)


def test_a_basket_that_emptied_the_shelf_was_larger_than_it_sold() -> None:
    # five customers a day, every hour and 7 minutes from 9:00; each evening the last one takes all that is left
    def sales(last: int) -> list[Event]:
        units = (3, 1, 3, 1, last)
        return [event("sold", n, d + (9 + k * 67 / 60) / 24) for d in range(28) for k, n in enumerate(units)]

    times = [n / 24 for n in range(8, 28 * 24, 2)]
    shown = [event("counted", 2 if t % 1 < 0.58 else 0, t, "s/a", author="scan", source="r") for t in times]
    full = [event("counted", 2, t, "s/a", author="scan", source="r") for t in times]
    cut, whole = found([*sales(2), *shown])["milk"], found([*sales(2), *full])["milk"]
    assert cut.n_units == whole.n_units == 280
    assert cut.rate is not None
    assert whole.rate is not None
    per_day = cut.n_units / cut.there_days
    assert cut.rate.per_day == pytest.approx(per_day * (1 + 5 / 4) / 2, rel=0.08)  # five units more in four baskets
    assert whole.rate.per_day == pytest.approx(10, rel=0.05)


def test_a_till_that_fell_silent_is_not_an_end_of_demand() -> None:
    milk = found(daily(3, n_days=14))["milk"]  # the file of the last two weeks was never imported
    assert milk.rate is not None
    assert milk.there_days == pytest.approx(13)
    assert milk.rate.per_day == pytest.approx(42.5 / 13, rel=0.03)  # and not 42 / 27.5


def test_without_sales_photos_tell() -> None:
    def shown(day: float) -> int:  # a unit a day, filled up once a week
        return 7 - int((day + 1 / 4) % 7)

    days = [n / 2 + 1 / 3 for n in range(56)]  # 8:00 and 20:00; the unit goes at 18:00
    jam = found([event("counted", shown(day), day, "s/a", "jam", author="scan") for day in days])["jam"]
    assert jam.basis == "photos"
    assert jam.rate is not None
    assert jam.rate.low < 1 < jam.rate.high
    assert jam.product == Product("jam")  # deleted from the catalog, and yet there
    assert jam.lost_money is None


def test_a_scan_that_shows_others_shows_none_of_it() -> None:
    others = [event("counted", 3, n / 4, "s/a", "jam", author="scan") for n in range(28 * 4)]
    until_gone = [event("counted", 2 if n < 40 else 0, n / 4, "s/a", author="scan") for n in range(46)]
    back = [event("counted", 2, n / 4, "s/a", author="scan") for n in range(100, 112)]
    milk = found([*others, *until_gone, *back])["milk"]
    assert milk.shelves[0].n_looks == 112  # nothing was written of the 54 scans between
    assert milk.empty_days == pytest.approx(15, abs=1)


def test_one_count_or_a_receipt_tells_nothing() -> None:
    told = found([event("counted", 5, 3, "s/a"), event("received", 5, 3, sku="tea")])
    assert told["milk"].basis == "nothing"
    assert "One look" in told["milk"].reason
    assert "no shelf of it" in told["tea"].reason
    assert told["tea"].lost is None


def test_no_events_and_no_time() -> None:
    assert demands([], PRODUCTS, SITES, start=START, end=END) == ()
    assert found(daily(1), start=END, end=END + timedelta(days=1)) == {}
    for bad in ({"start": END}, {"end": START - timedelta(days=1)}, {"coverage": 1.0}):
        with pytest.raises(BadInput, match="wanted time between"):
            found(daily(1), **bad)


def test_a_price_in_another_currency_than_the_shops_is_no_money() -> None:
    tea = found([*daily(1, sku="tea")])["tea"]
    assert (tea.unit_price, tea.lost_money) == (None, None)
    sold = [event("sold", 1, day + 0.5, sku="jam", unit_price=250, currency="EUR") for day in range(28)]
    assert found(sold)["jam"].unit_price == Decimal("2.50")


def test_days_are_those_of_the_shops_clock() -> None:
    late = [event("sold", 1, day + 23.5 / 24, "berlin") for day in range(27)]  # 0:30 of the next day in Berlin
    milk = found(late)["milk"]
    assert next(day.day for day in milk.days if day.n_units) == date(2026, 3, 3)
    assert sum(day.n_units for day in milk.days) == 27


def days_of(units: list[float]) -> tuple[DemandDay, ...]:
    return tuple(DemandDay(date(2026, 3, 2) + timedelta(days=n), u, 1.0, 1.0) for n, u in enumerate(units))


def test_weekdays_by_hand() -> None:
    days = days_of([10, 10, 10, 10, 10, 20, 0] * 4)  # mean 10; Saturdays twice that, Sundays none
    week = week_of([days])
    assert week[5] == pytest.approx((80 + 1) / (40 + 1), rel=0.02)
    assert week[6] == pytest.approx(1 / 41, rel=0.05)
    assert sum(week) == pytest.approx(7)
    alone = own_week(days_of([0, 0, 0, 0, 0, 1, 0]), week)  # a single unit moves nothing
    assert alone == pytest.approx(week, abs=0.04)


def test_trend() -> None:
    doubling = trend(days_of([2 ** (n / 7) * 10 for n in range(28)]), EVEN, spread=1, coverage=0.9)
    assert doubling is not None
    assert doubling.per_week == pytest.approx(1.0, abs=0.01)
    assert doubling.direction == "rising"
    flat = trend(days_of([5] * 28), EVEN, spread=1, coverage=0.9)
    assert flat is not None
    assert flat.per_week == pytest.approx(0, abs=1e-6)
    assert flat.direction == "steady"
    wide = trend(days_of([5] * 28), EVEN, spread=4, coverage=0.9)
    assert wide is not None
    assert wide.high > 1.9 * flat.high
    assert trend(days_of([5] * 20), EVEN, spread=1, coverage=0.9) is None
    assert trend(days_of([0] * 40), EVEN, spread=1, coverage=0.9) is None


def test_who_ran_out_when_it_was_wanted_was_there_on_weaker_days() -> None:
    days = days_of([0] * 4)
    gone = (*days[:3], DemandDay(days[3].day, 0, 1.0, 0.0))
    doubling = Trend(2**7 - 1, 1.0, 200.0)  # 1, 2, 4, 8: the mean is 15 / 4, there were 1 + 2 + 4
    assert weighed_days(gone, EVEN, doubling) == pytest.approx(7 / (15 / 4))
    assert weighed_days(days, EVEN, doubling) == pytest.approx(4)
    assert weighed_days(gone, EVEN, Trend(1.0, -1.0, 3.0)) == 3  # in doubt
    assert weighed_days(gone, EVEN, None) == 3
    assert weighed_days((), EVEN, None) == 0


def test_days_of_a_shop_that_never_opens() -> None:
    closed = ShopHours(Site("s"), (None,) * 7)
    days = make_days(closed, START, END, {date(2026, 3, 3): 2.0}, {})
    assert sum(day.open_days for day in days) == 0
    assert week_of([days]) == EVEN


def a_shop() -> tuple[Demand, ...]:
    dead = [event("counted", 4, n / 2, "s/b", "tea", author="scan") for n in range(-120, 56)]
    events = [*daily(3), *daily(1, sku="jam"), *dead, event("counted", 1, 2, "s/c", "=new")]
    gone = [event("counted", 0 if n > 40 else 1, n / 2, "s/d", "jam", author="scan") for n in range(56)]
    return demands([*events, *gone], PRODUCTS, SITES, start=START - timedelta(days=60), end=END)


def test_ranking() -> None:
    ranking = rank(a_shop())
    assert [d.sku for d in ranking.high] == ["milk", "jam", "tea"]
    assert [d.sku for d in ranking.dead] == ["tea"]
    assert [d.sku for d in ranking.unknown] == ["=new"]
    assert ranking.lost[0].sku == "jam"
    assert ranking.lost_money() == {}  # jam has no price
    assert ranking.n_units_lost > 1


def test_report_as_csv_json_and_page() -> None:
    report = DemandReport(a_shop(), START, END, 0.9)
    rows = to_csv(report).splitlines()
    assert rows[0].startswith("site,sku,name,basis,per_day,low,high")
    assert rows[1].startswith("s,'=new,,nothing,,,,")  # no formula for a spreadsheet
    assert len(list(to_rows(report))) == len(rows) - 1 == 4
    facts = to_json(report)
    milk = next(line for line in facts["demand"] if line["sku"] == "milk")
    assert len(milk["sale_event_ids"]) == 28
    assert milk["weekdays"].keys() == {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
    page = to_html(report, lambda d: [event("sold", 1, 1, sku=d.sku, source="till.csv:7")])
    assert "&lt;b&gt;Milk&lt;/b&gt;" in page
    assert "<b>Milk</b>" not in page
    assert "till.csv:7" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_an_empty_report_says_what_to_do() -> None:
    page = to_html(DemandReport((), START, END, 0.9), lambda _: [])
    assert "facings inventory import" in page
