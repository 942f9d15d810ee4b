"""Boxes to recognize in, without labels: CSV with the columns `photo,x1,y1,x2,y2`, or COCO JSON (`coco.py`).

A photo without boxes may stand in COCO's `images` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facings.annotations.coco import entry_corners, read_document
from facings.annotations.corners import to_corners
from facings.annotations.values import Corners
from facings.csv_table import read_table
from facings.errors import BadInput, Problem
from facings.manifest import BOX_COLUMNS
from facings.types import FloatArray


@dataclass(frozen=True, eq=False)
class BoxFile:
    """Boxes by photo, as the file names it: float32 (N, 4) xyxy in pixels; and the entries that were refused."""

    boxes: dict[str, FloatArray]
    problems: tuple[Problem, ...]


def read_boxes(path: Path) -> BoxFile:
    """Boxes from a CSV or a COCO JSON file. A bad entry is reported, the others are read.

    Raises:
        BadInput: The file cannot be read as either.
    """
    return _from_coco(path) if path.suffix.lower() == ".json" else _from_csv(path)


def _from_csv(path: Path) -> BoxFile:
    found: dict[str, list[Corners]] = {}
    problems: list[Problem] = []
    for line, fields in read_table(path, problems, needed=("photo", *BOX_COLUMNS)):
        try:
            if not fields["photo"]:
                raise BadInput("the row names no photo, wanted photo,x1,y1,x2,y2.")
            corners = to_corners([fields[column] for column in BOX_COLUMNS])
        except BadInput as error:
            problems.append(Problem(f"{path}:{line}", error.code, error.message))
        else:
            found.setdefault(fields["photo"], []).append(corners)
    return BoxFile(_as_arrays(found), tuple(problems))


def _from_coco(path: Path) -> BoxFile:
    document = read_document(path)
    try:
        names = {image["id"]: str(image["file_name"]) for image in document["images"]}
    except (KeyError, TypeError) as error:
        raise BadInput(f"{path}: no COCO file ({error!r}), wanted images with id and file_name.") from error
    found: dict[str, list[Corners]] = {name: [] for name in names.values()}
    problems = []
    for number, entry in enumerate(document["annotations"], start=1):
        try:
            corners = entry_corners(entry)
            name = names[entry["image_id"]]
        except (KeyError, TypeError) as error:
            problems.append(Problem(f"{path}: annotation {number}", BadInput.code, f"cannot be used ({error!r})."))
        except BadInput as error:
            problems.append(Problem(f"{path}: annotation {number}", error.code, error.message))
        else:
            found[name].append(corners)
    return BoxFile(_as_arrays(found), tuple(problems))


def _as_arrays(found: dict[str, list[Corners]]) -> dict[str, FloatArray]:
    return {name: np.array(boxes, np.float32).reshape(-1, 4) for name, boxes in found.items()}
