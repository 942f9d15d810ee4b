"""The perceptual hash holds on to a picture through resizing and recompression; pairs are found by definition."""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Callable

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from conftest import make_pixels
from facings import near_duplicates
from facings.near_duplicates import HASH_BITS, MAX_BITS_APART, near_pairs, perceptual_hash
from facings.types import UInt8Array


@functools.cache
def scene(seed: int) -> UInt8Array:
    """A smooth picture with structure at several scales, 160×120."""
    rng = np.random.default_rng(seed)
    total = np.zeros((120, 160, 3))
    for cells in (2, 4, 8):
        coarse = PillowImage.fromarray(rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8))
        total += np.asarray(coarse.resize((160, 120), PillowImage.Resampling.BICUBIC), float) / cells
    return np.asarray(total / total.max() * 255, np.uint8)


def apart(first: UInt8Array, second: UInt8Array) -> int:
    return (perceptual_hash(first) ^ perceptual_hash(second)).bit_count()


def resized(pixels: UInt8Array, width: int, height: int) -> UInt8Array:
    return np.asarray(PillowImage.fromarray(pixels).resize((width, height), PillowImage.Resampling.LANCZOS))


def recompressed(pixels: UInt8Array, quality: int) -> UInt8Array:
    out = io.BytesIO()
    PillowImage.fromarray(pixels).save(out, "JPEG", quality=quality)
    return np.asarray(PillowImage.open(out))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda a: a.copy(), id="same"),
        pytest.param(lambda a: resized(a, 80, 60), id="half the size"),
        pytest.param(lambda a: resized(a, 480, 360), id="three times the size"),
        pytest.param(lambda a: recompressed(a, 85), id="jpeg 85"),
        pytest.param(lambda a: recompressed(a, 40), id="jpeg 40"),
        pytest.param(lambda a: recompressed(resized(a, 100, 75), 70), id="smaller and jpeg 70"),
        pytest.param(lambda a: np.clip(a.astype(int) + 8, 0, 255).astype(np.uint8), id="a little brighter"),
    ],
)
def test_same_picture_again_is_a_near_duplicate(seed: int, change: Callable[[UInt8Array], UInt8Array]) -> None:
    original = scene(seed)
    assert apart(original, change(original)) <= MAX_BITS_APART


def test_other_pictures_are_no_near_duplicates() -> None:
    distances = [apart(scene(a), scene(b)) for a, b in itertools.combinations(range(20), 2)]
    assert min(distances) > 2 * MAX_BITS_APART
    assert 26 < np.mean(distances) < 38  # unrelated pictures: about half of the bits


def test_turned_picture_is_another_picture() -> None:
    assert apart(scene(1), np.ascontiguousarray(scene(1)[::-1])) > 2 * MAX_BITS_APART


def test_half_of_the_bits_are_set() -> None:
    for seed in range(10):
        assert perceptual_hash(scene(seed)).bit_count() == HASH_BITS // 2


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 300, 3), (1, 500, 3)])
def test_any_crop_has_a_hash_of_64_bits(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert 0 <= perceptual_hash(pixels) < 2**HASH_BITS


def test_distances_rank_as_those_of_imagehash() -> None:
    pictures = [scene(seed) for seed in range(8)]
    pictures += [recompressed(resized(scene(seed), 60, 45), 15) for seed in range(8)]
    pictures += [make_pixels(seed) for seed in range(8)]
    theirs = [imagehash.phash(PillowImage.fromarray(pixels)) for pixels in pictures]
    pairs = list(itertools.combinations(range(len(pictures)), 2))
    ours_apart = [apart(pictures[i], pictures[j]) for i, j in pairs]
    theirs_apart = [int(theirs[i] - theirs[j]) for i, j in pairs]
    assert np.corrcoef(ours_apart, theirs_apart)[0, 1] > 0.9
    assert max(abs(a - b) for a, b in zip(ours_apart, theirs_apart, strict=True)) <= 12


# Pairs

hashes = st.lists(st.integers(0, 2**64 - 1).map(lambda bits: bits & 0x8000_0000_0000_00FF), max_size=25)


def by_definition(first: list[int], second: list[int], max_bits: int) -> list[tuple[int, int]]:
    return [
        (i, j) for i, a in enumerate(first) for j, b in enumerate(second) if sum(map(int, f"{a ^ b:b}")) <= max_bits
    ]


@given(first=hashes, second=hashes, max_bits=st.integers(0, 10), cells=st.integers(1, 100))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_pairs_are_those_of_the_definition_whatever_the_chunk(
    first: list[int], second: list[int], max_bits: int, cells: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "_CHUNK_CELLS", cells)
        assert list(near_pairs(first, second, max_bits=max_bits)) == by_definition(first, second, max_bits)


def test_pair_at_the_limit_counts_and_one_bit_more_does_not() -> None:
    assert list(near_pairs([0], [2**MAX_BITS_APART - 1, 2 ** (MAX_BITS_APART + 1) - 1])) == [(0, 0)]
    assert list(near_pairs([0], [2**64 - 1], max_bits=64)) == [(0, 0)]
    assert list(near_pairs([0], [2**64 - 1], max_bits=63)) == []


def test_nothing_has_no_pairs() -> None:
    assert list(near_pairs([], [1])) == list(near_pairs([1], [])) == list(near_pairs([], [])) == []
