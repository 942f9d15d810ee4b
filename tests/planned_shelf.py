"""A shelf built as planned, as boxes without pixels, and what a photo from somewhere shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facings.apps.planogram_plan import Plan, PlannedFacing, Position
from facings.simulate.geometry import Homography, rectangle_corners
from facings.types import Candidate, Decision, PhotoResult, Recognition

SIZE_PX = (1600, 1200)


@dataclass(frozen=True)
class Unit:
    """One product that stands on a shelf; lengths in centimeters, y downwards."""

    sku: str
    x: float
    bottom: float
    width: float
    height: float


def plan_of(*shelves: str, widths: dict[str, float] | None = None) -> Plan:
    """A plan from texts such as "AAB": a letter a facing, neighbors of one letter are one position."""
    rows = []
    for row, text in enumerate(shelves, start=1):
        positions: list[Position] = []
        left = 0.0
        for letter in text:
            width = (widths or {}).get(letter, 10.0)
            key = f"{row}.{len(positions) + 1}"
            earlier: tuple[PlannedFacing, ...] = ()
            if positions and positions[-1].sku == letter:
                last = positions.pop()
                key, earlier = last.position_id, last.facings
            facing = PlannedFacing(f"{key}.{len(earlier) + 1}", left + width / 2, width)
            positions.append(Position(key, letter, (*earlier, facing)))
            left += width
        rows.append(tuple(positions))
    return Plan(tuple(rows), "plan.csv")


def units_of(plan: Plan, heights: dict[str, float] | None = None, pitch: float = 32.0) -> list[Unit]:
    """Everything in its place, 20 cm high unless told otherwise, shelves a pitch apart."""
    return [
        Unit(position.sku, facing.x, (row + 1) * pitch, 0.94 * facing.width, (heights or {}).get(position.sku, 20.0))
        for row, positions in enumerate(plan.rows)
        for position in positions
        for facing in position.facings
    ]


def straight(units: Sequence[Unit], size_px: tuple[int, int] = SIZE_PX) -> Homography:
    """The view from the front that shows all units with a margin."""
    right = max(u.x + u.width / 2 for u in units) + 5
    bottom = max(u.bottom for u in units) + 5
    target = rectangle_corners(0, 0, *size_px)
    return Homography.from_quads(rectangle_corners(-5, 0, right, bottom), target)


def tilted(units: Sequence[Unit], shifts: Sequence[float], size_px: tuple[int, int] = SIZE_PX) -> Homography:
    """The same with the eight numbers of the photo's corners moved inward by shares of the photo, each 0 to 0.15."""
    right = max(u.x + u.width / 2 for u in units) + 5
    bottom = max(u.bottom for u in units) + 5
    inward = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)], np.float64) * np.array(size_px)
    target = rectangle_corners(0, 0, *size_px) + inward * np.reshape(shifts, (4, 2))
    return Homography.from_quads(rectangle_corners(-5, 0, right, bottom), target)


def box_of(unit: Unit, view: Homography) -> tuple[float, float, float, float]:
    """The upright box around a unit in the photo."""
    corners = rectangle_corners(
        unit.x - unit.width / 2, unit.bottom - unit.height, unit.x + unit.width / 2, unit.bottom
    )
    seen = view.apply(corners)
    (x1, y1), (x2, y2) = seen.min(axis=0), seen.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


def decided(sku: str) -> Decision:
    """ "A" is accepted, "A|B" ambiguous, "" unknown."""
    names = sku.split("|") if sku else []
    candidates = tuple(Candidate(name, 0.9 - 0.01 * rank, rank) for rank, name in enumerate(names))
    if len(names) == 1:
        return Decision("accepted", names[0], candidates)
    return Decision("ambiguous" if names else "unknown", None, candidates)


def photo_of(units: Sequence[Unit], view: Homography | None = None, size_px: tuple[int, int] = SIZE_PX) -> PhotoResult:
    """What perfect recognition says of a photo: units whose middle is in it, cut at its border."""
    chosen = view or straight(units, size_px)
    recognitions = []
    for unit in units:
        x1, y1, x2, y2 = box_of(unit, chosen)
        if 0 <= (x1 + x2) / 2 <= size_px[0] and 0 <= (y1 + y2) / 2 <= size_px[1]:
            box = (max(x1, 0.0), max(y1, 0.0), min(x2, float(size_px[0])), min(y2, float(size_px[1])))
            recognitions.append(Recognition(box, 0.9, decided(unit.sku)))
    return PhotoResult("shelf.jpg", *size_px, tuple(recognitions))
