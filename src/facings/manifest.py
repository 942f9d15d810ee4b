"""Labelled photos: which file shows which product. Galleries, evaluations and trainings all read them here.

Three forms are understood:
- a folder: each directory below it that holds photos is one product, its name the label, its parent the category;
- a CSV file with the columns `photo,sku` and, if wanted, `category,x1,y1,x2,y2` (pixels of the upright photo);
- a list in the Grocery Store layout: `path, fine id, coarse id` a line, with `classes.csv` beside it.
Paths inside a file are relative to the file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from facings.csv_table import numbered_rows, read_table, read_text
from facings.errors import BadInput, Problem
from facings.images import walk_photos

BOX_COLUMNS = ("x1", "y1", "x2", "y2")


@dataclass(frozen=True)
class LabelledPhoto:
    """One photo of one product.

    Args:
        path: The file.
        label: The product: a SKU, or what the catalog resolves to one.
        category: One level above it, "" when not said.
        box: x1, y1, x2, y2 in pixels of the upright photo; None for the whole photo.
    """

    path: Path
    label: str
    category: str = ""
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Manifest:
    """Labelled photos in the order of their source, and the entries that could not be understood."""

    photos: tuple[LabelledPhoto, ...]
    problems: tuple[Problem, ...]


def read_manifest(path: Path) -> Manifest:
    """Labelled photos from a folder, a CSV file or a Grocery Store list.

    Raises:
        BadInput: The source does not exist, is of none of the three forms, or holds no photo at all.
    """
    if path.is_dir():
        manifest = _from_folder(path)
        wanted = "a directory of photos for each product"
    elif path.suffix.lower() == ".txt":
        manifest = _from_grocery_list(path)
        wanted = "lines of 'path, fine id, coarse id'"
    else:
        manifest = _from_csv(path)
        wanted = "rows of photo,sku"
    if not manifest.photos:
        why = (
            f" First problem: {manifest.problems[0].where}: {manifest.problems[0].message}" if manifest.problems else ""
        )
        raise BadInput(f"{path}: found no labelled photo, wanted {wanted}.{why}")
    return manifest


def _from_folder(root: Path) -> Manifest:
    photos: list[LabelledPhoto] = []
    problems: list[Problem] = []
    directory_of: dict[str, Path] = {}
    empty: list[Path] = []
    parents = {root}

    def unreadable(error: OSError) -> None:
        problems.append(Problem(str(error.filename), BadInput.code, f"cannot be read ({error.strerror})."))

    for directory, files in walk_photos(root, unreadable):
        parents.add(directory.parent)
        if not files:
            empty.append(directory)
            continue
        label = directory.resolve().name
        first = directory_of.setdefault(label.casefold(), directory)
        if first != directory:
            message = f"the name {label!r} is taken by {first} (upper and lower case count as the same)."
            problems.append(Problem(str(directory), BadInput.code, message + " Rename one; its photos were left out."))
            continue
        category = "" if root in {directory, directory.parent} else directory.parent.name
        photos.extend(LabelledPhoto(file, label, category) for file in files)
    problems += [
        Problem(str(directory), BadInput.code, "holds no photo. Add some of this product, or remove the folder.")
        for directory in empty
        if directory not in parents
    ]
    return Manifest(tuple(photos), tuple(problems))


def _from_csv(path: Path) -> Manifest:
    photos: list[LabelledPhoto] = []
    problems: list[Problem] = []
    for line, fields in read_table(path, problems, needed=("photo", "sku")):
        try:
            photos.append(_labelled(path.parent, fields))
        except BadInput as error:
            problems.append(Problem(f"{path}:{line}", error.code, error.message))
    return Manifest(tuple(photos), tuple(problems))


def _labelled(folder: Path, fields: Mapping[str, str]) -> LabelledPhoto:
    name, label = fields["photo"], fields["sku"]
    if not name or not label:
        raise BadInput(f"got photo {name!r} and sku {label!r}, wanted both.")
    corners = [fields.get(column, "") for column in BOX_COLUMNS]
    return LabelledPhoto(folder / name, label, fields.get("category", ""), parse_box(corners))


def parse_box(corners: list[str]) -> tuple[float, float, float, float] | None:
    """Four texts x1, y1, x2, y2 as a box in pixels; None when all are empty.

    Raises:
        BadInput: Not four numbers, or no box.
    """
    if not any(corners):
        return None
    try:
        x1, y1, x2, y2 = map(float, corners)
    except ValueError as error:
        raise BadInput(f"got box {','.join(corners)}, wanted four numbers x1,y1,x2,y2.") from error
    if not (0 <= x1 < x2 < math.inf and 0 <= y1 < y2 < math.inf):
        raise BadInput(f"got box {','.join(corners)}, wanted 0 <= x1 < x2 and 0 <= y1 < y2, in pixels.")
    return x1, y1, x2, y2


def _from_grocery_list(path: Path) -> Manifest:
    names = _grocery_names(path.with_name("classes.csv"))
    photos: list[LabelledPhoto] = []
    problems: list[Problem] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        parts = [part.strip() for part in line.rsplit(",", 2)]
        if len(parts) != 3 or tuple(parts[1:]) not in names:
            message = f"got {line!r}, wanted 'path, fine id, coarse id' with ids that classes.csv holds together."
            problems.append(Problem(f"{path}:{number}", BadInput.code, message))
            continue
        label, category = names[parts[1], parts[2]]
        photos.append(LabelledPhoto(path.parent / parts[0], label, category))
    return Manifest(tuple(photos), tuple(problems))


def _grocery_names(path: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """(fine id, coarse id) → (fine name, coarse name)."""
    rows = [row for _, row in numbered_rows(path, read_text(path))][1:]
    short = [row for row in rows if len(row) < 4]
    if short:
        raise BadInput(
            f"{path}: got a row of {len(short[0])} fields, wanted fine name, fine id, coarse name, coarse id."
        )
    return {(row[1].strip(), row[3].strip()): (row[0].strip(), row[2].strip()) for row in rows}
