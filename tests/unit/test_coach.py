"""The photo coach: each fault is found where it was made, named alone, and nothing is made up where nothing shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from facings import coach
from facings.coach import facing_px, judge, judge_facings
from facings.errors import BadInput
from facings.quality import Advice, PhotoQuality
from facings.simulate.camera import Camera, photograph
from facings.simulate.packs import make_packs
from facings.simulate.planning import plan_shelf
from facings.simulate.shelves import shelf_photo
from facings.types import FloatArray, Image, UInt8Array

PLAIN = Camera()


def quality(pixels: UInt8Array) -> PhotoQuality:
    return judge(Image(pixels, photo_id="0" * 64, source="shelf.jpg"))


def codes(pixels: UInt8Array) -> list[str]:
    return [advice.code for advice in quality(pixels).advice]


@pytest.fixture(scope="module")
def shelf() -> UInt8Array:
    """A sharp shelf, taken straight, in good light."""
    rng = np.random.default_rng(2)
    plan = plan_shelf(make_packs(12, 5), rng, n_facings=18, n_rows=3)
    return shelf_photo(plan, rng, (960, 720), camera=PLAIN).pixels


def taken(scene: UInt8Array, **effects: Any) -> UInt8Array:
    return photograph(scene, Camera(**effects), np.random.default_rng(0))


def turned(scene: UInt8Array, clockwise_deg: float) -> UInt8Array:
    """The inner part of the scene as a camera sees it that is turned the other way."""
    height, width = scene.shape[:2]
    picture = PillowImage.fromarray(scene).rotate(-clockwise_deg, PillowImage.Resampling.BICUBIC)
    return np.asarray(picture.crop((width // 6, height // 6, width * 5 // 6, height * 5 // 6)))


def lines(turn_deg: float, *, has_uprights: bool = True) -> UInt8Array:
    """Dark lines on white at a known angle: level ones, and upright ones across them."""
    y, x = np.mgrid[0:1280, 0:1280]
    turn = np.deg2rad(turn_deg)
    down, along = y * np.cos(turn) - x * np.sin(turn), x * np.cos(turn) + y * np.sin(turn)
    is_line = (down % 160 < 24) | ((along % 160 < 24) & has_uprights)
    return np.repeat(np.where(is_line, 40, 220).astype(np.uint8)[..., None], 3, axis=2)


def with_spot(scene: UInt8Array, frac: float) -> UInt8Array:
    """A white square of a known share of the photo."""
    height, width = scene.shape[:2]
    side = round((frac * height * width) ** 0.5)
    spotted = scene.copy()
    spotted[100 : 100 + side, 100 : 100 + side] = 255
    return spotted


def test_a_good_photo_needs_no_advice(shelf: UInt8Array) -> None:
    seen = quality(shelf)
    assert seen.advice == ()
    assert seen.sharpness is not None and seen.sharpness > coach.MIN_SHARPNESS
    assert seen.tilt_deg is not None and abs(seen.tilt_deg) < 2


@pytest.mark.parametrize(
    ("effects", "code"),
    [
        ({"defocus_px": 6.0}, "blurred"),
        ({"motion_px": 40.0, "motion_rad": 0.0}, "blurred"),
        ({"motion_px": 40.0, "motion_rad": np.pi / 2}, "blurred"),
        ({"motion_px": 40.0, "motion_rad": np.pi / 4}, "blurred"),
        ({"exposure_ev": -3.0}, "dark"),
    ],
    ids=["defocus", "sideways", "up and down", "slanting", "dark"],
)
def test_what_the_camera_did_wrong_is_said_and_nothing_else(
    shelf: UInt8Array, effects: dict[str, float], code: str
) -> None:
    (advice,) = quality(taken(shelf, **effects)).advice
    assert advice.code == code
    assert advice.figure < advice.limit


def test_sharpness_falls_with_every_step_of_blur(shelf: UInt8Array) -> None:
    seen = [quality(taken(shelf, defocus_px=sigma)).sharpness for sigma in (0.0, 2.0, 4.0, 8.0)]
    assert all(sharp is not None and 0 <= sharp < 1 for sharp in seen)
    assert seen == sorted(seen, key=lambda sharp: -(sharp or 0))


@pytest.mark.parametrize("contrast", [0.5, 0.8])
def test_sharpness_does_not_depend_on_contrast(shelf: UInt8Array, contrast: float) -> None:
    paler = (shelf * contrast).astype(np.uint8)
    assert quality(paler).sharpness == pytest.approx(quality(shelf).sharpness, abs=0.01)


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_sharpness_does_not_depend_on_size(shelf: UInt8Array, factor: int) -> None:
    """The same blur in shares of the picture: a photo of `factor` times the pixels a side has it `factor` times."""
    blurred = taken(shelf, defocus_px=3.0)
    larger = np.asarray(PillowImage.fromarray(blurred).resize((960 * factor, 720 * factor)))
    assert quality(larger).sharpness == pytest.approx(quality(blurred).sharpness, abs=0.03)


def test_noise_does_not_pass_for_sharpness(shelf: UInt8Array) -> None:
    assert "blurred" in codes(taken(shelf, defocus_px=6.0, noise=6.0))


@pytest.mark.parametrize("frac", [0.04, 0.1, 0.25])
def test_glare_is_the_share_that_is_blown_out(shelf: UInt8Array, frac: float) -> None:
    seen = quality(with_spot(shelf, frac))
    assert seen.glare_frac - quality(shelf).glare_frac == pytest.approx(frac, abs=0.01)
    assert seen.advice == (Advice("glare", "Turn away from the lamp.", seen.glare_frac, coach.MAX_GLARE_FRAC),)


def test_one_bright_color_is_not_glare() -> None:
    assert quality(np.full((100, 100, 3), (255, 255, 0), np.uint8)).glare_frac == 0.0


@pytest.mark.parametrize("turn_deg", [-25.0, -8.5, -3.0, 0.0, 3.0, 8.5, 25.0])
def test_tilt_of_known_lines(turn_deg: float) -> None:
    assert quality(lines(turn_deg)).tilt_deg == pytest.approx(turn_deg, abs=1)


@pytest.mark.parametrize("turn_deg", [-12.0, 12.0])
def test_a_turned_shelf_is_to_be_turned_back(shelf: UInt8Array, turn_deg: float) -> None:
    seen = quality(turned(shelf, turn_deg))
    assert seen.tilt_deg == pytest.approx(turn_deg, abs=2)
    (advice,) = seen.advice
    way = "clockwise" if turn_deg > 0 else "counterclockwise"
    assert (advice.code, advice.words) == ("tilted", f"Hold straight: turn the phone {way}.")
    assert advice.figure == abs(seen.tilt_deg or 0)


def test_slanted_lines_of_one_direction_are_perspective_not_tilt() -> None:
    assert quality(lines(10.0, has_uprights=False)).tilt_deg is None


def test_round_things_tell_no_tilt() -> None:
    y, x = np.mgrid[-150:150, -150:150]
    rings = np.repeat((128 + 100 * np.sin(np.hypot(x, y) / 5)).astype(np.uint8)[..., None], 3, axis=2)
    assert quality(rings).tilt_deg is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (5, 7), (23, 400), (1, 200_000)])
@pytest.mark.parametrize("value", [0, 128, 255, None], ids=["black", "gray", "white", "noise"])
def test_too_small_or_empty_photos_get_no_nonsense(shape: tuple[int, int], value: int | None) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (*shape, 3), np.uint8) if value is None else np.full((*shape, 3), value, np.uint8)
    seen = quality(pixels)
    assert seen.sharpness is None and seen.tilt_deg is None
    assert 0 <= seen.brightness <= 1 and 0 <= seen.glare_frac <= 1


@pytest.mark.parametrize(("value", "expected"), [(0, ["dark"]), (60, ["dark"]), (200, []), (255, ["glare"])])
def test_a_uniform_photo_is_judged_by_its_light_alone(value: int, expected: list[str]) -> None:
    pixels = np.full((300, 400, 3), value, np.uint8)
    assert codes(pixels) == expected
    assert quality(pixels).brightness == pytest.approx(value / 255)
    assert quality(pixels).sharpness is None


def test_black_and_white_halves_are_half_glare() -> None:
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[:, 50:] = 255
    seen = quality(pixels)
    assert (seen.glare_frac, seen.brightness) == (0.5, 1.0)


def test_noise_alone_has_a_sharpness_and_no_tilt() -> None:
    seen = quality(np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8))
    assert seen.sharpness is not None and seen.sharpness > coach.MIN_SHARPNESS
    assert seen.tilt_deg is None


@pytest.mark.parametrize(
    ("boxes", "median_px", "is_far"),
    [
        ([[0, 0, 100, 300]], 100.0, False),
        ([[0, 0, 80, 90]], 80.0, False),
        ([[0, 0, 79, 300]], 79.0, True),
        ([[0, 0, 300, 10], [0, 0, 20, 300], [5, 5, 205, 205]], 20.0, True),  # shorter sides 10, 20, 200
        ([[0, 0, 60, 90], [0, 0, 110, 200]], 85.0, False),  # (60 + 110) / 2
    ],
    ids=["one", "at the limit", "below it", "shorter side, not width", "even number"],
)
def test_facings_are_measured_by_the_median_shorter_side(
    boxes: list[list[float]], median_px: float, is_far: bool
) -> None:
    size = facing_px(np.array(boxes, np.float32))
    assert size.median_px == median_px
    assert size.advice == (Advice("far", "Step closer.", median_px, coach.MIN_FACING_PX) if is_far else None)


def test_without_boxes_there_is_no_size_and_no_advice() -> None:
    size = facing_px(np.zeros((0, 4), np.float32))
    assert (size.median_px, size.advice) == (None, None)


def test_what_facings_say_is_added_to_what_the_photo_says(shelf: UInt8Array) -> None:
    before = quality(with_spot(shelf, 0.05))
    near, far, none = (np.array(boxes, np.float32).reshape(-1, 4) for boxes in ([[0, 0, 90, 90]], [[0, 0, 60, 90]], []))
    assert judge_facings(before, near) == replace(before, facing_px=90.0)
    assert judge_facings(before, none) == before
    after = judge_facings(before, far)
    assert ([advice.code for advice in after.advice], after.facing_px) == (["glare", "far"], 60.0)


@pytest.mark.parametrize(
    "boxes",
    [np.zeros(4, np.float32), np.zeros((2, 3), np.float32), np.array([[0, 0, np.nan, 9]], np.float32)],
    ids=["one row", "three columns", "NaN"],
)
def test_boxes_of_another_shape_are_refused(boxes: FloatArray) -> None:
    with pytest.raises(BadInput, match="Boxes: got"):
        facing_px(boxes)
