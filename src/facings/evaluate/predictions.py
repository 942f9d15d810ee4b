"""Boxes that another detector found, as COCO results hold them (https://cocodataset.org/#format-results).

A JSON list of entries with `bbox` (x, y, width, height in pixels of the upright photo), `score` in [0, 1], and
`image_id` or `file_name`; `category_id` where classes count. `file_name` is the photo's path or the end of it.
`image_id` is the image's id in COCO annotations; beside annotations of another format, the photo's name without suffix,
as text or as a number. `category_id` likewise, or the class's place, from 1, among all classes sorted by name.

Boxes are taken as they are, also where they reach out of the photo.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from facings.annotations import AnnotatedPhoto
from facings.annotations.coco import entry_corners, read_document
from facings.annotations.values import Corners
from facings.csv_table import read_text
from facings.errors import BadInput, Problem
from facings.evaluate.photo_boxes import PhotoBoxes, pair_boxes

_Key = int | str


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a file says was found.

    Args:
        photos: True and found boxes, in the order of the annotated photos; none found where the file says nothing.
        problems: Entries that were refused.
    """

    photos: tuple[PhotoBoxes, ...]
    problems: tuple[Problem, ...]


def read_predictions(
    path: Path, photos: Sequence[AnnotatedPhoto], annotations: Path, *, with_classes: bool = False
) -> Predictions:
    """Boxes from a COCO results file, each to its photo. A bad entry is reported, the others are read.

    Args:
        path: The JSON file.
        photos: The annotated photos.
        annotations: What they were read from, which says what the ids mean.
        with_classes: Whether classes count; every entry must then have one.

    Raises:
        BadInput: The file cannot be read, or is no list.
    """
    names = _Names(photos, annotations)
    found: list[list[tuple[Corners, float, str]]] = [[] for _ in photos]
    problems: list[Problem] = []
    unknown: Counter[str] = Counter()  # told once a photo, not again for each of its boxes
    for number, entry in enumerate(_entries(path), start=1):
        try:
            name, position = names.photo_of(entry)
            if position is None:
                unknown[name] += 1
            else:
                label = names.class_of(entry) if with_classes else ""
                found[position].append((entry_corners(entry), _confidence(entry), label))
        except BadInput as error:
            problems.append(Problem(f"{path}: entry {number}", error.code, error.message))
    for name, n_boxes in unknown.items():
        left_out = f"{n_boxes} {'entry was' if n_boxes == 1 else 'entries were'} left out"
        message = f"{name} is not the name of exactly one annotated photo: {left_out}."
        problems.append(Problem(str(path), BadInput.code, message))
    pairs = zip(photos, found, strict=True)
    return Predictions(tuple(_paired(photo, boxes, with_classes) for photo, boxes in pairs), tuple(problems))


class _Names:
    """What the names and ids of a results file mean."""

    def __init__(self, photos: Sequence[AnnotatedPhoto], annotations: Path) -> None:
        self._by_path: dict[str, int | None] = {}  # None: several photos end so
        for position, photo in enumerate(photos):
            parts = photo.path.parts
            for start in range(len(parts)):
                end = PurePosixPath(*parts[start:]).as_posix()
                self._by_path[end] = None if end in self._by_path else position
        document = _coco_document(annotations)
        if document is None:
            self._by_id = _by_stem(photos)
            labels = sorted({box.label for photo in photos for box in photo.boxes})
            self._classes: dict[_Key, str] = dict(enumerate(labels, start=1))
        else:
            self._by_id = {
                image["id"]: self._by_path.get(_slashed(str(image.get("file_name"))))
                for image in document["images"]
                if isinstance(image, dict) and isinstance(image.get("id"), _Key)
            }
            categories = document.get("categories")
            self._classes = {
                category["id"]: str(category.get("name")).strip()
                for category in (categories if isinstance(categories, list) else [])
                if isinstance(category, dict) and isinstance(category.get("id"), _Key)
            }

    def photo_of(self, entry: Any) -> tuple[str, int | None]:
        """What the entry calls its photo, and the photo's position; None where it is none, or may be several."""
        told = entry if isinstance(entry, dict) else {}
        name, number = told.get("file_name"), told.get("image_id")
        if isinstance(name, str) and name:
            return f"file_name {name!r}", self._by_path.get(_slashed(name))
        if isinstance(number, _Key):
            return f"image_id {number!r}", self._by_id.get(number)
        raise BadInput("names no photo, wanted image_id or file_name.")

    def class_of(self, entry: dict[str, Any]) -> str:
        """The class of the entry."""
        key = entry.get("category_id")
        if not isinstance(key, _Key) or key not in self._classes:
            raise BadInput(f"got category_id {key!r}, wanted the id of one of the {len(self._classes)} classes.")
        return self._classes[key]


def _entries(path: Path) -> list[Any]:
    try:
        document = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{error.lineno}: broken JSON ({error.msg}).") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: no COCO results ({error!r}), wanted a list of boxes.") from error
    if not isinstance(document, list):
        raise BadInput(f"{path}: no COCO results, wanted a list of entries with image_id or file_name, bbox and score.")
    return document


def _coco_document(annotations: Path) -> dict[str, Any] | None:
    """The annotations as COCO has them; None where they are of another format."""
    try:
        return read_document(annotations)
    except BadInput:
        return None


def _by_stem(photos: Sequence[AnnotatedPhoto]) -> dict[_Key, int | None]:
    """Names without suffix, as text and where they are digits as numbers too; None: several photos have it."""
    positions: dict[_Key, int | None] = {}
    for position, photo in enumerate(photos):
        stem = photo.path.stem
        keys: set[_Key] = {stem, int(stem)} if stem.isdecimal() else {stem}
        for key in keys:
            positions[key] = None if key in positions else position
    return positions


def _slashed(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).as_posix()


def _confidence(entry: dict[str, Any]) -> float:
    score = entry.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:  # NaN fails this too
        raise BadInput(f"got score {score!r}, wanted a number in [0, 1].")
    return float(score)


def _paired(photo: AnnotatedPhoto, boxes: Sequence[tuple[Corners, float, str]], with_classes: bool) -> PhotoBoxes:
    return pair_boxes(
        photo,
        np.array([corners for corners, _, _ in boxes], np.float64).reshape(-1, 4),
        np.array([confidence for _, confidence, _ in boxes], np.float64),
        tuple(label for _, _, label in boxes) if with_classes else None,
    )
