"""Several photos of one shelf together, with numbers worked by hand where there are any."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.apps.ledger import Event, Kind, make_key
from facings.apps.places import Site
from facings.apps.shelf_belief import (
    BELIEVED_EMPTY,
    Look,
    _falls,
    _open_hours,
    believe,
    shelf_beliefs,
)
from facings.apps.shelf_states import shelf_states
from facings.catalog import Product

MORNING = datetime(2026, 3, 2, 8, tzinfo=UTC)
PRODUCTS = {"milk": Product("milk", depth=4)}


def looks(*n_facings: int, sold: tuple[int, ...] = ()) -> list[Look]:
    """Five a day, three hours apart."""
    times = [MORNING + timedelta(days=n // 5, hours=3 * (n % 5)) for n in range(len(n_facings))]
    told = sold or (None,) * len(times)
    return [
        Look(at, n, *((0.25, 0) if at.hour > MORNING.hour else (0.0, 1)), n_sold)
        for at, n, n_sold in zip(times, n_facings, told, strict=True)
    ]


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_sales_bring_no_units(share: float) -> None:
    states = shelf_states(2, 3)
    falls = _falls(states, share)
    assert np.asarray(falls.sum(axis=-1)) == pytest.approx(1)
    more = states.units[None] > states.units[:, None]
    assert np.allclose(falls[:, more], 0)


def test_one_missed_facing_of_a_slow_product_empties_no_shelf() -> None:
    steady = looks(1, 1, 1, 1, 1, 1, 1, 0)
    assert believe(steady, 4).empty_since is None
    assert believe(steady, 4).p_empty < 0.4


def test_none_seen_again_and_again_does() -> None:
    gone = looks(1, 1, 1, 1, 1, 0, 0, 0)
    belief = believe(gone, 4)
    assert belief.p_empty > 0.9
    assert belief.empty_since is not None
    assert gone[5].at < belief.empty_since <= gone[7].at  # one miss was not enough
    assert belief.low == 0


def test_many_facings_are_not_missed_all_at_once() -> None:
    assert believe(looks(4, 4, 3, 4, 4, 4, 3, 0), 2).p_empty > 0.75


def test_the_till_says_whether_it_can_be() -> None:
    counts = (2, 2, 2, 2, 1, 0)  # a full shelf of 2 × 3
    sold_out = believe(looks(*counts, sold=(0, 0, 0, 0, 4, 2)), 3)
    sold_none = believe(looks(*counts, sold=(0, 0, 0, 0, 0, 0)), 3)
    assert sold_out.p_empty > 0.9
    assert sold_none.p_empty < 0.3


def test_a_shelf_that_is_filled_again_is_not_empty() -> None:
    belief = believe(looks(3, 3, 1, 0, 0, 3), 4)
    assert belief.empty_since is None
    assert belief.low >= 3  # three fronts are three units


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.integers(1, 200))
def test_whatever_is_counted_a_belief_is_a_belief(counts: list[int], depth: int) -> None:
    belief = believe(looks(*counts), depth)
    assert 0 <= belief.p_empty <= 1
    assert 0 <= belief.low <= belief.high
    assert 0 <= belief.units <= max(1, *counts) * depth + depth
    assert (belief.empty_since is not None) == (belief.p_empty >= BELIEVED_EMPTY)


def event(kind: Kind, quantity: int, hours: float, place: str = "s/a", author: str = "scan") -> Event:
    key = make_key(kind, hours, place)
    return Event(kind, "milk", place, quantity, MORNING + timedelta(hours=hours), author, "readings 1", key)


def test_beliefs_come_from_scans_of_shelves() -> None:
    scans = [event("counted", n, 3 * k) for k, n in enumerate((8, 8, 4, 0, 0, 0))]
    beliefs = shelf_beliefs([*scans, event("counted", 9, 20, "s"), event("counted", 4, 20, "s/b")], PRODUCTS, {})
    assert set(beliefs) == {("s/a", "milk")}  # the site is no shelf, and one photo is no series
    assert beliefs["s/a", "milk"].p_empty > 0.9


def test_after_a_person_counted_only_later_scans_speak() -> None:
    scans = [event("counted", n, 3 * k) for k, n in enumerate((8, 0, 0))]
    ann = event("counted", 5, 7, author="ann")
    assert shelf_beliefs([*scans, ann], PRODUCTS, {}) == {}
    assert shelf_beliefs([*scans, ann, event("counted", 4, 9)], PRODUCTS, {}) == {}
    after = shelf_beliefs([*scans, ann, event("counted", 4, 9), event("counted", 4, 12)], PRODUCTS, {})
    assert after["s/a", "milk"].p_empty < 0.1  # the two before that person came say nothing


def test_sales_count_only_where_the_till_reaches() -> None:
    scans = [event("counted", n, 3 * k) for k, n in enumerate((8, 8, 8, 8, 4, 0))]
    till = [event("sold", 3, 10, "s", "import"), event("sold", 5, 13, "s", "import")]
    told = shelf_beliefs(sorted([*scans, *till], key=lambda e: e.at), PRODUCTS, {})
    stopped = shelf_beliefs(sorted([*scans, till[0]], key=lambda e: e.at), PRODUCTS, {})
    assert told["s/a", "milk"].p_empty > stopped["s/a", "milk"].p_empty > 0.05


def test_a_night_sells_nothing() -> None:
    evening, morning = looks(1, 1, 1, 1, 1)[-1], MORNING + timedelta(days=1)
    night, day = (believe([*looks(1, 1, 1, 1), evening, Look(morning, 0, n, 1)], 2).p_empty for n in (0.0, 1.0))
    assert night < day / 2


def test_opening_hours_are_those_of_the_wall() -> None:
    tokyo = Site("s", "Asia/Tokyo")  # 23:00 to 11:00 UTC is 8:00 to 20:00
    hours = _open_hours([MORNING.replace(hour=23), MORNING.replace(hour=11)], [], tokyo)
    assert hours.open_days(MORNING.replace(hour=11), MORNING.replace(hour=23)) == 0
    assert hours.open_days(MORNING.replace(hour=2), MORNING.replace(hour=8)) == pytest.approx(0.5)
    assert _open_hours([MORNING], [], tokyo).open_days(MORNING, MORNING + timedelta(hours=12)) == 0.5
