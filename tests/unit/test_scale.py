"""Pixels a millimeter from the known products of a row, and what a box can be at that scale."""

from __future__ import annotations

import pytest

from facings.catalog import Product
from facings.scale import RowScale, Scale, fitting
from facings.types import Decision, Recognition

SMALL = Product("small", size="0.33 l", width_mm=66, height_mm=116)
LARGE = Product("large", size="0.5 l", width_mm=66, height_mm=168)
PRODUCTS = {
    p.sku: p
    for p in (SMALL, LARGE, Product("tea", width_mm=100, height_mm=120), Product("rice", width_mm=80, height_mm=150))
}


def box(sku: str | None, x: float, *, width: float, height: float, bottom: float = 400) -> Recognition:
    """A box on a board, accepted as a product or ambiguous."""
    decision = Decision("accepted", sku, ()) if sku else Decision("ambiguous", None, ())
    return Recognition((x, bottom - height, x + width, bottom), 1.0, decision)


def scale_at(
    boxes: list[Recognition], number: int = 0, *, without: tuple[str, ...] = ("small", "large")
) -> Scale | None:
    return RowScale(boxes, PRODUCTS, 2000, 1000).at(number, without=without)


# At 2 px/mm: tea 200×240, rice 160×300, a can 132 wide and 232 or 336 high.
TEA, RICE = {"width": 200, "height": 240}, {"width": 160, "height": 300}


def test_the_scale_is_that_of_the_neighbors() -> None:
    boxes = [box(None, 500, width=132, height=336), box("tea", 100, **TEA), box("rice", 700, **RICE)]
    scale = scale_at(boxes)
    assert scale == Scale(2.0, 2)
    assert fitting(boxes[0].box, scale, [SMALL, LARGE]) == ("large",)


def test_the_same_box_is_another_product_at_another_distance() -> None:
    near = {"width": 290, "height": 348}  # tea at 2.9 px/mm, where 0.33 l is 336 high
    boxes = [box(None, 500, width=191, height=336), box("tea", 100, **near), box("tea", 900, **near)]
    scale = scale_at(boxes)
    assert scale is not None
    assert scale.px_per_mm == pytest.approx(2.9)
    assert scale.n_neighbors == 2
    assert fitting(boxes[0].box, scale, [SMALL, LARGE]) == ("small",)


def test_what_is_in_question_is_no_measure_of_itself() -> None:
    boxes = [box(None, 500, width=132, height=336), *(box("small", x, width=132, height=232) for x in (100, 800))]
    assert scale_at(boxes) is None
    assert scale_at(boxes, without=()) is not None


def test_products_of_another_row_do_not_count() -> None:
    boxes = [box(None, 500, width=132, height=336), *(box("tea", x, bottom=900, **TEA) for x in (100, 800))]
    assert scale_at(boxes) is None


@pytest.mark.parametrize(
    "neighbors",
    [
        pytest.param([], id="none"),
        pytest.param([box("tea", 100, **TEA)], id="one: it may be taken for another product"),
        pytest.param([box("tea", 100, **TEA), box("unlisted", 900, **TEA)], id="one that the catalog lacks"),
        pytest.param([box("tea", 100, **TEA), box(None, 900, **TEA)], id="one that is not accepted"),
        pytest.param([box("tea", 100, **TEA), box("tea", 900, width=120, height=240)], id="one that is turned"),
        pytest.param([box("tea", 100, **TEA), box("tea", 0, **TEA)], id="one that the photo's edge cuts"),
        pytest.param([box("tea", 100, **TEA), box("tea", 900, width=20, height=24)], id="one that is too small"),
        pytest.param([box("tea", 100, **TEA), box("rice", 900, width=240, height=450)], id="two that disagree"),
    ],
)
def test_too_little_to_measure_by(neighbors: list[Recognition]) -> None:
    assert scale_at([box(None, 500, width=132, height=336), *neighbors]) is None


def test_a_box_that_the_edge_of_the_photo_cuts_is_not_measured() -> None:
    boxes = [box(None, 0, width=132, height=336), box("tea", 300, **TEA), box("tea", 600, **TEA)]
    assert scale_at(boxes) is None


def middle_at(x: float, px_per_mm: float) -> Recognition:
    """Tea whose middle is at x."""
    width, height = 100 * px_per_mm, 120 * px_per_mm
    return box("tea", x - width / 2, width=width, height=height)


def test_a_row_that_runs_into_the_distance_is_extrapolated() -> None:
    # 2 px/mm at x = 200, falling by 0.1 each 200 px: 1.4 px/mm at x = 1400. One neighbor is measured 20 % too large.
    row = [middle_at(200 * n, 2.1 - 0.1 * n) for n in range(1, 7)]
    row[2] = middle_at(600, 1.8 * 1.2)
    scale = scale_at([box(None, 1400 - 46, width=92, height=235), *row])
    assert scale is not None
    assert scale.px_per_mm == pytest.approx(1.4)
    assert scale.n_neighbors == 6


def test_of_a_long_row_the_nearest_count() -> None:
    row = [middle_at(150 * n, 1.0 if n < 4 else 1.5) for n in range(1, 13)]
    scale = scale_at([box(None, 1900 - 46, width=92, height=235), *row])
    assert scale is not None
    assert scale.px_per_mm == pytest.approx(1.5)
    assert scale.n_neighbors == 8


def test_a_size_that_fits_none_excludes_none() -> None:
    assert fitting((0, 0, 132, 480), Scale(2.0, 3), [SMALL, LARGE]) == ("small", "large")


def test_products_without_height_stay_possible_and_close_ones_are_not_told_apart() -> None:
    bare, close = Product("bare"), Product("close", height_mm=172)
    assert fitting((0, 0, 132, 336), Scale(2.0, 3), [SMALL, LARGE, bare, close]) == ("large", "bare", "close")
    assert fitting((0, 0, 132, 336), Scale(2.0, 3), []) == ()


def test_width_tells_what_height_does_not() -> None:
    slim, wide = Product("slim", width_mm=58, height_mm=168), Product("wide", width_mm=66, height_mm=168)
    assert fitting((0, 0, 132, 336), Scale(2.0, 3), [slim, wide]) == ("wide",)
