"""Boxes that others drew, read from an annotation file.

Two forms are understood: CSV with the columns `photo,x1,y1,x2,y2`, and COCO JSON (`images`, `annotations` with
`bbox` as x, y, width, height; https://cocodataset.org/#format-data). A photo without boxes may stand in COCO's
`images` alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facings.csv_table import read_table, read_text
from facings.errors import BadInput, Problem
from facings.manifest import BOX_COLUMNS
from facings.types import FloatArray

_FARTHEST_PX = 1e9  # far beyond any photo, well within float32


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
    found: dict[str, list[list[float]]] = {}
    problems: list[Problem] = []
    for line, fields in read_table(path, problems, needed=("photo", *BOX_COLUMNS)):
        try:
            if not fields["photo"]:
                raise BadInput("the row names no photo, wanted photo,x1,y1,x2,y2.")
            corners = _corners([fields[column] for column in BOX_COLUMNS])
        except BadInput as error:
            problems.append(Problem(f"{path}:{line}", error.code, error.message))
        else:
            found.setdefault(fields["photo"], []).append(corners)
    return BoxFile(_as_arrays(found), tuple(problems))


def _from_coco(path: Path) -> BoxFile:
    text = read_text(path)
    try:
        document = json.loads(text)
        names = {image["id"]: str(image["file_name"]) for image in document["images"]}
        entries: Iterable[dict[str, Any]] = list(document["annotations"])
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{error.lineno}: broken JSON ({error.msg}).") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: no COCO file ({error!r}), wanted images and annotations.") from error
    found: dict[str, list[list[float]]] = {name: [] for name in names.values()}
    problems = []
    for number, entry in enumerate(entries, start=1):
        try:
            x, y, width, height = map(float, entry["bbox"])
            name = names[entry["image_id"]]
            corners = _corners([x, y, x + width, y + height])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            problems.append(Problem(f"{path}: annotation {number}", BadInput.code, f"cannot be used ({error!r})."))
        except BadInput as error:
            problems.append(Problem(f"{path}: annotation {number}", error.code, error.message))
        else:
            found[name].append(corners)
    return BoxFile(_as_arrays(found), tuple(problems))


def _corners(values: list[Any]) -> list[float]:
    try:
        x1, y1, x2, y2 = (float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise BadInput(f"got box {values}, wanted four numbers in pixels.") from error
    if not (-_FARTHEST_PX < x1 < x2 < _FARTHEST_PX and -_FARTHEST_PX < y1 < y2 < _FARTHEST_PX):
        raise BadInput(f"got box {values}, wanted x1 < x2 and y1 < y2: it has no area or its corners are swapped.")
    return [x1, y1, x2, y2]


def _as_arrays(found: dict[str, list[list[float]]]) -> dict[str, FloatArray]:
    return {name: np.array(boxes, np.float32).reshape(-1, 4) for name, boxes in found.items()}
