"""What the network is shown, by hand, and that the bundled one tells print that differs."""

from __future__ import annotations

import numpy as np
import pytest

from facings.apps.pack_comparator import N_LOOKS, beside
from facings.apps.pack_look import GenuineMaps, Looked
from facings.apps.pack_maps import PLACE_PX, PackMaps, compare
from facings.apps.registration import Registration
from facings.networks import load_comparator
from facings.types import UInt8Array

SHAPE = (30, 24)
FIT = Registration(np.eye(3), np.zeros((20, 4), np.float32), 0.5)


def picture(seed: int) -> UInt8Array:
    """Print: blocks of two places a side."""
    coarse = np.random.default_rng(seed).integers(30, 200, (SHAPE[0] // 2, SHAPE[1] // 2, 3), np.uint8)
    return coarse.repeat(2 * PLACE_PX, 0).repeat(2 * PLACE_PX, 1)


def looked_at(part: UInt8Array, *laid: UInt8Array) -> tuple[Looked, dict[int, GenuineMaps]]:
    reach = np.ones(part.shape[:2], bool)
    maps = {k: compare(part, one, reach) for k, one in enumerate(laid)}
    box = (0, 0, part.shape[1], part.shape[0])
    known = dict.fromkeys(maps, GenuineMaps(np.ones(SHAPE, bool), np.full((3, *SHAPE), 0.1, np.float32)))
    return Looked(dict.fromkeys(maps, FIT), box, part, dict(enumerate(laid)), maps), known


def test_genuine_photos_are_brought_to_the_light_of_the_picture() -> None:
    part = picture(0)
    darker = np.round(part * np.array([0.5, 0.8, 1.0])).astype(np.uint8)
    shown = beside(*looked_at(part, darker))
    assert np.abs(shown.laid[0].astype(int) - part).mean() < 4
    assert shown.part is part
    assert shown.is_seen.shape == (1, *SHAPE)
    assert shown.is_seen.all()


def test_looks_are_brought_to_one_scale() -> None:
    differences = np.stack([np.full(SHAPE, value, np.float32) for value in (0.25, 5, 0.5)])
    seen = np.ones(SHAPE, bool)
    seen[0] = False
    looked, known = looked_at(picture(0), picture(0))
    looked = Looked(looked.fits, looked.box, looked.part, looked.laid, {0: PackMaps(differences, seen)})
    looks = beside(looked, known).looks
    assert looks.shape == (1, N_LOOKS, *SHAPE)
    assert looks[0, :, 5, 5] == pytest.approx([0.5, 0.5, 1, 0.2, 0.01, 0.2, 1, 1])
    assert looks[0, -1, 0].tolist() == [0] * SHAPE[1]


def test_the_bundled_network_tells_a_block_of_other_print() -> None:
    part, genuine = picture(0), picture(0)
    part[40:72, 32:64] = picture(9)[40:72, 32:64]
    comparator = load_comparator(n_threads=1)
    logits = comparator.compare(beside(*looked_at(part, genuine, genuine, genuine)))
    assert logits.shape == SHAPE
    is_block = np.zeros(SHAPE, bool)
    is_block[10:18, 8:16] = True
    around = np.zeros(SHAPE, bool)
    around[7:21, 5:19] = True
    assert logits[is_block].mean() > 0 > np.quantile(logits[~around], 0.95)
    assert len(comparator.network_id) == 16
    assert comparator.card.kind == "comparator"
