"""Packs on their places: nearest edge in front, lowest corner on the board, the next one behind."""

from __future__ import annotations

import numpy as np

from facings.simulate.standing import N_DEEP, stand
from facings.simulate.stocking import Place, Product

BOX = Product("box", np.full((40, 20, 4), 255, np.uint8), (10.0, 20.0, 6.0), 1.0)


def place(column: int, *, is_stacked: bool = False) -> Place:
    return Place(BOX, 12.0 * column, 50.0, 0, 0, column, 0, is_stacked)


def test_a_pack_keeps_its_size_stands_on_its_board_and_stays_on_it() -> None:
    units = stand([place(i) for i in range(200)], np.random.default_rng(0))
    assert len(units) == 200 * N_DEEP
    for unit in units:
        top_left, top_right, low_right, low_left = unit.quad_cm
        assert abs(np.linalg.norm(top_right - top_left) - 10) < 1e-9
        assert abs(np.linalg.norm(low_left - top_left) - 20) < 1e-9
        assert abs(np.linalg.norm(low_right - top_left) - np.hypot(10, 20)) < 1e-9
        assert abs(unit.quad_cm[:, 1].max() - 50) < 1e-9
        assert unit.quad_cm[:, 2].min() >= 0.15 - 1e-9
        assert abs(unit.quad_cm[:, 0].mean() - unit.place.left_cm - 5) < 1.5


def test_the_one_behind_is_farther_and_darker() -> None:
    units = stand([place(i) for i in range(50)], np.random.default_rng(0))
    for front, behind in zip(units[::2], units[1::2], strict=True):
        assert front.place is behind.place
        assert front.is_front
        assert not behind.is_front
        assert behind.quad_cm[:, 2].min() >= front.quad_cm[:, 2].min() + 6
        assert behind.gain < front.gain


def test_stacks_do_not_lean() -> None:
    units = stand([place(i, is_stacked=True) for i in range(50)], np.random.default_rng(0))
    assert all(abs(unit.quad_cm[0, 1] - unit.quad_cm[1, 1]) < 1e-9 for unit in units)


def test_nothing_stands_on_an_empty_shelf() -> None:
    assert stand([], np.random.default_rng(0)) == []
