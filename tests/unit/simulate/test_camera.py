"""Camera effects: each does what its name says, in the amount asked, and the default camera does nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facings.errors import BadInput
from facings.simulate.camera import (
    Camera,
    defocus,
    expose,
    fall_off,
    glare,
    motion_blur,
    photograph,
    random_camera,
    sensor_noise,
    through_jpeg,
    vignette,
    warm,
)

GRAY = np.full((40, 60, 3), 128, np.float32)


def edge() -> np.ndarray[Any, np.dtype[np.float32]]:
    picture = np.zeros((40, 60, 3), np.float32)
    picture[:, 30:] = 200
    return picture


def test_default_camera_changes_nothing() -> None:
    scene = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    np.testing.assert_array_equal(photograph(scene, Camera(), np.random.default_rng(1)), scene)


def test_photo_repeats_with_its_seed_and_only_then() -> None:
    scene = GRAY.astype(np.uint8)
    camera = Camera(noise=5, jpeg_quality=80, glare=0.5)
    first, again, other = (photograph(scene, camera, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_one_stop_doubles_linear_light() -> None:
    # 60 of 255 is (60/255)^2.2 = 0.0414 linear; doubled 0.0829; back 255 * 0.0829^(1/2.2) = 82.2
    assert expose(np.full((1, 1, 3), 60, np.float32), 1.0).max() == pytest.approx(82.2, abs=0.3)


def test_exposure_never_leaves_the_range_and_keeps_order() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.float32)[None, :, None], 3, axis=2)
    bright = expose(ramp, 2.0)
    assert bright.max() <= 255
    assert (np.diff(bright[0, :, 0]) >= 0).all()


def test_warm_light_raises_red_and_lowers_blue() -> None:
    red, green, blue = warm(GRAY, 0.5)[0, 0]
    assert red == pytest.approx(128 * 1.08)
    assert green == 128
    assert blue == pytest.approx(128 * 0.9)


def test_light_falls_off_in_its_direction() -> None:
    lit = fall_off(GRAY, 0.5, 0.0)
    assert lit[20, 0].mean() > lit[20, 30].mean() > lit[20, 59].mean() > 128 * 0.5


def test_vignette_darkens_the_corner_by_its_share() -> None:
    dark = vignette(GRAY, 0.4)
    assert dark[0, 0, 0] == pytest.approx(128 * 0.6)
    assert dark[20, 30, 0] > 127


def test_glare_is_brightest_at_its_center() -> None:
    lit = glare(GRAY, 0.8, (0.5, 0.5))
    assert lit.max() == pytest.approx(128 + 127 * 0.8, abs=3)
    row, column = divmod(int(lit[:, :, 0].argmax()), 60)
    assert row in (19, 20)
    assert column in (29, 30)


def test_defocus_softens_and_keeps_the_mean() -> None:
    blurred = defocus(edge(), 2.0)
    assert 40 < blurred[20, 29, 0] < 100
    assert blurred.mean() == pytest.approx(edge().mean(), abs=1.5)


def test_motion_blurs_along_its_direction_only() -> None:
    along, across = motion_blur(edge(), 6.0, 0.0), motion_blur(edge(), 6.0, np.pi / 2)
    assert 0 < along[20, 29, 0] < 200
    np.testing.assert_allclose(across, edge(), atol=1e-3)


def test_noise_has_the_strength_asked_for_and_grows_with_light() -> None:
    rng = np.random.default_rng(0)
    big = np.full((200, 200, 3), 128, np.float32)
    at_gray = (sensor_noise(big, 6.0, rng) - big).std()
    in_dark = sensor_noise(np.zeros_like(big), 6.0, rng).std()
    assert at_gray == pytest.approx(6.0, rel=0.03)
    assert in_dark == pytest.approx(3.0, rel=0.03)


def test_lower_jpeg_quality_loses_more() -> None:
    scene = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8).astype(np.uint8)

    def loss(quality: int) -> float:
        return float(np.abs(through_jpeg(scene, quality).astype(int) - scene).mean())

    assert loss(20) > loss(90) > 0


def test_severity_zero_is_nearly_neutral() -> None:
    camera = random_camera(np.random.default_rng(0), 0.0)
    assert (camera.warmth, camera.glare, camera.motion_px, camera.defocus_px) == (0, 0, 0, 0)


def test_every_severity_gives_a_valid_camera() -> None:
    rng = np.random.default_rng(0)
    assert len({random_camera(rng, severity) for severity in np.linspace(0, 1, 50)}) == 50


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"exposure_ev": 5.0}, "exposure_ev: got 5.0, wanted -3.0 to 3.0"),
        ({"noise": -1.0}, "noise: got -1.0"),
        ({"glare": float("nan")}, "glare: got nan"),
        ({"jpeg_quality": 0}, "jpeg_quality: got 0, wanted 1 to 95"),
    ],
    ids=["exposure", "noise", "nan", "quality"],
)
def test_bad_cameras_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Camera(**fields)


@pytest.mark.parametrize("severity", [-0.1, 1.1])
def test_bad_severity_is_refused(severity: float) -> None:
    with pytest.raises(BadInput, match="severity"):
        random_camera(np.random.default_rng(0), severity)


def test_a_scene_of_floats_is_refused() -> None:
    with pytest.raises(BadInput, match="wanted uint8"):
        photograph(GRAY, Camera(), np.random.default_rng(0))  # type: ignore[arg-type]
