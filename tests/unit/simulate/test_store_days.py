"""A simulated store: no unit appears or vanishes, and the same seed gives the same days."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facings.errors import BadInput
from facings.simulate.opening_hours import OPENING_HOURS, WEEKDAY_FACTORS, open_days
from facings.simulate.product_life import Happening
from facings.simulate.store_days import SITE, Noise, StoreDays, simulate_days

MONDAY = date(2025, 3, 24)  # the clock is put forward on the Sunday that follows
_ON = {"received": (1, 0, 0), "filled": (-1, 1, 0), "put_back": (0, 1, -1), "misplaced": (0, -1, 1)}
_OFF = dict.fromkeys(("sold", "stolen", "expired"), (0, -1, 0)) | {"lost": (0, 0, 0)}


@pytest.fixture(scope="module")
def days() -> StoreDays:
    return simulate_days(n_products=25, n_days=14, start=MONDAY, seed=3)


def places_after(log: tuple[Happening, ...]) -> list[tuple[Happening, np.ndarray]]:
    """Each line with units in backroom, at the place and elsewhere after it."""
    held: dict[str, np.ndarray] = {}
    after = []
    for line in log:
        change = np.array((_ON | _OFF)[line.kind]) * line.quantity
        held[line.sku] = held.get(line.sku, np.zeros(3, int)) + change
        after.append((line, held[line.sku]))
    return after


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**6), st.integers(1, 24), st.integers(1, 9))
def test_received_is_on_hand_and_sold_and_stolen_and_expired_at_every_moment(seed: int, n: int, n_days: int) -> None:
    days = simulate_days(n_products=n, n_days=n_days, start=MONDAY, seed=seed)
    gone: Counter[tuple[str, str]] = Counter()
    room = {stocked.sku: stocked.n_facings * stocked.depth for stocked in days.products}
    for line, units in places_after(days.log):
        assert line.quantity > 0
        assert (units >= 0).all()
        assert units[1] <= room[line.sku]
        gone[line.sku, line.kind] += line.quantity
        left = sum(gone[line.sku, kind] for kind in ("sold", "stolen", "expired"))
        assert gone[line.sku, "received"] == units.sum() + left


def test_the_truth_at_a_scan_is_what_the_log_adds_up_to(days: StoreDays) -> None:
    after = places_after(days.log)
    for moments in (days.moments[0], days.moments[33], days.moments[-1]):
        for m in moments:
            backroom, shelf, elsewhere = [units for line, units in after if line.sku == m.sku and line.at <= m.at][-1]
            assert (m.backroom, m.shelf, len(m.elsewhere)) == (backroom, shelf, elsewhere)
            assert m.on_hand == backroom + shelf + elsewhere
            stocked = next(p for p in days.products if p.sku == m.sku)
            assert -(-m.shelf // stocked.depth) <= m.n_facings <= min(m.shelf, stocked.n_facings)


def test_the_same_seed_gives_the_same_days_and_another_gives_others(days: StoreDays) -> None:
    again = simulate_days(n_products=25, n_days=14, start=MONDAY, seed=3)
    assert again == days
    noise = Noise(0.1, 0.1)
    assert list(again.looks(noise)) == list(days.looks(noise))
    assert simulate_days(n_products=25, n_days=14, start=MONDAY, seed=4).log != days.log


def test_a_store_that_goes_on_lived_its_first_days_as_before(days: StoreDays) -> None:
    short = simulate_days(n_products=25, n_days=5, start=MONDAY, seed=3)
    assert days.moments[: len(short.moments)] == short.moments


def test_scans_keep_to_the_opening_hours_on_the_wall_also_when_the_clock_changes(days: StoreDays) -> None:
    assert [m[0].at for m in days.moments] == sorted(m[0].at for m in days.moments)
    walls = [SITE.to_wall(moments[0].at) for moments in days.moments]
    assert [w.hour for w in walls[:5]] == [8, 11, 14, 17, 20]
    assert [w.hour for w in walls if w.date() == date(2025, 3, 30)] == [10, 13, 16]
    assert days.moments[0][0].at == datetime(2025, 3, 24, 7, tzinfo=UTC)  # winter: one hour ahead
    assert days.days[7].opens_at == datetime(2025, 3, 31, 6, tzinfo=UTC)  # summer: two


def test_customers_come_in_opening_hours_and_as_many_as_they_should() -> None:
    (monday,) = open_days(SITE, MONDAY, 1)
    times = monday.draw_times(20_000, np.random.default_rng(1))
    assert len(times) == pytest.approx(20_000, abs=5 * 20_000**0.5)
    assert monday.opens_at <= times[0]
    assert times[-1] <= monday.closes_at
    by_hour = Counter(SITE.to_wall(at).hour for at in times)
    assert by_hour[17] / by_hour[8] == pytest.approx(9 / 2, rel=0.2)  # the table says 9 to 2
    assert sum(WEEKDAY_FACTORS) / len(OPENING_HOURS) == pytest.approx(1)


def test_what_customers_want_is_what_is_sold_and_what_is_lost() -> None:
    days = simulate_days(n_products=40, n_days=28, start=MONDAY, seed=1)
    wanted = sum(line.quantity for line in days.log if line.kind in {"sold", "lost"})
    expected = sum(p.demand_on(day.number) * day.customer_factor for p in days.products for day in days.days)
    assert wanted == pytest.approx(expected, rel=0.05)
    assert any(line.kind == "lost" for line in days.log)


def test_perfect_recognition_shows_every_front_and_nothing_else(days: StoreDays) -> None:
    looks = list(days.looks(Noise()))
    assert len(looks) == len(days.moments) * len(days.places)
    fronts = sum(m.n_facings + len(m.elsewhere) for moments in days.moments for m in moments)
    assert sum(sum(look.n_facings.values()) for look in looks) == fronts


def test_noise_misses_and_confuses_as_often_as_it_says(days: StoreDays) -> None:
    def seen(noise: Noise) -> int:
        return sum(sum(look.n_facings.values()) for look in days.looks(noise))

    n = seen(Noise())
    assert seen(Noise(missed_frac=0.2)) == pytest.approx(0.8 * n, rel=0.03)
    assert seen(Noise(confused_frac=0.5)) == n  # taken for others, not missed
    assert seen(Noise(1.0)) == 0
    swapped = list(days.looks(Noise(confused_frac=1.0)))
    home = {stocked.sku: stocked.place for stocked in days.products}
    assert all(home[sku] == look.place for look in swapped for sku in look.n_facings)  # for one of the same place


def test_demand_is_heavy_tailed_and_some_of_it_rare() -> None:
    demands = sorted(p.daily_demand for p in simulate_days(n_products=300, n_days=1, start=MONDAY).products)
    assert demands[150] < 3
    assert demands[-30] > 6
    assert demands[45] < 0.8


@pytest.mark.parametrize(("n_products", "n_days"), [(0, 1), (1, 0), (10**6, 1), (1, 10**6)])
def test_too_little_and_too_much_is_refused(n_products: int, n_days: int) -> None:
    with pytest.raises(BadInput, match="wanted 1 to"):
        simulate_days(n_products=n_products, n_days=n_days, start=MONDAY)


@pytest.mark.parametrize("shares", [(-0.1, 0), (0.6, 0.6)])
def test_noise_is_a_share(shares: tuple[float, float]) -> None:
    with pytest.raises(BadInput, match="at most 1"):
        Noise(*shares)


def test_one_product_has_no_other_place_to_be_left_at() -> None:
    days = simulate_days(n_products=1, n_days=3, start=MONDAY)
    assert all(line.kind != "misplaced" for line in days.log)
    assert next(days.looks(Noise(0, 1.0))).n_facings == {}
    assert days.days[-1].closes_at - days.days[0].opens_at == timedelta(days=2, hours=12)
