"""Boxes that others drew, read from an annotation file.

Two forms are understood: CSV with the columns `photo,x1,y1,x2,y2`, and COCO JSON (`images`, `annotations` with
`bbox` as x, y, width, height; https://cocodataset.org/#format-data). A photo without boxes may stand in COCO's
`images` alone.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facings.catalog import Problem
from facings.errors import BadInput
from facings.types import FloatArray

_COLUMNS = ("photo", "x1", "y1", "x2", "y2")
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
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error}).") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start} is not UTF-8.", "Save the file as UTF-8.") from error
    return _from_coco(path, text) if path.suffix.lower() == ".json" else _from_csv(path, text)


def _from_csv(path: Path, text: str) -> BoxFile:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise BadInput(f"{path}:1: column {missing[0]} is missing, wanted {','.join(_COLUMNS)}.")
    found: dict[str, list[list[float]]] = {}
    problems = []
    try:
        for row in reader:
            try:
                name = (row["photo"] or "").strip()
                if not name:
                    raise BadInput("the row names no photo, wanted photo,x1,y1,x2,y2.")
                corners = _corners([row[column] for column in _COLUMNS[1:]])
            except BadInput as error:
                problems.append(Problem(f"{path}:{reader.line_num}", error.code, error.message))
            else:
                found.setdefault(name, []).append(corners)
    except csv.Error as error:
        raise BadInput(f"{path}:{reader.line_num}: broken CSV ({error}).", "Look for an unclosed quote.") from error
    return BoxFile(_as_arrays(found), tuple(problems))


def _from_coco(path: Path, text: str) -> BoxFile:
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
