"""Which photos go into which step: each once an epoch, and of each product as many together as were asked for."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facings.errors import BadInput

pytest.importorskip("torch", reason="needs the train extra")

from facings.train.batches import Schedule

pytestmark = pytest.mark.torch

FEW_PHOTOS = st.lists(st.integers(1, 12), min_size=1, max_size=12)


def shelf(n_photos: list[int], n_per_product: int, batch_size: int, seed: int = 0, n_epochs: int = 1) -> Schedule:
    """Photos of products in mixed order, in rows that neither start at 0 nor follow each other."""
    targets = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(n_photos)), n_photos))
    rows = 3 + 2 * np.arange(len(targets))
    return Schedule(rows, batch_size, (16,) * n_epochs, seed, n_per_product, targets)


def batches_of(schedule: Schedule) -> list[list[int]]:
    return [schedule.step(number)[0].tolist() for number in range(schedule.n_steps)]


def products_of(schedule: Schedule, batch: list[int]) -> Counter[int]:
    assert schedule.targets is not None
    target_of = dict(zip(schedule.rows.tolist(), schedule.targets.tolist(), strict=True))
    return Counter(target_of[row] for row in batch)


def drawn_plainly(rows: NDArray[np.int64], seed: int, epoch: int) -> list[int]:
    drawn: list[int] = np.random.default_rng((seed, epoch)).permutation(rows).tolist()
    return drawn


@pytest.mark.parametrize("has_targets", [False, True])
def test_one_a_product_is_the_plain_order_of_seed_and_epoch(has_targets: bool) -> None:
    rows = np.arange(10, 21)
    schedule = Schedule(rows, 4, (16, 24), 5, targets=rows % 3 if has_targets else None)
    first, second = drawn_plainly(rows, 5, 0), drawn_plainly(rows, 5, 1)
    assert batches_of(schedule) == [first[:4], first[4:8], second[:4], second[4:8]]
    assert [schedule.step(number)[1] for number in range(4)] == [16, 16, 24, 24]


@given(FEW_PHOTOS, st.integers(2, 6), st.integers(0, 18), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_batches_are_full_and_take_each_photo_at_most_once(n_photos: list[int], k: int, extra: int, seed: int) -> None:
    schedule = shelf(n_photos, k, k + extra, seed)
    batches = batches_of(schedule)
    size = min(k + extra, sum(n_photos))
    assert [len(batch) for batch in batches] == [size] * max(1, sum(n_photos) // (k + extra))
    seen = [row for batch in batches for row in batch]
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(schedule.rows.tolist())


@given(FEW_PHOTOS, st.integers(2, 6), st.integers(0, 18), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_as_many_whole_groups_as_the_photos_and_the_batches_allow(
    n_photos: list[int], k: int, extra: int, seed: int
) -> None:
    schedule = shelf(n_photos, k, k + extra, seed)
    batches = batches_of(schedule)
    n_left_out = sum(n_photos) - sum(map(len, batches))
    n_possible = sum(n // k for n in n_photos) - -(-n_left_out // k)  # what is left out touches no more groups
    n_whole = sum(n // k for batch in batches for n in products_of(schedule, batch).values())
    assert n_whole >= min(n_possible, len(batches) * (min(k + extra, sum(n_photos)) // k))


@given(st.integers(2, 5), st.integers(1, 4), st.integers(1, 5), st.data())
@settings(max_examples=60, deadline=None)
def test_each_batch_holds_k_photos_of_its_products_where_photos_divide(
    k: int, n_together: int, n_batches: int, data: st.DataObject
) -> None:
    groups = st.lists(st.integers(1, n_batches), min_size=n_together * n_batches, max_size=n_together * n_batches)
    n_groups = data.draw(groups)  # of each product: so few that no batch needs two of one
    n_products = 1 + next(place for place, total in enumerate(np.cumsum(n_groups)) if total >= n_together * n_batches)
    n_groups = n_groups[:n_products]
    n_groups[-1] -= sum(n_groups) - n_together * n_batches  # photos for just these batches
    schedule = shelf([k * n for n in n_groups], k, k * n_together)
    for batch in batches_of(schedule):
        assert list(products_of(schedule, batch).values()) == [k] * n_together


def test_products_with_few_photos_stay_together_where_they_fit_and_fill_the_batch() -> None:
    schedule = shelf([4, 4, 3, 2, 2, 1], 4, 8, n_epochs=30)  # two batches an epoch: one group of four in each
    seen = Counter(tuple(sorted(products_of(schedule, batch).values())) for batch in batches_of(schedule))
    assert all(counts.count(4) == 1 for counts in seen)
    assert set(seen) == {(1, 3, 4), (2, 2, 4), (1, 1, 2, 4)}  # the last: a product of two or three cut at the border
    assert seen[1, 1, 2, 4] <= 30  # at most one product an epoch


def test_the_fuller_batches_come_at_any_time() -> None:
    schedule = shelf([4, 4, 4, 1, 1, 1, 1], 4, 8, n_epochs=20)  # three groups of four for two batches
    n_groups = [list(products_of(schedule, batch).values()).count(4) for batch in batches_of(schedule)]
    assert {tuple(n_groups[2 * epoch : 2 * epoch + 2]) for epoch in range(20)} == {(1, 2), (2, 1)}


def test_fewer_photos_than_a_batch_come_all() -> None:
    schedule = shelf([2, 1, 3], 3, 8)
    assert sorted(batches_of(schedule)[0]) == schedule.rows.tolist()


def test_every_photo_gets_its_turn_and_no_two_epochs_are_alike() -> None:
    schedule = shelf([9, 5, 1, 1, 1], 4, 8, n_epochs=40)  # 17 photos: one is left out an epoch
    batches = batches_of(schedule)
    times = Counter(row for batch in batches for row in batch)
    assert set(times) == set(schedule.rows.tolist())
    assert min(times.values()) >= 30  # each is left out in 1 of 17 epochs, in the mean 2.4 of 40
    epochs = {tuple(batches[2 * epoch] + batches[2 * epoch + 1]) for epoch in range(40)}
    assert len(epochs) == 40


def test_a_step_follows_from_its_number_alone() -> None:
    whole = batches_of(shelf([9, 5, 7, 2], 3, 6, seed=4, n_epochs=3))
    again = shelf([9, 5, 7, 2], 3, 6, seed=4, n_epochs=3)
    for number in (7, 2, 8, 2):
        assert again.step(number)[0].tolist() == whole[number]
    other = Schedule(again.rows, 6, (16,) * 3, 5, 3, again.targets)
    assert batches_of(other) != whole


@pytest.mark.parametrize(
    ("n_per_product", "targets", "message"),
    [
        (0, np.zeros(6, np.int64), "got 0 photos a product, wanted 1 to 4"),
        (5, np.zeros(6, np.int64), "got 5 photos a product, wanted 1 to 4"),
        (2, None, "got 0 targets, wanted one for each of the 6 photos"),
        (2, np.zeros(5, np.int64), "got 5 targets, wanted one for each of the 6 photos"),
    ],
    ids=["none a product", "more than a batch", "no targets", "too few targets"],
)
def test_groups_that_cannot_be_made(n_per_product: int, targets: NDArray[np.int64] | None, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Schedule(np.arange(6), 4, (16,), 0, n_per_product, targets)
