"""The registrar on a drawn pack: what lies over what, and what does not."""

from __future__ import annotations

import numpy as np
import pytest

from facings.adapters.opencv_registration import OpenCvRegistrar
from facings.apps.registration import MIN_INLIERS, Registrar, moved
from facings.types import UInt8Array
from pack_photos import HEIGHT, WIDTH, front, photo


@pytest.fixture(scope="module")
def registrar() -> Registrar:
    return OpenCvRegistrar(n_threads=1)


@pytest.fixture(scope="module")
def photos() -> tuple[UInt8Array, UInt8Array]:
    return photo(front(), 0), photo(front(), 1)


def test_two_photos_of_one_pack_lie_over_each_other(
    registrar: Registrar, photos: tuple[UInt8Array, UInt8Array]
) -> None:
    query, reference = photos
    found = registrar.register(registrar.landmarks(query), registrar.landmarks(reference))
    assert found is not None
    assert found.quality >= MIN_INLIERS
    assert found.error_px < 3
    apart = moved(found.inliers[:, :2], found.to_reference) - found.inliers[:, 2:]
    assert np.sqrt((apart**2).sum(1).mean()) == pytest.approx(found.error_px)
    box = (88, 60, 184, 220)  # on the pack in both
    laid, reach = registrar.laid_over(query, reference, found, box)
    assert laid.shape == (160, 96, 3)
    assert reach.all()
    difference = np.abs(laid.astype(float).mean(2) - query[60:220, 88:184].astype(float).mean(2))
    unlaid = np.abs(reference[60:220, 88:184].astype(float).mean(2) - query[60:220, 88:184].astype(float).mean(2))
    assert difference.mean() < unlaid.mean() / 2


def test_the_same_question_has_the_same_answer(registrar: Registrar, photos: tuple[UInt8Array, UInt8Array]) -> None:
    marks = [registrar.landmarks(one) for one in photos]
    first, again = (registrar.register(*marks) for _ in range(2))
    assert first is not None and again is not None
    np.testing.assert_array_equal(first.to_reference, again.to_reference)


@pytest.mark.parametrize(
    "other",
    [photo(front(3), 2), np.full((HEIGHT, WIDTH, 3), 200, np.uint8), np.zeros((1, 1, 3), np.uint8)],
    ids=["another pack", "blank", "one pixel"],
)
def test_what_shows_another_thing_lies_over_nothing(
    registrar: Registrar, photos: tuple[UInt8Array, UInt8Array], other: UInt8Array
) -> None:
    marks = registrar.landmarks(other)
    assert registrar.register(marks, registrar.landmarks(photos[0])) is None
    assert registrar.register(registrar.landmarks(photos[0]), marks) is None


def test_a_mirrored_pack_is_not_the_pack(registrar: Registrar, photos: tuple[UInt8Array, UInt8Array]) -> None:
    mirrored = registrar.landmarks(photos[0][:, ::-1].copy())
    assert registrar.register(mirrored, registrar.landmarks(photos[0])) is None


def test_points_of_a_large_picture_are_in_its_own_pixels(registrar: Registrar) -> None:
    large = photo(front(), 0).repeat(3, 0).repeat(3, 1)
    marks = registrar.landmarks(large)
    assert marks.size_px == (3 * WIDTH, 3 * HEIGHT)
    assert marks.xy[:, 0].max() > 1.5 * WIDTH
