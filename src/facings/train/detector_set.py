"""What a detector learns from: annotated photos, decoded once, and which of them are kept aside to check."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facings.annotations import AnnotatedPhoto
from facings.errors import BadInput, Problem
from facings.evaluate.leakage import find_leaks
from facings.manifest import LabelledPhoto
from facings.progress import Track, untracked
from facings.train.dataset import HELD_OUT_FRAC, hold_out
from facings.train.photo_cache import PhotoCache, open_cache
from facings.types import FloatArray, IntArray

PRODUCT = "product"  # the one class of a detector that does not tell products apart
STORED_PX = 1024  # shorter side of the decoded photos; products of a larger one are still large enough to learn from


@dataclass(frozen=True, eq=False)
class PhotoTruth:
    """The boxes of a stored photo.

    Args:
        xyxy: float32 (n, 4), pixels of the photo as it is stored.
        labels: int64 (n,), classes.
        is_ignored: bool (n,), where nothing is to be learned.
    """

    xyxy: FloatArray
    labels: IntArray
    is_ignored: NDArray[np.bool_]

    @property
    def object_px(self) -> float | None:
        """Median of the shorter sides of the boxes to learn; None without any."""
        sides = (self.xyxy[:, 2:] - self.xyxy[:, :2]).min(1)[~self.is_ignored]
        return float(np.median(sides)) if len(sides) else None


@dataclass(frozen=True, eq=False)
class DetectionSet:
    """Annotated photos, ready to train on.

    Args:
        cache: The decoded photos.
        truths: One a row of the cache.
        labels: The classes, by position.
        train_rows: int64, rows to learn from.
        val_rows: int64, rows to check with; disjoint from `train_rows`.
        problems: Photos that were left out, each with the reason.
    """

    cache: PhotoCache
    truths: tuple[PhotoTruth, ...]
    labels: tuple[str, ...]
    train_rows: IntArray
    val_rows: IntArray
    problems: tuple[Problem, ...]

    @property
    def n_boxes(self) -> int:
        """Boxes to learn from."""
        return sum(int((~self.truths[row].is_ignored).sum()) for row in self.train_rows)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over contents and boxes of the photos that are learned from; their order does not matter."""
        pairs = [(self.cache.fingerprints[row].photo_id, self.truths[row]) for row in self.train_rows]
        told = sorted(
            (photo_id, truth.xyxy.tolist(), truth.labels.tolist(), truth.is_ignored.tolist())
            for photo_id, truth in pairs
        )
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def build_detection_set(
    train_photos: Sequence[AnnotatedPhoto],
    val_photos: Sequence[AnnotatedPhoto] | None,
    *,
    cache_root: Path,
    seed: int,
    is_by_class: bool = False,
    track: Track = untracked,
) -> DetectionSet:
    """Decode, check and split.

    Args:
        train_photos: To learn from.
        val_photos: To check with; None holds out a tenth of the training photos. One that is or looks like a training
            photo is left out.
        cache_root: Folder of the decoded photos.
        seed: Chooses what is held out.
        is_by_class: Learn the classes of the training photos' boxes; else each box is a product.
        track: Shows progress.

    Raises:
        BadInput: No usable photo, no box to learn, or nothing left to check with.
        StoreFailed: The decoded photos cannot be written.
    """
    given = [*train_photos, *(val_photos or ())]
    whole = [LabelledPhoto(photo.path, PRODUCT) for photo in given]
    cache = open_cache(whole, cache_root, shorter_side_px=STORED_PX, track=track)
    learned = {box.label for photo in train_photos for box in photo.boxes if not box.is_ignored}
    labels = tuple(sorted(learned)) if is_by_class else (PRODUCT,)
    truths = tuple(
        _truth(given[position], cache.shapes[row], labels if is_by_class else None)
        for row, position in enumerate(cache.positions)
    )
    n_train = sum(position < len(train_photos) for position in cache.positions)
    problems: list[Problem] = []
    if val_photos is None:
        is_empty = np.array([truth.object_px is None for truth in truths], np.int64)
        # A share of the photos with boxes, and the same of those without: a check on empty photos alone says nothing.
        train_rows, val_rows = hold_out(is_empty, cache.fingerprints, seed, HELD_OUT_FRAC)
    else:
        train_rows = np.arange(n_train)
        val_rows, problems = _checked(cache, n_train)
    found = DetectionSet(cache, truths, labels, train_rows, val_rows, (*cache.problems, *problems))
    if not found.n_boxes:
        raise BadInput(
            f"Detector: none of {len(train_rows)} training photos, from {given[0].path} on, has a box to learn; "
            "wanted at least one."
        )
    if not any((~truths[row].is_ignored).any() for row in val_rows):
        raise BadInput(
            f"Detector: got {len(val_rows)} photos to check with and no box in them.", "Give (other) validation photos."
        )
    return found


def _truth(photo: AnnotatedPhoto, stored: tuple[int, int], labels: tuple[str, ...] | None) -> PhotoTruth:
    height, width = stored
    scale = np.array([width / photo.width, height / photo.height] * 2, np.float32)
    # A class that training does not have can be neither right nor wrong.
    is_known = np.array([labels is None or box.label in labels for box in photo.boxes], bool)
    return PhotoTruth(
        xyxy=np.array([box.xyxy for box in photo.boxes], np.float32).reshape(-1, 4) * scale,
        labels=np.array(
            [labels.index(box.label) if labels and box.label in labels else 0 for box in photo.boxes], np.int64
        ),
        is_ignored=np.array([box.is_ignored for box in photo.boxes], bool) | ~is_known,
    )


def _checked(cache: PhotoCache, n_train: int) -> tuple[IntArray, list[Problem]]:
    """Validation rows that tell something, and why the others do not."""
    leaks = find_leaks(cache.fingerprints[:n_train], cache.fingerprints[n_train:])
    twin_of = {n_train + leak.query: leak.gallery for leak in leaks}
    problems = [
        Problem(
            str(cache.photos[row].path),
            BadInput.code,
            f"is or looks like the training photo {cache.photos[twin].path}; left out of validation.",
        )
        for row, twin in sorted(twin_of.items())
    ]
    return np.array([row for row in range(n_train, len(cache)) if row not in twin_of], np.int64), problems
