"""Ways that a shelf may be kept, drawn and weighed; and what the shelves of a shop tell of their keepers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from facings.apps.demand_rate import Floats
from facings.apps.places import Site
from facings.apps.recognition_noise import USUAL_NOISE
from facings.apps.shelf_course import ShelfCourse, ShelfLook
from facings.apps.shelf_habits import DrawnWays, Habits, Ways, learn_habits
from facings.apps.shop_hours import ShopHours

HOURS = ShopHours(Site("s"))
START = datetime(2026, 3, 2, tzinfo=UTC)
NIGHTLY = 2  # place of the chance that a night sees the shelf filled, among the habits


def like(rate: float) -> DrawnWays:
    """Ways of a shelf that tells the rate alone: log-normal around it."""

    def log_likelihood(ways: Ways) -> Floats:
        found: Floats = -((np.log(ways.rates / rate) / 0.2) ** 2) / 2
        return found

    return DrawnWays(log_likelihood, guess=3 * rate)


def kept(rate: float, nightly: float, rng: np.random.Generator) -> DrawnWays:
    """A shelf of six single units looked at four times a day for five weeks, filled before the first look or not."""
    units, seen = 6, []
    for n in range(140):
        units = 6 if n % 4 == 0 and rng.random() < nightly else max(0, units - int(rng.poisson(rate / 4)))
        seen.append(ShelfLook(START + timedelta(days=n / 4), n_facings=units))
    course = ShelfCourse(seen, 1, HOURS, USUAL_NOISE)
    return DrawnWays(course.log_likelihood, guess=course.naive_rate)


@pytest.mark.parametrize("rate", [0.05, 2.0, 60.0])
def test_what_is_told_is_found_and_the_rest_stays_open(rate: float) -> None:
    drawn = like(rate)
    assert drawn.weights().sum() == pytest.approx(1)
    assert drawn.weights() @ np.log(drawn.ways.rates) == pytest.approx(np.log(rate), abs=0.12)
    assert drawn.weights() @ drawn.ways.to_top == pytest.approx(0.75, abs=0.08)  # anything from 0.5 to 1
    assert drawn.likeliest.rates[0] == pytest.approx(rate, rel=0.25)


def test_the_same_looks_give_the_same_ways() -> None:
    assert np.array_equal(like(2.0).points, like(2.0).points)


def test_a_way_out_of_the_box_is_never_drawn() -> None:
    points = like(140.0).points
    assert points.max(axis=0)[0] <= np.log(150)
    assert ((points[:, 5] >= 0.5) & (points[:, 5] <= 1)).all()


def test_habits_are_a_density_with_room_for_odd_shelves() -> None:
    habits = Habits(np.zeros(7), np.eye(7))
    near, far = habits.log_density(np.array([[0.0] * 8, [0.0, 1.0, 3.5, 3.5, 0.0, 1.0, -3.0, -6.0]]))
    assert near == pytest.approx(np.log(0.9) - 3.5 * np.log(2 * np.pi), abs=0.1)
    assert far > -25  # and not the −50 of the normal alone


def test_keepers_are_told_apart_by_their_shelves() -> None:
    rng = np.random.default_rng(3)
    often, rarely = (learn_habits([kept(rate, nightly, rng) for rate in (3.0, 4.0, 5.0)]) for nightly in (0.95, 0.25))
    assert often.center[NIGHTLY] > rarely.center[NIGHTLY] + 1
    assert np.linalg.eigvalsh(often.spread).min() > 0
