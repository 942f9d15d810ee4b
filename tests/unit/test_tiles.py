"""Tiles cover the photo, overlap as asked, and show what rescaling the whole photo would show."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from facings.tiles import Tiling, cut_tiles, plan_tiles
from facings.types import UInt8Array

GRAY = (10.4, 20.6, 30.0)


def noise(height: int, width: int) -> UInt8Array:
    """Large soft spots: what a photo looks like, so that rescaling in parts can be told from rescaling at once."""
    spots = np.random.default_rng(1).integers(0, 256, (max(2, height // 8), max(2, width // 8), 3), np.uint8)
    return np.asarray(PillowImage.fromarray(spots).resize((width, height), PillowImage.Resampling.BICUBIC))


def put_together(pixels: UInt8Array, tiling: Tiling) -> list[UInt8Array]:
    """The rescaled photo as the tiles show it, once with the first and once with the last of those that overlap."""
    tiles = [
        (corner, tile)
        for corners, batch in cut_tiles(pixels, tiling, GRAY, n_together=3)
        for corner, tile in zip(corners, batch.transpose(0, 2, 3, 1), strict=True)
    ]
    several = []
    for order in (tiles, tiles[::-1]):
        whole = np.zeros((tiling.size_px[1], tiling.size_px[0], 3), np.uint8)
        for (left, top), tile in order:
            room = whole[top : top + tile.shape[0], left : left + tile.shape[1]]
            room[:] = tile[: room.shape[0], : room.shape[1]]
        several.append(whole)
    return several


def test_photo_that_fits_is_one_tile_padded_to_the_stride() -> None:
    tiling = plan_tiles((400, 300), 0.5, stride_px=64, max_side_px=256, large_px=(50, 50))
    assert tiling.size_px == (200, 150)
    assert tiling.tile_px == (256, 192)
    assert tiling.corners == ((0, 0),)
    assert tiling.network_px == 256 * 192
    assert tiling.whole_px == (math.inf, math.inf)


def test_tiles_worked_by_hand() -> None:
    # 1000 px, tiles of 512 at most, overlap 1.5 · 60 = 90: ceil((1000 − 90) / (512 − 90)) = 3 tiles, each of
    # (1000 + 2 · 90) / 3 = 393.3 px, rounded up to 416; the last one starts at 1000 − 416 = 584, the middle one at 292.
    tiling = plan_tiles((1000, 500), 1.0, stride_px=32, max_side_px=512, large_px=(60, 80))
    assert tiling.lefts == (0, 292, 584)
    assert tiling.tops == (0,)
    assert tiling.tile_px == (416, 512)
    assert tiling.overlap_px == (90, 120)
    assert tiling.margin_px == (7.5, 10)
    assert tiling.whole_px == (75, math.inf)
    assert tiling.corners == ((0, 0), (292, 0), (584, 0))


def test_overlap_is_never_more_than_half_of_a_tile() -> None:
    tiling = plan_tiles((5000, 400), 1.0, stride_px=32, max_side_px=500, large_px=(1e9, 1e9))
    assert tiling.overlap_px == (240, 240)
    assert len(tiling.lefts) == math.ceil((5000 - 240) / 240)


@given(
    st.tuples(st.integers(1, 30_000), st.integers(1, 30_000)),
    st.floats(0.001, 2),
    st.sampled_from([1, 8, 32, 64]),
    st.integers(64, 1500),
    st.tuples(st.floats(0, 400), st.floats(0, 400)),
)
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_tiles_cover_the_photo_and_overlap(
    photo_px: tuple[int, int], scale: float, stride_px: int, max_side_px: int, large_px: tuple[float, float]
) -> None:
    tiling = plan_tiles(photo_px, scale, stride_px=stride_px, max_side_px=max_side_px, large_px=large_px)
    for axis, starts in enumerate((tiling.lefts, tiling.tops)):
        size, tile = tiling.size_px[axis], tiling.tile_px[axis]
        assert size >= 1
        assert tile % stride_px == 0
        assert tile <= max_side_px
        assert starts[0] == 0
        assert starts[-1] + tile >= size
        assert starts[-1] + tile == size or len(starts) == 1
        assert all(tile - (b - a) >= tiling.overlap_px[axis] for a, b in pairwise(starts))
        assert (
            min(math.ceil(1.5 * large_px[axis]), max_side_px // stride_px * stride_px // 2) == tiling.overlap_px[axis]
        )


@given(st.integers(0, 2000), st.floats(1, 90))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_what_is_no_wider_than_promised_lies_whole_in_some_tile(begin: int, width: float) -> None:
    tiling = plan_tiles((2100, 100), 1.0, stride_px=32, max_side_px=320, large_px=(70, 70))
    if width > tiling.whole_px[0] or begin + width > 2100:
        return
    box = np.array([[begin, 10, begin + width, 60]], np.float32)
    views = [(corner, box - np.array([corner[0], 0, corner[0], 0], np.float32)) for corner in tiling.corners]
    seen = [(corner, box) for corner, box in views if box[0, 2] > 0 and box[0, 0] < tiling.tile_px[0]]
    assert not all(tiling.is_cut(box, corner)[0] for corner, box in seen)


def test_cut_are_boxes_at_borders_where_the_photo_goes_on() -> None:
    tiling = plan_tiles((1000, 500), 1.0, stride_px=32, max_side_px=512, large_px=(60, 80))  # margins 7.5 and 10 px
    left, middle, right = tiling.corners
    boxes = np.array([[7, 50, 90, 90], [300, 50, 409, 90], [8, 50, 408, 90], [100, 0, 150, 512]], np.float32)
    assert tiling.is_cut(boxes, left).tolist() == [False, True, False, False]
    assert tiling.is_cut(boxes, middle).tolist() == [True, True, False, False]
    assert tiling.is_cut(boxes, right).tolist() == [True, False, False, False]
    assert tiling.is_cut(np.zeros((0, 4), np.float32), left).tolist() == []


def test_boxes_are_clipped_to_what_the_tile_shows_and_scaled_to_the_photo() -> None:
    tiling = plan_tiles((2000, 400), 0.5, stride_px=32, max_side_px=512, large_px=(60, 80))
    corner = tiling.corners[1]
    assert (tiling.size_px, tiling.tile_px, corner) == ((1000, 200), (416, 224), (292, 0))
    boxes = np.array([[10, 20, 30, 40], [-50, -5, 500, 230], [0, 201, 10, 224]], np.float32)
    placed = tiling.in_photo(boxes, corner)
    # (292 + 10) · 2 = 604; the tile ends at 292 + 416 = 708, the photo at 200 of the tile's 224 rows.
    assert placed.tolist() == [[604, 40, 644, 80], [584, 0, 1416, 400], [584, 400, 604, 400]]
    assert placed.dtype == np.float32


@pytest.mark.parametrize(
    ("height", "width", "scale"),
    [
        pytest.param(300, 500, 0.9, id="a little smaller"),
        pytest.param(900, 1300, 0.37, id="shrunk, one strip is not enough"),
        pytest.param(1500, 2200, 0.16, id="shrunk by averages first"),
        pytest.param(90, 130, 2.0, id="enlarged"),
        pytest.param(200, 300, 1.0, id="as it is"),
        pytest.param(1, 700, 0.5, id="one row"),
        pytest.param(700, 3, 0.5, id="three columns"),
        pytest.param(1, 1, 2.0, id="one pixel"),
    ],
)
def test_tiles_show_the_photo_as_if_all_of_it_were_rescaled(height: int, width: int, scale: float) -> None:
    pixels = noise(height, width)
    tiling = plan_tiles((width, height), scale, stride_px=32, max_side_px=128, large_px=(20, 20))
    wanted = np.asarray(PillowImage.fromarray(pixels).resize(tiling.size_px, PillowImage.Resampling.BILINEAR)).astype(
        int
    )
    for whole in put_together(pixels, tiling):
        assert np.abs(whole - wanted).max() <= (0 if scale == 1 else 12)
        assert np.abs(whole - wanted).mean() < 1.5


def test_strips_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = noise(400, 600)
    tiling = plan_tiles((600, 400), 0.45, stride_px=32, max_side_px=320)
    ((_, whole),) = cut_tiles(pixels, tiling, GRAY, n_together=1)
    monkeypatch.setattr("facings.tiles._STRIP_PIXELS", 5000)
    ((_, strips),) = cut_tiles(pixels, tiling, GRAY, n_together=1)
    assert np.abs(whole.astype(int) - strips).max() <= 1
    assert strips.shape == (1, 3, 192, 288)
    assert strips.flags["C_CONTIGUOUS"]


def test_padding_has_the_mean_color_to_the_right_and_below() -> None:
    tiling = plan_tiles((40, 20), 1.0, stride_px=32, max_side_px=64)
    ((_, batch),) = cut_tiles(np.full((20, 40, 3), 200, np.uint8), tiling, GRAY, n_together=1)
    assert batch.shape == (1, 3, 32, 64)
    assert (batch[0, :, :20, :40] == 200).all()
    for padding in (batch[0, :, 20:], batch[0, :, :, 40:]):
        assert [channel.tolist() for channel in np.unique(padding.reshape(3, -1), axis=1)] == [[10], [21], [30]]


def test_tiles_come_a_few_at_a_time_and_the_photo_is_left_alone() -> None:
    pixels = noise(300, 500)
    before = pixels.copy()
    tiling = plan_tiles((500, 300), 1.0, stride_px=32, max_side_px=128, large_px=(20, 20))
    batches = list(cut_tiles(pixels, tiling, GRAY, n_together=4))
    assert [len(batch) for _, batch in batches] == [4, 4, 4, 3]
    assert sum((corners for corners, _ in batches), ()) == tiling.corners
    assert (pixels == before).all()
