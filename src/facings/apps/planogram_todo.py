"""What to do at the shelf, the most important first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from facings.apps.planogram_verdicts import Compliance, PositionCheck

Kind = Literal["missing", "misplaced", "too_few", "extra", "too_many", "unknown"]

# An empty place sells nothing; what stands wrongly sells less; what nobody could tell may be right.
_ORDER: tuple[Kind, ...] = ("missing", "misplaced", "too_few", "extra", "too_many", "unknown")


@dataclass(frozen=True)
class Task:
    """One thing to do.

    Args:
        kind: What is wrong.
        sku: The product, None where it could not be told.
        shelf: Number of the shelf from the top, from 1; None for what stands on no shelf of the plan.
        position: The planned position, "" for a product that has none here.
        n_planned: Facings that should be in the photo there.
        n_seen: Facings that are there.
        boxes: Numbers of the boxes that it is about.
        words: What to do.
    """

    kind: Kind
    sku: str | None
    shelf: int | None
    position: str
    n_planned: int
    n_seen: int
    boxes: tuple[int, ...]
    words: str


def tasks(compliance: Compliance) -> tuple[Task, ...]:
    """What to do: by kind as in `Kind`, then by how many facings it is about, then from the top left."""
    found = [task for check in compliance.asked for task in _of_position(compliance, check)]
    found += _of_extras(compliance)
    ranked = sorted(enumerate(found), key=lambda pair: (_ORDER.index(pair[1].kind), -_n_concerned(pair[1]), pair[0]))
    return tuple(task for _, task in ranked)


def _n_concerned(task: Task) -> int:
    return abs(task.n_planned - task.n_seen)


def _of_position(compliance: Compliance, check: PositionCheck) -> list[Task]:
    if check.status == "in_place":
        return []
    if check.unknown and not check.n_missing and not check.found_at:
        return [_task(check, "unknown", check.unknown, f"Look at {_facings(len(check.unknown))}: could not be told.")]
    if check.status == "misplaced":
        places = ", ".join(dict.fromkeys(place_of(compliance, number) for number in check.found_at))
        return [_task(check, "misplaced", check.found_at, f"Bring it back from {places}.")]
    if check.status == "missing":
        return [_task(check, "missing", check.instead, f"Fill its place.{_instead(compliance, check)}")]
    if check.n_seen > check.n_in_view:
        return [_task(check, "too_many", check.surplus, f"Take {_facings(check.n_seen - check.n_in_view)} away.")]
    words = f"Add {_facings(check.n_missing)}." if check.n_missing else ""
    if check.found_at:
        words += f" Bring {_facings(len(check.found_at))} back from {place_of(compliance, check.found_at[0])}."
    if check.unknown:
        words += f" Look at {_facings(len(check.unknown))}: could not be told."
    return [_task(check, "too_few", (*check.found_at, *check.unknown), words.strip() + _instead(compliance, check))]


def _task(check: PositionCheck, kind: Kind, boxes: tuple[int, ...], words: str) -> Task:
    position = check.position
    return Task(kind, position.sku, check.row + 1, position.position_id, check.n_in_view, check.n_seen, boxes, words)


def _instead(compliance: Compliance, check: PositionCheck) -> str:
    skus = dict.fromkeys(compliance.sightings[number].skus[0] for number in check.instead)
    return f" There stands {', '.join(skus)}." if skus else ""


def _facings(n: int) -> str:
    return "1 facing" if n == 1 else f"{n} facings"


def place_of(compliance: Compliance, number: int) -> str:
    """Where a box stands, in words: its shelf and the planned position that it takes or stands after."""
    match = compliance.match
    row = next(i for i, seen in enumerate(match.rows.rows) if number in seen.boxes)
    if row not in match.row_of:
        return "no shelf of the plan"
    shelf = match.row_of.index(row)
    owner = {
        box: check.position.position_id
        for check, boxes in zip(compliance.positions, _paired(compliance), strict=True)
        for box in boxes
    }
    if number in owner:
        return f"shelf {shelf + 1}, place of {owner[number]}"
    boxes = match.rows.rows[row].boxes
    before = [owner[box] for box in boxes[: boxes.index(number)] if box in owner]
    return f"shelf {shelf + 1}, after {before[-1]}" if before else f"shelf {shelf + 1}, at the left end"


def _paired(compliance: Compliance) -> list[list[int]]:
    """The boxes in the places of each position."""
    found = []
    for paired, row in zip(compliance.match.paired, compliance.plan.rows, strict=True):
        begin = 0
        for position in row:
            numbers = paired[begin : begin + position.n_facings]
            found.append([number for number in numbers if number is not None])
            begin += position.n_facings
    return found


def _of_extras(compliance: Compliance) -> list[Task]:
    """One task a product and place; what could not be told and stands in no planned place is one task a place."""
    groups: dict[tuple[str | None, str, bool], list[int]] = {}
    for extra in compliance.extras:
        groups.setdefault((extra.sku, place_of(compliance, extra.box), extra.is_planned), []).append(extra.box)
    found = []
    for (sku, place, is_planned), boxes in groups.items():
        if sku is None:
            words = f"Look at {place}: what stands there could not be told, and nothing is planned there."
        else:
            why = "its own place needs none" if is_planned else "it is not in the plan"
            words = f"Take it away from {place}: {why}."
        kind: Kind = "unknown" if sku is None else "extra"
        found.append(Task(kind, sku, None, "", 0, len(boxes), tuple(boxes), words))
    return found
