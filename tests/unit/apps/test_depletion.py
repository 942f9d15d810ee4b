"""What looks at a shelf tell of demand: restocks, empty shelves and errors of recognition told apart."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from facings.apps.depletion import Depletion, deplete, deplete_shop, gaps_between
from facings.apps.places import Site
from facings.apps.shelf_course import ShelfLook
from facings.apps.shop_hours import ShopHours

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
ALWAYS = ShopHours(Site("s"))
CLOSED = ShopHours(Site("s"), (None,) * 7)


def looks(*units: int, every_days: float = 0.5) -> list[ShelfLook]:
    """A person counts, again and again."""
    return [ShelfLook(START + timedelta(days=n * every_days), n_units=u) for n, u in enumerate(units)]


def photos(*facings: int, every_days: float = 0.25) -> list[ShelfLook]:
    return [ShelfLook(START + timedelta(days=n * every_days), n_facings=f) for n, f in enumerate(facings)]


def rate_of(found: Depletion) -> tuple[float, float, float]:
    assert found.rate is not None
    return found.rate.low, found.rate.per_day, found.rate.high


def shelf(rate: float, n_looks: int, *, top: int, missed: float, seed: int) -> tuple[list[ShelfLook], float]:
    """Photos of a shelf of single units four times a day, filled when empty for a while; and its naive rate."""
    rng, units, seen = np.random.default_rng(seed), top, []
    for _ in range(n_looks):
        units = max(0, units - int(rng.poisson(rate / 4)))
        if units <= top // 3 and rng.random() < 0.4:
            units = top
        seen.append(int(rng.binomial(units, 1 - missed)))
    naive = sum(max(0, a - b) for a, b in itertools.pairwise(seen)) / (n_looks / 4)
    return photos(*seen), naive


def test_units_counted_by_people_are_a_plain_rate() -> None:
    found = deplete(looks(20, 18, 16, 14, 12, 10, 8), 1, ALWAYS)  # 12 units in 3 days
    low, mean, high = rate_of(found)
    assert low < 4 < high
    assert mean == pytest.approx(4, rel=0.35)
    assert [gap.n_gone for gap in found.gaps] == pytest.approx([2] * 6, abs=0.3)
    assert [gap.open_days for gap in found.gaps] == pytest.approx([0.5] * 6)
    assert all(max(gap.p_empty) < 0.01 for gap in found.gaps)


def test_a_restock_is_no_negative_sale_and_hides_nothing_of_the_rest() -> None:
    plain = rate_of(deplete(looks(20, 18, 16, 14, 12, 10, 8), 1, ALWAYS))
    filled = rate_of(deplete(looks(20, 18, 16, 14, 20, 18, 16), 1, ALWAYS))  # filled up between the 4th and the 5th
    assert filled[1] == pytest.approx(plain[1], rel=0.3)
    assert filled[2] - filled[0] > 0.9 * (plain[2] - plain[0])


def test_an_empty_shelf_is_no_lack_of_demand() -> None:
    sold_out = deplete(looks(6, 3, 0, 0, 0, 0, 0, 0), 1, ALWAYS)  # 6 in one day, then nothing to buy for 2.5
    low, mean, high = rate_of(sold_out)
    assert low < 6 < high
    assert mean > 4  # the naive 6 units / 3.5 days is 1.7
    assert [gap.p_empty[1] > 0.9 for gap in sold_out.gaps] == [False] + [True] * 6


def test_it_is_nearer_to_the_truth_than_the_difference_of_counts() -> None:
    for seed, true in enumerate((0.6, 2.0, 5.0)):
        seen, naive = shelf(true, 160, top=9, missed=0.07, seed=seed)
        low, mean, high = rate_of(deplete(seen, 1, ALWAYS, coverage=0.98))
        assert low <= true <= high, (true, low, high)
        assert abs(mean - true) < abs(naive - true), (true, mean, naive)


def test_missed_facings_do_not_read_as_sales() -> None:
    seen, naive = shelf(0.0, 120, top=6, missed=0.07, seed=4)
    _, mean, high = rate_of(deplete(seen, 1, ALWAYS))
    assert naive > 0.9
    assert mean < 0.3
    assert high < 0.6


def test_what_the_ledger_brought_is_no_riddle() -> None:
    told = looks(20, 6, 14, 12)
    told[2] = ShelfLook(told[2].at, n_units=14, n_brought=10)
    assert deplete(told, 1, ALWAYS).gaps[1].n_gone == pytest.approx(2, abs=0.3)
    gone = looks(8, 3)
    gone[1] = ShelfLook(gone[1].at, n_units=3, n_brought=-4)  # expired
    assert deplete(gone, 1, ALWAYS).gaps[0].n_gone == pytest.approx(1, abs=0.4)


def test_where_the_till_tells_the_rate_only_the_gaps_are_wanted() -> None:
    told = [
        ShelfLook(look.at, n_units=look.n_units, n_sold=n) for look, n in zip(looks(3, 0, 0), (0, 3, 0), strict=True)
    ]
    gaps = gaps_between(told, 1, ALWAYS)
    assert [gap.p_empty for gap in gaps] == [pytest.approx((0, 1), abs=0.01), pytest.approx((1, 1), abs=0.01)]
    assert gaps[0].n_gone == pytest.approx(3, abs=0.1)


def test_shelves_of_a_shop_are_told_one_by_one_in_their_order() -> None:
    several = [(looks(20, 18, 16, 14, 12, 10, 8), 1), ([], 1), (looks(6, 3, 0, 0, 0, 0, 0, 0), 1), (looks(5), 1)]
    several += [(looks(9, 8, 7, 6, 5, 4), 1), (looks(9, 9, 9, 8, 8, 8, 7), 1)]
    told = deplete_shop(several, ALWAYS)
    assert [one.rate is None for one in told] == [False, True, False, True, False, False]
    assert [len(one.gaps) for one in told] == [6, 0, 7, 0, 5, 6]
    low, _, high = rate_of(told[0])
    assert low < 4 < high
    assert rate_of(told[5])[1] < rate_of(told[4])[1] < rate_of(told[0])[1]
    assert deplete_shop([], ALWAYS) == []


@pytest.mark.parametrize(
    ("seen", "hours"),
    [([], ALWAYS), (looks(5), ALWAYS), (looks(5, 4, every_days=0), ALWAYS), (looks(5, 4), CLOSED)],
    ids=["none", "one", "all at one moment", "always closed"],
)
def test_what_tells_nothing_gives_no_rate(seen: list[ShelfLook], hours: ShopHours) -> None:
    assert deplete(seen, 1, hours).rate is None


def test_nonsense_is_survived() -> None:
    back = [*looks(5, 4, 3), ShelfLook(START, n_units=9)]  # the clock ran backwards
    assert deplete(back, 1, ALWAYS).rate is not None
    huge = deplete(photos(*[60, 50, 40] * 3), 12, ALWAYS)  # 720 units: counted in coarser ones
    assert huge.rate is not None
    assert huge.rate.high > huge.rate.low > 0
    over = gaps_between(
        [ShelfLook(START, n_units=2), ShelfLook(START + timedelta(days=1), n_units=2, n_sold=50)], 1, ALWAYS
    )
    assert over[0].n_gone >= 0
