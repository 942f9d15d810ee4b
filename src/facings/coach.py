"""The photo coach, between steps 1 and 2: is this photo good enough, and if not, what should the hand do?

Everything is measured on a copy of at most `WORKING_PIXELS`, so a photo costs the same few milliseconds at any size and
a figure means the same at any size. How the limits were chosen, and what they catch, is in
`docs/decisions/0008-photo-coach.md`.

Sources: sharpness by blurring once more, Crété et al., "The blur effect: perception and estimation with a new
no-reference perceptual blur metric", 2007, on the strongest edges only as in Zhuo and Sim, "Defocus map estimation from
a single image", 2011. Tilt by the weighted histogram of gradient orientations, Freeman and Roth, "Orientation
histograms for hand gesture recognition", 1995, here of two directions that must agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from facings.errors import BadInput
from facings.quality import Advice, PhotoQuality
from facings.types import FloatArray, Image

MIN_SHARPNESS = 0.20
MIN_BRIGHTNESS = 0.49
MAX_GLARE_FRAC = 0.033
MAX_TILT_DEG = 6.0
MIN_FACING_PX = 80.0

WORKING_PIXELS = 102_400  # 320×320
_MIN_SIDE_PX = 24  # of the working copy; less holds no edges worth a verdict
_MIN_STEP = 1.0  # gray levels across two pixels of the blurred copy; a picture without such steps shows nothing
_MIN_LINE = 4.0  # gray levels across two pixels; weaker lines are noise and compression
_BLOWN_OUT = 250  # the darkest of red, green and blue
_LIT_SHARE = 0.1
_EDGE_SHARE = 0.05  # sharpness looks at the strongest steps in each direction
_LINE_SHARE = 0.2  # tilt looks at the strongest gradients
_REACH_DEG = 30  # turns beyond are not told from a picture of slanted things
_HALF_WINDOW_DEG = 2
_MIN_TILT_CONFIDENCE = 3.5
_KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # binomial, a standard deviation of one pixel

_Gray = NDArray[np.float32]


@dataclass(frozen=True)
class FacingSize:
    """How large the products of a photo are.

    Args:
        median_px: Median of the boxes' shorter sides; None without boxes.
        advice: "Step closer" where that is too little, else None.
    """

    median_px: float | None
    advice: Advice | None


def judge(image: Image) -> PhotoQuality:
    """Sharpness, brightness, glare and tilt of a photo, with advice for each that is out of its limit.

    Args:
        image: The upright photo, of any size.
    """
    copy = _working_copy(image)
    gray = np.asarray(copy.convert("L"), np.float32)
    sharpness = _sharpness(gray)
    brightness = _exceeded_by(gray, _LIT_SHARE) / 255
    red, green, blue = (np.asarray(channel) for channel in copy.split())
    glare_frac = float((np.minimum(np.minimum(red, green), blue) >= _BLOWN_OUT).mean())
    tilt_deg = _tilt_deg(gray)
    return PhotoQuality(
        sharpness, brightness, glare_frac, tilt_deg, _advice(sharpness, brightness, glare_frac, tilt_deg)
    )


def facing_px(xyxy: FloatArray) -> FacingSize:
    """How many pixels a facing has: the median of the boxes' shorter sides.

    Args:
        xyxy: float32 (N, 4), pixels of the photo, right and bottom exclusive.

    Raises:
        BadInput: The boxes are not (N, 4) or not finite.
    """
    if xyxy.ndim != 2 or xyxy.shape[1] != 4 or not np.isfinite(xyxy).all():
        raise BadInput(f"Boxes: got {xyxy.dtype} {xyxy.shape}, wanted finite float32 (N, 4).")
    if len(xyxy) == 0:
        return FacingSize(None, None)
    median_px = float(np.median((xyxy[:, 2:] - xyxy[:, :2]).min(axis=1)))
    far = Advice("far", "Step closer.", median_px, MIN_FACING_PX) if median_px < MIN_FACING_PX else None
    return FacingSize(median_px, far)


def judge_facings(quality: PhotoQuality, xyxy: FloatArray) -> PhotoQuality:
    """What `judge` said of a photo, with how large its facings are.

    Args:
        quality: Of the same photo.
        xyxy: float32 (N, 4), the facings found in it.

    Raises:
        BadInput: The boxes are not (N, 4) or not finite.
    """
    size = facing_px(xyxy)
    further = () if size.advice is None else (size.advice,)
    return replace(quality, facing_px=size.median_px, advice=quality.advice + further)


def _advice(
    sharpness: float | None, brightness: float, glare_frac: float, tilt_deg: float | None
) -> tuple[Advice, ...]:
    several = []
    if brightness < MIN_BRIGHTNESS:
        several.append(Advice("dark", "Turn on more light.", brightness, MIN_BRIGHTNESS))
    if sharpness is not None and sharpness < MIN_SHARPNESS:
        several.append(Advice("blurred", "Hold still and let the camera focus.", sharpness, MIN_SHARPNESS))
    if glare_frac > MAX_GLARE_FRAC:
        several.append(Advice("glare", "Turn away from the lamp.", glare_frac, MAX_GLARE_FRAC))
    if tilt_deg is not None and abs(tilt_deg) > MAX_TILT_DEG:
        way = "clockwise" if tilt_deg > 0 else "counterclockwise"
        several.append(Advice("tilted", f"Hold straight: turn the phone {way}.", abs(tilt_deg), MAX_TILT_DEG))
    return tuple(several)


def _working_copy(image: Image) -> PillowImage.Image:
    """The photo at `WORKING_PIXELS` or less, its sides in proportion."""
    scale = math.sqrt(image.width * image.height / WORKING_PIXELS)
    if scale <= 1:
        return PillowImage.fromarray(image.pixels)
    size = (max(1, round(image.width / scale)), max(1, round(image.height / scale)))
    # Three rows of a block are enough for its mean, and reading all of a large photo would take most of the time.
    skip = max(1, int(scale) // 3)
    blocks = PillowImage.fromarray(image.pixels[::skip]).reduce((int(scale), int(scale / skip)))
    return blocks.resize(size, PillowImage.Resampling.BILINEAR)


def _exceeded_by(values: _Gray, share: float) -> float:
    """The value that a share of all values reaches or exceeds."""
    place = int((1 - share) * (values.size - 1))
    return float(np.partition(values, place, axis=None)[place])


def _sharpness(gray: _Gray) -> float | None:
    """Least over four directions, so that motion blur, which spares the edges along its path, is seen."""
    if min(gray.shape) < _MIN_SIDE_PX:
        return None
    shares = []
    for sharp, blurred in zip(_steps(gray), _steps(_blur(gray)), strict=True):
        strength = np.abs(blurred)
        threshold = _exceeded_by(strength, _EDGE_SHARE)
        if threshold < _MIN_STEP:  # no edges across this direction
            continue
        strong = strength >= threshold
        shares.append(1 - float((blurred[strong] ** 2).sum() / (sharp[strong] ** 2).sum()))
    return max(0.0, min(shares)) if shares else None


def _steps(gray: _Gray) -> tuple[_Gray, _Gray, _Gray, _Gray]:
    """Central differences along the row, the column and both diagonals, all of the inner pixels."""
    return (
        gray[1:-1, 2:] - gray[1:-1, :-2],
        gray[2:, 1:-1] - gray[:-2, 1:-1],
        gray[2:, 2:] - gray[:-2, :-2],
        gray[2:, :-2] - gray[:-2, 2:],
    )


def _blur(gray: _Gray) -> _Gray:
    """Binomial blur of one pixel's standard deviation; borders are repeated."""
    height, width = gray.shape
    padded = np.pad(gray, 2, mode="edge")
    rows: _Gray = np.sum([weight * padded[i : i + height] for i, weight in enumerate(_KERNEL)], axis=0)
    blurred: _Gray = np.sum([weight * rows[:, i : i + width] for i, weight in enumerate(_KERNEL)], axis=0)
    return blurred


def _tilt_deg(gray: _Gray) -> float | None:
    """The turn that level and upright lines agree on, to about a degree; None where they do not or there are too few.

    A turned camera turns both alike. Perspective slants only one of them, and round products give every direction its
    share: neither is mistaken for a tilt.
    """
    if min(gray.shape) < _MIN_SIDE_PX:
        return None
    smooth = _blur(_blur(gray))
    across, down, *_ = _steps(smooth)
    strength = np.sqrt(across**2 + down**2)  # several times as fast as hypot, and nothing can overflow
    strong = strength >= max(_exceeded_by(strength, _LINE_SHARE), _MIN_LINE)
    if not strong.any():
        return None
    across, down, weight = across[strong], down[strong], strength[strong]
    level = np.degrees(np.arctan2(-across * np.where(down < 0, -1, 1), np.abs(down)))  # of the line, −90 to 90
    upright = np.where(level > 0, level - 90, level + 90)
    support = np.sqrt(_support(level, weight) * _support(upright, weight))
    best = int(support.argmax())
    if support[best] < _MIN_TILT_CONFIDENCE:
        return None
    turn = np.concatenate((level, upright))
    near = np.abs(turn - (best - _REACH_DEG)) <= _HALF_WINDOW_DEG
    return float(np.average(turn[near], weights=np.concatenate((weight, weight))[near]))


def _support(turn_deg: NDArray[np.float32], weight: _Gray) -> NDArray[np.float64]:
    """How much more gradient lies around each whole degree of the reach than if all directions had the same."""
    n_bins = 2 * (_REACH_DEG + _HALF_WINDOW_DEG) + 1
    end = n_bins / 2
    histogram, _ = np.histogram(turn_deg, bins=n_bins, range=(-end, end), weights=weight)
    window = np.ones(2 * _HALF_WINDOW_DEG + 1)
    support: NDArray[np.float64] = np.convolve(histogram, window, "valid") / weight.sum() * 180 / len(window)
    return support
