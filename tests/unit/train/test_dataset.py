"""What is trained on and what is kept aside."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facings.errors import BadInput
from facings.evaluate.leakage import Fingerprint
from facings.manifest import LabelledPhoto
from facings.train.dataset import TrainingSet, build_training_set, hold_out, read_labels


def build(train: list[LabelledPhoto], val: list[LabelledPhoto] | None, folder: Path) -> TrainingSet:
    return build_training_set(train, val, cache_root=folder / "cache", shorter_side_px=40, seed=0)


def test_given_validation_photos_are_used(
    toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], tmp_path: Path
) -> None:
    data = build(toys, toys_to_check, tmp_path)
    assert (len(data.train_rows), len(data.val_rows), data.problems) == (24, 12, ())
    named = [data.labels.products[data.targets[row]] for row in data.val_rows]
    assert named == [photo.label for photo in toys_to_check]


def test_categories_are_those_of_the_products(toys: list[LabelledPhoto]) -> None:
    labels = read_labels(toys)
    assert labels.products == ("cherry", "lime", "pear", "plum")
    assert [labels.categories[place] for place in labels.category_of] == ["other", "citrus", "other", "other"]


@pytest.mark.parametrize("categories", [("", "a"), ("a", "a")], ids=["not everywhere", "only one"])
def test_categories_that_tell_nothing_are_left_aside(categories: tuple[str, str]) -> None:
    photos = [LabelledPhoto(Path("x"), name, category) for name, category in zip("xy", categories, strict=True)]
    assert read_labels(photos).categories == ()


@pytest.mark.parametrize(
    ("photos", "message"),
    [
        ([("Cola", "a"), ("cola", "a")], "differ only in case"),
        ([("Cola", "a"), ("Cola", "b"), ("Tea", "a")], "two categories"),
        ([("Cola", "a"), ("Cola", "a")], "1 product"),
    ],
    ids=["case", "two categories", "one class"],
)
def test_labels_that_cannot_be_trained_are_refused(photos: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_labels([LabelledPhoto(Path("x"), label, category) for label, category in photos])


def test_product_without_training_photo_is_left_out_of_validation(
    toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], tmp_path: Path
) -> None:
    data = build([photo for photo in toys if photo.label != "plum"], toys_to_check, tmp_path)
    assert len(data.val_rows) == 9
    assert [problem.where for problem in data.problems] == [
        str(photo.path) for photo in toys_to_check if photo.label == "plum"
    ]
    assert "no training photo" in data.problems[0].message


def test_validation_photo_that_is_a_training_photo_is_left_out(
    toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], tmp_path: Path
) -> None:
    shutil.copy(toys[2].path, toys_to_check[0].path)
    data = build(toys, toys_to_check, tmp_path)
    assert len(data.val_rows) == len(toys_to_check) - 1
    (problem,) = data.problems
    assert problem.where == str(toys_to_check[0].path)
    assert str(toys[2].path) in problem.message


def test_validation_of_leaks_alone_is_refused(toys: list[LabelledPhoto], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nothing to check.*left out of validation"):
        build(toys, toys[:2], tmp_path)


def test_one_photo_a_product_cannot_be_split_but_can_be_trained(
    toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], tmp_path: Path
) -> None:
    single = toys[::6]
    assert len(build(single, toys_to_check, tmp_path).train_rows) == 4
    with pytest.raises(BadInput, match="do not look alike"):
        build(single, None, tmp_path)


def test_corrupt_photo_is_reported_and_moves_no_other(
    toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], tmp_path: Path
) -> None:
    toys[0].path.write_bytes(b"not a photo")
    data = build(toys, toys_to_check, tmp_path)
    assert (len(data.train_rows), len(data.val_rows)) == (23, 12)
    assert [problem.where for problem in data.problems] == [str(toys[0].path)]
    assert all(
        data.labels.products[data.targets[row]] == data.cache.photos[row].label for row in range(len(data.cache))
    )


def test_held_out_photos_are_of_every_product_and_disjoint(toys: list[LabelledPhoto], tmp_path: Path) -> None:
    data = build(toys, None, tmp_path)
    assert sorted([*data.train_rows, *data.val_rows]) == list(range(24))
    assert sorted(data.targets[data.val_rows]) == [0, 1, 2, 3]


def test_look_alikes_are_held_out_together_or_not_at_all() -> None:
    far = (0xFF << 8, 0xFF << 24, 0xFF << 40)
    looks = [far[0], far[0] | 1, far[1], far[1] | 1, far[2], far[2] | 1]
    prints = [Fingerprint(f"photo {number}", look) for number, look in enumerate(looks)]
    for seed in range(5):
        train, val = hold_out(np.zeros(6, np.int64), prints, seed)
        assert len(val) == 2
        assert val[1] == val[0] + 1
        assert val[0] % 2 == 0
        assert set(train) | set(val) == set(range(6))


def test_product_whose_photos_all_look_alike_stays_in_training() -> None:
    prints = [Fingerprint(f"photo {number}", 0xFFFF) for number in range(4)]
    assert len(hold_out(np.zeros(4, np.int64), prints, 0)[1]) == 0


def test_fingerprint_follows_content_and_label_not_order(toys: list[LabelledPhoto], tmp_path: Path) -> None:
    first = build(toys, None, tmp_path)
    assert replace(first, train_rows=first.train_rows[::-1]).fingerprint == first.fingerprint
    assert replace(first, train_rows=first.train_rows[1:]).fingerprint != first.fingerprint


@pytest.mark.parametrize("frac, n_held", [(0.01, 1), (0.1, 1), (0.3, 3), (0.5, 5)])
def test_so_many_of_each_product_are_held_out(frac: float, n_held: int) -> None:
    looks = np.random.default_rng(0).integers(0, 2**63, 20).tolist()  # about 32 bits apart from one another
    prints = [Fingerprint(f"photo {row}", look) for row, look in enumerate(looks)]
    train, val = hold_out(np.repeat([0, 1], 10), prints, 0, frac)
    assert len(val) == 2 * n_held
    assert len(train) + len(val) == 20


@pytest.mark.parametrize("frac", [0.0, -0.1, 0.6, float("nan")])
def test_shares_that_leave_nothing_are_refused(frac: float) -> None:
    with pytest.raises(BadInput, match="wanted more than 0"):
        hold_out(np.zeros(2, np.int64), [], 0, frac)
