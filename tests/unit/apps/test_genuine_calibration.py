"""p-values by hand, and the share of genuine packs that they call rare."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facings.apps.genuine_calibration import GenuineCalibration, attention
from facings.apps.genuine_pack import GenuinePack
from facings.apps.pack_checks import CHECKS

N = len(CHECKS)
APPEARANCE = CHECKS.index("appearance")


def row(appearance: float, rest: float = 5) -> list[float]:
    """Scores of one photo: of appearance, and of everything else."""
    return [appearance if k == APPEARANCE else rest for k in range(N)]


def pack(scores: object, sku: str = "a") -> GenuinePack:
    return GenuinePack(sku, (), np.array(scores, np.float64).reshape(-1, N))


# Four photos of scores 1 to 4 in appearance; the other checks never move.
FOUR = pack([row(k) for k in (1, 2, 3, 4)])


def test_the_oddest_of_five_has_a_fifth() -> None:
    calibration = GenuineCalibration([FOUR])
    rarity = calibration.rarity(np.array(row(40)), FOUR)
    assert calibration.n_photos == 4
    assert calibration.least_p == pytest.approx(1 / 5)
    assert rarity.checks[APPEARANCE] == pytest.approx(1 / 5)
    assert rarity.p_value == pytest.approx(1 / 5)
    assert rarity.strongest == APPEARANCE


def test_of_the_first_of_each_check_the_one_further_out_is_rarer() -> None:
    # Photo 9 is the first in color, by little; the query is the first in print, by much: both lead one check.
    known = pack([[1 + 0.01 * k, 1.2 if k == 9 else 1, *[1.0] * (N - 2)] for k in range(10)])
    far, near = (np.array([first, *[1.0] * (N - 1)]) for first in (50, 1.12))
    assert GenuineCalibration([known]).rarity(far, known).p_value == pytest.approx(1 / 11)
    assert GenuineCalibration([known]).rarity(near, known).p_value > 1 / 11


def test_a_check_that_abstains_leaves_it_to_the_others() -> None:
    silent = np.array(row(40, np.nan))
    rarity = GenuineCalibration([FOUR]).rarity(silent, FOUR)
    assert rarity.p_value == pytest.approx(1 / 5)
    assert np.isnan(np.delete(rarity.checks, APPEARANCE)).all()
    never = pack([row(k, np.nan) for k in (1, 2, 3, 4)])
    assert GenuineCalibration([never]).rarity(silent, never).p_value == pytest.approx(1 / 5)


def test_nothing_odd_is_not_rare() -> None:
    rarity = GenuineCalibration([FOUR]).rarity(np.full(N, 0.1), FOUR)
    assert rarity.p_value == 1
    assert rarity.checks.tolist() == [1] * N


def test_attention_goes_where_fakes_were_told() -> None:
    assert attention([]).tolist() == pytest.approx([0.6, 0.6, 0.6, 3, 0.6, 0.6])  # 2, 2, 2, 10, 2, 2 of 20
    fakes = [{"print": 0.5, "color": 0.01}] * 4 + [{}]
    assert attention(fakes)[1] == pytest.approx(6 / 24 * N)  # four fakes more that color told
    assert attention(fakes).mean() == pytest.approx(1)


def test_known_fakes_make_what_told_them_rarer() -> None:
    rng = np.random.default_rng(4)
    known, query = pack(rng.gamma(4, size=(60, N))), np.full(N, 4.0)
    query[1] = 9.5
    fakes = [{"color": 0.01}] * 12
    before, after = (GenuineCalibration([known], some).rarity(query, known).p_value for some in ([], fakes))
    assert after < before


def test_without_genuine_photos_everything_is_usual() -> None:
    calibration = GenuineCalibration([])
    assert calibration.least_p == 1
    assert calibration.rarity(np.full(N, 9.0), pack([])).p_value == 1


def test_a_product_that_always_varies_is_held_to_its_own_scale() -> None:
    quiet, lively = pack(np.full((12, N), 1.0), "quiet"), pack(np.full((12, N), 9.0), "lively")
    calibration = GenuineCalibration([quiet, lively])
    query = np.full(N, 7.0)
    assert calibration.rarity(query, quiet).p_value < 0.1
    assert calibration.rarity(query, lively).p_value > 0.5


@given(st.integers(0, 10**6))
def test_p_values_lie_between_zero_and_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    several = [pack(rng.gamma(2, size=(5, N))), pack(rng.gamma(2, size=(3, N)))]
    rarity = GenuineCalibration(several).rarity(rng.gamma(2, size=N), several[0])
    assert 0 < rarity.p_value <= 1
    assert (rarity.checks > 0).all()


def test_the_promise_is_kept_for_packs_like_those_known() -> None:
    # One product, 20 photos and a query from one heavy-tailed distribution, 600 times: 10 % may be called rare at most.
    rng = np.random.default_rng(5)
    n_rare = 0
    for _ in range(600):
        scores = rng.lognormal(size=(21, N))
        known = pack(scores[:20])
        n_rare += GenuineCalibration([known]).rarity(scores[20], known).p_value <= 0.1
    assert n_rare / 600 <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / 600)


def test_the_fingerprint_follows_the_scores() -> None:
    assert GenuineCalibration([FOUR]).fingerprint == GenuineCalibration([FOUR]).fingerprint
    assert GenuineCalibration([FOUR]).fingerprint != GenuineCalibration([pack([row(1, 2)])]).fingerprint
