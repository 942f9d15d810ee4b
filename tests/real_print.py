"""Real barcodes and real letters drawn into pictures, for what reads them."""

from __future__ import annotations

import numpy as np
import zxingcpp
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFilter, ImageFont

from facings.evidence import Corners
from facings.types import UInt8Array


def barcode(
    text: str, *, kind: zxingcpp.BarcodeFormat = zxingcpp.BarcodeFormat.EAN13, module_px: int = 3
) -> UInt8Array:
    """A barcode with its white margins: uint8 (h, w, 3)."""
    gray = np.array(zxingcpp.create_barcode(text, kind).to_image(scale=module_px))
    return np.repeat(gray[:, :, None], 3, axis=2)


def draw_barcode(pixels: UInt8Array, text: str, x: int, y: int, *, module_px: int = 3) -> Corners:
    """Draw an EAN-13 or EAN-8 into a picture; the box of its bars and margins."""
    kind = zxingcpp.BarcodeFormat.EAN8 if len(text) == 8 else zxingcpp.BarcodeFormat.EAN13
    drawn = barcode(text, kind=kind, module_px=module_px)
    height, width = drawn.shape[:2]
    pixels[y : y + height, x : x + width] = drawn
    return (x, y, x + width, y + height)


def draw_text(pixels: UInt8Array, text: str, x: int, y: int, *, size_px: int = 28) -> Corners:
    """Draw dark letters into a picture; their box."""
    picture = PillowImage.fromarray(pixels)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size_px)
    pen.text((x, y), text, fill=(20, 20, 20), font=font)
    pixels[:] = np.asarray(picture)
    return pen.textbbox((x, y), text, font=font)


def photographed(
    drawn: UInt8Array,
    *,
    turn_deg: float = 0.0,
    blur_px: float = 0.0,
    noise: float = 3.0,
    share: float = 1.0,
    seed: int = 0,
) -> UInt8Array:
    """A drawing as a photo shows it: made smaller, turned, blurred, on a gray ground, with noise.

    Args:
        drawn: uint8 (h, w, 3).
        turn_deg: Counterclockwise.
        blur_px: Standard deviation.
        noise: Standard deviation, gray levels.
        share: Of its size.
        seed: Of the noise.
    """
    size = (round(drawn.shape[1] * share), round(drawn.shape[0] * share))
    picture = PillowImage.fromarray(drawn).resize(size, PillowImage.Resampling.LANCZOS).convert("RGBA")
    picture = picture.rotate(turn_deg, PillowImage.Resampling.BICUBIC, expand=True)
    ground = PillowImage.new("RGB", (picture.width + 40, picture.height + 40), (150, 140, 130))
    ground.paste(picture, (20, 20), picture)
    blurred = np.asarray(ground.filter(ImageFilter.GaussianBlur(blur_px)), np.float64)
    noisy = blurred + np.random.default_rng(seed).normal(0, noise, blurred.shape)
    photo: UInt8Array = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return photo
