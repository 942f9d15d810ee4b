"""What a phone camera does to a scene: light, lens, sensor and file, each effect one small function.

Effects take and give float32 (H, W, 3) RGB in [0, 255] (values may leave the range until `photograph` clips them).
None of them moves a pixel, so boxes stay exact; what moves pixels is in `geometry`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facings.errors import BadInput
from facings.types import UInt8Array

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Camera:
    """How a photo is taken; the defaults change nothing.

    Args:
        exposure_ev: Stops of over- (positive) or underexposure, −3 to 3.
        warmth: Color temperature error, −1 (blue) to 1 (orange).
        falloff: Darkening from one side of the picture to the other, 0 to 0.9, as a share.
        falloff_rad: Direction in which it gets darker.
        vignette: Darkening in the corners, 0 to 0.9, as a share.
        glare: Brightness of a specular spot, 0 to 1.
        defocus_px: Standard deviation of the lens blur, 0 or more.
        motion_px: Length of the motion blur, 0 or more.
        motion_rad: Direction of the motion.
        noise: Sensor noise, standard deviation in gray levels at mid gray, 0 or more.
        jpeg_quality: 1 to 95, or None for no JPEG compression.
    """

    exposure_ev: float = 0.0
    warmth: float = 0.0
    falloff: float = 0.0
    falloff_rad: float = 0.0
    vignette: float = 0.0
    glare: float = 0.0
    defocus_px: float = 0.0
    motion_px: float = 0.0
    motion_rad: float = 0.0
    noise: float = 0.0
    jpeg_quality: int | None = None

    def __post_init__(self) -> None:
        ranges = {
            "exposure_ev": (-3.0, 3.0),
            "warmth": (-1.0, 1.0),
            "falloff": (0.0, 0.9),
            "vignette": (0.0, 0.9),
            "glare": (0.0, 1.0),
            "defocus_px": (0.0, 50.0),
            "motion_px": (0.0, 100.0),
            "noise": (0.0, 100.0),
        }
        for field, (low, high) in ranges.items():
            value = float(getattr(self, field))
            if not low <= value <= high:
                raise BadInput(f"Camera {field}: got {value}, wanted {low} to {high}.")
        if self.jpeg_quality is not None and not 1 <= self.jpeg_quality <= 95:
            raise BadInput(f"Camera jpeg_quality: got {self.jpeg_quality}, wanted 1 to 95 or None.")


def random_camera(rng: np.random.Generator, severity: float) -> Camera:
    """A camera as a shop worker may hold it.

    Args:
        rng: Source of chance.
        severity: 0 (studio) to 1 (dim aisle, hurried hand).

    Raises:
        BadInput: The severity is out of range.
    """
    if not 0 <= severity <= 1:
        raise BadInput(f"severity: got {severity}, wanted 0 to 1.")
    s = severity
    return Camera(
        exposure_ev=float(np.clip(rng.normal(-0.05, 0.4 * s), -1.2, 1.0)),
        warmth=float(np.clip(rng.normal(0.1 * s, 0.4 * s), -1, 1)),
        falloff=float(rng.uniform(0, 0.45 * s)),
        falloff_rad=float(rng.uniform(0, 2 * np.pi)),
        vignette=float(rng.uniform(0, 0.3 * s)),
        glare=float(rng.uniform(0.2, 0.9) * s * (rng.random() < 0.5 * s)),
        defocus_px=float(abs(rng.normal(0, 1.0 * s))),
        motion_px=float(rng.uniform(2, 6) * s * (rng.random() < 0.35 * s)),
        motion_rad=float(rng.uniform(0, np.pi)),
        noise=float(rng.uniform(0.5, 1 + 8 * s)),
        jpeg_quality=int(rng.integers(90 - int(45 * s), 95)),
    )


def photograph(scene: UInt8Array, camera: Camera, rng: np.random.Generator) -> UInt8Array:
    """The picture that a camera takes of a scene.

    Args:
        scene: uint8 (H, W, 3) RGB.
        camera: How it is taken.
        rng: Chance for the place of the glare and for the noise.

    Returns:
        uint8 (H, W, 3) RGB, of the same size and with everything in the same place.

    Raises:
        BadInput: The scene is not uint8 (H, W, 3).
    """
    if scene.dtype != np.uint8 or scene.ndim != 3 or scene.shape[2] != 3 or 0 in scene.shape:
        raise BadInput(f"Scene: got {scene.dtype} {scene.shape}, wanted uint8 (H, W, 3).")
    light = scene.astype(np.float32)
    light = fall_off(vignette(light, camera.vignette), camera.falloff, camera.falloff_rad)
    light = expose(warm(light, camera.warmth), camera.exposure_ev)
    light = glare(light, camera.glare, (float(rng.uniform(0.2, 0.8)), float(rng.uniform(0.2, 0.8))))
    light = motion_blur(defocus(light, camera.defocus_px), camera.motion_px, camera.motion_rad)
    pixels = np.clip(np.rint(sensor_noise(light, camera.noise, rng)), 0, 255).astype(np.uint8)
    return pixels if camera.jpeg_quality is None else through_jpeg(pixels, camera.jpeg_quality)


def expose(light: Float, stops: float) -> Float:
    """Brighter or darker by `stops`, with a soft shoulder where film and sensors roll off."""
    if stops == 0:
        return light
    steps = np.arange(1021) / 1020  # a table of quarter gray levels: the power is taken 1021 times, not once a pixel
    linear = steps**2.2 * 2.0**stops
    # Rolled off only above 0.8, so that mid grays keep their place.
    rolled = np.where(linear > 0.8, 0.8 + 0.2 * np.tanh((linear - 0.8) / 0.2), linear)
    table = (255 * rolled ** (1 / 2.2)).astype(np.float32)
    result: Float = table[(np.clip(light, 0, 255) * 4).astype(np.int16)]
    return result


def warm(light: Float, warmth: float) -> Float:
    """Red up and blue down for positive warmth, the reverse for negative; green stays."""
    if warmth == 0:
        return light
    return light * np.array([1 + 0.16 * warmth, 1.0, 1 - 0.2 * warmth], np.float32)


def fall_off(light: Float, share: float, direction_rad: float) -> Float:
    """Light that fades linearly across the picture, by `share` at the far end."""
    if share == 0:
        return light
    height, width = light.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.float32(np.cos(direction_rad))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(direction_rad))
    gain = 1 - np.float32(share) * (0.5 + (x + y) / 2.83)
    return light * gain[:, :, None].astype(np.float32)


def vignette(light: Float, share: float) -> Float:
    """Corners darker by `share`, growing with the square of the distance from the center."""
    if share == 0:
        return light
    height, width = light.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    gain = 1 - np.float32(share) * (x**2 + y**2) / 2
    return light * gain[:, :, None].astype(np.float32)


def glare(light: Float, strength: float, center_frac: tuple[float, float]) -> Float:
    """A white elongated spot, as a lamp mirrored in foil, at a place given as shares of width and height."""
    if strength == 0:
        return light
    height, width = light.shape[:2]
    x = (np.linspace(0, 1, width, dtype=np.float32)[None, :] - center_frac[0]) * width / height
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None] - center_frac[1]
    along, across = (x + 0.6 * y) / 1.17, (y - 0.6 * x) / 1.17
    spot = np.float32(strength) * np.exp(-((along / 0.05) ** 2) - (across / 0.2) ** 2)
    lit: Float = light + (255 - light) * spot[:, :, None].astype(np.float32)
    return lit


def defocus(light: Float, sigma_px: float) -> Float:
    """Gaussian lens blur."""
    if sigma_px == 0:
        return light
    image = Image.fromarray(np.clip(light, 0, 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(sigma_px))).astype(np.float32)


def motion_blur(light: Float, length_px: float, direction_rad: float) -> Float:
    """The mean of copies shifted along a straight path of `length_px`, centered on the original."""
    if length_px < 1:
        return light
    n = int(np.ceil(length_px)) + 1
    reach = int(np.ceil(length_px / 2))
    height, width = light.shape[:2]
    padded = np.pad(light, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    total = np.zeros_like(light)
    for t in np.linspace(-length_px / 2, length_px / 2, n):
        dx, dy = round(t * np.cos(direction_rad)) + reach, round(t * np.sin(direction_rad)) + reach
        total += padded[dy : dy + height, dx : dx + width]
    return total / np.float32(n)


def sensor_noise(light: Float, sigma: float, rng: np.random.Generator) -> Float:
    """Gaussian noise whose variance grows with the signal: read noise and shot noise, `sigma` at mid gray."""
    if sigma == 0:
        return light
    noise = rng.standard_normal(light.shape, np.float32)
    noise *= np.sqrt(np.clip(light, 0, 255) * np.float32(0.75 / 128 * sigma**2) + np.float32(0.25 * sigma**2))
    return light + noise


def through_jpeg(pixels: UInt8Array, quality: int) -> UInt8Array:
    """The pixels after being saved as JPEG and read back: uint8 (H, W, 3)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))
