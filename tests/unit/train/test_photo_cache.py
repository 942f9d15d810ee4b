"""The cache of decoded photos: the right pixels, read once, rebuilt when damaged, named by its content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from facings.errors import BadInput, StoreFailed
from facings.manifest import LabelledPhoto
from facings.train import photo_cache
from facings.train.photo_cache import open_cache


def test_rows_hold_the_pixels_of_the_photos(toys: list[LabelledPhoto], tmp_path: Path) -> None:
    cache = open_cache(toys, tmp_path / "cache", shorter_side_px=100)
    assert (len(cache), cache.problems) == (len(toys), ())
    assert cache.photos == tuple(toys)
    for row in (0, 7, len(toys) - 1):
        np.testing.assert_array_equal(cache.photo(row), np.asarray(PillowImage.open(toys[row].path)))


def test_large_photos_are_stored_smaller_and_boxes_are_cut_out(toys: list[LabelledPhoto], tmp_path: Path) -> None:
    boxed = replace(toys[0], box=(8.0, 0.0, 24.0, 40.0))
    cache = open_cache([toys[0], boxed], tmp_path / "cache", shorter_side_px=20)
    assert cache.shapes == ((20, 24), (40, 16))  # 40×48 halved; 40×16 is small enough
    np.testing.assert_array_equal(cache.photo(1), np.asarray(PillowImage.open(toys[0].path))[:, 8:24])


def test_second_opening_decodes_nothing(
    toys: list[LabelledPhoto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_cache(toys, tmp_path / "cache", shorter_side_px=20)
    monkeypatch.setattr(photo_cache, "decode", None)
    again = open_cache(toys, tmp_path / "cache", shorter_side_px=20)
    assert again.fingerprints == first.fingerprints
    np.testing.assert_array_equal(again.pixels, first.pixels)


def test_changed_photo_is_another_cache(toys: list[LabelledPhoto], tmp_path: Path) -> None:
    first = open_cache(toys, tmp_path / "cache", shorter_side_px=20)
    toys[0].path.write_bytes(toys[1].path.read_bytes())
    assert open_cache(toys, tmp_path / "cache", shorter_side_px=20).folder != first.folder


@pytest.mark.parametrize("damage", ["pixels cut short", "index cut short", "index gone"])
def test_damaged_cache_is_built_again(toys: list[LabelledPhoto], tmp_path: Path, damage: str) -> None:
    first = open_cache(toys, tmp_path / "cache", shorter_side_px=20)
    wanted = first.pixels.copy()
    path = first.folder / ("pixels.bin" if "pixels" in damage else "index.json")
    content = path.read_bytes()
    path.unlink()
    if "cut" in damage:
        path.write_bytes(content[: len(content) // 2])
    np.testing.assert_array_equal(open_cache(toys, tmp_path / "cache", shorter_side_px=20).pixels, wanted)


def test_interrupted_building_leaves_nothing_that_is_taken_for_a_cache(
    toys: list[LabelledPhoto], tmp_path: Path
) -> None:
    def interrupted(items: object, label: str, total: int) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_cache(toys, tmp_path / "cache", shorter_side_px=20, track=interrupted)
    assert list((tmp_path / "cache").iterdir()) == []
    assert len(open_cache(toys, tmp_path / "cache", shorter_side_px=20)) == len(toys)


def test_bad_photos_are_reported_and_the_others_stay_in_order(toys: list[LabelledPhoto], tmp_path: Path) -> None:
    toys[1].path.write_bytes(toys[1].path.read_bytes()[:60])
    toys[3].path.unlink()
    for _ in range(2):  # the second time from the cache
        cache = open_cache(toys, tmp_path / "cache", shorter_side_px=20)
        assert cache.positions == (0, 2, *range(4, len(toys)))
        assert {problem.where for problem in cache.problems} == {str(toys[1].path), str(toys[3].path)}
        assert {problem.code for problem in cache.problems} == {"bad_image"}


def test_no_usable_photo_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none of 1 can be used.*cannot be read"):
        open_cache([LabelledPhoto(tmp_path / "gone.jpg", "a")], tmp_path / "cache", shorter_side_px=20)


def test_folder_that_cannot_be_made_is_a_clear_error(toys: list[LabelledPhoto], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreFailed, match="cannot be written"):
        open_cache(toys, tmp_path / "taken", shorter_side_px=20)
