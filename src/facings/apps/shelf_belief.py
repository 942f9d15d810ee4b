"""What to believe of a shelf after several photos of it: how many units stand there, and whether it is empty.

One photo shows fronts only, misses a facing now and then, and takes one product for another. Several in a row tell
more: a filter (hidden Markov model, forward algorithm; Rabiner 1989) keeps a probability for every number of units.
Between two photos the number falls by what was sold, where the till says so, else at a rate that the photos themselves
tell, and rises when somebody fills the shelf. Each photo then speaks for the numbers that would look like it.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from facings.apps.ledger import Account, Event
from facings.apps.places import Site, site_of
from facings.apps.scan import AUTHOR
from facings.apps.shop_hours import ShopHours
from facings.catalog import Product

LOOK_BACK = timedelta(days=6)
MISSED_FRAC = 0.07  # of facings that a photo shows: not found, or taken for another product
N_FALSE = 0.05  # other products taken for this one, in one photo
BELIEVED_EMPTY = 0.7
CERTAINTY = 0.9

_FILLED_EVERY = timedelta(days=1)
_FILLED_UP = 0.7  # of the fillings; the others bring less
_STRAY_LOSS = 0.01  # chance that a unit leaves unseen between two photos while the till tells of the others
_LEAST_OPEN = timedelta(hours=6)  # what is seen of the opening hours is believed from this span on
_RATES = np.geomspace(0.1, 60, 10)  # units that leave in an open day
_N_LOOKS = 9  # the filter forgets: more of them change little
_FLOOR = 1e-12  # what cannot be may be all the same: a till, a catalog, a person erred
_MAX_UNITS, _MAX_FACINGS = 120, 24

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Look:
    """What a scan counted of a product.

    Args:
        at: When.
        n_facings: Facings counted.
        open_days: How long its shop was open since the look before, 1 for a whole day; 0 for the first.
        n_sold: Units sold in its shop since the look before; None where sales are not known.
    """

    at: datetime
    n_facings: int
    open_days: float = 0.0
    n_sold: int | None = None


@dataclass(frozen=True, slots=True)
class Belief:
    """What the looks at a shelf tell together.

    Args:
        units: Expected number.
        low: With `CERTAINTY` there are so many or more …
        high: … and so many or fewer.
        p_empty: Probability that there is none.
        empty_since: The first of the last looks since which it is believed empty; None while it is not.
    """

    units: float
    low: int
    high: int
    p_empty: float
    empty_since: datetime | None


def believe(looks: Sequence[Look], depth: int) -> Belief:
    """What to believe after the last of several looks at one shelf.

    Args:
        looks: By time, at least one; some days of them are enough.
        depth: Units behind one another at a facing of the full shelf.
    """
    n_columns = min(_MAX_FACINGS, max(1, _most_facings(looks)))
    deep = min(depth, max(1, _MAX_UNITS // n_columns))
    seen_if = facings_likelihood(n_columns, deep)
    held = np.full((len(_RATES), seen_if.shape[1]), 1 / seen_if.shape[1] / len(_RATES))
    empty_since = None
    recent = looks[-_N_LOOKS:]
    for before, look in zip([None, *recent[:-1]], recent, strict=True):
        if before is not None:
            held = _moved_on(held, look, look.at - before.at)
        held = held * seen_if[min(look.n_facings, len(seen_if) - 1)]
        held /= held.sum()
        is_empty = held[:, 0].sum() >= BELIEVED_EMPTY
        empty_since = (empty_since or look.at) if is_empty else None
    return _summed_up(held.sum(axis=0), empty_since)


def shelf_beliefs(
    events: Iterable[Event], products: Mapping[str, Product], sites: Mapping[str, Site]
) -> dict[Account, Belief]:
    """What to believe of every shelf that was scanned, by (place, SKU).

    Where people counted, brought or took something at the shelf itself, only the scans after that are taken.

    Args:
        events: Live ones of the last days (`LOOK_BACK`), in order of their times.
        products: The catalog by SKU, for depths.
        sites: The shops by name, for their clocks; others run on UTC.
    """
    looks: dict[Account, list[Look]] = {}
    n_sold: Counter[Account] = Counter()  # until now, by (site, SKU)
    told: dict[Account, int] = {}  # the same at the last look, by (place, SKU)
    busy: dict[str, list[datetime]] = {}  # times of sales and scans, by site
    sales: dict[str, datetime] = {}  # the last one of each site
    for event in events:
        site, here = site_of(event.place), (event.place, event.sku)
        if event.kind == "sold":
            n_sold[site, event.sku] += event.quantity
            sales[site] = event.at
            busy.setdefault(site, []).append(event.at)
        elif event.kind == "counted" and event.author == AUTHOR and "/" in event.place:
            n_facings = math.ceil(event.quantity / _depth(products, event.sku))
            new = n_sold[site, event.sku] - told.get(here, 0)
            told[here] = n_sold[site, event.sku]
            looks.setdefault(here, []).append(Look(event.at, n_facings, n_sold=new))
            busy.setdefault(site, []).append(event.at)
        else:
            for account in event.accounts():
                looks.pop(account, None)
    hours = {site: _open_hours(times, sites.get(site, Site(site))) for site, times in busy.items()}
    beliefs = {}
    for (place, sku), several in looks.items():
        if len(several) > 1:  # one photo alone is the count that the ledger has
            site = site_of(place)
            told_looks = _with_times_between(several, hours[site], sales.get(site))
            beliefs[place, sku] = believe(told_looks, _depth(products, sku))
    return beliefs


def _with_times_between(looks: Sequence[Look], hours: ShopHours, last_sale: datetime | None) -> list[Look]:
    """The looks with the opening hours between them, and without sales of times that the till has not told of yet."""
    between = [looks[0]]
    for before, look in pairwise(looks):
        is_told = last_sale is not None and before.at < last_sale
        n_sold = look.n_sold if is_told else None
        between.append(replace(look, open_days=_open_days(hours, before.at, look.at), n_sold=n_sold))
    return between


@functools.lru_cache(maxsize=4096)
def _open_days(hours: ShopHours, start: datetime, end: datetime) -> float:
    return hours.open_days(start, end)


def _open_hours(times: Iterable[datetime], clock: Site) -> ShopHours:
    """The hours that some days of sales and scans show, the same for all of the week."""
    walls = [clock.to_wall(moment) for moment in times]
    of_day = [timedelta(hours=wall.hour, minutes=wall.minute) for wall in walls]
    if max(of_day) - min(of_day) < _LEAST_OPEN:
        return ShopHours(clock)
    return ShopHours(clock, ((min(of_day), max(of_day)),) * 7)


def _depth(products: Mapping[str, Product], sku: str) -> int:
    return (products[sku].depth if sku in products else None) or 1


def _summed_up(p_units: Floats, empty_since: datetime | None) -> Belief:
    below = np.cumsum(p_units)
    low, high = (int(np.searchsorted(below, p)) for p in ((1 - CERTAINTY) / 2, (1 + CERTAINTY) / 2))
    return Belief(float(p_units @ np.arange(len(p_units))), low, high, float(p_units[0]), empty_since)


def _most_facings(looks: Sequence[Look]) -> int:
    """Facings of the full shelf: an eighth of the looks count so many; fewer may have taken others for this."""
    counts = sorted((look.n_facings for look in looks), reverse=True)
    return counts[math.ceil(len(counts) / 8) - 1]


def _moved_on(held: Floats, look: Look, gap: timedelta) -> Floats:
    """The probabilities after the time between two looks."""
    top = held.shape[1] - 1
    open_days = max(0.01, round(look.open_days, 2))
    filled = round(1 - math.exp(-gap / _FILLED_EVERY), 2)
    if look.n_sold is None:
        after: Floats = np.matmul(held[:, None, :], _with_filling(_falls, top, open_days, filled))[:, 0]
    else:
        told = held * _sells(look.n_sold, open_days)[:, None]
        after = told @ _with_filling(_falls_by, top, min(look.n_sold, top), filled)
    after += _FLOOR * after.sum()
    return after


@functools.lru_cache(maxsize=2048)
def _with_filling(fall: Callable[[int, float], Floats], top: int, by: float, filled: float) -> Floats:
    """Chance to go from so many units to so many when the shelf is filled with chance `filled`, first or last."""
    falls, rises = fall(top, by), _rises(top)
    return (1 - filled) * falls + filled / 2 * (falls @ rises + rises @ falls)


def _falls(top: int, open_days: float) -> Floats:
    """By rate: chance to go from so many units (row) to so many (column) by sales alone."""
    n_left = np.arange(top + 1)
    log_factorial = np.cumsum(np.log(np.maximum(1, n_left)))
    means = (_RATES * open_days)[:, None]
    gone = np.exp(n_left * np.log(means) - means - log_factorial)  # Poisson
    falls = np.zeros((len(_RATES), top + 1, top + 1))
    for n in range(top + 1):
        falls[:, n, 1 : n + 1] = gone[:, :n][:, ::-1]
        falls[:, n, 0] = 1 - gone[:, :n].sum(axis=1)
    return np.maximum(falls, 0)


@functools.lru_cache(maxsize=512)
def _sells(n_sold: int, open_days: float) -> Floats:
    """By rate: how well it agrees with so many units sold, the best as 1."""
    means = _RATES * open_days
    logs = n_sold * np.log(means) - means
    agreement: Floats = np.exp(logs - logs.max())
    return agreement


def _falls_by(top: int, n_sold: float) -> Floats:
    """The same when it is known how many were sold; from fewer there is no way."""
    falls = np.eye(top + 1, k=-int(n_sold))
    stray = falls * (1 - _STRAY_LOSS)
    stray[:, :-1] += falls[:, 1:] * _STRAY_LOSS
    stray[:, 0] += falls[:, 0] * _STRAY_LOSS
    return stray


@functools.lru_cache(maxsize=512)
def _rises(top: int) -> Floats:
    """Chance to go from so many units to so many when somebody fills the shelf."""
    rises = np.zeros((top + 1, top + 1))
    for n in range(top + 1):
        rises[n, n:] = (1 - _FILLED_UP) / (top + 1 - n)
        rises[n, top] += _FILLED_UP
    return rises


@functools.lru_cache(maxsize=512)
def facings_likelihood(n_columns: int, depth: int) -> Floats:
    """Chance to count so many facings (row) when so many units stand there (column), anywhere in their columns."""
    showing = _showing(n_columns, depth)
    n_rows = n_columns + 3
    false = np.array([math.exp(-N_FALSE) * N_FALSE**n / math.factorial(n) for n in range(n_rows)])
    seen = np.zeros((n_columns + 1, n_rows))
    for n in range(n_columns + 1):
        hits = [math.comb(n, k) * (1 - MISSED_FRAC) ** k * MISSED_FRAC ** (n - k) for k in range(n + 1)]
        seen[n] = np.convolve(hits, false)[:n_rows]
    return np.ascontiguousarray((showing @ seen).T)


def _showing(n_columns: int, depth: int) -> Floats:
    """Chance that so many columns (column) are not empty when so many units (row) stand in any places of them."""
    one = np.array([0, *(math.comb(depth, n) for n in range(1, depth + 1))], float)
    ways = np.zeros((n_columns * depth + 1, n_columns + 1))
    these = np.ones(1)
    for n in range(n_columns + 1):
        ways[: len(these), n] = math.comb(n_columns, n) * these
        these = np.convolve(these, one)
    shares: Floats = ways / ways.sum(axis=1, keepdims=True)
    return shares
