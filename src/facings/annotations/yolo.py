"""YOLO (Darknet): one text file a photo, a line a box: `class x y width height`, and a list of class names.

Center, width and height are shares of the photo's (https://github.com/AlexeyAB/darknet#how-to-train-to-detect-your-
custom-objects), so left = (x − width / 2) · W and right = (x + width / 2) · W, exclusive. The class is a line number,
from 0, of `classes.txt` or `obj.names`. Files lie in `labels` or beside the class names. A photo without a file is not
looked at; one with an empty file holds nothing.

It cannot hold ignore flags (those boxes are left out), attributes, nor the size and the name of the photo: the photo
is the one of equal path but for the suffix, and must be there to be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from facings.annotations.corners import clip, read_boxes_of_photo, to_corners
from facings.annotations.losses import Losses, label_paths, plain_boxes
from facings.annotations.photo_finder import FoundPhoto, PhotoFinder
from facings.annotations.values import AnnotatedPhoto, LabelledBox
from facings.csv_table import read_text
from facings.errors import BadInput, Problem

LABELS = "labels"
_CLASS_FILES = ("classes.txt", "obj.names")


def class_file(folder: Path) -> Path | None:
    """The list of class names of a YOLO folder, in it or with its labels; None where there is none."""
    places = (place / name for place in (folder, folder / LABELS) for name in _CLASS_FILES)
    return next((path for path in places if path.is_file()), None)


def read_yolo(
    paths: Sequence[Path], folder: Path, names: Path, finder: PhotoFinder, problems: list[Problem]
) -> Iterator[AnnotatedPhoto]:
    """The photos of YOLO label files, each with its boxes; a file that is without its photo is a problem.

    Args:
        paths: The label files.
        folder: What they lie below; photos are laid out in the same way.
        names: The list of class names.
        finder: Finds photos.
        problems: Gets what was wrong.

    Raises:
        BadInput: The list of class names cannot be read.
    """
    labels = [line.strip() for line in read_text(names).split("\n")]
    while labels and not labels[-1]:
        labels.pop()
    for path in paths:
        try:
            lines = read_text(path).split("\n")
            photo = finder.find([path.relative_to(folder).with_suffix("").as_posix()])
        except BadInput as error:
            problems.append(Problem(str(path), error.code, str(error)))
            continue
        entries = ((f"{path}:{n}", line.split()) for n, line in enumerate(lines, start=1) if line.strip())
        boxes = read_boxes_of_photo(entries, partial(_box, photo=photo, labels=labels), problems)
        yield AnnotatedPhoto(photo.path, photo.width, photo.height, boxes)


def write_yolo(
    photos: Sequence[AnnotatedPhoto], folder: Path, losses: Losses, labels: Sequence[str] | None = None
) -> None:
    """`classes.txt` with the labels, or else the names of the classes there are, sorted; a file a photo in `labels/`.

    Raises:
        BadInput: There are files in `labels` already, or two photos differ by their suffix alone.
    """
    paths = label_paths(photos, folder / LABELS, ".txt")
    kept = [plain_boxes(photo, losses) for photo in photos]
    if labels is None:
        labels = sorted({box.label for boxes in kept for box in boxes})
    numbers = {label: number for number, label in enumerate(labels)}
    (folder / _CLASS_FILES[0]).write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    for photo, boxes, path in zip(photos, kept, paths, strict=True):
        lines = (f"{numbers[box.label]} {_shares(box, photo)}\n" for box in boxes)
        path.write_text("".join(lines), encoding="utf-8")


def _box(fields: list[str], *, photo: FoundPhoto, labels: list[str]) -> tuple[LabelledBox, str]:
    if len(fields) != 5:
        raise BadInput(f"got {len(fields)} values, wanted five: class, x, y, width, height.")
    number = fields[0]
    if not (number.isascii() and number.isdecimal() and len(number) < 10 and int(number) < len(labels)):
        raise BadInput(f"got class {number[:20]}, wanted a whole number below {len(labels)}, as many as have names.")
    try:
        x, y, width, height = map(float, fields[1:])
    except ValueError as error:
        raise BadInput(f"got {' '.join(fields[1:])}, wanted four shares of the photo's width and height.") from error
    if max(x, y, width, height) > 2:
        raise BadInput(
            f"got {' '.join(fields[1:])}, wanted shares of the photo's size, 0 to 1: these look like pixels."
        )
    left, right = (x - width / 2) * photo.width, (x + width / 2) * photo.width
    top, bottom = (y - height / 2) * photo.height, (y + height / 2) * photo.height
    xyxy, remark = clip(to_corners([left, top, right, bottom]), photo.width, photo.height)
    return LabelledBox(xyxy, labels[int(number)]), remark


def _shares(box: LabelledBox, photo: AnnotatedPhoto) -> str:
    x1, y1, x2, y2 = box.xyxy
    center = (x1 + x2) / 2 / photo.width, (y1 + y2) / 2 / photo.height
    size = (x2 - x1) / photo.width, (y2 - y1) / photo.height
    return " ".join(f"{share:.10f}" for share in (*center, *size))
