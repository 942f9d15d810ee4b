"""Batches: each photo once an epoch, the same ones after a stop, nothing mirrored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facings.errors import BadInput
from facings.manifest import LabelledPhoto
from facings.train.photo_cache import open_cache

torch = pytest.importorskip("torch", reason="needs the train extra")

from facings.train.batches import Augmentation, Batches, Schedule, plain_batches  # noqa: E402
from facings.train.recipe import Recipe  # noqa: E402

pytestmark = pytest.mark.torch

PLAIN = Augmentation(crop_scale_min=1.0, color_jitter=0.0, rotation_deg=0.0, erase_prob=0.0)
STRONG = Augmentation(crop_scale_min=0.3, color_jitter=0.4, rotation_deg=20.0, erase_prob=0.5, mix_prob=0.5)
MEAN, STD = (120.0, 110.0, 100.0), (60.0, 50.0, 40.0)


@pytest.fixture
def batches(toys: list[LabelledPhoto], tmp_path: Path) -> Any:
    cache = open_cache(toys, tmp_path / "cache", shorter_side_px=40)

    def made(augmentation: Augmentation, sizes: tuple[int, ...] = (16, 24)) -> Batches:
        return Batches(cache, Schedule(np.arange(24), 5, sizes, 3), augmentation, mean=MEAN, std=STD)

    return made


def test_each_epoch_takes_each_photo_at_most_once_in_its_size(batches: Any) -> None:
    steps = list(batches(STRONG).from_step(0))
    assert len(steps) == 8  # 24 // 5 in each of two epochs
    for epoch, size in ((0, 16), (1, 24)):
        part = steps[4 * epoch : 4 * epoch + 4]
        assert len({row for batch in part for row in batch.rows.tolist()}) == 20
        assert {tuple(batch.pixels.shape) for batch in part} == {(5, 3, size, size)}
    assert not np.array_equal(steps[0].rows, steps[4].rows)


def test_later_start_gives_the_same_steps_bit_for_bit(batches: Any) -> None:
    whole = list(batches(STRONG).from_step(0))
    rest = list(batches(STRONG).from_step(5))
    assert len(rest) == 3
    for batch, again in zip(whole[5:], rest, strict=True):
        np.testing.assert_array_equal(batch.rows, again.rows)
        np.testing.assert_array_equal(batch.partners, again.partners)
        assert batch.kept_frac == again.kept_frac
        assert torch.equal(batch.pixels, again.pixels)
    assert list(batches(STRONG).from_step(8)) == []


def test_erased_rectangles_hold_the_mean_and_the_rest_is_untouched(batches: Any) -> None:
    still = Augmentation(1.0, 0.0, 0.0, 1.0)
    for whole, erased in zip(batches(PLAIN).from_step(0), batches(still).from_step(0), strict=True):
        is_changed = (whole.pixels != erased.pixels).any(1)
        assert is_changed.any(2).any(1).all()
        assert (erased.pixels.permute(0, 2, 3, 1)[is_changed] == 0).all()


def test_mixed_photos_show_a_rectangle_of_their_partner_and_say_how_much(batches: Any) -> None:
    mixed = Augmentation(1.0, 0.0, 0.0, 0.0, mix_prob=1.0)
    for whole, batch in zip(batches(PLAIN).from_step(0), batches(mixed).from_step(0), strict=True):
        np.testing.assert_array_equal(whole.rows, batch.rows)
        assert whole.partners is None
        place = {row: number for number, row in enumerate(batch.rows.tolist())}
        for number, partner in enumerate(batch.partners.tolist()):
            own, other = whole.pixels[number], whole.pixels[place[partner]]
            is_own, is_other = ((batch.pixels[number] == picture).all(0) for picture in (own, other))
            assert (is_own | is_other).all()
            if partner != batch.rows[number]:
                assert is_own.double().mean() == pytest.approx(batch.kept_frac, abs=0.05)  # some pixels agree


def test_plain_batches_are_prepared_as_at_runtime(toys: list[LabelledPhoto], tmp_path: Path) -> None:
    from facings.embed import prepare

    cache = open_cache(toys, tmp_path / "cache", shorter_side_px=40)
    preparation = Recipe(embed_size_px=24, embed_resize_px=28).preparation(MEAN, STD)
    (first, second) = plain_batches(cache, [3, 1, 2], preparation, 2)
    assert (len(first), len(second)) == (2, 1)
    wanted = (prepare(cache.photo(1), preparation) - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    np.testing.assert_allclose(first[1].numpy(), wanted, atol=1e-5)


def test_fewer_photos_than_a_batch_are_one_step() -> None:
    schedule = Schedule(np.arange(3), 10, (16,), 0)
    assert schedule.n_steps == 1
    assert sorted(schedule.step(0)[0]) == [0, 1, 2]


@pytest.mark.parametrize("rows, size, sizes", [(0, 1, (8,)), (3, 0, (8,)), (3, 1, ()), (3, 1, (0,))])
def test_empty_schedules_are_refused(rows: int, size: int, sizes: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="at least one of each"):
        Schedule(np.arange(rows), size, sizes, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lr": float("nan")},
        {"layer_decay": 0.0},
        {"neck_dim": 0},
        {"start_share": 1.0},
        {"patience": 0},
        {"warmup_frac": 1.0},
    ],
    ids=str,
)
def test_recipes_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="wanted"):
        Recipe(**wrong)


@pytest.mark.parametrize("wrong", [(0.0, 0.1, 0, 0), (0.5, 1.0, 0, 0), (0.5, 0.1, 200, 0), (0.5, 0.1, 0, 1.5)], ids=str)
def test_augmentations_out_of_range_are_refused(wrong: tuple[float, float, float, float]) -> None:
    with pytest.raises(BadInput, match="wanted"):
        Augmentation(*wrong)
