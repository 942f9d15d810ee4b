"""Planogram: a photo against its plan. What is in place, missing, misplaced or too much; how well the plan is kept.

A `PhotoResult` and a `Plan` in, a `Compliance` out. `planogram_match.py` says which box stands in which planned place;
here that becomes a verdict for each position.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from facings.apps.planogram_match import Match, Sighting, match_plan
from facings.apps.planogram_plan import Plan, Position
from facings.apps.planogram_verdicts import Compliance, Extra, PositionCheck
from facings.errors import BadInput
from facings.types import PhotoResult, Recognition


def check_planogram(plan: Plan, result: PhotoResult) -> Compliance:
    """How a photo keeps to its plan.

    Args:
        plan: From `planogram_plan.resolve`.
        result: What was recognized in the photo; no box at all means that all shelves in it are empty.

    Raises:
        BadInput: The photo failed.
    """
    if result.error:
        raise BadInput(f"{result.photo}: not checked, because it could not be recognized: {result.error.message}")
    sightings = tuple(map(_sighting, result.recognitions))
    match = match_plan(plan, sightings, (result.width, result.height))
    return _Judge(plan, sightings, match).compliance(result.photo)


def _sighting(r: Recognition) -> Sighting:
    decision = r.decision
    if decision.sku is not None:
        return Sighting(r.box, (decision.sku,), is_certain=True)
    candidates = decision.candidates if decision.verdict == "ambiguous" else ()
    return Sighting(r.box, tuple(c.sku for c in candidates), is_certain=False)


class _Judge:
    """Turns a match into verdicts. A position is known by its number in the plan, over all shelves."""

    def __init__(self, plan: Plan, sightings: tuple[Sighting, ...], match: Match) -> None:
        self._plan, self._sightings, self._match = plan, sightings, match
        self._position_at: dict[int, int] = {}  # box → position in whose place it stands
        self._owner: dict[int, int] = {}  # box → position that it fills
        self._slots: list[tuple[int, Position, range]] = []  # of each position: row, itself, its facings in the row
        for row, positions in enumerate(plan.rows):
            begin = 0
            for position in positions:
                slots = range(begin, begin + position.n_facings)
                for number in (match.paired[row][i] for i in slots):
                    if number is not None:
                        self._position_at[number] = len(self._slots)
                        if position.is_known and position.sku in sightings[number].skus:
                            self._owner[number] = len(self._slots)
                self._slots.append((row, position, slots))
                begin = slots.stop

    def compliance(self, photo: str) -> Compliance:
        surplus = self._surplus()
        taken = self._owner.keys() | surplus.keys()
        loose = [n for n in range(len(self._sightings)) if n not in taken]
        elsewhere = self._elsewhere([n for n in loose if self._sightings[n].is_certain])
        checks = tuple(self._check(number, surplus, elsewhere) for number in range(len(self._slots)))
        accounted = elsewhere.keys() | {n for check in checks for n in check.unknown}
        planned = {position.sku for position in self._plan.positions}
        extras = tuple(
            Extra(n, skus[0] if s.is_certain else None, s.is_certain and skus[0] in planned)
            for n in loose
            if n not in accounted
            for s, skus in [(self._sightings[n], self._sightings[n].skus)]
        )
        return Compliance(self._plan, photo, self._sightings, self._match, checks, extras)

    def _surplus(self) -> dict[int, int]:
        """Boxes that stand next to a block of their own product and belong to no place → position."""
        found: dict[int, int] = {}
        for row in self._match.rows.rows:
            for boxes in (row.boxes, row.boxes[::-1]):
                block: int | None = None
                for number in boxes:
                    s = self._sightings[number]
                    if number in self._owner:
                        block = self._owner[number]
                    elif block is None or number in self._position_at or self._slots[block][1].sku not in s.skus:
                        block = None
                    else:
                        found.setdefault(number, block)
        return found

    def _elsewhere(self, loose: Sequence[int]) -> dict[int, int]:
        """Boxes of products that their own places lack → position, the closest pairs first."""
        lacking = {number: self._n_lacking(number) for number in range(len(self._slots))}
        by_sku: dict[str, list[int]] = defaultdict(list)
        for number, n_lacking in lacking.items():
            if n_lacking > 0:
                by_sku[self._slots[number][1].sku].append(number)
        pairs = sorted(
            (self._distance(number, n), number, n) for n in loose for number in by_sku[self._sightings[n].skus[0]]
        )
        found: dict[int, int] = {}
        for _, number, n in pairs:
            if n not in found and lacking[number] > 0:
                found[n] = number
                lacking[number] -= 1
        return found

    def _n_lacking(self, number: int) -> int:
        row, position, slots = self._slots[number]
        n_in_view = sum(self._match.is_in_view[row][i] for i in slots)
        return n_in_view - len(self._filled(number)) - len(self._unknown(number)) if position.is_known else 0

    def _distance(self, number: int, n: int) -> float:
        """Pixels from a box to the place of a position; 0 where that cannot be said: then the plan's order decides."""
        row, _, slots = self._slots[number]
        place = self._match.places[row][slots.start]
        if place is None:
            return 0.0
        box = self._sightings[n].box
        return float(abs(box[0] + box[2] - place[0] - place[2]) + abs(box[3] - place[3]))

    def _standing(self, number: int) -> list[int]:
        row, _, slots = self._slots[number]
        return [n for n in (self._match.paired[row][i] for i in slots) if n is not None]

    def _filled(self, number: int) -> list[int]:
        return [n for n in self._standing(number) if n in self._owner]

    def _unknown(self, number: int) -> tuple[int, ...]:
        """Boxes in its places that are no product for certain, so may be the right one."""
        standing = self._standing(number)
        return tuple(n for n in standing if n not in self._owner and not self._sightings[n].is_certain)

    def _check(self, number: int, surplus: dict[int, int], elsewhere: dict[int, int]) -> PositionCheck:
        row, position, slots = self._slots[number]
        paired = [self._match.paired[row][i] for i in slots]
        in_view = sum(self._match.is_in_view[row][i] for i in slots)
        beside = tuple(n for n, owner in surplus.items() if owner == number)
        filled = self._filled(number)
        is_complete = len(filled) == in_view == position.n_facings and not beside and position.is_known
        return PositionCheck(
            row=row,
            position=position,
            n_in_view=in_view,
            in_place=tuple(n if n in self._owner else None for n in paired),
            n_candidates=sum(not self._sightings[n].is_certain for n in filled),
            surplus=beside,
            found_at=tuple(n for n, owner in elsewhere.items() if owner == number),
            unknown=self._unknown(number),
            instead=tuple(
                n for n in paired if n is not None and n not in self._owner and self._sightings[n].is_certain
            ),
            places=tuple(self._match.places[row][i] for i in slots),
            is_in_order=is_complete and self._is_in_order(number, filled),
        )

    def _is_in_order(self, number: int, filled: Sequence[int]) -> bool:
        """Whether a complete block has nothing inside, and its planned neighbors or the end of the row beside it."""
        row = self._slots[number][0]
        seen = self._match.row_of[row]
        boxes = () if seen is None else self._match.rows.rows[seen].boxes
        first, last = boxes.index(filled[0]), boxes.index(filled[-1])
        if last - first + 1 != len(filled):
            return False
        before = self._owner.get(boxes[first - 1], -1) if first else None
        after = self._owner.get(boxes[last + 1], -1) if last + 1 < len(boxes) else None
        return before == self._neighbor(number, -1) and after == self._neighbor(number, 1)

    def _neighbor(self, number: int, step: int) -> int | None:
        """The planned position beside another; None where the shelf ends or the photo does."""
        beside = number + step
        if not 0 <= beside < len(self._slots) or self._slots[beside][0] != self._slots[number][0]:
            return None
        row, _, slots = self._slots[beside]
        return beside if any(self._match.is_in_view[row][i] for i in slots) else None
