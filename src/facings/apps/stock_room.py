"""What one does with the stock of a store: import, count, ask, correct, undo, tell.

Comes in: a store with its ledger and catalog, and the rules of its shops. Comes out: stock lines, events, reports. The
rules of stock themselves lie in `ledger`, `scan` and `inventory`; here they meet the ledger of a store and the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from facings.apps import demand_report, inventory, inventory_report, ledger_file
from facings.apps.demand import Demand, demands
from facings.apps.demand_rate import COVERAGE
from facings.apps.demand_report import DemandReport
from facings.apps.forecast import ForecastModels, forecast
from facings.apps.inventory import StockLine
from facings.apps.inventory_report import InventoryReport
from facings.apps.ledger import (
    Account,
    Event,
    Kind,
    LedgerStore,
    LedgerVerification,
    correct,
    undo,
    verify_ledger,
)
from facings.apps.ledger_file import LedgerImport
from facings.apps.places import Site, check_place, site_of
from facings.apps.scan import ScanDone, Sighting, record_scans
from facings.apps.shelf_belief import look_back_from, shelf_beliefs
from facings.apps.webhooks import Delivery, send_alerts
from facings.catalog import Names, Product
from facings.errors import BadInput

DEMAND_DAYS = 91  # 13 weeks


class StockLedger(LedgerStore, Protocol):
    """A ledger that also answers what reports ask of all its events at once."""

    def site_names(self) -> list[str]:
        """Every site that has an account, set or not."""
        ...

    def site_changes_since_counts(self, *, site: str = "", sku: str = "") -> dict[Account, int]:
        """Units by which a site itself changed a product without books since a shelf of it was last counted."""
        ...

    def units_sold(self, since: datetime, *, site: str = "", sku: str = "") -> dict[Account, tuple[int, datetime]]:
        """Units sold from a time on and the time of the first sale among them, by (site, SKU)."""
        ...

    def sightings(self, place: str) -> list[Sighting]:
        """What the record shows of one place, the last reading of each photo."""
        ...


class StockStore(Protocol):
    """A store that keeps a catalog and a stock ledger."""

    @property
    def ledger(self) -> StockLedger:
        """The events."""
        ...

    def products(self) -> dict[str, Product]:
        """The catalog by SKU."""
        ...


@dataclass(frozen=True)
class StockRules:
    """How stock is kept where nobody says otherwise.

    Args:
        default_site: Zone and currency of sites that were never set.
        scan_window: Photos of a place within so long are one scan.
        sales_days: Days back that average daily sales are taken from.
        lead_time_days: From an order to its delivery.
        webhook_url: Where alerts are sent; "" for nowhere.
        webhook_secret: What they are signed with.
    """

    default_site: Site
    scan_window: timedelta
    sales_days: int
    lead_time_days: float
    webhook_url: str = ""
    webhook_secret: str = ""


class StockRoom:
    """The stock of a store, and what one does with it.

    Args:
        store: Keeps catalog and ledger.
        rules: How stock is kept.
    """

    def __init__(self, store: StockStore, rules: StockRules) -> None:
        self._store = store
        self.rules = rules

    @property
    def ledger(self) -> StockLedger:
        """The events, as the store keeps them."""
        return self._store.ledger

    def sites(self) -> dict[str, Site]:
        """The shops that were set, by name, and those that have stock."""
        default = self.rules.default_site
        return {name: replace(default, name=name) for name in self.ledger.site_names()} | self.ledger.sites()

    def set_site(self, name: str, *, zone: str | None = None, currency: str | None = None) -> Site:
        """Set the time zone and the currency of a shop; what is None stays as it is.

        Raises:
            BadInput: No such zone, no currency code, or a name that is no shop's.
        """
        site = self.ledger.sites().get(name) or replace(self.rules.default_site, name=name)
        site = replace(site, zone=site.zone if zone is None else zone)
        site = replace(site, currency=site.currency if currency is None else currency)
        self.ledger.put_site(site)
        return site

    def import_file(
        self, path: Path, *, kind: Kind | None = None, place: str = "", is_strict: bool = False
    ) -> LedgerImport:
        """Receipts, sales, counts from a CSV file; see `ledger_file.import_ledger`."""
        return ledger_file.import_ledger(
            self.ledger,
            path,
            self._store.products(),
            kind=kind,
            place=place,
            default_site=self.rules.default_site,
            is_strict=is_strict,
        )

    def count(self, place: str, photo_ids: Iterable[str], *, depth: int | None = None) -> ScanDone:
        """Count what photos on record show of a place; see `scan.record_scans`.

        Args:
            place: What they show.
            photo_ids: The photos.
            depth: Units behind one another; None for what the catalog says, or people's counts show.
        """
        seen = self.ledger.sightings(place)
        window = self.rules.scan_window
        return record_scans(self.ledger, place, seen, photo_ids, self._store.products(), window=window, depth=depth)

    def stock(self, *, place: str = "", sku: str = "", now: datetime | None = None) -> tuple[StockLine, ...]:
        """What is on hand by site and product; see `inventory.stock_lines`.

        Args:
            place: Only sites that this place lies in; "" for all.
            sku: Only this product: SKU, GTIN or unique name; "" for all.
            now: The time that average sales reach back from; None for now.
        """
        products, days = self._store.products(), self.rules.sales_days
        moment = now or datetime.now(UTC)
        site = site_of(check_place(place)) if place else ""
        only, sites = self._sku(sku, products), self.sites()
        return inventory.stock_lines(
            self.ledger.balances(place=site, sku=only),
            products,
            sites,
            site_changes=self.ledger.site_changes_since_counts(site=site, sku=only),
            sold=self.ledger.units_sold(moment - timedelta(days=days), site=site, sku=only),
            now=moment,
            sales_days=days,
            beliefs=shelf_beliefs(
                self.ledger.events(place=site, sku=only, since=look_back_from(moment), is_live=True), products, sites
            ),
        )

    def events(self, *, place: str = "", sku: str = "") -> Iterator[Event]:
        """The events of the ledger in order of their times, at a place and inside it, of one product or all."""
        where = check_place(place) if place else ""
        return self.ledger.events(place=where, sku=self._sku(sku, self._store.products()))

    def report(self, *, now: datetime | None = None) -> InventoryReport:
        """What is on hand everywhere, and what to do first; see `inventory.alerts`.

        Args:
            now: The time of asking; None for now.
        """
        rules, moment = self.rules, now or datetime.now(UTC)
        lines = self.stock(now=moment)
        since = moment - timedelta(days=rules.sales_days)
        counts = self.ledger.events(kinds=["counted"], since=since, is_live=True)
        return InventoryReport(
            lines=lines,
            alerts=inventory.alerts(lines, lead_time_days=rules.lead_time_days, now=moment),
            problems=inventory.early_sales(lines),
            conflicts=inventory.conflicts(counts, rules.scan_window),
            made_at=moment,
        )

    def report_html(self, report: InventoryReport) -> str:
        """The inventory report as one self-contained page."""

        def events_of(line: StockLine) -> list[Event]:
            return list(self.ledger.events(place=line.site, sku=line.sku, is_live=True))

        return inventory_report.to_html(report, events_of)

    def demand_report(
        self,
        *,
        days: int = DEMAND_DAYS,
        place: str = "",
        sku: str = "",
        now: datetime | None = None,
        coverage: float = COVERAGE,
        horizon: int = 0,
        models: ForecastModels | None = None,
    ) -> DemandReport:
        """What is wanted of each product, and with models what will be; see `demand.demands`, `forecast.forecast`.

        Args:
            days: Days back from `now`, 1 or more.
            place: Only there and inside; "" for everywhere. A sale lies where it was booked, mostly the whole shop.
            sku: Only this product: SKU, GTIN or unique name; "" for all.
            now: The time of asking; None for now.
            coverage: Of every interval.
            horizon: Days to forecast.
            models: What forecasts; None for no forecast.
        """
        end = now or datetime.now(UTC)
        start, products = end - timedelta(days=days), self._store.products()
        events = self.ledger.events(
            place=check_place(place) if place else "", sku=self._sku(sku, products), since=start, is_live=True
        )
        found = demands(events, products, self.sites(), start=start, end=end, coverage=coverage)
        told = [(demand, forecast(demand, models, horizon=horizon)) for demand in found] if models else []
        forecasts = {(demand.site, demand.sku): one for demand, one in told if one}
        return DemandReport(found, start, end, coverage, forecasts)

    def demand_html(self, report: DemandReport) -> str:
        """The demand report as one self-contained page."""

        def events_of(demand: Demand) -> list[Event]:
            events = self.ledger.events(place=demand.site, sku=demand.sku, since=report.start, is_live=True)
            return [event for event in events if event.at <= report.end]

        return demand_report.to_html(report, events_of)

    def notify(self) -> Delivery:
        """Alerts of now sent to the webhook of the rules; see `webhooks.send_alerts`."""
        return send_alerts(self.rules.webhook_url, self.rules.webhook_secret, self.report().alerts)

    def verify(self, *, is_rebuilding: bool = False) -> LedgerVerification:
        """Every balance folded again from its events and compared; see `ledger.verify_ledger`."""
        found = verify_ledger(self.ledger)
        if is_rebuilding and found.problems:
            self.ledger.rebuild()
        return found

    def adjust(self, label: str, place: str, quantity: int, *, author: str, note: str = "") -> Event:
        """A person's count of one product; see `ledger.correct`.

        Raises:
            BadInput: Neither catalog nor ledger knows the product.
        """
        products = self._store.products()
        sku = self._sku(label, products)
        if sku not in products and not self.ledger.balances(sku=sku):
            raise BadInput(f"SKU {label!r}: neither the catalog nor the ledger knows it.", "Import the catalog first.")
        return correct(self.ledger, sku, check_place(place), quantity, author=author, note=note)

    def undo(self, event_id: int, *, author: str, note: str = "") -> Event:
        """Take an event of the ledger out of the fold; see `ledger.undo`."""
        return undo(self.ledger, event_id, author=author, note=note)

    def _sku(self, label: str, products: Mapping[str, Product]) -> str:
        return Names(products).sku(label) if label else ""
