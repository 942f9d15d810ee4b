"""The inventory report: what is on hand and what to do first, as CSV, JSON and one page for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facings.apps.inventory import Alert, AlertKind, StockLine
from facings.apps.ledger import Event
from facings.page import render
from facings.report import csv_text

TITLES: dict[AlertKind, str] = {
    "out_of_stock": "Out of stock",
    "phantom_stock": "Not on the shelf",
    "low_stock": "Running low",
    "sold_unknown": "Books wrong",
}
MAX_ALERTS_SHOWN, MAX_LINES_SHOWN, N_EVENTS_SHOWN = 60, 2000, 6
COLUMNS: dict[str, type] = {
    "site": str, "sku": str, "name": str, "on_hand": int, "uncertainty": int, "on_shelf": int, "daily_sales": float,
    "days_of_supply": float, "last_count": str, "alert": str, "reason": str, "since": str, "loss_per_day": float,
    "loss_in": str,
}  # fmt: skip


@dataclass(frozen=True)
class InventoryReport:
    """What is on hand, and what follows from it.

    Args:
        lines: Products by site and SKU.
        alerts: Most urgent first.
        problems: Sales that were told before any stock was, in words.
        conflicts: Counts of two people that differ: the one overruled, and the one that holds.
        made_at: When it was asked.
    """

    lines: tuple[StockLine, ...]
    alerts: tuple[Alert, ...]
    problems: tuple[str, ...]
    conflicts: tuple[tuple[Event, Event], ...]
    made_at: datetime

    def n_alerts(self, kind: AlertKind) -> int:
        """How many alerts there are of a kind."""
        return sum(alert.kind == kind for alert in self.alerts)

    @property
    def sites(self) -> list[str]:
        """Every site there is stock of."""
        return sorted({line.site for line in self.lines})


def to_rows(report: InventoryReport) -> Iterator[dict[str, object]]:
    """Each product and site as plain values, with its alert if there is one."""
    alert_of = {(alert.line.site, alert.line.sku): alert for alert in report.alerts}
    for line in report.lines:
        alert = alert_of.get((line.site, line.sku))
        fields = [
            line.site, line.sku, line.product.name, line.on_hand, line.uncertainty, line.shelf,
            _rounded(line.daily_sales), _rounded(line.days_of_supply), _iso(line.counted_at),
        ]  # fmt: skip
        told = (
            [alert.kind, alert.reason, _iso(alert.since), round(alert.loss_per_day, 4), loss_in(alert)]
            if alert
            else [None] * 5
        )
        yield dict(zip(COLUMNS, [*fields, *told], strict=True))


def to_csv(report: InventoryReport) -> str:
    """One line a product and site, with its alert if there is one."""
    return csv_text(COLUMNS, (row.values() for row in to_rows(report)))


def to_json(report: InventoryReport) -> dict[str, Any]:
    """The report as JSON values: stock, alerts, problems, conflicts."""
    return {
        "made_at": _iso(report.made_at),
        "stock": [line_json(line) for line in report.lines],
        "alerts": [alert_json(alert) for alert in report.alerts],
        "problems": list(report.problems),
        "conflicts": [
            {"sku": holds.sku, "place": holds.place, "overruled": _count(old), "holds": _count(holds)}
            for old, holds in report.conflicts
        ],
    }


def line_json(line: StockLine) -> dict[str, Any]:
    """A stock line as JSON values, with the accounts behind it."""
    return {
        "site": line.site,
        "sku": line.sku,
        "name": line.product.name,
        "on_hand": line.on_hand,
        "uncertainty": line.uncertainty,
        "is_book": line.is_book,
        "shelf": line.shelf,
        "counted_at": _iso(line.counted_at),
        "daily_sales": line.daily_sales,
        "days_of_supply": line.days_of_supply,
        "accounts": [
            {"place": b.place, "on_hand": b.on_hand, "uncertainty": b.uncertainty, "n_events": b.n_events,
             "counted_at": _iso(b.counted_at), "short_since": _iso(b.short_since)}
            for b in line.places
        ],
    }  # fmt: skip


def alert_json(alert: Alert) -> dict[str, Any]:
    """An alert as JSON values."""
    return {
        "kind": alert.kind,
        "site": alert.line.site,
        "sku": alert.line.sku,
        "name": alert.line.product.name,
        "on_hand": alert.line.on_hand,
        "reason": alert.reason,
        "since": _iso(alert.since),
        "loss_per_day": round(alert.loss_per_day, 4),
        "loss_in": loss_in(alert),
    }


def to_html(report: InventoryReport, events_of: Callable[[StockLine], Sequence[Event]]) -> str:
    """The report as one self-contained page.

    Args:
        report: The report.
        events_of: The events behind a product in a site, in order of their times.
    """
    shown = report.alerts[:MAX_ALERTS_SHOWN]
    return render(
        "inventory.html.j2",
        report=report,
        alerts=[(alert, TITLES[alert.kind], _loss(alert), events_of(alert.line)[-N_EVENTS_SHOWN:]) for alert in shown],
        lines=report.lines[:MAX_LINES_SHOWN],
        titles=TITLES,
        alert_of={(alert.line.site, alert.line.sku): TITLES[alert.kind] for alert in report.alerts},
    )


def loss_in(alert: Alert) -> str:
    """What an alert's loss is counted in: "EUR margin", "EUR sales" or "units"."""
    words = {"margin": "margin", "price": "sales"}.get(alert.basis)
    return f"{alert.line.product.currency} {words}".strip() if words else "units"


def _loss(alert: Alert) -> str:
    if alert.kind == "sold_unknown":
        return "–"
    return (
        f"{alert.loss_per_day:,.2f} {loss_in(alert)}" if alert.basis != "units" else f"{alert.loss_per_day:.1f} units"
    )


def _count(event: Event) -> dict[str, Any]:
    return {"event_id": event.event_id, "quantity": event.quantity, "author": event.author, "at": _iso(event.at)}


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
