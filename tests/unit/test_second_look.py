"""The second look: who is read, what it costs, and whose barcode it is; readers are stand-ins."""

from __future__ import annotations

import numpy as np
import pytest

from facings.catalog import Product
from facings.evidence import Corners
from facings.second_look import SecondLook
from facings.types import Candidate, Decision, Image, Recognition, UInt8Array, Verdict
from pixel_readers import PixelCodes, PixelLines, write_code, write_line

SMALL, LARGE = (
    Product("small", "4006381333931", "Cola", size="0.33 l"),
    Product("large", "96385074", "Cola", size="0.5 l"),
)
TEA = Product("tea", name="Tea", width_mm=50, height_mm=60)
LEFT, RIGHT = (20.0, 20.0, 120.0, 180.0), (130.0, 20.0, 230.0, 180.0)


class Catalog:
    """A catalog that counts how often it is asked."""

    def __init__(self, *products: Product) -> None:
        self._products = {p.sku: p for p in products}
        self.n_asked = 0

    def __call__(self) -> dict[str, Product]:
        self.n_asked += 1
        return self._products


class Bench:
    """A second look with stand-ins."""

    def __init__(self, *products: Product, is_always: bool = False, reads_text: bool = True) -> None:
        self.catalog = Catalog(*(products or (SMALL, LARGE, TEA)))
        self.codes, self.lines = PixelCodes(), PixelLines()
        self._look = SecondLook(self.codes, self.lines if reads_text else None, self.catalog, is_always)

    def look(self, pixels: UInt8Array, *recognitions: Recognition) -> tuple[Recognition, ...]:
        """What it says."""
        return self._look.look(Image(pixels, "", "photo"), recognitions)


@pytest.fixture
def pixels() -> UInt8Array:
    return np.full((200, 260, 3), 200, np.uint8)


def seen(box: Corners, verdict: Verdict = "ambiguous", *, first: str = "small") -> Recognition:
    candidates = tuple(Candidate(sku, 0.9, 0) for sku in (first, "large" if first == "small" else "small"))
    return Recognition(box, 1.0, Decision(verdict, first if verdict == "accepted" else None, candidates))


def answers(recognitions: tuple[Recognition, ...]) -> list[tuple[str, str | None]]:
    return [(r.decision.verdict, r.decision.sku) for r in recognitions]


def test_nothing_is_read_where_the_picture_decides(pixels: UInt8Array) -> None:
    bench = Bench()
    before = (seen(LEFT, "accepted"), seen(RIGHT, "unknown"))
    assert bench.look(pixels, *before) == before
    assert (bench.catalog.n_asked, bench.codes.n_read, bench.lines.n_read) == (0, 0, 0)


def test_only_the_open_boxes_are_read_and_text_only_where_no_barcode_decides(pixels: UInt8Array) -> None:
    write_code(pixels, "96385074", 40, 100)
    write_line(pixels, "330 ml", 140, 60)
    third = (20.0, 190.0, 100.0, 199.0)
    bench = Bench()
    looked = bench.look(pixels, seen(LEFT), seen(RIGHT), seen(third, "accepted"))
    assert answers(looked) == [("accepted", "large"), ("accepted", "small"), ("accepted", "small")]
    assert (bench.catalog.n_asked, bench.codes.n_read, bench.lines.n_read) == (1, 2, 1)
    assert [[piece.source for piece in r.evidence] for r in looked] == [["barcode"], ["net content"], []]


def test_always_means_every_box_and_every_reader(pixels: UInt8Array) -> None:
    bench = Bench(is_always=True)
    bench.look(pixels, seen(LEFT, "accepted"), seen(RIGHT, "unknown"))
    assert (bench.codes.n_read, bench.lines.n_read) == (2, 1)  # text tells candidates apart; the unknown has none


def test_boxes_are_told_in_pixels_of_the_photo(pixels: UInt8Array) -> None:
    code, line = write_code(pixels, "96385074", 40, 100), write_line(pixels, "0.5 l", 140, 60)
    (left, right) = Bench().look(pixels, seen(LEFT), seen(RIGHT))
    assert left.evidence[0].box == code
    assert right.evidence[0].box == line
    assert left.decision.reasons[-1] == "barcode 96385074 (EAN-13) is that of large: this decides"


def test_a_barcode_that_contradicts_an_accepted_product_is_a_conflict(pixels: UInt8Array) -> None:
    write_code(pixels, "96385074", 40, 100)
    (looked,) = Bench(is_always=True).look(pixels, seen(LEFT, "accepted"))
    assert answers((looked,)) == [("ambiguous", None)]
    assert looked.evidence[0].effect == "contradicts"
    assert "a conflict" in looked.decision.reasons[-1]


def test_a_barcode_belongs_to_the_box_that_contains_it(pixels: UInt8Array) -> None:
    write_code(pixels, "96385074", 122, 100)  # from the margin of the left box into the right one: middle at x = 127
    write_code(pixels, "4006381333931", 180, 150)
    left, right = Bench().look(pixels, seen((20, 20, 126, 180)), seen((126, 20, 230, 180)))
    assert [piece.value for piece in left.evidence] == []
    assert sorted(piece.value for piece in right.evidence) == ["4006381333931", "96385074"]
    assert right.decision.verdict == "ambiguous"  # two products' barcodes in one box


def test_a_barcode_in_two_boxes_belongs_to_the_smaller_one(pixels: UInt8Array) -> None:
    write_code(pixels, "96385074", 40, 100)
    around, inside = Bench().look(pixels, seen((10, 10, 240, 190)), seen(LEFT))
    assert (around.decision.verdict, inside.decision.sku) == ("ambiguous", "large")


def test_a_barcode_outside_every_box_is_nobodys(pixels: UInt8Array) -> None:
    write_code(pixels, "96385074", 40, 183)
    (looked,) = Bench().look(pixels, seen(LEFT))
    assert (looked.decision.verdict, looked.evidence) == ("ambiguous", ())


def test_the_neighbors_text_is_not_read(pixels: UInt8Array) -> None:
    write_line(pixels, "500 ml", 122, 60)
    assert Bench().look(pixels, seen(LEFT))[0].decision.verdict == "ambiguous"


def test_printed_digits_of_the_catalog_are_as_good_as_their_bars(pixels: UInt8Array) -> None:
    write_line(pixels, "9638 5074", 40, 100)
    write_line(pixels, "5449000000996", 40, 120)  # a right number that the catalog lacks
    (looked,) = Bench().look(pixels, seen(LEFT))
    assert answers((looked,)) == [("accepted", "large")]
    assert [piece.words for piece in looked.evidence] == ["barcode 96385074 (printed digits) is that of large"]


def test_a_number_is_told_once(pixels: UInt8Array) -> None:
    write_code(pixels, "96385074", 40, 100)
    write_line(pixels, "96385074", 40, 110)
    (looked,) = Bench(is_always=True).look(pixels, seen(LEFT, "accepted", first="large"))
    assert [(piece.value, piece.effect) for piece in looked.evidence] == [("96385074", "agrees")]


def test_without_a_reader_of_text_the_rest_goes_on(pixels: UInt8Array) -> None:
    write_line(pixels, "500 ml", 40, 60)
    write_code(pixels, "96385074", 140, 100)
    looked = Bench(reads_text=False).look(pixels, seen(LEFT), seen(RIGHT))
    assert answers(looked) == [("ambiguous", None), ("accepted", "large")]


def test_boxes_without_candidates_or_pixels_are_left_as_they_are(pixels: UInt8Array) -> None:
    too_small = Recognition((1, 1, 4, 4), 1.0, Decision("unknown", None, (), ("too small",)))
    outside = seen((300, 20, 400, 100))
    bench = Bench(is_always=True)
    assert [r.evidence for r in bench.look(pixels, too_small, outside)] == [(), ()]
    assert (bench.codes.n_read, bench.lines.n_read) == (0, 0)


def test_no_box_at_all(pixels: UInt8Array) -> None:
    assert Bench(is_always=True).look(pixels) == ()


def test_the_size_of_the_box_decides_by_its_neighbors() -> None:
    # Tea, 50×60 mm, is 100×120 px: 2 px/mm. A can of 168 mm is 336 px high.
    sized = [Product("small", height_mm=116), Product("large", height_mm=168), TEA]
    tea = Decision("accepted", "tea", (Candidate("tea", 0.9, 0),))
    boxes = [Recognition((x, 280, x + 100, 400), 1.0, tea) for x in (50, 450)]
    bench = Bench(*sized)
    *_, looked = bench.look(np.zeros((500, 700, 3), np.uint8), *boxes, seen((200, 64, 332, 400)))
    assert answers((looked,)) == [("accepted", "large")]
    assert looked.evidence[0].words == "168 mm high by 2 neighbors, which fits large"
    assert bench.lines.n_read == 0
