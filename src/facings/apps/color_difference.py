"""How different two colors look: CIE L*a*b* and the CIEDE2000 difference.

Sources: IEC 61966-2-1 (sRGB); CIE 15; Sharma, Wu, Dalal, "The CIEDE2000 Color-Difference Formula: Implementation
Notes", 2005, whose test data the tests hold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Colors = NDArray[np.float64]

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65
_POWER_7 = 25.0**7


def linear(rgb: NDArray[np.number]) -> Colors:
    """float64 (..., 3) light, 0 to 1, of sRGB values 0 to 255."""
    share = np.asarray(rgb, np.float64) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lab(light: Colors) -> Colors:
    """float64 (..., 3) L* (0 to 100), a*, b* of linear sRGB light, under D65."""
    t = light @ _TO_XYZ.T / _WHITE
    f = np.where(t > (6 / 29) ** 3, np.cbrt(np.maximum(t, 0)), t / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def delta_e(first: Colors, second: Colors, *, lightness_scale: float = 1.0) -> Colors:
    """float64 (...): CIEDE2000 difference of L*a*b* colors; about 1 is just visible, side by side.

    Args:
        first: float64 (..., 3).
        second: float64 (..., 3).
        lightness_scale: The standard's k_L: larger makes lightness count less; 1, or 2 in textiles.
    """
    l1, a1, b1 = np.moveaxis(first, -1, 0)
    l2, a2, b2 = np.moveaxis(second, -1, 0)
    chroma_7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1 + 0.5 * (1 - np.sqrt(chroma_7 / (chroma_7 + _POWER_7)))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    is_gray = c1 * c2 == 0
    turn = np.where(is_gray, 0, (h2 - h1 + 180) % 360 - 180)
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    mean_hue = np.where(is_gray, h1 + h2, _mean_hue(h1, h2))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_hue - 30))
        + 0.24 * np.cos(np.radians(2 * mean_hue))
        + 0.32 * np.cos(np.radians(3 * mean_hue + 6))
        - 0.20 * np.cos(np.radians(4 * mean_hue - 63))
    )
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    rotation = -np.sin(np.radians(60 * np.exp(-(((mean_hue - 275) / 25) ** 2)))) * (
        2 * np.sqrt(mean_c**7 / (mean_c**7 + _POWER_7))
    )
    dl, dc, dh = (l2 - l1) / (lightness_scale * s_l), (c2 - c1) / s_c, hue / s_h
    return np.asarray(np.sqrt(np.maximum(dl**2 + dc**2 + dh**2 + rotation * dc * dh, 0)))


def _mean_hue(h1: Colors, h2: Colors) -> Colors:
    """Degrees, halfway between two hues on the shorter way around."""
    total = h1 + h2
    is_far = np.abs(h1 - h2) > 180
    return np.where(is_far, np.where(total < 360, total + 360, total - 360), total) / 2
