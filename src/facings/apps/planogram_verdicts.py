"""What comes of a photo and its plan: a verdict for each planned position, what the plan does not have, and figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from facings.apps.planogram_match import Box, Match, Sighting
from facings.apps.planogram_plan import Plan, Position

Status = Literal["missing", "misplaced", "wrong_facings", "unknown", "in_place", "not_in_photo", "not_in_catalog"]


@dataclass(frozen=True)
class PositionCheck:
    """What the photo says of one planned position. Numbers of boxes count from 0 in the order of the photo's answer.

    Args:
        row: Number of the shelf from the top, from 0.
        position: As planned.
        n_in_view: Its facings whose places are in the photo; only these are asked for.
        in_place: For each planned facing the box that shows its product in its place, else None.
        n_candidates: How many of those show it only as one candidate of an ambiguous decision.
        surplus: Boxes of the product beside its block, beyond the planned facings.
        found_at: Boxes of the product in other places, as many as its own place lacks.
        unknown: Boxes in its places that could not be told.
        instead: Boxes of other products in its places.
        places: Where each planned facing is or should be, in pixels; None where that cannot be said.
        is_in_order: Whether it is complete without surplus or gaps, between the neighbors that the plan gives it.
    """

    row: int
    position: Position
    n_in_view: int
    in_place: tuple[int | None, ...]
    n_candidates: int
    surplus: tuple[int, ...]
    found_at: tuple[int, ...]
    unknown: tuple[int, ...]
    instead: tuple[int, ...]
    places: tuple[Box | None, ...]
    is_in_order: bool

    @property
    def n_in_place(self) -> int:
        """Facings of the product in its places."""
        return sum(number is not None for number in self.in_place)

    @property
    def n_seen(self) -> int:
        """Facings of the product in and beside its places."""
        return self.n_in_place + len(self.surplus)

    @property
    def n_missing(self) -> int:
        """Facings in view that are neither in place nor found elsewhere, and whose place is not taken by an unknown."""
        if not self.position.is_known:
            return 0
        return max(0, self.n_in_view - self.n_in_place - len(self.found_at) - len(self.unknown))

    @property
    def status(self) -> Status:
        """One word for it; with some facings in place and some not it is "wrong_facings", whatever the reason."""
        if not self.position.is_known:
            return "not_in_catalog"
        if not self.n_in_view:
            return "not_in_photo"
        if self.n_in_place:
            return "in_place" if self.n_seen == self.n_in_view else "wrong_facings"
        if self.found_at:
            return "misplaced"
        return "unknown" if self.unknown else "missing"


@dataclass(frozen=True)
class Extra:
    """A box that no planned facing accounts for.

    Args:
        box: Its number.
        sku: The product, None where it could not be told.
        is_planned: Whether the plan has the product, in a place that is not short of it or not in the photo.
    """

    box: int
    sku: str | None
    is_planned: bool


@dataclass(frozen=True)
class Compliance:
    """How a photo keeps to its plan.

    Args:
        plan: With the SKUs of the catalog.
        photo: Name of the photo.
        sightings: Its boxes.
        match: What stands where.
        positions: One a planned position, in the plan's order.
        extras: What the plan does not account for.
    """

    plan: Plan
    photo: str
    sightings: tuple[Sighting, ...]
    match: Match
    positions: tuple[PositionCheck, ...]
    extras: tuple[Extra, ...]

    @property
    def asked(self) -> tuple[PositionCheck, ...]:
        """Positions that figures count: known to the catalog and at least partly in the photo."""
        return tuple(p for p in self.positions if p.position.is_known and p.n_in_view)

    @property
    def n_planned(self) -> int:
        """Planned facings in the photo."""
        return sum(p.n_in_view for p in self.asked)

    @property
    def n_in_place(self) -> int:
        """Planned facings that are there."""
        return sum(p.n_in_place for p in self.asked)

    @property
    def score(self) -> float:
        """Share of the planned facings in the photo that show their product in their place, 0 to 1.

        Ambiguous decisions count when the planned product is a candidate. Surplus and extra facings do not lower it.
        """
        return self.n_in_place / self.n_planned

    @property
    def strict_score(self) -> float:
        """Share of the planned positions in the photo that are complete, without surplus, and stand between the
        neighbors that the plan gives them with nothing in between, 0 to 1.
        """
        return sum(p.is_in_order for p in self.asked) / len(self.asked)

    def to_json(self) -> dict[str, Any]:
        """The JSON contract of `facings planogram check --json`; later versions extend it and never break it."""
        return {
            "photo": self.photo,
            "plan": self.plan.source,
            "is_located": self.match.is_located,
            "score": round(self.score, 4),
            "strict_score": round(self.strict_score, 4),
            "n_planned": self.n_planned,
            "n_in_place": self.n_in_place,
            "n_missing": sum(p.n_missing for p in self.asked),
            "positions": [self._position_json(p) for p in self.positions],
            "extras": [{"box": self._corners(e.box), "sku": e.sku, "is_planned": e.is_planned} for e in self.extras],
        }

    def _position_json(self, check: PositionCheck) -> dict[str, Any]:
        position = check.position
        facings = zip(position.facings, check.in_place, check.places, strict=True)
        return {
            "position": position.position_id,
            "shelf": check.row + 1,
            "sku": position.sku,
            "status": check.status,
            "n_planned": position.n_facings,
            "n_in_view": check.n_in_view,
            "n_seen": check.n_seen,
            "n_missing": check.n_missing,
            "n_candidates": check.n_candidates,
            "is_in_order": check.is_in_order,
            "facings": [
                {
                    "id": f.facing_id,
                    "box": number if number is None else self._corners(number),
                    "place": _rounded(place),
                }
                for f, number, place in facings
            ],
            "found_at": [self._corners(number) for number in check.found_at],
            "instead": [
                {"sku": self.sightings[number].skus[0], "box": self._corners(number)} for number in check.instead
            ],
            "unknown": [self._corners(number) for number in check.unknown],
            "surplus": [self._corners(number) for number in check.surplus],
        }

    def _corners(self, number: int) -> list[float] | None:
        return _rounded(self.sightings[number].box)


def _rounded(box: Box | None) -> list[float] | None:
    return None if box is None else [round(corner, 2) for corner in box]
