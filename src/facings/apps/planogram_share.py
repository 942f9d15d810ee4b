"""Share of shelf: how much of the front a brand or category has, in facings and in width, planned and seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from facings.apps.planogram_verdicts import Compliance
from facings.catalog import Product


@dataclass(frozen=True)
class Share:
    """What one brand or category has; every share is of all that was planned in view or recognized, 0 to 1.

    Args:
        name: Brand or category, "" for products without one.
        n_planned: Planned facings in the photo.
        n_seen: Recognized facings.
        planned_frac: Share of the planned facings.
        seen_frac: Share of the recognized facings.
        planned_width_frac: Share of the planned width along the boards.
        seen_width_frac: Share of the recognized width; of products on top of each other the lowest one counts.
    """

    name: str
    n_planned: int
    n_seen: int
    planned_frac: float
    seen_frac: float
    planned_width_frac: float
    seen_width_frac: float


def shares(compliance: Compliance, products: Mapping[str, Product], of: Callable[[Product], str]) -> tuple[Share, ...]:
    """Shares of all brands or categories, the largest plan first.

    A facing in its place counts as the planned product, also as one candidate of several; elsewhere only accepted ones
    count. Boxes that could not be told are in no share.

    Args:
        compliance: Plan and photo.
        products: The catalog by SKU.
        of: Gives the brand or category of a product.
    """
    planned = [
        (check.position.sku, facing.width if facing.level == 0 else 0.0)
        for check in compliance.asked
        for facing in check.position.facings[: check.n_in_view]
    ]
    seen = _seen(compliance)
    sums: dict[str, list[float]] = {}
    for column, facings in ((0, planned), (2, seen)):
        for sku, width in facings:
            sums.setdefault(of(products[sku]) if sku in products else "", [0.0] * 4)
            entry = sums[of(products[sku]) if sku in products else ""]
            entry[column] += 1
            entry[column + 1] += width
    totals = np.maximum(np.sum(list(sums.values()), axis=0), 1e-9)
    found = [
        Share(name, int(n[0]), int(n[2]), *(float(x) for x in (np.array(n) / totals)[[0, 2, 1, 3]]))
        for name, n in sums.items()
    ]
    return tuple(sorted(found, key=lambda share: (-share.planned_frac, -share.seen_frac, share.name)))


def _seen(compliance: Compliance) -> list[tuple[str, float]]:
    """Product and width along the board of each recognized box; width in the plan's unit where the plan has it."""
    sku_of = {number: s.skus[0] for number, s in enumerate(compliance.sightings) if s.is_certain}
    planned_width: dict[str, float] = {}
    for check in compliance.positions:
        planned_width.setdefault(check.position.sku, check.position.facings[0].width)
        sku_of |= {number: check.position.sku for number in (*check.in_place, *check.surplus) if number is not None}
    lowest = {column[0] for row in compliance.match.rows.rows for column in row.columns}
    unit = _plan_units_a_px(compliance, sku_of, planned_width)
    found = []
    for number, sku in sorted(sku_of.items()):
        x1, _, x2, _ = compliance.sightings[number].box
        width = planned_width.get(sku, (x2 - x1) * unit)
        found.append((sku, width if number in lowest else 0.0))
    return found


def _plan_units_a_px(compliance: Compliance, sku_of: Mapping[int, str], planned_width: Mapping[str, float]) -> float:
    """Typical enlargement of planned products, for those that the plan does not have."""
    boxes = {number: compliance.sightings[number].box for number in sku_of}
    ratios = [planned_width[sku] / (boxes[n][2] - boxes[n][0]) for n, sku in sku_of.items() if sku in planned_width]
    return float(np.median(ratios)) if ratios else 1.0
