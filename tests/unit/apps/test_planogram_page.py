"""The drawn differences and the page: what is wrong is where it should be, nothing is fetched, nothing unescaped."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from facings.apps.planogram import check_planogram
from facings.apps.planogram_page import planogram_page
from facings.apps.planogram_picture import COLORS, draw_differences, save_picture
from facings.apps.planogram_verdicts import Compliance
from facings.catalog import Product
from facings.errors import BadInput
from facings.types import UInt8Array
from planned_shelf import SIZE_PX, box_of, photo_of, plan_of, straight, units_of

PLAN = plan_of("AABBCC", "DDEEFF")
UNITS = units_of(PLAN)
VIEW = straight(UNITS)
GRAY: UInt8Array = np.full((SIZE_PX[1], SIZE_PX[0], 3), 128, np.uint8)
PRODUCTS = {sku: Product(sku, name=f"Product <{sku}>", brand="Brand & Co") for sku in "ABCDEFX"}


def checked(*gone: int, foreign: int | None = None) -> Compliance:
    units = [replace(u, sku="X") if n == foreign else u for n, u in enumerate(UNITS) if n not in gone]
    return check_planogram(PLAN, photo_of(units, VIEW))


def pixels_of(kind: str, picture: UInt8Array) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.nonzero((picture == COLORS[kind]).all(axis=2))
    return columns, rows


def test_a_missing_place_is_framed_where_it_is() -> None:
    columns, rows = pixels_of("missing", draw_differences(GRAY, checked(2)))
    x1, y1, x2, y2 = box_of(UNITS[2], VIEW)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == pytest.approx((x1, y1, x2, y2), abs=20)


def test_an_extra_product_is_framed_and_shown_as_bright_as_it_was() -> None:
    picture = draw_differences(GRAY, checked(foreign=8))
    columns, rows = pixels_of("extra", picture)
    x1, y1, x2, y2 = box_of(UNITS[8], VIEW)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == pytest.approx((x1, y1, x2, y2), abs=6)
    assert (picture[int((y1 + y2) / 2), int((x1 + x2) / 2)] == 128).all()
    assert (picture[2, 2] < 128).all()


def test_the_photo_itself_stays_as_it_is() -> None:
    before = GRAY.copy()
    draw_differences(GRAY, checked(2))
    assert (before == GRAY).all()


def test_a_shelf_as_planned_has_no_marks_but_green_ones() -> None:
    picture = draw_differences(GRAY, checked())
    assert len(pixels_of("in_place", picture)[0])
    assert not any(len(pixels_of(kind, picture)[0]) for kind in COLORS if kind != "in_place")


@pytest.mark.parametrize("name", ["shelf.gif", "shelf"])
def test_a_picture_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=r"\.jpg or \.png"):
        save_picture(GRAY, tmp_path / name, photo=tmp_path / "photo.jpg")


def test_the_photo_is_not_drawn_over(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="photo itself"):
        save_picture(GRAY, tmp_path / "photo.jpg", photo=tmp_path / "photo.jpg")


def test_the_page_is_one_safe_file() -> None:
    page = planogram_page(checked(2, 3, foreign=8), PRODUCTS, GRAY, datetime(2026, 1, 2, tzinfo=UTC))
    assert "Product &lt;B&gt;" in page
    assert "Product <B>" not in page
    assert "Brand &amp; Co" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "data:image/jpeg;base64," in page
    assert "9 of 12 facings" in page
    assert "2026-01-02" in page


def test_a_page_without_a_photo_or_without_differences() -> None:
    page = planogram_page(checked(), PRODUCTS, None, datetime(2026, 1, 2, tzinfo=UTC))
    assert "The shelf is as planned" in page
    assert "<img" not in page


def test_the_page_says_that_the_photo_does_not_fit() -> None:
    nothing = check_planogram(PLAN, photo_of([], VIEW))
    assert "does not look like this plan" in planogram_page(nothing, PRODUCTS, GRAY, datetime(2026, 1, 2, tzinfo=UTC))
