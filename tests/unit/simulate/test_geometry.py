"""Homographies: exact on their four points, undone by their inverse, the same for points and for pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facings.errors import BadInput
from facings.simulate.geometry import (
    Homography,
    bounding_box,
    lay_face,
    rectangle_corners,
    rotation,
    silhouette_points,
    warp_face,
    with_rim,
)

shift = st.floats(-20, 20)
quads = st.lists(st.tuples(shift, shift), min_size=4, max_size=4).map(
    lambda shifts: rectangle_corners(0, 0, 100, 140) + np.array(shifts)
)


@given(quads, quads)
def test_four_points_go_where_they_should(source: np.ndarray, target: np.ndarray) -> None:
    np.testing.assert_allclose(Homography.from_quads(source, target).apply(source), target, atol=1e-6)


@given(quads, st.lists(st.tuples(st.floats(0, 100), st.floats(0, 140)), min_size=1, max_size=5))
def test_inverse_brings_points_back(target: np.ndarray, inner: list[tuple[float, float]]) -> None:
    move = Homography.from_quads(rectangle_corners(0, 0, 100, 140), target)
    points = np.array(inner)
    np.testing.assert_allclose(move.inverse().apply(move.apply(points)), points, atol=1e-6)


def test_pixels_and_points_move_alike() -> None:
    image = Image.new("L", (60, 40))
    image.paste(255, (20, 10, 30, 20))
    move = Homography.from_quads(rectangle_corners(0, 0, 60, 40), rectangle_corners(5, 6, 125, 86))  # twice as large
    moved = np.asarray(move.warp(image, (140, 100), Image.Resampling.NEAREST))
    ys, xs = np.nonzero(moved)
    seen = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    assert seen == (45, 26, 65, 46)
    np.testing.assert_allclose(bounding_box(move.apply(rectangle_corners(20, 10, 30, 20))), seen)


def test_a_face_over_the_border_is_cut() -> None:
    layer = Image.new("RGBA", (50, 50))
    points = lay_face(layer, Image.new("RGBA", (20, 20), (255, 0, 0, 255)), rectangle_corners(-10, 30, 20, 60))
    np.testing.assert_allclose(bounding_box(points), (-10, 30, 20, 60), atol=1e-4)
    assert layer.getchannel("A").point(lambda a: 255 * (a >= 128)).getbbox() == (0, 30, 20, 50)


def test_silhouette_ignores_faint_pixels() -> None:
    alpha = np.zeros((8, 9), np.uint8)
    alpha[2:5, 3:6], alpha[0, 0] = 200, 100
    np.testing.assert_array_equal(bounding_box(silhouette_points(alpha)), (3, 2, 6, 5))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((3, 2)), "wanted .4, 2. twice"),
        (np.array([(0, 0), (1, 1), (2, 2), (0, 1)], np.float64), "three points on a line|cannot be inverted"),
    ],
    ids=["three points", "on a line"],
)
def test_improper_quads_are_refused(source: np.ndarray, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Homography.from_quads(source, rectangle_corners(0, 0, 1, 1))


@pytest.mark.parametrize("matrix", [np.eye(2), np.zeros((3, 3)), np.full((3, 3), np.nan)], ids=["2x2", "zero", "nan"])
def test_improper_matrices_are_refused(matrix: np.ndarray) -> None:
    with pytest.raises(BadInput, match="Homography"):
        Homography(matrix)


small_shift = st.floats(-6, 6)


@given(
    st.lists(st.tuples(small_shift, small_shift), min_size=4, max_size=4),
    st.floats(24, 200),
    st.floats(24, 200),
)
def test_a_warped_face_bounds_its_quad_to_a_pixel(
    shifts: list[tuple[float, float]], width: float, height: float
) -> None:
    quad = rectangle_corners(40, 30, 40 + width, 30 + height) + np.array(shifts) * min(width, height) / 100
    framed = with_rim(Image.new("RGBA", (50, 70), (200, 30, 40, 255)))
    patch, at = warp_face(framed, quad, (300, 300))
    found = bounding_box(silhouette_points(np.asarray(patch.getchannel("A"))) + at)
    np.testing.assert_allclose(found, bounding_box(quad), atol=1.0)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_a_turn_keeps_lengths_and_handedness(yaw: float, pitch: float, roll: float) -> None:
    turn = rotation(yaw, pitch, roll)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_turns_are_about_the_axes_they_are_named_for() -> None:
    ahead, right = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(rotation(np.pi / 2, 0, 0) @ ahead, right, atol=1e-12)
    np.testing.assert_allclose(rotation(0, np.pi / 2, 0) @ ahead, (0, -1, 0), atol=1e-12)
    np.testing.assert_allclose(rotation(0, 0, np.pi / 2) @ right, (0, 1, 0), atol=1e-12)
