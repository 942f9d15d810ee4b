"""What customers want of each product in each shop, a day, with an interval; and what was lost while there was none.

In: the live events of the ledger (`LedgerStore.events(is_live=True)`): sales, counts by photos and people, and what
came and went. Out: a `Demand` for each shop and product that has any of them.

Where the till tells of sales, the rate is units over the days that the product could be had. Where it tells nothing,
photos do: `depletion` says how fast shelves empty. Either way the shelf's empty hours are taken out, as an empty shelf
sells nothing however much is wanted (censoring), and what a night or a closed day is, the shop's own hours say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from facings.apps.demand_days import (
    DemandDay,
    Trend,
    by_day,
    make_days,
    own_week,
    trend,
    week_of,
    weighed_days,
)
from facings.apps.demand_rate import COVERAGE, Floats, Rate, poisson_rate, sum_rates
from facings.apps.demand_spread import SPREADS, spread_log_likelihood, spread_weights
from facings.apps.depletion import Depletion, deplete_shop, gaps_between
from facings.apps.ledger import Event
from facings.apps.money import check_currency, from_minor, to_minor
from facings.apps.places import Site, site_of
from facings.apps.recognition_noise import RecognitionNoise, recognition_noise
from facings.apps.scan import AUTHOR
from facings.apps.shelf_course import ShelfLook
from facings.apps.shelf_looks import shelf_looks
from facings.apps.shop_hours import ShopHours, learn_hours
from facings.catalog import Product
from facings.errors import BadInput

Basis = Literal["sales", "photos", "nothing"]
_Looks = dict[str, tuple[int, list[ShelfLook]]]  # by place: units behind one another, and the looks there
_TILL_GAP = 5  # a till is believed silent, not idle, after so many times its usual pause


@dataclass(frozen=True)
class ShelfDemand:
    """What the looks at one shelf tell.

    Args:
        place: The shelf.
        rate: Units wanted an open day; None when they cannot tell, or the till does.
        n_gone: Units that left, as far as can be told.
        n_looks: How many looks there were.
        event_ids: The counts behind it; each names its readings, and so its photos.
    """

    place: str
    rate: Rate | None
    n_gone: float
    n_looks: int
    event_ids: tuple[int, ...]


@dataclass(frozen=True)
class Demand:
    """What is wanted of a product in a shop.

    Args:
        clock: The shop, with its time zone and currency.
        sku: The product.
        product: As the catalog says; of one that the catalog lost, the SKU alone.
        basis: Where the rate comes from.
        rate: Units wanted an open day; None when nobody can say.
        reason: Why there is no rate; "" when there is one.
        n_units: Units sold; where photos tell, units that left as far as can be told.
        there_days: Open days that it could be bought.
        empty_days: Open days that it could not.
        lost: Units not sold in the empty days; None without a rate.
        unit_price: As the catalog says, else as it last sold; None when neither does.
        currency: Of the price, ISO 4217.
        trend: How demand changes; None when there is too little to tell.
        week: Demand by weekday from Monday against the average open day.
        spread: Variance of a day's units over their mean, 1 or more.
        days: The days, on the shop's calendar.
        shelves: What each shelf tells.
        event_ids: The sales behind it; the counts are with the shelves.
    """

    clock: Site
    sku: str
    product: Product
    basis: Basis
    rate: Rate | None
    reason: str
    n_units: float
    there_days: float
    empty_days: float
    lost: Rate | None
    unit_price: Decimal | None
    currency: str
    trend: Trend | None
    week: tuple[float, ...]
    spread: float
    days: tuple[DemandDay, ...]
    shelves: tuple[ShelfDemand, ...]
    event_ids: tuple[int, ...]

    @property
    def site(self) -> str:
        """Name of the shop."""
        return self.clock.name

    @property
    def lost_money(self) -> Decimal | None:
        """What the units not sold would have brought, to the currency's smallest unit; None without rate or price."""
        if self.lost is None or self.unit_price is None:
            return None
        return from_minor(round(self.lost.per_day * to_minor(self.unit_price, self.currency)), self.currency)


def demands(
    events: Iterable[Event],
    products: Mapping[str, Product],
    sites: Mapping[str, Site],
    *,
    start: datetime,
    end: datetime,
    coverage: float = COVERAGE,
) -> tuple[Demand, ...]:
    """The demand of every product with an event in the time asked for, by shop and SKU.

    Args:
        events: Live ones, in any order; those outside the time are passed over.
        products: The catalog by SKU, for depths, names and prices.
        sites: The shops by name; others run on UTC.
        start: From when, aware.
        end: Until when, aware.
        coverage: Of every interval, above 0 and below 1.

    Raises:
        BadInput: `end` is not after `start`, or a coverage out of range.
    """
    if not start < end or not 0 < coverage < 1:
        raise BadInput(f"Demand from {start} to {end}, coverage {coverage}: wanted time between, coverage of 0 to 1.")
    told: dict[str, list[Event]] = {}
    for event in events:
        if start <= event.at <= end and event.kind != "undone":
            told.setdefault(site_of(event.place), []).append(event)
    found: list[Demand] = []
    for name, several in told.items():
        several.sort(key=lambda event: (event.at, event.event_id or 0))
        found += _Shop(sites.get(name, Site(name)), several, end, coverage).demands(products)
    return tuple(sorted(found, key=lambda demand: (demand.site, demand.sku)))


@dataclass
class _Draft:
    """A product of a shop before what its shop's other products tell is known."""

    product: Product
    sales: list[Event]
    shelves: tuple[ShelfDemand, ...]
    days: tuple[DemandDay, ...]


class _Shop:
    """One shop in the time asked for."""

    def __init__(self, clock: Site, events: Sequence[Event], end: datetime, coverage: float) -> None:
        self.clock, self.events, self.end, self.coverage = clock, events, end, coverage
        busy = [event.at for event in events if event.kind in {"sold", "counted"}]
        sales = (event.at for event in events if event.kind == "sold")
        self.hours: ShopHours = learn_hours(busy, clock, sales=sales)
        self.till = _till(events, end)
        self.scans = _scans(events)

    def demands(self, products: Mapping[str, Product]) -> list[Demand]:
        """All its products."""
        by_sku: dict[str, list[Event]] = {}
        for event in self.events:
            by_sku.setdefault(event.sku, []).append(event)
        looks = {sku: self._looks(products.get(sku, Product(sku)), several) for sku, several in by_sku.items()}
        noise = recognition_noise(_photos(seen) for shelves in looks.values() for _, seen in shelves.values())
        told = self._depletions(looks, noise)
        drafts = [
            self._draft(products.get(sku, Product(sku)), several, looks[sku], told[sku])
            for sku, several in by_sku.items()
        ]
        week = week_of(draft.days for draft in drafts)
        weeks = [own_week(draft.days, week) for draft in drafts]
        spreads = spread_weights([spread_log_likelihood(d.days, own) for d, own in zip(drafts, weeks, strict=True)])
        return [self._demand(*known) for known in zip(drafts, weeks, spreads, strict=True)]

    def _looks(self, product: Product, events: list[Event]) -> _Looks:
        till = self.till if any(event.kind == "sold" for event in events) else None
        return shelf_looks(events, product.depth, till=till, scans=self.scans)

    def _depletions(self, looks: Mapping[str, _Looks], noise: RecognitionNoise) -> dict[str, dict[str, Depletion]]:
        """What the looks tell, by product and place; of a product that was sold only what happened between them."""
        sold = {event.sku for event in self.events if event.kind == "sold"}
        shelves = [(sku, place) for sku, of_sku in looks.items() if sku not in sold for place in of_sku]
        seen = [looks[sku][place] for sku, place in shelves]
        together = deplete_shop([(s, depth) for depth, s in seen], self.hours, coverage=self.coverage, noise=noise)
        found: dict[str, dict[str, Depletion]] = {sku: {} for sku in looks}
        for (sku, place), told in zip(shelves, together, strict=True):
            found[sku][place] = told
        for sku in sold & looks.keys():
            for place, (depth, several) in looks[sku].items():
                found[sku][place] = Depletion(None, gaps_between(several, depth, self.hours, noise))
        return found

    def _draft(
        self, product: Product, events: list[Event], looks: _Looks, depletions: Mapping[str, Depletion]
    ) -> _Draft:
        sales = [event for event in events if event.kind == "sold"]
        shelves: list[ShelfDemand] = []
        units: dict[date, float] = {}
        empty: list[dict[date, float]] = []
        for place, told in depletions.items():
            ids = tuple(e.event_id for e in events if e.kind == "counted" and e.place == place and e.event_id)
            n_gone = sum(gap.n_gone for gap in told.gaps)
            shelves.append(ShelfDemand(place, told.rate, n_gone, len(looks[place][1]), ids))
            gone, without = by_day(told.gaps, self.hours)
            units.update({day: units.get(day, 0.0) + n for day, n in gone.items()})
            empty.append(without)
        if sales:
            units = {}
            for event in sales:
                day = self.clock.to_wall(event.at).date()
                units[day] = units.get(day, 0.0) + event.quantity
        first, last = self._known(events, sales)
        # Out of stock is what is on no shelf: the shelf that was empty for the shortest time.
        nowhere = {day: min(one.get(day, 0.0) for one in empty) for day in set().union(*empty)} if empty else {}
        return _Draft(product, sales, tuple(shelves), make_days(self.hours, first, last, units, nowhere))

    def _known(self, events: list[Event], sales: list[Event]) -> tuple[datetime, datetime]:
        """The time that a product is known of."""
        if sales and self.till:
            return max(events[0].at, self.till[0]), self.till[1]
        counts = [event.at for event in events if event.kind == "counted"]
        return (counts[0], counts[-1]) if counts else (events[0].at, events[-1].at)

    def _demand(self, draft: _Draft, week: tuple[float, ...], p_spreads: Floats) -> Demand:
        spread = float(p_spreads @ SPREADS)
        there = sum(day.there_days for day in draft.days)
        empty = sum(day.open_days - day.there_days for day in draft.days)
        n_units = sum(day.n_units for day in draft.days)
        growth = trend(draft.days, week, spread=spread, coverage=self.coverage)
        rate, reason = self._rate(draft, n_units, week, p_spreads, growth)
        price, currency = _price(draft, self.clock)
        return Demand(
            clock=self.clock,
            sku=draft.product.sku,
            product=draft.product,
            basis="nothing" if rate is None else "sales" if draft.sales else "photos",
            rate=rate,
            reason=reason,
            n_units=n_units,
            there_days=there,
            empty_days=empty,
            lost=rate.times(empty) if rate else None,
            unit_price=price,
            currency=currency,
            trend=growth if rate else None,
            week=week,
            spread=spread,
            days=draft.days,
            shelves=draft.shelves,
            event_ids=tuple(event.event_id for event in draft.sales if event.event_id is not None),
        )

    def _rate(
        self, draft: _Draft, n_units: float, week: Sequence[float], p_spreads: Floats, growth: Trend | None
    ) -> tuple[Rate | None, str]:
        """The rate, and why there is none."""
        if draft.sales:
            weighed = weighed_days(draft.days, week, growth)
            if weighed <= 0:
                return None, "It sold, but never in a time that it was known to be there."
            return poisson_rate(n_units, weighed, spreads=SPREADS, weights=p_spreads, coverage=self.coverage), ""
        told = [shelf.rate for shelf in draft.shelves if shelf.rate]
        if told:
            return sum_rates(told), ""
        if not draft.shelves:
            return None, "Nothing of it was sold, and no shelf of it was ever photographed or counted."
        return None, "One look at a shelf tells nothing of demand; two with opening hours between them do."


def _till(events: Sequence[Event], end: datetime) -> tuple[datetime, datetime] | None:
    """From when until when the till of a shop tells of sales: its silence at the end may be a file not yet imported."""
    sold = [event.at for event in events if event.kind == "sold"]
    if not sold:
        return None
    pause = (sold[-1] - sold[0]) / max(1, len(sold) - 1)
    is_idle = end - sold[-1] <= _TILL_GAP * pause
    return sold[0], end if is_idle else sold[-1]


def _photos(looks: Iterable[ShelfLook]) -> list[tuple[datetime, int]]:
    """What photos counted, with their times."""
    return [(look.at, look.n_facings) for look in looks if look.n_facings is not None]


def _scans(events: Iterable[Event]) -> dict[str, list[datetime]]:
    """When each place was scanned, in order."""
    times: dict[str, set[datetime]] = {}
    for event in events:
        if event.kind == "counted" and event.author == AUTHOR:
            times.setdefault(event.place, set()).add(event.at)
    return {place: sorted(several) for place, several in times.items()}


def _price(draft: _Draft, clock: Site) -> tuple[Decimal | None, str]:
    """The catalog's price, or else what it last sold for; one in another currency than the shop's is none."""
    product = draft.product
    sold = [event for event in draft.sales if event.unit_price is not None]
    if product.price is not None and product.currency and product.currency == (clock.currency or product.currency):
        return product.price, check_currency(product.currency)
    if sold and sold[-1].currency == (clock.currency or sold[-1].currency):
        return from_minor(sold[-1].unit_price or 0, sold[-1].currency), sold[-1].currency
    return None, clock.currency
