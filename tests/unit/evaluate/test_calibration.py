"""Reliability in bins, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from facings.errors import BadInput
from facings.evaluate.calibration import calibration


def test_error_worked_by_hand() -> None:
    confidences = np.array([0.2, 0.4, 0.7, 0.9, 1.0], np.float32)
    is_right = np.array([False, True, True, True, False])
    found = calibration(confidences, is_right, n_bins=2)
    low, high = found.bins
    assert [low.n, low.accuracy, low.confidence] == pytest.approx([2, 0.5, 0.3])
    assert [high.n, high.accuracy, high.confidence] == pytest.approx([3, 2 / 3, 2.6 / 3])
    # 2/5 · |0.5 − 0.3| + 3/5 · |2/3 − 2.6/3| = 0.08 + 0.12
    assert found.ece == pytest.approx(0.2)
    assert [found.accuracy, found.confidence] == pytest.approx([0.6, 0.64])


def test_fifteen_bins_each_with_its_upper_end() -> None:
    ends = np.array([number / 15 for number in range(16)], np.float32)
    found = calibration(ends, np.ones(16, np.bool_))
    assert [bin_.n for bin_ in found.bins] == [2] + [1] * 14  # 0 belongs to the first bin
    assert (found.bins[0].low, found.bins[-1].high) == (0.0, 1.0)


def test_perfect_confidence_has_no_error_and_empty_bins_have_no_means() -> None:
    found = calibration(np.array([1.0, 1.0], np.float32), np.array([True, True]))
    assert found.ece == 0.0
    assert {(bin_.n, bin_.accuracy, bin_.confidence) for bin_ in found.bins[:-1]} == {(0, None, None)}
    assert found.to_json()["bins"][14] == {"low": 14 / 15, "high": 1.0, "n": 2, "accuracy": 1.0, "confidence": 1.0}


@pytest.mark.parametrize(
    ("confidences", "is_right"),
    [([], []), ([0.5], [True, False]), ([1.2], [True]), ([-0.1], [True]), ([float("nan")], [True])],
    ids=["none", "not one each", "above 1", "below 0", "no number"],
)
def test_what_makes_no_sense_is_refused(confidences: list[float], is_right: list[bool]) -> None:
    with pytest.raises(BadInput, match="Calibration"):
        calibration(np.array(confidences, np.float32), np.array(is_right, np.bool_))
