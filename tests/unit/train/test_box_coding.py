"""Boxes from anchors, by numbers worked by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from facings.train.box_coding import around, moved  # noqa: E402

pytestmark = pytest.mark.torch

ANCHOR = torch.tensor([[8.0, 8.0, 16.0, 24.0]])  # middle (12, 16), sides 8 and 16


def test_distances_are_in_anchor_sides_from_its_middle() -> None:
    distances = torch.tensor([[[0.5, 0.25, 1.0, 2.0]]])
    assert around(ANCHOR, distances).tolist() == [[[12 - 4, 16 - 4, 12 + 8, 16 + 32]]]


def test_changes_move_the_middle_in_sides_and_scale_the_sides() -> None:
    changes = torch.tensor([[[0.5, -0.25, math.log(2), 0.0]]])
    # middle (12 + 4, 16 − 4), sides 16 and 16
    torch.testing.assert_close(moved(ANCHOR, changes), torch.tensor([[[8.0, 4.0, 24.0, 20.0]]]))


def test_each_picture_may_have_anchors_of_its_own() -> None:
    changes = torch.zeros(2, 1, 4)
    anchors = torch.stack([ANCHOR, ANCHOR + 5])
    torch.testing.assert_close(moved(anchors, changes), anchors)


def test_no_side_grows_without_end() -> None:
    (box,) = moved(ANCHOR, torch.full((1, 1, 4), 50.0))[0].tolist()
    assert box[2] - box[0] == pytest.approx(8 * 62.5)
