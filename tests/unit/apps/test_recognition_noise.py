"""How often recognition errs, by counts that change and change back; with numbers worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from facings.apps.recognition_noise import USUAL_NOISE, recognition_noise

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def photos(*n_facings: int, hours: float = 3) -> list[tuple[datetime, int]]:
    return [(START + timedelta(hours=hours * n), count) for n, count in enumerate(n_facings)]


def test_nothing_known_is_what_is_usual() -> None:
    assert recognition_noise([]) == USUAL_NOISE
    assert recognition_noise([photos(2), photos(2, 1), photos(5, 4, 3, 2, 1, 0)]) == USUAL_NOISE  # sold, never back


def test_by_hand() -> None:
    # 60 times 2, 1, 2: one of two facings missed. 60 times 1, 2, 1: one too many. 180 facings, 120 photos.
    noise = recognition_noise([photos(2, 1, 2)] * 60 + [photos(1, 2, 1)] * 60)
    assert noise.missed == pytest.approx((60 + 7) / (180 + 100), abs=0.005)
    assert noise.false == pytest.approx((60 + 5) / (120 + 100), abs=0.005)


def test_days_between_photos_hide_who_filled_the_gap() -> None:
    assert recognition_noise([photos(2, 0, 2, hours=20)] * 500) == USUAL_NOISE


@pytest.mark.parametrize("missed", [0.0, 0.05, 0.15])
def test_it_finds_what_was_put_in(missed: float) -> None:
    rng = np.random.default_rng(5)
    shelves = [photos(*rng.binomial(3, 1 - missed, 200).tolist()) for _ in range(20)]
    assert recognition_noise(shelves).missed == pytest.approx(missed, abs=0.035)
