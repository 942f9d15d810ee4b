"""p-values by hand, and the share of genuine packs that they call rare."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facings.apps.genuine_calibration import GenuineCalibration
from facings.apps.genuine_pack import GenuinePack


def pack(scores: object, sku: str = "a") -> GenuinePack:
    return GenuinePack(sku, (), np.array(scores, np.float64).reshape(-1, 3))


# Four photos of scores 1 to 4 in print; the two other checks never move.
FOUR = pack([[k, 5, 5] for k in (1, 2, 3, 4)])


def test_the_oddest_of_five_has_a_fifth() -> None:
    calibration = GenuineCalibration([FOUR])
    rarity = calibration.rarity(np.array([40, 5, 5]), FOUR)
    assert calibration.n_photos == 4
    assert calibration.least_p == pytest.approx(1 / 5)
    assert rarity.checks[0] == pytest.approx(1 / 5)
    assert rarity.p_value == pytest.approx(1 / 5)
    assert rarity.strongest == 0


def test_nothing_odd_is_not_rare() -> None:
    rarity = GenuineCalibration([FOUR]).rarity(np.array([0.1, 0.1, 0.1]), FOUR)
    assert rarity.p_value == 1
    assert rarity.checks.tolist() == [1, 1, 1]


def test_without_genuine_photos_everything_is_usual() -> None:
    calibration = GenuineCalibration([])
    assert calibration.least_p == 1
    assert calibration.rarity(np.array([9.0, 9, 9]), pack([])).p_value == 1


def test_a_product_that_always_varies_is_held_to_its_own_scale() -> None:
    quiet, lively = pack(np.full((12, 3), 1.0), "quiet"), pack(np.full((12, 3), 9.0), "lively")
    calibration = GenuineCalibration([quiet, lively])
    query = np.array([7.0, 7, 7])
    assert calibration.rarity(query, quiet).p_value < 0.1
    assert calibration.rarity(query, lively).p_value > 0.5


@given(st.integers(0, 10**6))
def test_p_values_lie_between_zero_and_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    several = [pack(rng.gamma(2, size=(5, 3))), pack(rng.gamma(2, size=(3, 3)))]
    rarity = GenuineCalibration(several).rarity(rng.gamma(2, size=3), several[0])
    assert 0 < rarity.p_value <= 1
    assert (rarity.checks > 0).all()


def test_the_promise_is_kept_for_packs_like_those_known() -> None:
    # One product, 20 photos and a query from one heavy-tailed distribution, 600 times: 10 % may be called rare at most.
    rng = np.random.default_rng(5)
    n_rare = 0
    for _ in range(600):
        scores = rng.lognormal(size=(21, 3))
        known = pack(scores[:20])
        n_rare += GenuineCalibration([known]).rarity(scores[20], known).p_value <= 0.1
    assert n_rare / 600 <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / 600)


def test_the_fingerprint_follows_the_scores() -> None:
    assert GenuineCalibration([FOUR]).fingerprint == GenuineCalibration([FOUR]).fingerprint
    assert GenuineCalibration([FOUR]).fingerprint != GenuineCalibration([pack([[1, 2, 3]])]).fingerprint
