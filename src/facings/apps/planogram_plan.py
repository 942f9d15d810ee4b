"""The agreed plan of a shelf: which product stands where, with how many facings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from facings.catalog import Names, Product
from facings.errors import BadInput, Problem


@dataclass(frozen=True)
class PlannedFacing:
    """One front unit of the plan.

    Args:
        facing_id: As the plan's file names it, or "shelf.position.number".
        x: Its center, from the left, in the plan's unit of length.
        width: In the same unit, above 0.
        level: 0 when it stands on the board, 1 on a unit below it, and so on.
    """

    facing_id: str
    x: float
    width: float
    level: int = 0


@dataclass(frozen=True)
class Position:
    """A block of facings of one product.

    Args:
        position_id: As people find it: "2.3" is the third position from the left on the second shelf from the top.
        sku: The product, as the plan's file calls it until `resolve` has asked the catalog.
        facings: One or more, in the order of a row: columns from the left, each from its lowest unit up.
        name: What the plan's file calls the product besides, "" when it says nothing.
        is_known: False when the catalog has no such product; then nothing is asked of this position.
    """

    position_id: str
    sku: str
    facings: tuple[PlannedFacing, ...]
    name: str = ""
    is_known: bool = True

    @property
    def n_facings(self) -> int:
        """Planned front units."""
        return len(self.facings)


@dataclass(frozen=True)
class Plan:
    """The shelves of a fixture, from the top, each with its positions from the left.

    Args:
        rows: One tuple of positions a shelf; none of them empty.
        source: The file, for messages.
    """

    rows: tuple[tuple[Position, ...], ...]
    source: str = ""

    def __post_init__(self) -> None:
        if not self.rows or not all(self.rows):
            raise BadInput(f"{self.source or 'plan'}: got a plan or a shelf without positions, wanted one at least.")

    @property
    def positions(self) -> tuple[Position, ...]:
        """All of them, shelf by shelf."""
        return tuple(position for row in self.rows for position in row)


def resolve(plan: Plan, products: Mapping[str, Product]) -> tuple[Plan, tuple[Problem, ...]]:
    """The plan with the SKUs of the catalog, and the products that the catalog does not have.

    A product may be called by SKU, GTIN or unique name. Positions of unknown products keep their place, so that their
    neighbors are found, and are left out of every figure.

    Args:
        plan: As read.
        products: The catalog by SKU.

    Raises:
        BadInput: The catalog has none of the plan's products.
    """
    names = Names(products)
    missing: dict[str, int] = {}

    def resolved(position: Position) -> Position:
        for label in (position.sku, position.name):
            if names.sku(label) in products:
                return replace(position, sku=names.sku(label))
        missing[position.sku] = missing.get(position.sku, 0) + position.n_facings
        return replace(position, is_known=False)

    rows = tuple(tuple(map(resolved, row)) for row in plan.rows)
    if not any(position.is_known for row in rows for position in row):
        raise BadInput(
            f"{plan.source}: the catalog has none of the {len(missing)} products of this plan.",
            "Import them (facings catalog import), or name the right store.",
        )
    problems = tuple(
        Problem(plan.source, BadInput.code, f"product {label!r} is not in the catalog; its {n} facings are left out.")
        for label, n in missing.items()
    )
    return Plan(rows, plan.source), problems
