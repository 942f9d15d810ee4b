"""Plans from files: a CSV as a category team writes it, or the JSON of the retired Azure service.

The CSV has the columns `shelf,position,sku,facings` and, where all rows can say it, `width_cm` of one facing. Shelves
count from the top, positions from the left; numbers may be left out. Without widths all facings count as equally wide
and every shelf as full.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from facings.apps.planogram_azure import read_azure_plan
from facings.apps.planogram_plan import Plan, PlannedFacing, Position
from facings.csv_table import read_table, read_text
from facings.errors import BadInput, Problem

MAX_FACINGS = 1000  # of one position
_NEEDED = ("shelf", "position", "sku", "facings")


@dataclass(frozen=True)
class _Row:
    shelf: int
    position: int
    sku: str
    n_facings: int
    width_cm: float | None


def read_plan(path: Path) -> tuple[Plan, tuple[Problem, ...]]:
    """A plan from a CSV or JSON file, told apart by content, and the entries that were refused.

    Raises:
        BadInput: The file is neither, or nothing usable is in it.
    """
    text = read_text(path)
    if text.lstrip()[:1] in {"{", "["}:
        return read_azure_plan(path, text)
    problems: list[Problem] = []
    rows: dict[tuple[int, int], _Row] = {}
    for line, fields in read_table(path, problems, needed=_NEEDED, allowed=(*_NEEDED, "width_cm")):
        try:
            row = _parsed(fields)
            if (row.shelf, row.position) in rows:
                raise BadInput(f"shelf {row.shelf}, position {row.position} stands twice; the first row was taken.")
        except BadInput as error:
            problems.append(Problem(f"{path}:{line}", error.code, error.message))
        else:
            rows[row.shelf, row.position] = row
    if not rows:
        why = f" All {len(problems)} rows were refused, the first because {problems[0].message}" if problems else ""
        raise BadInput(f"{path}: the plan is empty.{why}", f"Wanted rows with {','.join(_NEEDED)}.")
    return Plan(_shelves(list(rows.values())), str(path)), tuple(problems)


def _parsed(fields: dict[str, str]) -> _Row:
    if not fields["sku"]:
        raise BadInput("the row names no product, wanted a SKU, GTIN or name.")
    width = fields.get("width_cm", "")
    return _Row(
        _whole(fields, "shelf", 10_000),
        _whole(fields, "position", 10_000),
        fields["sku"],
        _whole(fields, "facings", MAX_FACINGS),
        _length(width) if width else None,
    )


def _whole(fields: dict[str, str], name: str, most: int) -> int:
    text = fields[name]
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise BadInput(f"{name} {text!r}: wanted a whole number from 1 to {most}.")
    return int(text)


def _length(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < 100_000:
        raise BadInput(f"width_cm {text!r}: wanted a length above 0 with a point, such as 7.5.")
    return number


def _shelves(rows: list[_Row]) -> tuple[tuple[Position, ...], ...]:
    rows.sort(key=lambda row: (row.shelf, row.position))
    shelves = [[row for row in rows if row.shelf == shelf] for shelf in sorted({row.shelf for row in rows})]
    has_widths = all(row.width_cm for row in rows)
    widest = max(sum(row.n_facings for row in shelf) for shelf in shelves)
    return tuple(_positions(shelf, None if has_widths else widest) for shelf in shelves)


def _positions(shelf: list[_Row], length: int | None) -> tuple[Position, ...]:
    """Facings side by side; without widths stretched to a length, so that shelves end together."""
    equal = 1.0 if length is None else length / sum(row.n_facings for row in shelf)
    left, positions = 0.0, []
    for row in shelf:
        width = row.width_cm if length is None and row.width_cm else equal
        key = f"{row.shelf}.{row.position}"
        facings = tuple(PlannedFacing(f"{key}.{n + 1}", left + (n + 0.5) * width, width) for n in range(row.n_facings))
        left += row.n_facings * width
        positions.append(Position(key, row.sku, facings))
    return tuple(positions)
