"""Homographies: what they move, and which cannot be two photos of one side of a pack."""

from __future__ import annotations

import numpy as np
import pytest

from facings.apps.registration import is_plausible, moved

SIZE = (100, 200)


def test_points_move_by_hand() -> None:
    shift_and_double = np.array([[2, 0, 5], [0, 2, -1], [0, 0, 1.0]])
    assert moved(np.array([[3, 4], [0, 0]]), shift_and_double).tolist() == [[11, 7], [5, -1]]
    perspective = np.array([[1, 0, 0], [0, 1, 0], [0.01, 0, 1.0]])  # at x = 100 everything is half as large
    assert moved(np.array([[100, 50]]), perspective) == pytest.approx(np.array([[50, 25]]))


@pytest.mark.parametrize(
    "homography, wanted",
    [
        (np.eye(3), True),
        ([[0, -1, 0], [1, 0, 0], [0, 0, 1]], True),  # a quarter turn
        (np.diag([4.9, 4.9, 1]), True),
        (np.diag([5.1, 5.1, 1]), False),  # enlarged too much
        (np.diag([0.19, 0.19, 1]), False),
        (np.diag([-1, 1, 1]), False),  # a mirror: seen from behind
        ([[1, 0, 0], [0, 1, 0], [-0.02, 0, 1]], False),  # torn across the vanishing line, at x = 50
        ([[1, 0, 0], [0, 1, 0], [0, -0.004, 1]], False),  # far sides five times as long as near ones
        (np.full((3, 3), np.nan), False),
    ],
)
def test_which_are_plausible(homography: object, wanted: bool) -> None:
    assert is_plausible(np.array(homography, np.float64), SIZE) is wanted
