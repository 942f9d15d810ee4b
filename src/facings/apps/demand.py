"""What customers want of each product in each shop, a day, with an interval; and what was lost while there was none.

In: the live events of the ledger (`LedgerStore.events(is_live=True)`): sales, counts by photos and people, and what
came and went. Out: a `Demand` for each shop and product that has any of them.

Where the till tells of sales, the rate is customers over the days that the product could be had, times what one wants
at a time; where it tells only of sums, units over these days. Where it tells nothing, photos do: `depletion` says how
fast shelves empty. Either way the shelf's empty hours are taken out, as an empty shelf sells nothing however much is
wanted (censoring), and what a night or a closed day is, the shop's own hours say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from facings.apps.demand_absence import Absence, absences, absent_days
from facings.apps.demand_baskets import Baskets, customer_times, n_cut_off, tells_customers
from facings.apps.demand_days import (
    DemandDay,
    Trend,
    make_days,
    own_week,
    trend,
    units_by_day,
    week_of,
    weighed_days,
)
from facings.apps.demand_draft import Doubt, Draft, ShelfDemand, doubts
from facings.apps.demand_hours import busy_hours
from facings.apps.demand_rate import COVERAGE, Rate, poisson_rate, sum_rates
from facings.apps.demand_spread import SPREADS
from facings.apps.demand_till import price_of, told_time
from facings.apps.depletion import Depletion, deplete_shop, gaps_between
from facings.apps.ledger import Event
from facings.apps.money import from_minor, to_minor
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


class _Shop:
    """One shop in the time asked for."""

    def __init__(self, clock: Site, events: Sequence[Event], end: datetime, coverage: float) -> None:
        self.clock, self.events, self.end, self.coverage = clock, events, end, coverage
        busy = [event.at for event in events if event.kind in {"sold", "counted"}]
        sales = [event for event in events if event.kind == "sold"]
        self.hours: ShopHours = learn_hours(busy, clock, sales=(event.at for event in sales))
        self.till = told_time(events, end)
        self.has_customers = tells_customers(sales)
        self.scans = _scans(events)
        self.by_sku: dict[str, list[Event]] = {}
        for event in events:
            self.by_sku.setdefault(event.sku, []).append(event)
        self.sold = {sku: [e for e in several if e.kind == "sold"] for sku, several in self.by_sku.items()}

    def demands(self, products: Mapping[str, Product]) -> list[Demand]:
        """All its products."""
        known = {sku: products.get(sku, Product(sku)) for sku in self.by_sku}
        looks = {sku: self._looks(known[sku], several) for sku, several in self.by_sku.items()}
        noise = recognition_noise(_photos(seen) for shelves in looks.values() for _, seen in shelves.values())
        told = self._depletions(looks, noise)
        if self.has_customers:
            missing = {sku: self._absences(sku, looks[sku], told[sku]) for sku in self.by_sku}
            sales = ((customer_times(self.sold[sku]), _common(missing[sku])) for sku in self.by_sku if self.sold[sku])
            self.hours = busy_hours(self.hours, sales, self.events[0].at, self.events[-1].at)
        drafts = [self._draft(known[sku], several, looks[sku], told[sku]) for sku, several in self.by_sku.items()]
        week = week_of(draft.days for draft in drafts)
        weeks = [own_week(draft.days, week) for draft in drafts]
        return [self._demand(*of_one) for of_one in zip(drafts, weeks, doubts(drafts, weeks), strict=True)]

    def _looks(self, product: Product, events: list[Event]) -> _Looks:
        till = self.till if any(event.kind == "sold" for event in events) else None
        return shelf_looks(events, product.depth, till=till, scans=self.scans)

    def _depletions(self, looks: Mapping[str, _Looks], noise: RecognitionNoise) -> dict[str, dict[str, Depletion]]:
        """What the looks tell, by product and place; of a product that was sold only what happened between them."""
        shelves = [(sku, place) for sku, of_sku in looks.items() if not self.sold[sku] for place in of_sku]
        seen = [looks[sku][place] for sku, place in shelves]
        together = deplete_shop([(s, depth) for depth, s in seen], self.hours, coverage=self.coverage, noise=noise)
        found: dict[str, dict[str, Depletion]] = {sku: {} for sku in looks}
        for (sku, place), told in zip(shelves, together, strict=True):
            found[sku][place] = told
        for sku in looks:
            for place, (depth, several) in looks[sku].items() if self.sold[sku] else ():
                found[sku][place] = Depletion(None, gaps_between(several, depth, self.hours, noise))
        return found

    def _absences(self, sku: str, looks: _Looks, depletions: Mapping[str, Depletion]) -> list[list[Absence]]:
        """When each shelf of a product was empty."""
        till_days = self.hours.open_days(*self.till) if self.till else 0.0
        pace = len(customer_times(self.sold[sku])) / till_days if till_days else 0.0
        return [absences(looks[place][1], told.gaps, self.hours, pace=pace) for place, told in depletions.items()]

    def _draft(
        self, product: Product, events: list[Event], looks: _Looks, depletions: Mapping[str, Depletion]
    ) -> Draft:
        sales = self.sold[product.sku]
        shelves: list[ShelfDemand] = []
        units: dict[date, float] = {}
        for place, told in depletions.items():
            ids = tuple(e.event_id for e in events if e.kind == "counted" and e.place == place and e.event_id)
            n_gone = sum(gap.n_gone for gap in told.gaps)
            shelves.append(ShelfDemand(place, told.rate, n_gone, len(looks[place][1]), ids))
            for day, n in () if sales else units_by_day(told.gaps, self.hours).items():
                units[day] = units.get(day, 0.0) + n
        if sales:
            units = self._by_day((event.at, event.quantity) for event in sales)
        empty = [absent_days(one, self.hours) for one in self._absences(product.sku, looks, depletions)]
        # Out of stock is what is on no shelf: the shelf that was empty for the shortest time.
        nowhere = {day: min(one.get(day, 0.0) for one in empty) for day in set().union(*empty)} if empty else {}
        days = make_days(self.hours, *self._known(events, sales), units, nowhere)
        if not (self.has_customers and sales):
            return Draft(product, sales, tuple(shelves), days, days, None)
        n_cut = sum(n_cut_off(looks[place][1], told.gaps) for place, told in depletions.items())
        return Draft(product, sales, tuple(shelves), days, *self._visits(sales, days, n_cut))

    def _visits(
        self, sales: list[Event], days: Sequence[DemandDay], n_cut: float
    ) -> tuple[tuple[DemandDay, ...], Baskets]:
        """The days of a product with customers for units, and what these took."""
        times = customer_times(sales)
        came = self._by_day((at, 1) for at in times)
        visits = tuple(replace(day, n_units=came.get(day.day, 0.0)) for day in days)
        return visits, Baskets(len(times), sum(event.quantity for event in sales), n_cut)

    def _by_day(self, numbers: Iterable[tuple[datetime, float]]) -> dict[date, float]:
        """Numbers summed by day of the shop's calendar."""
        days: dict[date, float] = {}
        for at, number in numbers:
            day = self.clock.to_wall(at).date()
            days[day] = days.get(day, 0.0) + number
        return days

    def _known(self, events: list[Event], sales: list[Event]) -> tuple[datetime, datetime]:
        """The time that a product is known of."""
        if sales and self.till:
            return max(events[0].at, self.till[0]), self.till[1]
        counts = [event.at for event in events if event.kind == "counted"]
        return (counts[0], counts[-1]) if counts else (events[0].at, events[-1].at)

    def _demand(self, draft: Draft, week: tuple[float, ...], doubt: Doubt) -> Demand:
        there = sum(day.there_days for day in draft.days)
        empty = sum(day.open_days - day.there_days for day in draft.days)
        growth = trend(draft.days, week, spread=doubt.spread, coverage=self.coverage)
        rate, reason = self._rate(draft, week, doubt, growth)
        price, currency = price_of(draft.product, draft.sales, self.clock)
        return Demand(
            clock=self.clock,
            sku=draft.product.sku,
            product=draft.product,
            basis="nothing" if rate is None else "sales" if draft.sales else "photos",
            rate=rate,
            reason=reason,
            n_units=sum(day.n_units for day in draft.days),
            there_days=there,
            empty_days=empty,
            lost=rate.times(empty) if rate else None,
            unit_price=price,
            currency=currency,
            trend=growth if rate else None,
            week=week,
            spread=doubt.spread,
            days=draft.days,
            shelves=draft.shelves,
            event_ids=tuple(event.event_id for event in draft.sales if event.event_id is not None),
        )

    def _rate(self, draft: Draft, week: Sequence[float], doubt: Doubt, growth: Trend | None) -> tuple[Rate | None, str]:
        """The rate, and why there is none."""
        if draft.sales:
            weighed = weighed_days(draft.days, week, growth)
            if weighed <= 0:
                return None, "It sold, but never in a time that it was known to be there."
            n_came = sum(day.n_units for day in draft.visits)
            believed = {"spreads": SPREADS, "weights": doubt.spreads}
            believed |= {"sizes": doubt.sizes, "size_weights": doubt.size_weights}
            return poisson_rate(n_came, weighed, coverage=self.coverage, **believed), ""
        told = [shelf.rate for shelf in draft.shelves if shelf.rate]
        if told:
            return sum_rates(told), ""
        if not draft.shelves:
            return None, "Nothing of it was sold, and no shelf of it was ever photographed or counted."
        return None, "One look at a shelf tells nothing of demand; two with opening hours between them do."


def _common(shelves: list[list[Absence]]) -> list[Absence]:
    """The absences of a product from all its shelves; of several nobody can say when all were empty at once."""
    return shelves[0] if len(shelves) == 1 else []


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
