"""Photos that are the same picture again: resized, recompressed, or the next frame of a burst.

Source: perceptual hash by discrete cosine transform (Zauner, "Implementation and Benchmarking of Perceptual Image
Hash Functions", 2010): 32×32 gray, the 8×8 lowest frequencies, one bit each, set where above their median.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image as PillowImage

from facings.types import UInt8Array

HASH_BITS = 64
MAX_BITS_APART = 6  # measured on Grocery Store, docs/results.md

_SIDE, _LOW = 32, 8
_CHUNK_CELLS = 2_000_000


def _cosines() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    frequency, place = np.mgrid[0:_LOW, 0:_SIDE]
    waves: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.cos(np.pi * frequency * (2 * place + 1) / (2 * _SIDE))
    return waves


_DCT = _cosines()


def perceptual_hash(pixels: UInt8Array) -> int:
    """64 bits that hardly change when a picture is resized or recompressed.

    Args:
        pixels: uint8 (h, w, 3) RGB.
    """
    gray = PillowImage.fromarray(pixels).convert("L").resize((_SIDE, _SIDE), PillowImage.Resampling.LANCZOS)
    low = (_DCT @ np.asarray(gray, np.float64) @ _DCT.T).ravel()
    bits = low > np.median(low)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_pairs(
    first: Sequence[int], second: Sequence[int], *, max_bits: int = MAX_BITS_APART
) -> Iterator[tuple[int, int]]:
    """Indexes (i, j) of the hashes in `first` and `second` that differ in at most `max_bits` bits, in order."""
    right = np.array(second, np.uint64)
    step = max(1, _CHUNK_CELLS // max(1, len(right)))
    for start in range(0, len(first), step):  # memory stays at one slice of the table
        left = np.array(first[start : start + step], np.uint64)
        apart = np.bitwise_count(left[:, None] ^ right[None, :])
        for i, j in np.argwhere(apart <= max_bits):
            yield start + int(i), int(j)
