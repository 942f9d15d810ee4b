"""The watch by hand, under nothing that changes, and under packs that look odd."""

from __future__ import annotations

import numpy as np
import pytest

from facings.apps.genuine_drift import LARGE, watch
from facings.errors import BadInput


def test_without_photos_the_stake_is_untouched() -> None:
    assert (watch([], n_alarms=0).wealth, watch([], n_alarms=0).is_drifting) == (1.0, False)


def test_one_photo_by_hand() -> None:
    # The integral of e p^(e − 1) over e from 0 to 1, for p = 1: 1/2; for p = 1/e: (1 − 2/e) e = e − 2.
    assert watch([1.0], n_alarms=0).wealth == pytest.approx(0.5, rel=1e-4)
    assert watch([np.exp(-1)], n_alarms=0).wealth == pytest.approx(np.e - 2, rel=1e-3)


def test_rare_looks_again_and_again_are_drift() -> None:
    found = watch([0.01] * 4, n_alarms=4)
    assert (found.n_photos, found.n_alarms, found.is_drifting) == (4, 4, True)
    assert not watch([0.01], n_alarms=0).is_drifting


def test_what_it_once_reached_counts() -> None:
    found = watch([0.01] * 4 + [1.0] * 40, n_alarms=0)
    assert found.wealth < LARGE <= found.most


def test_it_is_quiet_while_nothing_changes() -> None:
    rng = np.random.default_rng(3)
    lives = [watch(rng.uniform(1e-9, 1, 60).tolist(), n_alarms=0).is_drifting for _ in range(300)]
    assert sum(lives) <= 300 / LARGE + 3 * np.sqrt(300 / LARGE)


@pytest.mark.parametrize("p_value", [0.0, 1.1, float("nan")])
def test_no_p_value(p_value: float) -> None:
    with pytest.raises(BadInput, match="Drift: got a p-value"):
        watch([0.5, p_value], n_alarms=0)
