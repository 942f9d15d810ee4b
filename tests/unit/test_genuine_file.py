"""Prepared genuine photos, written and read again; other keys and damaged files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facings.adapters.genuine_file import GenuineFiles
from facings.apps.genuine_pack import GenuinePack, GenuinePhoto
from facings.apps.pack_look import GenuineMaps, Vouching
from facings.apps.registration import Landmarks
from facings.errors import StoreFailed
from facings.evidence import TextLine

LINES = (TextLine("crème", (1.0, 2.5, 9.0, 6.0), 0.9),)


def prepared(sku: str) -> GenuinePack:
    rng = np.random.default_rng(2)
    marks = Landmarks(rng.random((7, 2), np.float32), rng.random((7, 128), np.float32), (40, 30))
    maps = GenuineMaps(rng.random((5, 6)) < 0.5, rng.random((3, 5, 6), np.float32))
    photo = GenuinePhoto(41, marks, Vouching((4, 0, 28, 20), maps), LINES)
    return GenuinePack(sku, (photo, photo), rng.random((2, 3)))


def test_a_product_comes_back(tmp_path: Path) -> None:
    files, pack = GenuineFiles(tmp_path / "new"), prepared("milk/é 1")
    assert files.load(pack.sku, "key") is None
    files.save(pack, "key")
    back = files.load(pack.sku, "key")
    assert back is not None
    assert (back.sku, len(back.photos), back.photos[0].number) == (pack.sku, 2, 41)
    np.testing.assert_array_equal(back.scores, pack.scores)
    mine, theirs = pack.photos[0], back.photos[0]
    assert theirs.lines == LINES
    assert theirs.landmarks.size_px == (40, 30)
    assert theirs.vouching.box == (4, 0, 28, 20)
    np.testing.assert_array_equal(theirs.landmarks.xy, mine.landmarks.xy)
    np.testing.assert_allclose(theirs.landmarks.descriptors, mine.landmarks.descriptors, atol=1e-3)
    np.testing.assert_array_equal(theirs.vouching.maps.is_vouched, mine.vouching.maps.is_vouched)
    np.testing.assert_allclose(theirs.vouching.maps.expected, mine.vouching.maps.expected, atol=1e-3)


def test_a_product_without_scores_comes_back(tmp_path: Path) -> None:
    files = GenuineFiles(tmp_path)
    files.save(GenuinePack("a", (), np.zeros((0, 3))), "key")
    back = files.load("a", "key")
    assert back is not None
    assert back.photos == ()
    assert back.scores.shape == (0, 3)


def test_another_key_or_product_is_not_there(tmp_path: Path) -> None:
    files = GenuineFiles(tmp_path)
    files.save(prepared("a"), "key")
    assert files.load("a", "other photos") is None
    assert files.load("b", "key") is None


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut"], ids=["empty", "cut"])
def test_a_damaged_file_says_so(tmp_path: Path, damage: bytes) -> None:
    files = GenuineFiles(tmp_path)
    files.save(prepared("a"), "key")
    next(tmp_path.glob("*.npz")).write_bytes(damage)
    with pytest.raises(StoreFailed, match="damaged"):
        files.load("a", "key")
