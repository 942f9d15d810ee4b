"""What is on hand in each shop, how long it lasts, and what to do first, from the balances of the ledger.

A product of a site is kept by the books where the site itself received or counted it: then on hand is the site's
account, and counts of shelves only say what stands there. Without books it is what the shelves hold: the sum of their
accounts, less what the site sold since one of them was last counted. A shelf that was scanned holds what its last
photos make likely together, and is empty when they make that likely: one that misses a facing empties no shelf.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from facings.apps.ledger import Account, Balance, Event, site_accounts
from facings.apps.money import from_minor
from facings.apps.places import Site, is_within
from facings.apps.shelf_belief import Belief
from facings.catalog import Product

AlertKind = Literal["out_of_stock", "phantom_stock", "low_stock", "sold_unknown"]
Basis = Literal["margin", "price", "units"]
_DAY = timedelta(days=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class StockLine:
    """A product in a site.

    Args:
        clock: The shop, with its time zone.
        sku: The product.
        product: As the catalog says; of one that the catalog lost, the SKU alone.
        on_hand: Units; below zero when more left than was known to be there.
        uncertainty: ± units, of the counts it stands on.
        is_book: Whether on hand is kept by the books of the site, not by its shelves.
        shelf: Units believed on the shelves of the site; None if none was ever counted.
        shelf_empty_since: Since when every shelf that held it is empty; None while one is not, or none ever did.
        counted_at: Time of the last count it stands on; None for none.
        places: The accounts behind it.
        daily_sales: Units a day on average, lately; None if none was sold.
        unit_cost: Last paid for one unit, in `cost_currency`; None when never told.
        cost_currency: ISO 4217 code, "" without a cost.
    """

    clock: Site
    sku: str
    product: Product
    on_hand: int
    uncertainty: int
    is_book: bool
    shelf: int | None
    shelf_empty_since: datetime | None
    counted_at: datetime | None
    places: tuple[Balance, ...]
    daily_sales: float | None
    unit_cost: Decimal | None
    cost_currency: str

    @property
    def site(self) -> str:
        """Name of the shop."""
        return self.clock.name

    def wall(self, moment: datetime) -> str:
        """A time as the shop's clock shows it, with the zone."""
        return f"{self.clock.to_wall(moment):%Y-%m-%d %H:%M %Z}"

    @property
    def days_of_supply(self) -> float | None:
        """How long it lasts at the average of late; None without sales, 0 when there is none."""
        return max(0, self.on_hand) / self.daily_sales if self.daily_sales else None

    @property
    def unit_value(self) -> tuple[Basis, float]:
        """What is lost with each unit not sold: margin where price and cost are known, else price, else the unit."""
        price, cost = self.product.price, self.unit_cost
        if price is None:
            return "units", 1.0
        if cost is None or self.cost_currency != self.product.currency:
            return "price", float(price)
        return "margin", float(price - cost)

    def reorder_point(self, lead_time_days: float) -> int | None:
        """With so many units or fewer, it is time to order: as the catalog says, else what sells until delivery."""
        if self.product.reorder_point is not None:
            return self.product.reorder_point
        return None if self.daily_sales is None else math.ceil(self.daily_sales * lead_time_days)


@dataclass(frozen=True)
class Alert:
    """Something to do about a product in a site.

    Args:
        kind: What is wrong.
        line: The product.
        reason: Why, in one sentence.
        since: Since when; None where nobody can say.
        basis: What `loss_per_day` is counted in.
        loss_per_day: Margin or price of the units that are not sold a day, in the product's currency, or those units.
    """

    kind: AlertKind
    line: StockLine
    reason: str
    since: datetime | None
    basis: Basis
    loss_per_day: float


def stock_lines(
    balances: Iterable[Balance],
    products: Mapping[str, Product],
    sites: Mapping[str, Site],
    *,
    site_changes: Mapping[Account, int],
    sold: Mapping[Account, tuple[int, datetime]],
    now: datetime,
    sales_days: int,
    beliefs: Mapping[Account, Belief] = MappingProxyType({}),
) -> tuple[StockLine, ...]:
    """What is on hand, by site and SKU.

    Args:
        balances: All accounts of the sites asked for.
        products: The catalog by SKU.
        sites: The shops by name; others run on UTC.
        site_changes: By (site, SKU), how events of the site changed products without books since their shelves' count.
        sold: By (site, SKU), units sold in the last `sales_days` and the time of the first of these sales.
        now: The time of asking.
        sales_days: Days that `sold` looks back; a product that sold first within them is averaged since then.
        beliefs: What the last scans tell of shelves, by (place, SKU); see `shelf_belief.shelf_beliefs`.
    """
    lines = []
    for (site, sku), accounts in site_accounts(balances).items():
        product = products.get(sku, Product(sku))
        change = site_changes.get((site, sku), 0)
        per_day = _per_day(sold.get((site, sku)), now, sales_days)
        believed = [_believed(account, beliefs.get((account.place, sku))) for account in accounts]
        lines.append(_line(sites.get(site, Site(site)), product, believed, change, per_day))
    return tuple(sorted(lines, key=lambda line: (line.site, line.sku)))


def alerts(lines: Iterable[StockLine], *, lead_time_days: float, now: datetime) -> tuple[Alert, ...]:
    """What to do, most urgent first: by lost margin a day, then lost sales, then units, as far as each is known.

    Args:
        lines: What is on hand.
        lead_time_days: From an order to its delivery.
        now: The time of asking.
    """
    found = [alert for line in lines if (alert := _alert(line, lead_time_days, now))]
    rank: dict[Basis, int] = {"margin": 0, "price": 1, "units": 2}
    order: dict[AlertKind, int] = {"out_of_stock": 0, "phantom_stock": 1, "low_stock": 2, "sold_unknown": 3}
    return tuple(sorted(found, key=lambda a: (rank[a.basis], -a.loss_per_day, order[a.kind], a.line.site, a.line.sku)))


def shortages(lines: Iterable[StockLine]) -> tuple[str, ...]:
    """Products of which more left than was known to be there, in words."""
    return tuple(f"{line.sku} in {line.site}: {_short(line)}" for line in lines if line.on_hand < 0)


def early_sales(lines: Iterable[StockLine]) -> tuple[str, ...]:
    """Products that sold before any stock of them was known of, in words."""
    found = []
    for line in lines:
        since = next((account.sold_before_stock_since for account in line.places if account.is_site), None)
        if since and line.is_book:
            when = line.wall(since)
            found.append(f"{line.sku} in {line.site}: sold on {when}, before any of it was received or counted.")
    return tuple(found)


def conflicts(events: Iterable[Event], window: timedelta) -> tuple[tuple[Event, Event], ...]:
    """Counts of one account by two people within a window that differ: the one overruled, and the one that holds.

    Args:
        events: Counts in order of their times, then of arrival.
        window: How close in time they are still of the same shelf.
    """
    last: dict[Account, Event] = {}
    found = []
    for event in events:
        if event.kind != "counted" or event.author in {"scan", "import"}:
            continue
        before = last.get((event.place, event.sku))
        if before and before.author != event.author and before.quantity != event.quantity:
            found += [(before, event)] if event.at - before.at <= window else []
        last[event.place, event.sku] = event
    return tuple(found)


def inside(lines: Iterable[StockLine], place: str) -> tuple[Balance, ...]:
    """The accounts behind stock lines that lie at a place or inside it."""
    return tuple(account for line in lines for account in line.places if is_within(account.place, place))


def _believed(account: Balance, belief: Belief | None) -> Balance:
    """The account of a shelf as its last scans tell it together."""
    if belief is None:
        return account
    units = 0 if belief.empty_since else max(1, round(belief.units))
    either_way = max(belief.high - units, units - belief.low)
    return replace(account, on_hand=units, uncertainty=either_way, empty_since=belief.empty_since)


def _line(
    clock: Site, product: Product, accounts: Sequence[Balance], site_change: int, daily_sales: float | None
) -> StockLine:
    book = next((account for account in accounts if account.is_site), None)
    shelves = [account for account in accounts if not account.is_site]
    is_book = not shelves or (book is not None and book.opened_at is not None)
    shelf = sum(account.on_hand for account in shelves) if shelves else None
    behind = [book] if is_book and book else shelves
    stocked = [account for account in shelves if account.counted_at]
    empty = [account.empty_since for account in shelves]
    costs = [account for account in accounts if account.unit_cost is not None]
    cost = max(costs, key=lambda account: account.last_at or account.opened_at or _NEVER, default=None)
    return StockLine(
        clock=clock,
        sku=product.sku,
        product=product,
        on_hand=book.on_hand if is_book and book else (shelf or 0) + site_change,
        uncertainty=sum(account.uncertainty for account in behind),
        is_book=is_book,
        shelf=shelf,
        shelf_empty_since=max((since for since in empty if since), default=None) if stocked and all(empty) else None,
        counted_at=max((account.counted_at for account in behind if account.counted_at), default=None),
        places=tuple(accounts),
        daily_sales=daily_sales,
        unit_cost=None if cost is None or cost.unit_cost is None else from_minor(cost.unit_cost, cost.cost_currency),
        cost_currency="" if cost is None else cost.cost_currency,
    )


def _per_day(sold: tuple[int, datetime] | None, now: datetime, sales_days: int) -> float | None:
    if sold is None:
        return None
    n_sold, first = sold
    return n_sold / max(1.0, min(sales_days, (now - first) / _DAY))


def _alert(line: StockLine, lead_time_days: float, now: datetime) -> Alert | None:
    basis, value = line.unit_value
    per_day = line.daily_sales if line.daily_sales is not None else 1.0
    point = line.reorder_point(lead_time_days)
    if line.on_hand < 0:  # whether there is any left nobody knows, nor what is lost
        reason = f"{_short(line)} Count it."
        return Alert("sold_unknown", line, reason, _empty_since(line), basis, 0.0)
    if line.on_hand == 0:
        since = _empty_since(line)
        lasting = f" since {_age(since, now)}" if since else ""
        return Alert("out_of_stock", line, f"None left{lasting}{_rate(line)}.", since, basis, value * per_day)
    if line.is_book and line.shelf_empty_since:
        reason = f"The ledger says {line.on_hand}, the shelf has shown none for {_age(line.shelf_empty_since, now)}."
        return Alert("phantom_stock", line, reason, line.shelf_empty_since, basis, value * per_day)
    if point is not None and line.on_hand <= point:
        days = line.days_of_supply
        left = f", {days:.1f} days of supply" if days is not None else ""
        # What will be lost, not what is: the share of the delivery time that the stock does not reach over.
        share = 0.0 if days is None or not lead_time_days else max(0.0, 1 - days / lead_time_days)
        return Alert(
            "low_stock", line, f"{line.on_hand} left{left}; the reorder point is {point}.", None, basis,
            value * per_day * share,
        )  # fmt: skip
    return None


def _rate(line: StockLine) -> str:
    return f"; it sold {line.daily_sales:.2g} a day" if line.daily_sales else ""


def _empty_since(line: StockLine) -> datetime | None:
    book = next((account for account in line.places if account.is_site), None)
    return book.empty_since if line.is_book and book else line.shelf_empty_since


def _short(line: StockLine) -> str:
    since = next((account.short_since for account in line.places if account.short_since and line.is_book), None)
    return f"{-line.on_hand} more left than was there" + (f", since {line.wall(since)}." if since else ".")


def _age(since: datetime | None, now: datetime) -> str:
    """How long ago, as people say it."""
    if since is None:
        return ""
    hours = max(0.0, (now - since) / timedelta(hours=1))
    if hours < 1:
        return "less than an hour"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"
