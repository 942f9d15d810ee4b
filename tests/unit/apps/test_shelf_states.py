"""What can stand on a shelf, with chances worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.apps.shelf_states import shelf_states


def at(states_of: tuple[int, int], units: int, fronts: int) -> int:
    """Number of a state."""
    states = shelf_states(*states_of)
    return int(np.flatnonzero((states.units == units) & (states.fronts == fronts))[0])


def test_columns_empty_unevenly() -> None:
    states = shelf_states(2, 3)
    assert (states.units[states.full], states.fronts[states.full]) == (6, 2)
    after = states.taken[3][states.full]  # three of six taken, each from any of two columns: 2 / 8 all from one
    assert after[at((2, 3), 3, 1)] == pytest.approx(0.25)
    assert after[at((2, 3), 3, 2)] == pytest.approx(0.75)
    assert states.taken[5][states.full, at((2, 3), 1, 1)] == pytest.approx(1)
    assert states.taken[6][states.full, 0] == pytest.approx(1)


def test_an_uneven_shelf_stays_uneven() -> None:
    states, uneven = shelf_states(2, 3), at((2, 3), 3, 1)
    assert states.taken[0][uneven, uneven] == 1
    assert states.taken[1][uneven, at((2, 3), 2, 1)] == pytest.approx(1)


def test_two_units_behind_two_fronts() -> None:
    # Two of each column are gone: weights 1/2! · 1/2! for (1, 1); the next unit is always the last of its column.
    states = shelf_states(2, 3)
    assert states.taken[1][at((2, 3), 2, 2), at((2, 3), 1, 1)] == pytest.approx(1)
    # (1, 3) and (3, 1) weigh 1/2! each, (2, 2) weighs 1: in half of the ways one has one, taken half of the time.
    assert states.taken[1][at((2, 3), 4, 2), at((2, 3), 3, 1)] == pytest.approx(0.25)


def test_what_photos_show() -> None:
    states = shelf_states(2, 3)
    # both found (0.93²) and no other taken for this, or one of them missed and another taken for it
    both = np.exp(-0.05) * (0.93**2 + 2 * 0.93 * 0.07 * 0.05 + 0.07**2 * 0.05**2 / 2)
    assert states.speaks(2)[states.full] == pytest.approx(both)
    assert states.speaks(2)[at((2, 3), 3, 1)] == pytest.approx(np.exp(-0.05) * (0.93 * 0.05 + 0.07 * 0.05**2 / 2))
    assert states.speaks(0)[states.full] == pytest.approx(0.07**2 * np.exp(-0.05))
    assert states.speaks(99).sum() < 0.01  # more than can be: others were taken for this


def test_counts_and_deliveries_are_told() -> None:
    states = shelf_states(1, 5)
    assert states.counted(3).argmax() == 3
    assert states.brought(2)[1].argmax() == 3
    assert states.brought(9)[1].argmax() == 5  # what does not fit is elsewhere
    assert states.left(2)[5].argmax() == 3
    assert states.left(9)[5].argmax() == 0


def test_many_units_are_counted_in_packets_whose_mean_is_right() -> None:
    states = shelf_states(6, 9)
    assert len(states.units) < 60
    for n in (0, 1, 7, 20):
        left = states.taken[n][states.full] @ states.units * states.scale
        assert left == pytest.approx(54 - n)


def test_fillings_leave_nothing_missing_or_something() -> None:
    states = shelf_states(2, 3)
    held, chance = np.eye(9)[:1], np.full((1, 9), 0.5)
    to_top = states.filled(held, chance, np.array([1.0]))
    assert (to_top[0, 0], to_top[0, states.full]) == (0.5, 0.5)
    some = states.filled(held, chance, np.array([0.0]))
    assert some.sum() == pytest.approx(1)
    assert some[0, states.full] == pytest.approx(0.5 / 7)  # any of 0 to 6 units as likely


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 24), st.integers(1, 60))
def test_units_neither_appear_nor_vanish(n_columns: int, depth: int) -> None:
    states = shelf_states(n_columns, depth)
    for steps in (states.taken, states.raised, states.wasted, states.brought(3), states.left(3)):
        assert np.asarray(steps.sum(axis=-1)) == pytest.approx(1)
        assert (steps >= -1e-12).all()
    fewer = states.units[None] < states.units[:, None]
    assert np.allclose(states.taken[:, fewer.T], 0)  # taking brings none
    assert np.allclose(states.raised[fewer], 0)  # adding takes none
    assert states.units[states.full] * states.scale == pytest.approx(n_columns * depth, rel=0.4)
