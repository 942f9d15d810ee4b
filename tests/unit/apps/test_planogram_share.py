"""Share of shelf, with every number worked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facings.apps.planogram import check_planogram
from facings.apps.planogram_share import Share, shares
from facings.catalog import Product
from planned_shelf import Unit, photo_of, plan_of, straight, units_of

PRODUCTS = {
    sku: Product(sku, brand=brand, category=category)
    for sku, brand, category in (("A", "Alba", "tea"), ("B", "Alba", "milk"), ("C", "", "milk"), ("X", "Xeno", "tea"))
}
# 2 A of 10 cm, 1 B of 20 cm, 1 C of 10 cm, twice: 8 facings, 100 cm.
PLAN = plan_of("AABC", "AABC", widths={"B": 20.0})
UNITS = units_of(PLAN)


def by_name(units: list[Unit], of: str) -> dict[str, Share]:
    compliance = check_planogram(PLAN, photo_of(units, straight(UNITS)))
    return {s.name: s for s in shares(compliance, PRODUCTS, lambda product: getattr(product, of))}


def test_a_shelf_as_planned_has_the_planned_shares() -> None:
    found = by_name(UNITS, "brand")
    assert list(found) == ["Alba", ""]
    assert found["Alba"] == Share("Alba", 6, 6, 6 / 8, 6 / 8, 80 / 100, 80 / 100)
    assert found[""] == Share("", 2, 2, 2 / 8, 2 / 8, 20 / 100, 20 / 100)


def test_what_is_gone_is_no_share_and_what_is_extra_is() -> None:
    """Without the second B, with an X of 10 cm in place of the first C: A 40, B 20, C 10, X 10 of 80 cm seen."""
    units = [replace(u, sku="X") if n == 3 else u for n, u in enumerate(UNITS) if n != 6]
    brands = by_name(units, "brand")
    assert (brands["Alba"].n_seen, brands["Xeno"].n_seen, brands[""].n_seen) == (5, 1, 1)
    assert brands["Alba"].seen_frac == pytest.approx(5 / 7)
    assert brands["Alba"].seen_width_frac == pytest.approx(60 / 80)
    assert brands["Xeno"].n_planned == 0
    # Pixels of X are turned into plan units by the typical box, which is 0.94 of its planned width: 9.4 / 0.94 = 10.
    assert brands["Xeno"].seen_width_frac == pytest.approx(10 / 80, abs=0.01)
    assert by_name(units, "category")["milk"].n_seen == 2


def test_on_top_of_each_other_is_one_width() -> None:
    top = replace(UNITS[0], bottom=UNITS[0].bottom - 20, height=8.0)
    found = by_name([*UNITS, top], "brand")
    assert found["Alba"].n_seen == 7
    assert found["Alba"].seen_width_frac == pytest.approx(80 / 100)


def test_what_could_not_be_told_is_in_no_share() -> None:
    found = by_name([replace(u, sku="") if n == 2 else u for n, u in enumerate(UNITS)], "brand")
    assert found["Alba"].n_seen + found[""].n_seen == 7


def test_shares_add_up() -> None:
    found = by_name([u for n, u in enumerate(UNITS) if n not in {0, 6}], "category").values()
    for name in ("planned_frac", "seen_frac", "planned_width_frac", "seen_width_frac"):
        assert sum(getattr(share, name) for share in found) == pytest.approx(1)
