"""SKU-110K: one CSV without a header, a line a box: image_name,x1,y1,x2,y2,class,image_width,image_height.

Published with Goldman et al., Precise Detection in Densely Packed Scenes, CVPR 2019
(https://github.com/eg4000/SKU110K_CVPR19). Corners are pixels from 0. The set does not say whether x2 belongs to the
box; its reader (keras-retinanet) takes x2 − x1 as width and refuses x2 = x1, so right and bottom are exclusive here. A
photo without boxes is a line with its five box fields empty, as that reader has it. Fractions are written as they
are, though that reader takes whole pixels only.

It cannot hold ignore flags (those boxes are left out) and attributes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from facings.annotations.corners import clip, number_text, read_boxes_of_photo, to_corners
from facings.annotations.losses import Losses, name_from, plain_boxes
from facings.annotations.photo_finder import FoundPhoto, PhotoFinder, said_size
from facings.annotations.values import AnnotatedPhoto, LabelledBox
from facings.csv_table import numbered_rows, read_text
from facings.errors import BadInput, Problem

COLUMNS = ("image_name", "x1", "y1", "x2", "y2", "class", "image_width", "image_height")


@dataclass
class _Rows:
    """What the file says of one photo; without a photo, why was told already."""

    size: list[str]
    photo: FoundPhoto | None = None
    entries: list[tuple[str, list[str]]] = field(default_factory=list)


def read_sku110k(path: Path, finder: PhotoFinder, problems: list[Problem]) -> Iterator[AnnotatedPhoto]:
    """The photos of an SKU-110K file, each with its boxes; where the file breaks, what stood before is read.

    Raises:
        BadInput: The file cannot be read as text.
    """
    found: dict[str, _Rows] = {}
    rows = numbered_rows(path, read_text(path))
    try:
        for line, row in rows:
            fields = [value.strip() for value in row]
            if line > 1 or [value.lower() for value in fields] != list(COLUMNS):
                _sort_in(fields, f"{path}:{line}", found, finder, problems)
    except BadInput as error:  # a quote that is not closed swallows the rest
        problems.append(Problem(str(path), error.code, f"{error} What stands before it was read."))
    for rows_of_photo in found.values():
        photo = rows_of_photo.photo
        if photo is not None:
            boxes = read_boxes_of_photo(rows_of_photo.entries, partial(_box, photo=photo), problems)
            yield AnnotatedPhoto(photo.path, photo.width, photo.height, boxes)


def write_sku110k(photos: Sequence[AnnotatedPhoto], path: Path, losses: Losses) -> None:
    """One CSV file; names of photos are relative to it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for photo in photos:
            name = name_from(path.parent, photo.path)
            boxes = plain_boxes(photo, losses)
            cells = [[*map(number_text, box.xyxy), box.label] for box in boxes] or [[""] * 5]
            writer.writerows([name, *cell, photo.width, photo.height] for cell in cells)


def _sort_in(
    fields: list[str], where: str, found: dict[str, _Rows], finder: PhotoFinder, problems: list[Problem]
) -> None:
    """A row to the rows of its photo, which is looked for when first named."""
    try:
        if len(fields) != len(COLUMNS) or not fields[0]:
            raise BadInput(f"got a row of {len(fields)} fields, wanted {','.join(COLUMNS)}.")
        name, size = fields[0], fields[6:]
        if name not in found:
            found[name] = _Rows(size)
            found[name].photo = finder.find([name], said_size(*size))
        if found[name].size != size:
            raise BadInput(f"got size {'×'.join(size)}, but {'×'.join(found[name].size)} further up for this photo.")
    except BadInput as error:
        problems.append(Problem(where, error.code, str(error)))
    else:
        if any(fields[1:6]):
            found[name].entries.append((where, fields[1:6]))


def _box(fields: list[str], *, photo: FoundPhoto) -> tuple[LabelledBox, str]:
    xyxy, remark = clip(to_corners(fields[:4]), photo.width, photo.height)
    return LabelledBox(xyxy, fields[4]), remark
