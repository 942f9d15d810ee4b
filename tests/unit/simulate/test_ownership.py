"""Tight boxes from the map of owners, counted by hand."""

from __future__ import annotations

import numpy as np

from facings.simulate.ownership import owned_boxes


def test_boxes_and_counts_of_a_small_map() -> None:
    owner = np.array(
        [
            [0, 1, 1, 0, 3],
            [0, 1, 0, 0, 0],
            [3, 0, 0, 0, 0],
        ],
        np.int32,
    )
    boxes, counts = owned_boxes(owner, 3)
    assert counts.tolist() == [3, 0, 2]
    assert boxes.dtype == np.float32
    assert boxes[0].tolist() == [1, 0, 3, 2]
    assert boxes[2].tolist() == [0, 0, 5, 3]  # seen on both sides of what hides it


def test_a_map_without_owners() -> None:
    boxes, counts = owned_boxes(np.zeros((2, 2), np.int32), 2)
    assert boxes.shape == (2, 4)
    assert counts.tolist() == [0, 0]
