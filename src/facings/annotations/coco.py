"""COCO JSON: all photos in one file (https://cocodataset.org/#format-data).

`bbox` is x, y, width, height in pixels, measured from the top left corner of the photo, counted from 0; so the right
edge x + width is exclusive. A box without `category_id` is called "object".

Ignored are annotations with `iscrowd` or `ignore`; which of the two it was is not kept, and both are written, since
pycocotools heeds `iscrowd` alone. Every other field of an annotation is an attribute (`area` only where it is not the
box's own). Not kept: ids, fields of photos and categories other than file name, size and name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from facings.annotations.corners import clip, read_boxes_of_photo, to_corners
from facings.annotations.losses import Losses, name_from
from facings.annotations.photo_finder import FoundPhoto, PhotoFinder, said_size
from facings.annotations.values import UNNAMED, AnnotatedPhoto, Corners, LabelledBox
from facings.csv_table import read_text
from facings.errors import BadInput, Problem

_FLAGS = ("iscrowd", "ignore")
_OWN_FIELDS = frozenset({"id", "image_id", "category_id", "bbox", *_FLAGS})


def read_document(path: Path) -> dict[str, Any]:
    """The JSON of a COCO file, in which `images` and `annotations` are lists.

    Raises:
        BadInput: It cannot be read, is broken anywhere, or is no COCO file.
    """
    text = read_text(path)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{error.lineno}: broken JSON ({error.msg}).") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: no COCO file ({error!r}), wanted images and annotations.") from error
    if not isinstance(document, dict) or not all(
        isinstance(document.get(key), list) for key in ("images", "annotations")
    ):
        raise BadInput(f"{path}: no COCO file, wanted an object with the lists images and annotations.")
    return document


def entry_corners(entry: Any) -> Corners:
    """Left, top, right, bottom of an annotation's `bbox`.

    Raises:
        BadInput: It has none that can be used.
    """
    try:
        x, y, width, height = map(float, entry["bbox"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"cannot be used ({error!r}), wanted bbox with x, y, width, height.") from error
    return to_corners([x, y, x + width, y + height])


def read_coco(path: Path, finder: PhotoFinder, problems: list[Problem]) -> Iterator[AnnotatedPhoto]:
    """The photos of a COCO file, each with its boxes.

    Raises:
        BadInput: The file is broken or no COCO file.
    """
    document = read_document(path)
    labels = _labels(path, document.get("categories"), problems)
    photos: dict[Any, FoundPhoto | None] = {}  # None: its fault was told once, not again for each box
    for number, image in enumerate(document["images"], start=1):
        try:
            key = _key(image, "id")
            if key in photos:
                raise BadInput(f"got the id {key!r} a second time, wanted each once.")
            photos[key] = None
            names = [str(image["file_name"])] if image.get("file_name") else []
            if not names:
                raise BadInput("got no file_name, wanted the name of the photo.")
            photos[key] = finder.find(names, said_size(image.get("width"), image.get("height")))
        except BadInput as error:
            problems.append(Problem(f"{path}: image {number}", error.code, str(error)))
    entries = _entries(path, document["annotations"], photos, problems)
    for key, photo in photos.items():
        if photo is not None:
            parse = partial(_box, photo=photo, labels=labels)
            boxes = read_boxes_of_photo(entries[key], parse, problems)
            yield AnnotatedPhoto(photo.path, photo.width, photo.height, boxes)


def write_coco(
    photos: Sequence[AnnotatedPhoto], path: Path, losses: Losses, labels: Sequence[str] | None = None
) -> None:
    """One COCO file; names of photos are relative to it.

    Categories are numbered from 1 in the order of the labels, or else of the names of those there are.
    """
    if labels is None:
        labels = sorted({box.label for photo in photos for box in photo.boxes})
    ids = {label: number for number, label in enumerate(labels, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, photo in enumerate(photos, start=1):
        name = name_from(path.parent, photo.path)
        images.append({"id": number, "file_name": name, "width": photo.width, "height": photo.height})
        for box in photo.boxes:
            row = {"id": len(annotations) + 1, "image_id": number, "category_id": ids[box.label]}
            annotations.append({**row, **_fields(box, losses)})
    categories = [{"id": number, "name": label} for label, number in ids.items()]
    document = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _key(entry: Any, name: str) -> int | str:
    key = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(key, int | str):
        raise BadInput(f"got {name} {key!r}, wanted a number or text.")
    return key


def _labels(path: Path, categories: Any, problems: list[Problem]) -> dict[int | str, str]:
    labels: dict[int | str, str] = {}
    for number, category in enumerate(categories if isinstance(categories, list) else [], start=1):
        try:
            key = _key(category, "id")
            if key in labels:
                raise BadInput(f"got the id {key!r} a second time, wanted each once.")
            name = category.get("name")
            labels[key] = "" if name is None else str(name).strip()
        except BadInput as error:
            problems.append(Problem(f"{path}: category {number}", error.code, error.message))
    return labels


def _entries(
    path: Path, annotations: list[Any], photos: dict[Any, FoundPhoto | None], problems: list[Problem]
) -> dict[Any, list[tuple[str, dict[str, Any]]]]:
    """The annotations of each photo, with where they stand."""
    entries: dict[Any, list[tuple[str, dict[str, Any]]]] = {key: [] for key in photos}
    for number, entry in enumerate(annotations, start=1):
        where = f"{path}: annotation {number}"
        try:
            key = _key(entry, "image_id")
            if key not in entries:
                raise BadInput(f"got image_id {key!r}, wanted the id of one of the images.")
        except BadInput as error:
            problems.append(Problem(where, error.code, error.message))
        else:
            entries[key].append((where, entry))
    return entries


def _box(entry: dict[str, Any], *, photo: FoundPhoto, labels: dict[int | str, str]) -> tuple[LabelledBox, str]:
    corners = entry_corners(entry)
    xyxy, remark = clip(corners, photo.width, photo.height)
    label = UNNAMED
    if "category_id" in entry:
        key = _key(entry, "category_id")
        if key not in labels:
            raise BadInput(f"got category_id {key!r}, wanted the id of one of the categories.")
        label = labels[key]
    attributes = {name: value for name, value in entry.items() if name not in _OWN_FIELDS}
    if _is_own_area(attributes.get("area"), corners):
        del attributes["area"]
    return LabelledBox(xyxy, label, any(_flag(entry, name) for name in _FLAGS), attributes), remark


def _flag(entry: dict[str, Any], name: str) -> bool:
    value = entry.get(name)
    if value not in (None, 0, 1):  # False and True are 0 and 1
        raise BadInput(f"got {name} {value!r}, wanted 0 or 1.")
    return bool(value)


def _is_own_area(area: Any, corners: Corners) -> bool:
    x1, y1, x2, y2 = corners
    return isinstance(area, int | float) and math.isclose(area, (x2 - x1) * (y2 - y1), rel_tol=1e-3)


def _fields(box: LabelledBox, losses: Losses) -> dict[str, Any]:
    x1, y1, x2, y2 = box.xyxy
    kept = {}
    for name, value in box.attributes.items():
        if name not in _OWN_FIELDS and _is_json({name: value}):
            kept[name] = value
        else:
            losses.add(f"attribute {name}")
    flags = {"iscrowd": int(box.is_ignored), **({"ignore": 1} if box.is_ignored else {})}
    return {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1), **flags, **kept}


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        return False
    return True
