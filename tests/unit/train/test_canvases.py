"""Squares to learn from: a box lies on its product whatever was done to the photo, and chance follows the seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facings.annotations import AnnotatedPhoto
from toy_boxes import Corners, boxed_photo, toy_boxes

torch = pytest.importorskip("torch", reason="needs the train extra")

from facings.train import canvases  # noqa: E402
from facings.train.batches import Schedule  # noqa: E402
from facings.train.canvases import Canvases, fitted_scale  # noqa: E402
from facings.train.detector_set import build_detection_set  # noqa: E402

pytestmark = pytest.mark.torch

PLAIN = {
    "mosaic_prob": 0.0, "plain_frac": 0.0, "color_jitter": 0.0, "is_mirrored": False, "mean": (0.0,) * 3,
    "std": (1.0,) * 3,
}  # fmt: skip
VARIED = {**PLAIN, "mosaic_prob": 0.5, "color_jitter": 0.3, "is_mirrored": True, "mean": (128.0,) * 3}
VARIED["std"] = (64.0,) * 3
HALF_WAY = 100  # between a color's channel and the gray around it
RED, GREEN = 0, 1


@pytest.fixture
def canvases_of(tmp_path: Path) -> Any:
    """Canvases of photos; those of the first, `n_steps` batches of four with sides of 64 unless told otherwise."""

    def made(photos: list[AnnotatedPhoto], side: int = 64, n_steps: int = 8, seed: int = 3, **how: Any) -> Canvases:
        other = boxed_photo(tmp_path / "other.png", {(2, 9, 30, 40): "cherry", (34, 5, 60, 50): "lime"})
        data = build_detection_set(photos, [other], cache_root=tmp_path / "cache", seed=0, is_by_class=True)
        schedule = Schedule(np.repeat(data.train_rows, 4), 4, (side,) * -(-n_steps // len(photos)), seed)
        return Canvases(data, schedule, **{**PLAIN, **how})

    return made


def squares(made: Canvases) -> list[tuple[Any, Any, Any]]:
    """Pixels (S, S, 3), boxes and labels of every square of every step."""
    return [
        (pixels.permute(1, 2, 0).numpy(), target["boxes"].numpy(), target["labels"].numpy())
        for batch in made.from_step(0)
        for pixels, target in zip(batch.pixels, batch.targets, strict=True)
    ]


def painted(pixels: Any, channel: int) -> Any:
    """Where a color is, at least half of a pixel."""
    return pixels[..., channel] - pixels[..., 1 - channel] > HALF_WAY


def bounds(mask: Any) -> list[int]:
    """Left, top, right and bottom, these two exclusive."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.mark.parametrize("is_mirrored", [False, True], ids=["as it is", "mirrored"])
@pytest.mark.parametrize("mosaic_prob", [0.0, 1.0], ids=["whole", "mosaic"])
@pytest.mark.parametrize(
    "size, box, side",
    [
        pytest.param((128, 96), (30, 20, 90, 76), 64, id="fitted"),
        pytest.param((48, 40), (8, 6, 40, 34), 128, id="enlarged"),
        pytest.param((320, 240), (130, 90, 174, 138), 128, id="cut out"),
    ],
)
def test_box_lies_on_its_product(
    canvases_of: Any, tmp_path: Path, size: tuple[int, int], box: Corners, side: int, mosaic_prob: float,
    is_mirrored: bool,
) -> None:  # fmt: skip
    photo = boxed_photo(tmp_path / "one.png", {box: "cherry"}, size)
    n_seen = 0
    for pixels, boxes, _ in squares(canvases_of([photo], side, mosaic_prob=mosaic_prob, is_mirrored=is_mirrored)):
        is_mosaic = mosaic_prob == 1 and size[0] < 320  # a dense photo leads no mosaic
        part = side // 2 if is_mosaic else side
        assert boxes.shape == (len(boxes), 4)
        for left, top in [(x, y) for y in range(0, side, part) for x in range(0, side, part)]:
            is_red = painted(pixels[top : top + part, left : left + part], RED)
            here = boxes[(boxes[:, 0] // part * part == left) & (boxes[:, 1] // part * part == top)]
            if len(here):
                n_seen += 1
                (found,) = here - [left, top, left, top]
                np.testing.assert_allclose(found, bounds(is_red), atol=1.01)
                assert is_red.sum() > 0.9 * (found[2:] - found[:2] - 2).prod()
    assert n_seen > 8


def test_product_that_is_mostly_outside_is_not_taught() -> None:
    def seen(*box: float) -> tuple[list[float], bool]:
        boxes, is_kept = canvases._seen(np.array([box], np.float32), 64)
        return boxes[0].tolist(), bool(is_kept[0])

    assert seen(-60, 0, 40, 20) == ([0, 0, 40, 20], True)  # 40 %
    assert seen(-70, 0, 30, 20) == ([0, 0, 30, 20], False)  # 30 %
    assert seen(50, -8, 150, 12) == ([50, 0, 64, 12], False)
    assert seen(10, 10, 14, 60) == ([10, 10, 14, 60], True)
    assert seen(10, 10, 13.9, 60)[1] is False  # too narrow
    assert seen(70, 0, 90, 20)[1] is False  # outside
    empty, is_kept = canvases._seen(np.zeros((0, 4), np.float32), 64)
    assert (empty.shape, is_kept.shape) == ((0, 4), (0,))


def test_small_products_of_a_large_photo_are_cut_out_at_sizes_to_learn(canvases_of: Any, tmp_path: Path) -> None:
    """36 px: by the photo's scale of 24/36 to 2, and a ninth more or less in width."""
    grid: dict[Corners, str] = {
        (x, y, x + 36, y + 36): "cherry" for x in range(10, 460, 60) for y in range(10, 340, 60)
    }
    photo = boxed_photo(tmp_path / "dense.png", grid, (480, 360))
    boxes = np.concatenate([found for _, found, _ in squares(canvases_of([photo], 128, n_steps=20, mosaic_prob=0.5))])
    is_whole = ((boxes > 0.5) & (boxes < 127.5)).all(1)
    widths, heights = (boxes[is_whole, 2:] - boxes[is_whole, :2]).T
    assert len(heights) > 50
    assert (heights >= 24 - 0.01).all() and (heights <= 72 + 0.01).all()
    assert ((heights / 1.121 <= widths) & (widths <= heights * 1.121)).all()
    assert heights.min() < 28 and heights.max() > 60


def test_ignored_parts_are_blank_but_not_the_products_before_them(canvases_of: Any, tmp_path: Path) -> None:
    red, green = (20, 16, 64, 60), (50, 8, 120, 88)
    photo = boxed_photo(tmp_path / "one.png", {green: "lime", red: "cherry"}, (128, 96))
    first, second = photo.boxes
    photo = replace(photo, boxes=(replace(first, is_ignored=True), second))
    blank = (250.0, 240.0, 230.0)
    n_blank = 0
    for pixels, boxes, labels in squares(canvases_of([photo], is_mirrored=True, mean=blank)):
        shown = pixels + np.array(blank)
        is_green = painted(shown, GREEN)  # a border of one pixel may be left by rounding
        assert not (is_green[1:-1, :-2] & is_green[1:-1, 1:-1] & is_green[1:-1, 2:] & is_green[2:, 1:-1]).any()
        n_blank += int((np.abs(pixels) < 0.01).all(2).sum())
        assert labels.tolist() == [0] * len(boxes)
        for found in boxes:
            np.testing.assert_allclose(found, bounds(painted(shown, RED)), atol=1.01)
    assert n_blank > 8 * 4 * 200


def test_classes_stay_with_their_boxes(canvases_of: Any, tmp_path: Path) -> None:
    photos = toy_boxes(tmp_path / "toys", 6)
    n_of = [0, 0]
    for pixels, boxes, labels in squares(canvases_of(photos, n_steps=12, mosaic_prob=0.5, is_mirrored=True)):
        for (x1, y1, x2, y2), label in zip(boxes, labels, strict=True):
            assert painted(pixels, label)[int(y1 + y2) // 2, int(x1 + x2) // 2]
            n_of[label] += 1
    assert min(n_of) > 10


def test_last_steps_show_one_photo_a_square(canvases_of: Any, tmp_path: Path) -> None:
    photo = boxed_photo(tmp_path / "one.png", {(30, 20, 90, 76): "cherry"}, (128, 96))

    def pixels_of(**how: Any) -> list[Any]:
        return [batch.pixels for batch in canvases_of([photo], n_steps=8, **how).from_step(0)]

    mixed, plain = pixels_of(mosaic_prob=1.0), pixels_of(mosaic_prob=0.0)
    assert all(not torch.equal(one, other) for one, other in zip(mixed, plain, strict=True))
    settling = pixels_of(mosaic_prob=1.0, plain_frac=0.25)
    for step, got in enumerate(settling):
        assert torch.equal(got, mixed[step] if step < 6 else plain[step])


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_pieces_are_mirrored_only_where_that_is_asked_for(canvases_of: Any, tmp_path: Path, is_mirrored: bool) -> None:
    photo = boxed_photo(tmp_path / "one.png", {(8, 8, 56, 88): "cherry", (72, 8, 120, 88): "lime"}, (128, 96))
    pairs = [boxes for _, boxes, labels in squares(canvases_of([photo], is_mirrored=is_mirrored)) if len(labels) == 2]
    is_red_left = {bool(boxes[0, 0] < boxes[1, 0]) for boxes in pairs}
    assert len(pairs) > 8
    assert is_red_left == ({True, False} if is_mirrored else {True})


def test_later_start_gives_the_same_steps_bit_for_bit(canvases_of: Any, tmp_path: Path) -> None:
    photos = toy_boxes(tmp_path / "toys", 6)
    whole = list(canvases_of(photos, n_steps=12, **VARIED).from_step(0))
    rest = list(canvases_of(photos, n_steps=12, **VARIED).from_step(7))
    other = next(canvases_of(photos, n_steps=12, seed=4, **VARIED).from_step(0))
    assert (len(whole), len(rest)) == (12, 5)
    for batch, again in zip(whole[7:], rest, strict=True):
        assert torch.equal(batch.pixels, again.pixels)
        for target, same in zip(batch.targets, again.targets, strict=True):
            assert torch.equal(target["boxes"], same["boxes"])
            assert torch.equal(target["labels"], same["labels"])
    assert not torch.equal(whole[0].pixels, other.pixels)
    assert not torch.equal(whole[0].pixels, whole[1].pixels)
    assert list(canvases_of(photos, n_steps=12, **VARIED).from_step(12)) == []


def test_batches_are_normalized_squares_with_targets_as_torchvision_wants_them(
    canvases_of: Any, tmp_path: Path
) -> None:
    photos = [*toy_boxes(tmp_path / "toys", 2), boxed_photo(tmp_path / "empty.png", {}, (96, 96))]
    how = {**VARIED, "color_jitter": 0.0}
    batches = list(canvases_of(photos, n_steps=6, **how).from_step(0))
    raw = list(canvases_of(photos, n_steps=6, **{**how, "mean": (0.0,) * 3, "std": (1.0,) * 3}).from_step(0))
    for batch, same in zip(batches, raw, strict=True):
        is_blank = (same.pixels == 0).all(1, keepdim=True)
        torch.testing.assert_close(batch.pixels, torch.where(is_blank, 0.0, (same.pixels - 128) / 64))
        assert (batch.pixels.dtype, tuple(batch.pixels.shape)) == (torch.float32, (4, 3, 64, 64))
        assert batch.pixels.is_contiguous(memory_format=torch.channels_last)
    targets = [target for batch in batches for target in batch.targets]
    assert {(target["boxes"].dtype, target["labels"].dtype) for target in targets} == {(torch.float32, torch.int64)}
    assert {tuple(target["boxes"].shape) for target in targets} >= {(0, 4), (1, 4)}
    assert all(((target["boxes"] >= 0) & (target["boxes"] <= 64)).all() for target in targets)


def test_colors_vary_and_boxes_do_not_follow(canvases_of: Any, tmp_path: Path) -> None:
    photos = toy_boxes(tmp_path / "toys", 4)
    plain, varied = (list(canvases_of(photos, color_jitter=jitter).from_step(0)) for jitter in (0.0, 0.4))
    for batch, other in zip(plain, varied, strict=True):
        assert (batch.pixels - other.pixels).abs().mean() > 1
        for target, same in zip(batch.targets, other.targets, strict=True):
            assert torch.equal(target["boxes"], same["boxes"])


@pytest.mark.parametrize(
    "object_px, shape, wanted",
    [
        pytest.param(None, (100, 200), 64 / 200, id="no boxes: fitted"),
        pytest.param(70.0, (100, 200), 64 / 200, id="22 px when fitted"),
        pytest.param(62.5, (100, 200), 64 / 200, id="20 px when fitted"),
        pytest.param(60.0, (100, 200), 48 / 60, id="19 px when fitted: brought to 48, the middle of 24 and 96"),
        pytest.param(30.0, (400, 100), 48 / 30, id="5 px when fitted"),
        pytest.param(10.0, (400, 100), 2.0, id="never enlarged by more than 2"),
    ],
)
def test_scale_of_a_whole_photo(object_px: float | None, shape: tuple[int, int], wanted: float) -> None:
    assert fitted_scale(object_px, shape, 64) == pytest.approx(wanted)
