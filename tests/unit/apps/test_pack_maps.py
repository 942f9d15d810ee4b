"""Differences of two pictures in one frame: what each of the three looks sees, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest

from facings.apps.pack_maps import PLACE_PX, compare, ring_mean
from facings.types import UInt8Array
from pack_photos import front

PRINT, COLOR, SHARPNESS = 0, 1, 2
EVERYWHERE = np.ones((200, 128), bool)
EDITED = (slice(96, 136), slice(40, 80))  # pixels
INSIDE = (slice(26, 32), slice(12, 18))  # places, off the edge of the edit
AFAR = (slice(2, 18), slice(2, 30))


@pytest.fixture(scope="module")
def pack() -> UInt8Array:
    return front(4)[:, :128]


def test_ring_means_by_hand() -> None:
    values = np.array([[0.0, 9.0], [0.0, 0.0]])
    # Around the upper right place lie itself, three copies of the edge beside and above it, and five zeros.
    assert ring_mean(values, 1)[0, 1] == pytest.approx(4 * 9 / 9)
    assert ring_mean(values, 0).tolist() == values.tolist()


def test_a_picture_does_not_differ_from_itself(pack: UInt8Array) -> None:
    found = compare(pack, pack, EVERYWHERE)
    assert found.differences.shape == (3, 200 // PLACE_PX, 128 // PLACE_PX)
    assert np.abs(found.differences[COLOR]).max() == pytest.approx(0, abs=1e-3)
    assert np.abs(found.differences[SHARPNESS]).max() == pytest.approx(0, abs=1e-6)
    assert np.abs(found.differences[PRINT]).max() < 0.05  # also where it shows no print
    assert found.is_seen.all()


def test_light_is_no_color(pack: UInt8Array) -> None:
    dimmed = (pack * 0.8).astype(np.uint8)
    found = compare(dimmed, pack, EVERYWHERE).differences
    assert np.median(found[COLOR]) < 2
    assert np.median(found[PRINT]) < 0.3


def test_a_place_of_another_color_stands_out(pack: UInt8Array) -> None:
    tinted = pack.copy()
    tinted[EDITED] = tinted[EDITED][..., ::-1]
    found = compare(tinted, pack, EVERYWHERE).differences[COLOR]
    assert np.median(found[INSIDE]) > np.median(found[AFAR]) + 5


def test_other_print_stands_out(pack: UInt8Array) -> None:
    other = pack.copy()
    other[EDITED] = front(9)[60:100, 20:60]
    found = compare(other, pack, EVERYWHERE).differences[PRINT]
    assert found[INSIDE].max() > 0.7
    assert found[AFAR].max() < 0.05


def test_coarse_print_stands_out_beyond_blur_of_all(pack: UInt8Array) -> None:
    coarse = pack.copy()
    piece = pack[EDITED]
    coarse[EDITED] = piece.reshape(10, 4, 10, 4, 3).mean((1, 3)).repeat(4, 0).repeat(4, 1)
    found = compare(coarse, pack, EVERYWHERE).differences[SHARPNESS]
    assert found[INSIDE].max() > found[AFAR].max() + 0.3


def test_what_the_genuine_photo_does_not_reach_is_not_seen(pack: UInt8Array) -> None:
    reach = EVERYWHERE.copy()
    reach[:, :64] = False
    found = compare(pack, pack, reach)
    assert not found.is_seen[:, :16].any()
    assert found.is_seen[:, 16:].all()
    assert np.isfinite(compare(pack, pack, np.zeros_like(reach)).differences).all()
