"""What to believe of a shelf after several photos of it: how many units stand there, and whether it is empty.

One photo shows fronts only, misses a facing now and then, and takes one product for another. Several in a row tell
more: a filter (hidden Markov model, forward algorithm; Rabiner 1989) keeps a probability for every number of units.
Between two photos the number falls by what was sold, where the till says so, else at a rate that the photos themselves
tell, and rises when somebody fills the shelf. Each photo then speaks for the numbers that would look like it. The till
speaks too: a product that sells every hour and sold none all afternoon is hardly there.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from facings.apps.demand_rate import negative_binomial
from facings.apps.ledger import Account, Event
from facings.apps.places import Site, site_of
from facings.apps.recognition_noise import USUAL_NOISE, RecognitionNoise, recognition_noise
from facings.apps.scan import AUTHOR
from facings.apps.shelf_depth import facings_of, shelf_depth
from facings.apps.shelf_states import ShelfStates, shelf_states
from facings.apps.shop_hours import ShopHours, bustle_of, count_hours
from facings.catalog import Product

LOOK_BACK = timedelta(days=6)
BELIEVED_EMPTY = 0.55
CERTAINTY = 0.9

_CALM_NIGHT, _FILLED_DAILY = 0.5, 0.3  # chance that a night sees nobody fill the shelf; fillings an open day
_STRAY_LOSS = 0.01  # chance that a unit leaves unseen between two photos while the till tells of the others
_LEAST_OPEN = timedelta(hours=6)  # what is seen of the opening hours is believed from this span on
_RATES = np.geomspace(0.1, 60, 10)  # units that leave in an open day
_N_LOOKS = 40  # they tell the rate too, and so whether a product that is not seen can be gone; more change little
_FLOOR = 1e-12  # what cannot be may be all the same: a till, a catalog, a person erred
_MAX_FACINGS = 24
_TO_TOP = np.full(len(_RATES), 0.85)  # of the fillings; the others bring less

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Look:
    """What a scan counted of a product.

    Args:
        at: When.
        n_facings: Facings counted.
        open_days: How long its shop was open since the look before, 1 for a whole day; 0 for the first.
        n_nights: Nights since the look before.
        n_sold: Units sold in its shop since the look before; None where sales are not known.
    """

    at: datetime
    n_facings: int
    open_days: float = 0.0
    n_nights: int = 0
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


def believe(looks: Sequence[Look], depth: int, noise: RecognitionNoise = USUAL_NOISE) -> Belief:
    """What to believe after the last of several looks at one shelf.

    Args:
        looks: By time, at least one; some days of them are enough.
        depth: Units behind one another at a facing of the full shelf.
        noise: How recognition errs.
    """
    states = shelf_states(min(_MAX_FACINGS, max(1, _most_facings(looks))), depth, noise)
    held, empty_since = _held_after(tuple(looks[-_N_LOOKS:]), states)
    return _summed_up(held.sum(axis=0), states, empty_since)


def look_back_from(now: datetime) -> datetime:
    """Since when looks are taken: a start of day, so that all who ask on one day start with the same look."""
    return (now - LOOK_BACK).replace(hour=0, minute=0, second=0, microsecond=0)


def shelf_beliefs(
    events: Iterable[Event], products: Mapping[str, Product], sites: Mapping[str, Site]
) -> dict[Account, Belief]:
    """What to believe of every shelf that was scanned, by (place, SKU).

    Where people counted, brought or took something at the shelf itself, only the scans after that are taken.

    Args:
        events: Live ones of the last days (`look_back_from`), in order of their times.
        products: The catalog by SKU, for depths.
        sites: The shops by name, for their clocks; others run on UTC.
    """
    counts: dict[Account, list[tuple[Event, int]]] = {}  # by (place, SKU), each with units sold since the one before
    n_sold: Counter[Account] = Counter()  # until now, by (site, SKU)
    told: dict[Account, int] = {}  # the same at the last look, by (place, SKU)
    scans: dict[str, list[datetime]] = {}  # their times, by site
    sales: dict[str, list[datetime]] = {}
    for event in events:
        site, here = site_of(event.place), (event.place, event.sku)
        if event.kind == "sold":
            n_sold[site, event.sku] += event.quantity
            sales.setdefault(site, []).append(event.at)
        elif event.kind == "counted" and event.author == AUTHOR and "/" in event.place:
            counts.setdefault(here, []).append((event, n_sold[site, event.sku] - told.get(here, 0)))
            told[here] = n_sold[site, event.sku]
            scans.setdefault(site, []).append(event.at)
        else:
            for account in event.accounts():
                counts.pop(account, None)
    hours = {site: _open_hours(scans[site], sales.get(site, []), sites.get(site, Site(site))) for site in scans}
    depths = {
        (place, sku): shelf_depth(products[sku].depth if sku in products else None, [event for event, _ in several])
        for (place, sku), several in counts.items()
    }
    looks = {here: _looks(several, depths[here]) for here, several in counts.items()}
    noise = recognition_noise([(look.at, look.n_facings) for look in several] for several in looks.values())
    beliefs = {}
    for here, several in looks.items():
        if len(several) > 1:  # one photo alone is the count that the ledger has
            site = site_of(here[0])
            last_sale = sales[site][-1] if site in sales else None
            beliefs[here] = believe(_with_times_between(several, hours[site], last_sale), depths[here], noise)
    return beliefs


def _looks(counts: Iterable[tuple[Event, int]], depth: int) -> list[Look]:
    return [Look(event.at, facings_of(event, depth), n_sold=n_sold) for event, n_sold in counts]


def _with_times_between(looks: Sequence[Look], hours: ShopHours, last_sale: datetime | None) -> list[Look]:
    """The looks with the opening hours between them, and without sales of times that the till has not told of yet."""
    between = [looks[0]]
    for before, look in pairwise(looks):
        is_told = last_sale is not None and before.at < last_sale
        n_sold = look.n_sold if is_told else None
        open_days, n_nights = _open_time(hours, before.at, look.at)
        between.append(replace(look, open_days=open_days, n_nights=n_nights, n_sold=n_sold))
    return between


@functools.lru_cache(maxsize=4096)
def _open_time(hours: ShopHours, start: datetime, end: datetime) -> tuple[float, int]:
    """Open days and nights between two times."""
    first, last = (hours.clock.to_wall(moment).date() for moment in (start, end))
    return hours.open_days(start, end), max(0, (last - first).days)


def _open_hours(scans: Sequence[datetime], sales: Sequence[datetime], clock: Site) -> ShopHours:
    """The hours that some days of sales and scans show, the same for all of the week.

    When customers come is told by the days before the last one, so that it is the same all day long.
    """
    walls = [clock.to_wall(moment) for moment in (*scans, *sales)]
    of_day = [timedelta(hours=wall.hour, minutes=wall.minute) for wall in walls]
    today = max(walls).date()
    bustle = bustle_of(count_hours((moment for moment in sales if clock.to_wall(moment).date() < today), clock))
    if max(of_day) - min(of_day) < _LEAST_OPEN:
        return ShopHours(clock, bustle=bustle)
    return ShopHours(clock, ((min(of_day), max(of_day)),) * 7, bustle)


def _summed_up(p_states: Floats, states: ShelfStates, empty_since: datetime | None) -> Belief:
    units = np.round(states.units * states.scale).astype(int)
    p_units = np.bincount(units, p_states)
    below = np.cumsum(p_units)
    low, high = (int(np.searchsorted(below, p)) for p in ((1 - CERTAINTY) / 2, (1 + CERTAINTY) / 2))
    return Belief(float(p_states @ units), low, min(high, len(p_units) - 1), float(p_states[0]), empty_since)


def _most_facings(looks: Sequence[Look]) -> int:
    """Facings of the full shelf: an eighth of the looks count so many; fewer may have taken others for this."""
    counts = sorted((look.n_facings for look in looks), reverse=True)
    return counts[math.ceil(len(counts) / 8) - 1]


@functools.lru_cache(maxsize=4096)
def _held_after(looks: tuple[Look, ...], states: ShelfStates) -> tuple[Floats, datetime | None]:
    """Probabilities (R, S) by rate and state after looks, and since when they say empty.

    Who asks again after one more look pays for that look alone.
    """
    look, empty_since = looks[-1], None
    held = np.full((len(_RATES), len(states.units)), 1.0)
    if len(looks) > 1:
        before, empty_since = _held_after(looks[:-1], states)
        held = _moved_on(before, states, look)
    held = held * states.speaks(look.n_facings)
    held /= held.sum()
    is_empty = held[:, 0].sum() >= BELIEVED_EMPTY
    return held, (empty_since or look.at) if is_empty else None


def _moved_on(held: Floats, states: ShelfStates, look: Look) -> Floats:
    """The probabilities after the time between two looks."""
    open_days = max(0.01, round(look.open_days, 2))
    calm = _CALM_NIGHT**look.n_nights * math.exp(-open_days * _FILLED_DAILY)
    chance = np.full_like(held, 1 - math.sqrt(calm))  # before what is sold, the same after it
    held = states.filled(held, chance, _TO_TOP)
    if look.n_sold is None:
        held = np.matmul(held[:, None, :], _falls(states, open_days))[:, 0]
    else:
        told = held * _sells(look.n_sold, open_days, states)
        stray = states.left(look.n_sold + math.ceil(states.scale))
        held = told @ (states.left(look.n_sold) * (1 - _STRAY_LOSS) + stray * _STRAY_LOSS)
    after = states.filled(held, chance, _TO_TOP)
    after += _FLOOR * after.sum()
    return after


@functools.lru_cache(maxsize=256)
def _falls(states: ShelfStates, open_days: float) -> Floats:
    """By rate: chance to go from one state (row) to another (column) by sales alone; (R, S, S)."""
    wanted = negative_binomial(_RATES * open_days / states.scale, np.ones_like(_RATES), len(states.taken))
    wanted[:, -1] += np.maximum(0, 1 - wanted.sum(axis=1))
    falls: Floats = np.tensordot(wanted, states.taken, 1)
    return falls


@functools.lru_cache(maxsize=512)
def _sells(n_sold: int, open_days: float, states: ShelfStates) -> Floats:
    """How well each rate and state agrees with so many units sold; (R, S).

    Where as many were there as were sold, or fewer, more may have been wanted.
    """
    chances = negative_binomial(_RATES * open_days, np.ones_like(_RATES), n_sold + 1)
    just, more = chances[:, -1:], 1 - chances[:, :-1].sum(axis=1, keepdims=True)
    agreement: Floats = np.maximum(_FLOOR, np.where(states.units * states.scale <= n_sold, more, just))
    return agreement
