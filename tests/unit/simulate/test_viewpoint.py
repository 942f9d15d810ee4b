"""The pinhole camera: hand-worked points, the target in the center however it is held."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facings.simulate.viewpoint import Stance, random_stance

SIZE = (800, 600)


def test_straight_on_a_centimeter_has_the_same_pixels_everywhere_in_front() -> None:
    view = Stance().view((10.0, 20.0), 100.0, SIZE)  # 8 px a cm
    seen = view.project(np.array([(10.0, 20.0, 0.0), (60.0, 20.0, 0.0), (10.0, 57.5, 0.0), (-40.0, -17.5, 0.0)]))
    np.testing.assert_allclose(seen, [(400, 300), (800, 300), (400, 600), (0, 0)], atol=1e-9)
    np.testing.assert_allclose(view.eye, (10, 20, -100), atol=1e-9)


def test_twice_as_far_away_is_half_as_large() -> None:
    view = Stance(distance=1.0).view((0.0, 0.0), 100.0, SIZE)
    near, far = view.project(np.array([(50.0, 0.0, 0.0), (50.0, 0.0, 100.0)]))
    assert near[0] - 400 == pytest.approx(2 * (far[0] - 400))


def test_nobody_steps_closer_than_an_arm() -> None:
    view = Stance(distance=1.0).view((0.0, 0.0), 20.0, SIZE)
    assert view.eye[2] == -45
    np.testing.assert_allclose(view.project(np.array([(10.0, 0.0, 0.0)])), [(800, 300)], atol=1e-9)


@given(yaw=st.floats(-0.3, 0.3), pitch=st.floats(-0.3, 0.3), roll=st.floats(-0.3, 0.3), width=st.floats(20, 400))
def test_the_target_stays_in_the_center_and_the_plane_agrees(
    yaw: float, pitch: float, roll: float, width: float
) -> None:
    view = Stance(yaw, pitch, roll).view((5.0, -7.0), width, SIZE)
    np.testing.assert_allclose(view.project(np.array([(5.0, -7.0, 0.0)])), [(400, 300)], atol=1e-6)
    points = np.array([(0.0, 0.0), (13.0, -4.0), (-3.0, 9.0)])
    in_space = np.column_stack([points, np.zeros(3)])
    np.testing.assert_allclose(view.front_plane().apply(points), view.project(in_space), atol=1e-6)


def test_drawn_stances_are_nearly_straight() -> None:
    rng = np.random.default_rng(0)
    stances = [random_stance(rng) for _ in range(200)]
    assert max(abs(stance.yaw_rad) for stance in stances) <= 0.24
    assert max(abs(stance.pitch_rad) for stance in stances) <= 0.15
    assert max(abs(stance.roll_rad) for stance in stances) <= 0.05
    assert all(0.75 <= stance.distance <= 1.5 for stance in stances)
