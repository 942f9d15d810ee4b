"""How good stock figures and alerts of a simulated store are, against its exact log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from facings.apps.demand import Demand
from facings.simulate.store_days import StoreDays

Flags = NDArray[np.bool_]
Units = NDArray[np.float64]
_BROUGHT, _TAKEN = ("filled", "put_back"), ("sold", "stolen", "expired", "misplaced")


@dataclass(frozen=True)
class Gap:
    """A time when the place of a product was empty.

    Args:
        column: Number of the product.
        began: When its last unit went.
        scans: Numbers of the scans that fell into it.
    """

    column: int
    began: datetime
    scans: range


@dataclass(frozen=True)
class AlertScore:
    """How good out-of-stock alerts are.

    Args:
        n_gaps: Gaps that at least one scan fell into.
        recall: Share of these with an alert while they lasted.
        recall_of_lasting: The same of gaps that two scans or more fell into.
        precision: Share of alerts that were right when they were raised.
        listed_precision: Share of all lines of all lists of alerts, one list a scan, that were right.
        listed_recall: Share of all empty places at all scans that were on the list.
        delay_h: Median time from the last unit to the alert, hours.
        late_h: The same, 90 % of alerts came sooner.
    """

    n_gaps: int
    recall: float
    recall_of_lasting: float
    precision: float
    listed_precision: float
    listed_recall: float
    delay_h: float
    late_h: float


@dataclass(frozen=True)
class DemandScore:
    """How good rates of demand are.

    Args:
        error: Median over products of |rate − truth| / truth.
        coverage: Share of products whose true rate lies in the interval.
        top_10: Share of the ten products in highest demand that are among the ten highest rates.
    """

    error: float
    coverage: float
    top_10: float


def true_rates(days: StoreDays) -> Units:
    """Units of each product wanted an open day, also those that nobody could buy; float (products,)."""
    wanted = [[p.demand_on(day.number) * day.customer_factor for day in days.days] for p in days.products]
    rates: Units = np.mean(wanted, axis=1)
    return rates


def told_rates(days: StoreDays, demands: Iterable[Demand]) -> Units:
    """What Facings says of each product, float (products, 3): the rate and its interval, NaN where it says nothing."""
    column = {stocked.sku: number for number, stocked in enumerate(days.products)}
    rates: Units = np.full((len(column), 3), np.nan)
    for demand in demands:
        if demand.rate:
            rates[column[demand.sku]] = demand.rate.per_day, demand.rate.low, demand.rate.high
    return rates


def score_demand(days: StoreDays, rates: Units) -> DemandScore:
    """How good rates are.

    Args:
        days: The truth.
        rates: float (products, 3), units an open day: the rate and its interval.
    """
    truth = true_rates(days)
    rate, low, high = rates.T
    top, found = (set(np.argsort(values)[-10:].tolist()) for values in (truth, rate))
    return DemandScore(
        error=float(np.median(np.abs(rate - truth) / truth)),
        coverage=float(((low <= truth) & (truth <= high)).mean()),
        top_10=len(top & found) / len(top),
    )


def gaps_of(days: StoreDays) -> list[Gap]:
    """The gaps of every place that a scan fell into, from the log."""
    times = [moments[0].at for moments in days.moments]
    units, began, gaps = dict.fromkeys(range(len(days.products)), 0), dict[int, datetime](), list[Gap]()
    column = {stocked.sku: number for number, stocked in enumerate(days.products)}
    for line in days.log:
        number = column[line.sku]
        if line.kind in _BROUGHT:
            if number in began:
                gaps += _scanned(number, began.pop(number), line.at, times)
            units[number] += line.quantity
        elif line.kind in _TAKEN:
            units[number] -= line.quantity
            if not units[number]:
                began[number] = line.at
    for number, since in began.items():
        gaps += _scanned(number, since, times[-1] + timedelta(seconds=1), times)
    return gaps


def score_alerts(days: StoreDays, gaps: list[Gap], raised: Flags) -> AlertScore:
    """How good alerts are.

    Args:
        days: The truth.
        gaps: Its gaps.
        raised: bool (scans, products), whether an alert stood there at that scan.
    """
    times = [moments[0].at for moments in days.moments]
    empty = np.array([[moment.shelf == 0 for moment in moments] for moments in days.moments])
    found = [gap for gap in gaps if raised[list(gap.scans), gap.column].any()]
    delays = [
        (times[next(n for n in gap.scans if raised[n, gap.column])] - gap.began) / timedelta(hours=1) for gap in found
    ]
    lasting = [gap for gap in gaps if len(gap.scans) > 1]
    starts = raised & ~np.vstack([np.zeros_like(raised[:1]), raised[:-1]])
    return AlertScore(
        n_gaps=len(gaps),
        recall=len(found) / len(gaps),
        recall_of_lasting=sum(gap in lasting for gap in found) / len(lasting),
        precision=float(empty[starts].mean()),
        listed_precision=float(empty[raised].mean()),
        listed_recall=float(raised[empty].mean()),
        delay_h=float(np.median(delays)),
        late_h=float(np.quantile(delays, 0.9)),
    )


def _scanned(number: int, began: datetime, ended: datetime, times: list[datetime]) -> Iterator[Gap]:
    first, last = (int(n) for n in np.searchsorted(np.array(times, dtype=object), np.array([began, ended], object)))
    if last > first:
        yield Gap(number, began, range(first, last))
