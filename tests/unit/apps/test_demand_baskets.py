"""What a customer takes at a time, and what the empty shelf cut off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from facings.apps.demand_baskets import SIZES, Baskets, customer_times, n_cut_off, size_weights, tells_customers
from facings.apps.demand_rate import poisson_rate
from facings.apps.ledger import Event
from facings.apps.shelf_course import Gap, ShelfLook

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def sale(minutes: float, quantity: int = 1) -> Event:
    return Event("sold", "milk", "s", quantity, START + timedelta(minutes=minutes), "import", "f:1", str(minutes))


def believed(*products: Baskets) -> list[float]:
    return [float(weights @ SIZES) for weights in size_weights(products)]


@pytest.mark.parametrize(
    ("n_units", "n_cut", "size"),
    [(4000, 0, 1.0), (8000, 0, 2.0), (8000, 2000, 3.0), (6000, 1000, 5 / 3)],
    ids=["one by one", "two", "every second cut off", "a quarter cut off"],
)
def test_the_mean_is_units_over_the_baskets_that_ended_by_themselves(n_units: int, n_cut: float, size: float) -> None:
    # the slope of (U − N) log(1 − 1/m) − (N − c) log m is 0 at m = (U − c) / (N − c)
    assert size == pytest.approx((n_units - n_cut) / (4000 - n_cut))
    assert believed(Baskets(4000, n_units, n_cut))[0] == pytest.approx(size, rel=0.02)


def test_the_chances_of_three_baskets_by_hand() -> None:
    # 1, 1 and 4 units: (1/m)³ (1 − 1/m)³; 4 cut off: (1/m)² (1 − 1/m)³; against what nothing tells
    nothing, whole, cut = (size_weights([b])[0] for b in (Baskets(0, 0, 0), Baskets(3, 6, 0), Baskets(3, 6, 1)))
    assert SIZES[np.argmax(whole / nothing)] == pytest.approx(2, rel=0.1)
    assert SIZES[np.argmax(cut / nothing)] == pytest.approx(2.5, rel=0.1)
    assert [weights.sum() for weights in (nothing, whole, cut)] == pytest.approx([1, 1, 1])


def test_a_product_that_hardly_sold_is_as_its_shop() -> None:
    few = Baskets(2, 2, 0)
    singles, pairs = (believed(few, *[Baskets(300, n, 0)] * 12)[0] for n in (310, 750))
    assert singles < 1.3
    assert pairs > 1.7
    assert size_weights([]) == []


def test_sums_of_hours_or_days_are_no_customers() -> None:
    assert tells_customers(sale(7 * n) for n in range(100))
    assert not tells_customers(sale(7 * n) for n in range(99))  # too few to tell
    assert not tells_customers(sale(60 * n + 59, 8) for n in range(500))
    assert not tells_customers([])


def test_what_was_sold_at_one_time_is_one_customers() -> None:
    assert customer_times([sale(5), sale(3, 2), sale(5, 4)]) == [START + timedelta(minutes=m) for m in (3, 5)]


def test_who_emptied_a_shelf_may_have_wanted_more() -> None:
    times = [START + timedelta(days=n) for n in range(4)]
    gaps = [Gap(a, b, 1.0, 1.0, (0.0, p)) for a, b, p in zip(times, times[1:], (0.75, 1.0, 0.0), strict=False)]
    sold = [ShelfLook(at, n_sold=1, sold_between=(at, at)) for at in times]
    assert n_cut_off(sold, gaps) == 1.75
    assert n_cut_off([*sold[:2], ShelfLook(times[2], n_sold=0), sold[3]], gaps) == 0.75  # stolen, say
    assert n_cut_off(sold[:1], ()) == 0


def short_shelf(rng: np.random.Generator, customers: float, size: float) -> tuple[Baskets, float]:
    """90 days of a shelf of 3 that is filled on half of the mornings; and how long there was any."""
    stock, there, taken, n_cut = 3, 0.0, [], 0
    for _ in range(90):
        stock, at = 3 if rng.random() < 0.5 else stock, 0.0
        while stock:
            wait = rng.exponential(1 / customers)
            there += min(wait, 1 - at)
            at += wait
            if at >= 1:
                break
            wanted = int(rng.geometric(1 / size))
            taken.append(min(wanted, stock))
            n_cut += wanted >= stock
            stock -= taken[-1]
    return Baskets(len(taken), sum(taken), n_cut), there


def test_intervals_of_products_that_run_out_hold_what_they_say() -> None:
    rng, customers, size, held, naive, rates = np.random.default_rng(4), 0.2, 2.5, [], [], []
    for _ in range(12):
        shop = [short_shelf(rng, customers, size) for _ in range(20)]
        for (baskets, there), weights in zip(shop, size_weights([b for b, _ in shop]), strict=True):
            rate = poisson_rate(baskets.n_customers, there, sizes=SIZES, size_weights=weights)
            held.append(rate.low <= customers * size <= rate.high)
            naive.append(baskets.n_units / there)
            rates.append(rate.per_day)
    assert np.mean(held) == pytest.approx(0.9, abs=0.04)
    assert np.median(naive) < 0.85 * customers * size  # what the till says of the same time
    assert np.median(rates) == pytest.approx(customers * size, rel=0.08)
