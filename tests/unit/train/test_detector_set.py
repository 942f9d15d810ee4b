"""The photos of a detector's training: boxes where they are in the stored photo, classes, and what is kept aside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from facings.annotations import AnnotatedPhoto, LabelledBox
from facings.errors import BadInput
from toy_boxes import boxed_photo, toy_boxes

pytest.importorskip("torch", reason="needs the train extra")

from facings.train import detector_set
from facings.train.detector_set import DetectionSet, PhotoTruth, build_detection_set

pytestmark = pytest.mark.torch


def built(train: list[AnnotatedPhoto], val: list[AnnotatedPhoto] | None, folder: Path, **how: Any) -> DetectionSet:
    return build_detection_set(train, val, cache_root=folder / "cache", seed=0, **how)


def with_box(photo: AnnotatedPhoto, box: LabelledBox) -> AnnotatedPhoto:
    return replace(photo, boxes=(*photo.boxes, box))


def ignored(photo: AnnotatedPhoto) -> AnnotatedPhoto:
    return replace(photo, boxes=tuple(replace(box, is_ignored=True) for box in photo.boxes))


def test_boxes_are_pixels_of_the_photo_as_it_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_set, "STORED_PX", 33)
    wide = boxed_photo(tmp_path / "wide.png", {(8, 12, 40, 60): "lime"}, (104, 66))  # stored as 52×33
    odd = boxed_photo(tmp_path / "odd.png", {(0, 0, 64, 80): "cherry"}, (64, 100))  # 33×52: 51.56 is rounded
    small = boxed_photo(tmp_path / "small.png", {(1, 2, 9, 10): "cherry"}, (32, 24))  # left as it is
    data = built([wide, odd], [small], tmp_path)
    assert data.cache.shapes == ((33, 52), (52, 33), (24, 32))
    np.testing.assert_allclose(data.truths[0].xyxy, [[4, 6, 20, 30]])
    np.testing.assert_allclose(data.truths[1].xyxy, [[0, 0, 33, 80 * 52 / 100]], rtol=1e-6)
    np.testing.assert_array_equal(data.truths[2].xyxy, [[1, 2, 9, 10]])
    assert [truth.xyxy.dtype for truth in data.truths] == [np.float32] * 3


def test_ignored_boxes_are_neither_learned_nor_measured() -> None:
    xyxy = np.array([[0, 0, 10, 40], [0, 0, 30, 20], [0, 0, 14, 90], [0, 0, 99, 99]], np.float32)
    is_ignored = np.array([False, False, False, True])
    assert PhotoTruth(xyxy, np.zeros(4, np.int64), is_ignored).object_px == 14  # of 10, 20 and 14
    assert PhotoTruth(xyxy, np.zeros(4, np.int64), np.ones(4, bool)).object_px is None
    assert PhotoTruth(xyxy[:0], np.zeros(0, np.int64), is_ignored[:0]).object_px is None


def test_without_classes_every_box_is_a_product(tmp_path: Path) -> None:
    train, val = toy_boxes(tmp_path, 4), toy_boxes(tmp_path, 2, seed=1)
    train[0] = ignored(train[0])
    data = built(train, val, tmp_path)
    assert data.labels == ("product",)
    assert all((truth.labels == 0).all() for truth in data.truths)
    assert data.truths[0].is_ignored.all()
    assert data.n_boxes == sum(len(photo.boxes) for photo in train[1:])


def test_classes_are_those_that_training_can_learn_and_others_are_ignored(tmp_path: Path) -> None:
    corner = (0.0, 0.0, 9.0, 9.0)
    train, val = toy_boxes(tmp_path, 6), toy_boxes(tmp_path, 2, seed=1)
    train[0] = with_box(train[0], LabelledBox(corner, "a crowd", is_ignored=True))
    val[0] = with_box(val[0], LabelledBox(corner, "never seen"))
    data = built(train, val, tmp_path, is_by_class=True)
    assert data.labels == ("cherry", "lime")
    for photo, truth in zip([*train, *val], data.truths, strict=True):
        known = [box for box in photo.boxes if box.label in data.labels]
        assert [data.labels[label] for label in truth.labels[: len(known)]] == [box.label for box in known]
        assert truth.is_ignored.tolist() == [False] * len(known) + [True] * (len(photo.boxes) - len(known))


def test_validation_photo_that_was_trained_on_is_left_out_and_named(tmp_path: Path) -> None:
    train, val = toy_boxes(tmp_path / "train", 5), toy_boxes(tmp_path / "val", 3, seed=1)
    same, alike = tmp_path / "val" / "same.png", tmp_path / "val" / "alike.jpg"
    same.write_bytes(train[1].path.read_bytes())
    with PillowImage.open(train[3].path) as picture:
        picture.save(alike, quality=90)
    leaks = [replace(train[1], path=same), replace(train[3], path=alike)]
    data = built(train, [val[0], *leaks, *val[1:]], tmp_path)
    assert [data.cache.photos[row].path for row in data.val_rows] == [photo.path for photo in val]
    assert data.train_rows.tolist() == [0, 1, 2, 3, 4]
    assert [problem.where for problem in data.problems] == [str(same), str(alike)]
    assert str(train[1].path) in data.problems[0].message
    assert str(train[3].path) in data.problems[1].message


def test_a_tenth_is_held_out_by_the_seed(tmp_path: Path) -> None:
    photos = toy_boxes(tmp_path / "photos", 20)
    copy = tmp_path / "photos" / "copy.png"
    copy.write_bytes(photos[0].path.read_bytes())
    photos.append(replace(photos[0], path=copy))
    splits = [
        build_detection_set(photos, None, cache_root=tmp_path / "cache", seed=seed) for seed in (0, 0, 1, 2, 3, 4)
    ]
    for data in splits:
        assert sorted([*data.train_rows, *data.val_rows]) == list(range(21))
        assert len(data.val_rows) in {2, 3}
        assert (0 in data.val_rows) == (20 in data.val_rows)  # copies stay together
    np.testing.assert_array_equal(splits[0].val_rows, splits[1].val_rows)
    assert len({tuple(data.val_rows) for data in splits}) > 2


@pytest.mark.parametrize("seed", range(4))
def test_photos_with_boxes_are_held_out_however_many_have_none(tmp_path: Path, seed: int) -> None:
    photos = [replace(photo, boxes=()) for photo in toy_boxes(tmp_path / "empty", 12)]
    photos += [ignored(photo) for photo in toy_boxes(tmp_path / "ignored", 2, seed=1)]
    photos += toy_boxes(tmp_path / "boxed", 2, seed=2)
    data = build_detection_set(photos, None, cache_root=tmp_path / "cache", seed=seed)
    assert sum(row >= 14 for row in data.val_rows) == 1
    assert sum(row < 14 for row in data.val_rows) == 1
    assert data.n_boxes > 0


def test_the_only_photo_with_boxes_is_learned_from_and_others_are_asked_for(tmp_path: Path) -> None:
    photos = [replace(photo, boxes=()) for photo in toy_boxes(tmp_path / "empty", 12)]
    photos += toy_boxes(tmp_path / "boxed", 1, seed=2)
    with pytest.raises(BadInput, match=r"no box in them.*validation photos"):
        build_detection_set(photos, None, cache_root=tmp_path / "cache", seed=0)


def test_unreadable_photo_is_a_problem_and_the_boxes_of_the_others_stay_theirs(tmp_path: Path) -> None:
    train, val = toy_boxes(tmp_path, 3), toy_boxes(tmp_path, 2, seed=1)
    broken, gone = tmp_path / "broken.png", tmp_path / "gone.png"
    broken.write_bytes(b"no photo")
    train = [replace(train[0], path=broken), *train, replace(train[0], path=gone)]
    data = built(train, val, tmp_path)
    assert {problem.where for problem in data.problems} == {str(broken), str(gone)}
    assert [photo.path for photo in data.cache.photos] == [photo.path for photo in (*train[1:4], *val)]
    for photo, truth in zip([*train[1:4], *val], data.truths, strict=True):
        np.testing.assert_array_equal(truth.xyxy, [box.xyxy for box in photo.boxes])
    assert data.val_rows.tolist() == [3, 4]


def test_nothing_to_learn_or_to_check_with_is_refused(tmp_path: Path) -> None:
    train, val = toy_boxes(tmp_path, 4), toy_boxes(tmp_path, 2, seed=1)
    bare = [replace(photo, boxes=()) for photo in train]
    for nothing in (bare, [ignored(photo) for photo in train]):
        with pytest.raises(BadInput, match=r"none of 4 training photos, from .*0-00\.png on, has a box"):
            built(nothing, val, tmp_path)
    with pytest.raises(BadInput, match=r"got 2 photos to check with and no box.*other"):
        built(train, [replace(photo, boxes=()) for photo in val], tmp_path)
    with pytest.raises(BadInput, match="got 0 photos to check with"):
        built(train, [train[0]], tmp_path)
    with pytest.raises(BadInput, match=r"none of 1 can be used.*gone\.png"):
        built([replace(train[0], path=tmp_path / "gone.png")], None, tmp_path)


def test_fingerprint_is_that_of_photos_and_boxes_whatever_their_order(tmp_path: Path) -> None:
    train, val = toy_boxes(tmp_path, 4), toy_boxes(tmp_path, 2, seed=1)
    prints = {
        name: built(photos, val, tmp_path).fingerprint
        for name, photos in {
            "as they are": train,
            "reversed": train[::-1],
            "fewer": train[1:],
            "another box": [with_box(train[0], LabelledBox((0.0, 0.0, 5.0, 5.0), "lime")), *train[1:]],
            "ignored": [ignored(train[0]), *train[1:]],
        }.items()
    }
    assert prints["as they are"] == prints.pop("reversed")
    assert len(set(prints.values())) == 4
    assert built(train, val[:1], tmp_path).fingerprint == prints["as they are"]  # what is checked with is not learned
