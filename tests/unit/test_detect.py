"""Step 2: boxes of products: given, around all of the photo, or found by a network at any scale, each once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conftest import make_pixels
from facings import detect
from facings.detect import MAX_DETECTIONS, GivenBoxes, NetworkDetector, WholePhoto, _once, clip_boxes
from facings.errors import BadInput
from facings.model_card import DetectorCard
from facings.tiles import Tiling
from facings.types import Detections, FloatArray, Image, UInt8Array
from painted_shelf import CARD, PaintReader, paint, random_shelf, unmatched


def photo(source: str = "/shop/day 1/shelf.jpg") -> Image:
    return Image(make_pixels(1), "0" * 64, source)  # 64×48


def boxes(*corners: tuple[float, float, float, float]) -> FloatArray:
    return np.array(corners, np.float32).reshape(-1, 4)


def test_whole_photo_is_one_box_around_all_of_it() -> None:
    found = WholePhoto().detect(photo())
    assert found.xyxy.tolist() == [[0, 0, 64, 48]]
    assert found.confidence.tolist() == [1]
    assert not found.is_capped


@pytest.mark.parametrize(
    ("key", "source"),
    [
        pytest.param("/shop/day 1/shelf.jpg", "/shop/day 1/shelf.jpg", id="by path"),
        pytest.param("shelf.jpg", "/shop/day 1/shelf.jpg", id="by file name"),
        pytest.param("shelf.jpg", "shelf.jpg", id="file name alone"),
        pytest.param("shelf.jpg", "C:\\shop\\shelf.jpg", id="by file name of a Windows path"),
        pytest.param("C:/shop/shelf.jpg", "C:\\shop\\shelf.jpg", id="by Windows path"),
    ],
)
def test_given_boxes_are_found(key: str, source: str) -> None:
    found = GivenBoxes({key: boxes((1, 2, 30.5, 40))}).detect(photo(source))
    assert found.xyxy.tolist() == [[1, 2, 30.5, 40]]
    assert found.confidence.tolist() == [1]


def test_path_goes_before_file_name() -> None:
    given_boxes = GivenBoxes({"shelf.jpg": boxes((0, 0, 9, 9)), "/shop/day 1/shelf.jpg": boxes((5, 5, 20, 20))})
    assert given_boxes.detect(photo()).xyxy.tolist() == [[5, 5, 20, 20]]
    assert given_boxes.detect(photo("/other/shelf.jpg")).xyxy.tolist() == [[0, 0, 9, 9]]


def test_photo_without_products_has_no_boxes() -> None:
    found = GivenBoxes({"shelf.jpg": boxes()}).detect(photo())
    assert len(found) == 0
    assert not found.is_capped


def test_photo_that_the_file_does_not_know_is_refused() -> None:
    with pytest.raises(BadInput, match=r"shelf\.jpg: the box file says nothing"):
        GivenBoxes({"other.jpg": boxes((0, 0, 9, 9)), "day 1": boxes()}).detect(photo())


def test_box_over_the_border_is_clipped() -> None:
    found = GivenBoxes({"shelf.jpg": boxes((-10, -1, 20, 20), (50, 40, 64.5, 1000))}).detect(photo())
    assert found.xyxy.tolist() == [[0, 0, 20, 20], [50, 40, 64, 48]]


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((64, 0, 80, 20), id="touches the right border from outside"),
        pytest.param((0, 48, 20, 60), id="below"),
        pytest.param((-20, 0, 0, 20), id="left"),
        pytest.param((0, -20, 20, -1), id="above"),
        pytest.param((10, 10, 10, 20), id="no width"),
        pytest.param((30, 10, 20, 20), id="corners swapped"),
    ],
)
def test_box_outside_or_without_area_is_refused_and_named(box: tuple[float, float, float, float]) -> None:
    good = (0.0, 0.0, 9.0, 9.0)
    with pytest.raises(BadInput, match="outside the photo") as caught:
        GivenBoxes({"shelf.jpg": boxes(good, box)}).detect(photo())
    assert str([float(corner) for corner in box]) in caught.value.message
    assert "64×48" in caught.value.message


def test_box_that_is_no_number_is_refused() -> None:
    with pytest.raises(BadInput, match="NaN"):
        GivenBoxes({"shelf.jpg": boxes((0, 0, float("nan"), 9))}).detect(photo())


def test_ceiling_is_high_enough_for_dense_shelves() -> None:
    assert MAX_DETECTIONS >= 1000


@pytest.mark.parametrize(("n_given", "n_kept", "is_capped"), [(2, 2, False), (3, 3, False), (4, 3, True)])
def test_answer_that_hits_the_ceiling_says_so(
    monkeypatch: pytest.MonkeyPatch, n_given: int, n_kept: int, is_capped: bool
) -> None:
    monkeypatch.setattr(detect, "MAX_DETECTIONS", 3)
    rows = [(float(i), 0.0, i + 9.0, 9.0) for i in range(n_given)]
    found = GivenBoxes({"shelf.jpg": boxes(*rows)}).detect(photo())
    assert found.xyxy.tolist() == [list(row) for row in rows[:n_kept]]
    assert len(found.confidence) == n_kept
    assert found.is_capped is is_capped


CORNERS: Any = hnp.arrays(np.float32, st.tuples(st.integers(0, 8), st.just(4)), elements=st.floats(-1e4, 1e4, width=32))


@given(CORNERS, st.integers(1, 500), st.integers(1, 500))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_clipped_boxes_are_the_part_inside(xyxy: FloatArray, width: int, height: int) -> None:
    before = xyxy.copy()
    clipped = clip_boxes(xyxy, width, height)
    assert clipped.dtype == np.float32
    assert clipped.shape == xyxy.shape
    assert (xyxy == before).all()
    for (x1, y1, x2, y2), got in zip(xyxy.tolist(), clipped.tolist(), strict=True):
        wanted = [
            min(max(value, 0.0), limit) for value, limit in zip((x1, y1, x2, y2), (width, height) * 2, strict=True)
        ]
        assert got == wanted
    assert (clip_boxes(clipped, width, height) == clipped).all()


def test_given_boxes_are_found_however_the_path_is_written() -> None:
    boxes = np.array([[0, 0, 10, 10]], np.float32)
    given = GivenBoxes({"./aisle/a.jpg": boxes, "aisle\\b.jpg": boxes})
    for source in ("aisle/a.jpg", "/data/aisle/a.jpg", "aisle/b.jpg", "x\\aisle\\b.jpg"):
        assert len(GivenBoxes({"./aisle/a.jpg": boxes, "aisle\\b.jpg": boxes}).detect(photo(source))) == 1
    assert len(given.detect(photo("aisle/a.jpg"))) == len(given.detect(photo("aisle/a.jpg"))) == 1


def test_one_name_in_the_box_file_never_serves_two_photos() -> None:
    given = GivenBoxes({"a.jpg": np.array([[0, 0, 10, 10]], np.float32)})
    assert len(given.detect(photo("x/a.jpg"))) == 1
    with pytest.raises(BadInput, match=r"y/a\.jpg: the box file's 'a\.jpg' fits x/a\.jpg too"):
        given.detect(photo("y/a.jpg"))


class SaysTheSame:
    """A network that says of every picture what it was told to say.

    Args:
        boxes: float32 (L, 4), pixels of its input.
        scores: float32 (L, C).
        card: What it is asked for.
    """

    network_id = "fedcba9876543210"

    def __init__(self, boxes: FloatArray, scores: FloatArray, card: DetectorCard = CARD) -> None:
        self.card = card
        self.batches: list[UInt8Array] = []
        self._boxes, self._scores = boxes, scores

    def run(self, batch: UInt8Array) -> tuple[FloatArray, FloatArray]:
        """The same boxes and scores for each picture."""
        self.batches.append(batch)
        return np.stack([self._boxes] * len(batch)), np.stack([self._scores] * len(batch))


def plain(width: int, height: int) -> Image:
    return Image(np.full((height, width, 3), 77, np.uint8), "0" * 64, "plain.png")


def scores(*values: float) -> FloatArray:
    return np.array(values, np.float32).reshape(-1, 1)


def test_name_says_which_network() -> None:
    assert NetworkDetector(PaintReader()).name == "painted@0123456789abcdef"


def test_boxes_are_scaled_to_the_photo_and_clipped_to_it() -> None:
    # 512×256 is seen at half its size, in 256×128.
    network = SaysTheSame(boxes((10, 20, 110, 100), (200, 60, 300, 140)), scores(0.5, 0.9))
    found = NetworkDetector(network).detect(plain(512, 256))
    assert found.xyxy.tolist() == [[400, 120, 512, 256], [20, 40, 220, 200]]
    assert found.confidence.tolist() == pytest.approx([0.9, 0.5])
    assert [batch.shape for batch in network.batches] == [(1, 3, 128, 256)]
    assert (network.batches[0] == 77).all()
    assert not found.is_capped
    assert found.notes == ()


def test_boxes_in_the_padding_and_without_area_are_left_out() -> None:
    # 250×200 is seen in 256×205, padded to 256×224.
    network = SaysTheSame(
        boxes((0, 205, 50, 224), (300, 0, 400, 50), (60, 10, 60, 90), (90, 90, 20, 20), (0, 0, 50, 50)),
        scores(0.9, 0.9, 0.9, 0.9, 0.5),
    )
    found = NetworkDetector(network).detect(plain(250, 200))
    assert len(found) == 1
    assert network.batches[0].shape == (1, 3, 224, 256)
    assert network.batches[0][0, :, 210, 10].tolist() == [124, 116, 104]


def test_confidence_is_that_of_the_most_certain_class_and_two_classes_are_one_box() -> None:
    network = SaysTheSame(
        boxes((0, 0, 50, 50), (1, 0, 51, 50), (100, 0, 150, 50)),
        np.array([[0.1, 0.6], [0.8, 0.1], [0.2, 0.2]], np.float32),
        replace(CARD, labels=("milk", "oats")),
    )
    found = NetworkDetector(network).detect(plain(256, 256))
    assert found.confidence.tolist() == pytest.approx([0.8])


@pytest.mark.parametrize(("asked", "wanted"), [(None, [0.9, 0.3]), (0.5, [0.9]), (0.0, [0.9, 0.3, 0.1]), (1.0, [])])
def test_less_certain_boxes_are_left_out(asked: float | None, wanted: list[float]) -> None:
    network = SaysTheSame(boxes((0, 0, 50, 50), (60, 0, 110, 50), (120, 0, 170, 50)), scores(0.1, 0.3, 0.9))
    found = NetworkDetector(network, min_confidence=asked).detect(plain(256, 256))
    assert found.confidence.tolist() == pytest.approx(wanted)


def test_doubtful_boxes_do_not_tell_how_large_the_products_are() -> None:
    specks = [(float(x), 200.0, x + 4.0, 204.0) for x in range(0, 200, 8)]
    network = SaysTheSame(boxes((0, 0, 160, 160), *specks), scores(0.9, *[0.05] * len(specks)))
    found = NetworkDetector(network, min_confidence=0.01).detect(plain(2560, 2560))
    assert len(network.batches) == 1
    assert len(found) == 1 + len(specks)


@pytest.mark.parametrize(
    ("min_confidence", "max_detections"), [(-0.1, 5), (1.1, 5), (float("nan"), 5), (0.5, 0), (0.5, MAX_DETECTIONS + 1)]
)
def test_limits_out_of_range_are_refused(min_confidence: float, max_detections: int) -> None:
    with pytest.raises(BadInput, match="wanted 0 to 1 and 1 to 2000"):
        NetworkDetector(PaintReader(), min_confidence=min_confidence, max_detections=max_detections)


@pytest.mark.parametrize(
    ("n_boxes", "n_found", "is_capped"), [(1500, 1500, False), (2000, 2000, False), (2100, 2000, True)]
)
def test_ceiling_of_the_network_is_above_a_thousand_and_said(n_boxes: int, n_found: int, is_capped: bool) -> None:
    card = replace(CARD, working_px=640, object_px=(2.0, 20.0))
    grid = [(x * 10.0, y * 10.0, x * 10.0 + 8, y * 10.0 + 8) for y in range(40) for x in range(60)][:n_boxes]
    network = SaysTheSame(boxes(*grid), np.linspace(0.4, 0.99, n_boxes, dtype=np.float32)[:, None], card)
    found = NetworkDetector(network).detect(plain(640, 480))
    assert len(found) == n_found
    assert found.is_capped is is_capped
    assert found.confidence[0] == np.float32(0.99)
    assert (np.diff(found.confidence) <= 0).all()
    assert found.xyxy[0].tolist() == list(grid[-1])  # the most confident stay


def test_fewer_boxes_can_be_asked_for() -> None:
    found = NetworkDetector(
        SaysTheSame(boxes((0, 0, 50, 50), (60, 0, 110, 50)), scores(0.5, 0.6)), max_detections=1
    ).detect(plain(256, 256))
    assert (len(found), found.is_capped) == (1, True)


@pytest.mark.parametrize(
    ("width", "height"),
    [pytest.param(1, 1, id="1×1"), pytest.param(3, 2000, id="3 px wide"), pytest.param(20_000, 40, id="panorama")],
)
def test_photo_of_any_shape_without_products_gives_no_boxes(width: int, height: int) -> None:
    assert len(NetworkDetector(PaintReader()).detect(plain(width, height))) == 0


def test_photo_that_is_all_box_gives_all_of_it() -> None:
    network = SaysTheSame(boxes((-9, -9, 999, 999)), scores(0.9))
    assert NetworkDetector(network).detect(plain(1, 1)).xyxy.tolist() == [[0, 0, 1, 1]]


def test_nothing_found_in_a_large_photo_says_what_may_have_been_missed() -> None:
    network = PaintReader()
    found = NetworkDetector(network).detect(plain(4000, 3000))
    assert len(found) == 0
    (note,) = found.notes
    assert note.startswith("products under ")
    assert network.network_px < 5e6  # of 12 million


def test_products_in_a_panorama_are_found() -> None:
    truth, height = random_shelf(5, width=20_000, n_rows=2, row_px=150)
    network = PaintReader()
    found = NetworkDetector(network).detect(paint(20_000, height, truth))
    assert len(truth) > 200
    assert unmatched(found.xyxy, truth) == (0, 0)
    assert {shape[0] * shape[2] * shape[3] <= 4 * CARD.working_px**2 for shape in network.shapes} == {True}


@given(st.integers(0, 10_000), st.integers(800, 2400), st.integers(3, 9), st.integers(60, 150), st.floats(1, 3))
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
def test_every_product_of_a_dense_shelf_is_found_exactly_once(
    seed: int, width: int, n_rows: int, row_px: int, spread: float
) -> None:
    truth, height = random_shelf(seed, width=width, n_rows=n_rows, row_px=row_px, spread=spread)
    found = NetworkDetector(PaintReader()).detect(paint(width, height, truth))
    assert len(found) == len(truth)
    assert unmatched(found.xyxy, truth) == (0, 0)


def test_dense_shelf_of_400_products_is_found_in_tiles_twice_the_same() -> None:
    truth, height = random_shelf(3, width=2600, n_rows=15, row_px=120)
    assert len(truth) > 350
    image = paint(2600, height, truth)
    first, second = PaintReader(), PaintReader()
    found, again = NetworkDetector(first).detect(image), NetworkDetector(second).detect(image)
    assert len(first.shapes) > 4
    assert unmatched(found.xyxy, truth) == (0, 0)
    assert found.xyxy.tobytes() == again.xyxy.tobytes()
    assert found.confidence.tobytes() == again.confidence.tobytes()
    assert (found.xyxy >= 0).all()
    assert (found.xyxy[:, 2:] <= (2600, height)).all()


@pytest.mark.parametrize(("lefts", "shift", "n_found"), [((0, 90), 100, 1), ((0, 90), 120, 2), ((0,), 100, 2)])
def test_two_tiles_show_a_product_once_where_one_tile_may_show_two(
    lefts: tuple[int, ...], shift: int, n_found: int
) -> None:
    side_by_side = boxes((150, 10, 450, 90), (150 + shift, 10, 450 + shift, 90))  # IoU 0.5 and 0.43
    tiling = Tiling((690, 100), 1.0, (690, 100), (600, 100), lefts, (0,), (0, 0))
    found = _once(Detections(side_by_side, np.array([0.8, 0.9], np.float32)), tiling)
    assert len(found) == n_found
    assert found.confidence.max() == np.float32(0.9)


def test_products_larger_than_a_tile_are_kept_beside_small_ones() -> None:
    truth, height = random_shelf(1, width=2400, n_rows=4, row_px=220)
    large = boxes((100, height + 20, 2300, height + 1400))
    everything = np.vstack([truth, large])
    network = PaintReader()
    found = NetworkDetector(network).detect(paint(2400, height + 1450, everything))
    assert len(network.shapes) == 5  # 2×2 tiles at last, none of which shows all of the large one
    assert unmatched(found.xyxy, everything) == (0, 0)


def test_small_products_are_found_beside_a_few_large_ones_in_a_photo_that_seems_empty() -> None:
    truth, height = random_shelf(1, width=2400, n_rows=6, row_px=90)
    large = boxes((100, height + 20, 700, height + 800))
    everything = np.vstack([truth, large])
    found = NetworkDetector(PaintReader()).detect(paint(2400, height + 1250, everything))
    assert unmatched(found.xyxy, everything) == (0, 0)


def test_closer_looks_see_a_fraction_of_the_photo() -> None:
    truth = boxes(*((x * 266.0, y * 300.0, x * 266.0 + 200, y * 300.0 + 270) for y in range(10) for x in range(15)))
    network = PaintReader(replace(CARD, working_px=640, object_px=(24.0, 200.0)))
    found = NetworkDetector(network).detect(paint(4000, 3000, truth))
    assert unmatched(found.xyxy, truth) == (0, 0)
    assert network.network_px < 2.5e6  # of 12 million
