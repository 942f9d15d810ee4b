from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from conftest import save_photo
from facings.annotate import COLORS, AnnotatedFolder, annotate, annotate_detections
from facings.errors import BadInput
from facings.types import (
    Candidate,
    Decision,
    Detections,
    PhotoDetections,
    PhotoResult,
    Recognition,
    UInt8Array,
    Verdict,
)

GRAY = np.full((200, 300, 3), 128, np.uint8)


VERDICTS: tuple[Verdict, ...] = ("accepted", "ambiguous", "unknown")
Box = tuple[float, float, float, float]


def recognition(verdict: Verdict, box: Box = (20, 30, 220, 180), confidence: float = 1.0) -> Recognition:
    candidates = (Candidate("milk-1", 0.9, 1), Candidate("milk-2", 0.89, 2))
    return Recognition(box, confidence, Decision(verdict, "milk-1" if verdict == "accepted" else None, candidates))


def shares(drawn: UInt8Array, verdict: Verdict) -> list[float]:
    """How much of each edge of the box (20, 30, 220, 180) has the color of the verdict; words are in the upper half."""
    edges = (drawn[110:180, 20], drawn[110:180, 219], drawn[179, 20:220])
    return [float((edge == COLORS[verdict]).all(axis=-1).mean()) for edge in edges]


def test_frame_of_a_verdict_has_its_color_and_its_kind_of_line_just_inside_the_box() -> None:
    for verdict, (least, most) in zip(VERDICTS, ((1, 1), (0.55, 0.75), (0.4, 0.6)), strict=True):
        drawn = annotate(GRAY, [recognition(verdict)], {}).copy()
        assert all(least <= share <= most for share in shares(drawn, verdict)), verdict
        drawn[30:180, 20:220] = 128  # right and bottom are exclusive
        assert (drawn == 128).all()


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_product_itself_stays_visible(verdict: Verdict) -> None:
    names = {"milk-1": "Whole milk from the happiest of cows, one liter " * 9}
    drawn = annotate(GRAY, [recognition(verdict, confidence=0.5)], names)
    assert (drawn[100:150, 30:210] == 128).all()


def test_three_verdicts_are_told_apart_without_color() -> None:
    gray = {bytes(annotate(GRAY, [recognition(v)], {}).sum(axis=2) != 3 * 128) for v in VERDICTS}
    assert len(gray) == 3


corners = st.floats(0, 299, width=32).map(float)
sizes = st.floats(0.25, 200, width=32).map(float)


@settings(deadline=None, max_examples=60, derandomize=True, database=None)
@given(corners, corners, sizes, sizes, st.sampled_from(VERDICTS), st.floats(0, 1), st.text(max_size=40))
def test_nothing_is_drawn_outside_of_a_box(  # so no neighbor is ever covered
    x: float, y: float, width: float, height: float, verdict: Verdict, confidence: float, name: str
) -> None:
    box = (x, min(y, 199.0), x + width, min(y, 199.0) + height)
    drawn = annotate(GRAY, [recognition(verdict, box, confidence)], {"milk-1": name}).copy()
    assert (drawn != GRAY).any()
    x1, y1, x2, y2 = (int(corner) for corner in (box[0], box[1], box[2] + 1, box[3] + 1))
    drawn[y1:y2, x1:x2] = 128
    assert (drawn == 128).all()


def test_confidence_is_written_where_it_was_in_doubt_and_fits() -> None:
    box = np.array([[20, 30, 220, 180]], np.float32)
    sure, unsure, less = (
        annotate_detections(GRAY, Detections(box, np.array([confidence], np.float32))) for confidence in (1, 0.87, 0.5)
    )
    in_corner = (slice(150, 176), slice(180, 216))
    assert (sure[in_corner] == 128).all()
    assert (unsure[in_corner] != 128).any()
    assert (unsure[in_corner] != less[in_corner]).any()
    small = np.array([[20, 30, 30, 40]], np.float32)
    frame, written = (
        annotate_detections(GRAY, Detections(small, np.array([confidence], np.float32))) for confidence in (1, 0.87)
    )
    assert (frame == written).all()


def test_letters_grow_with_the_box_and_names_go_on_in_a_second_line() -> None:
    def strip(box: Box) -> int:
        """Height of the strip of words, seen between the frame and the first letter."""
        drawn = annotate(np.full((900, 900, 3), 128, np.uint8), [recognition("accepted", box)], names)
        return int((drawn[:, int(box[0]) + line_px] == COLORS["accepted"]).all(axis=-1).sum()) - line_px

    line_px, names = 2, {"milk-1": "Milk"}
    low, high = strip((10, 10, 80, 80)), strip((10, 10, 80, 800))
    assert low == high == round(9 * 1.2)  # 70 / 8 is under the smallest letters
    line_px = 10
    assert strip((10, 10, 410, 800)) > 3 * low
    line_px, names = 2, {"milk-1": "Milk from Holstein"}
    assert strip((10, 10, 80, 200)) == 2 * low


def test_the_photo_itself_is_not_changed() -> None:
    before = GRAY.copy()
    annotate(GRAY, [recognition("accepted")], {})
    assert (before == GRAY).all()


def test_the_name_is_written_where_there_is_one_and_the_sku_where_not() -> None:
    by_sku = annotate(GRAY, [recognition("accepted")], {})
    by_name = annotate(GRAY, [recognition("accepted")], {"milk-1": "Whole milk, one liter"})
    assert (by_sku != by_name).any()
    assert (annotate(GRAY, [recognition("accepted")], {"milk-1": ""}) == by_sku).all()


def test_a_box_too_narrow_for_text_gets_a_frame_only() -> None:
    drawn = annotate(GRAY, [recognition("accepted", (50, 50, 58, 120))], {})
    outside = drawn.copy()
    outside[50:120, 50:58] = 128
    assert (outside == 128).all()


def test_no_recognitions_leave_the_photo_as_it_is() -> None:
    assert (annotate(GRAY, [], {}) == GRAY).all()


@pytest.mark.parametrize("n_boxes", [0, 1])
def test_a_picture_in_the_folder_has_a_legend_where_there_is_room_and_something_to_explain(
    tmp_path: Path, n_boxes: int
) -> None:
    boxes = [recognition("accepted", (5, 5, 40, 40), 0.9)] * n_boxes
    heights = []
    for width in (64, 640):
        photo = save_photo(tmp_path / f"{width}.jpg", 1, width=width, height=48)
        path = AnnotatedFolder(tmp_path / "out", {}).add(PhotoResult(str(photo), width, 48, tuple(boxes)))
        with PillowImage.open(path) as drawn:
            assert drawn.width == width
            heights.append(drawn.height)
    assert heights == [48, 48 + 20 * n_boxes]  # letters of 10 px


def test_detections_are_drawn_in_one_color_of_their_own(tmp_path: Path) -> None:
    photo = tmp_path / "gray.png"
    PillowImage.fromarray(GRAY).save(photo)
    found = Detections(np.array([[20, 30, 220, 180]], np.float32), np.array([0.5], np.float32))
    path = AnnotatedFolder(tmp_path / "out", {}).add(PhotoDetections(str(photo), 300, 200, found))
    with PillowImage.open(path) as drawn:
        edge = np.asarray(drawn)[40:140, 20].astype(int)
    assert np.abs(edge - COLORS["product"]).mean() < 40  # JPEG
    assert COLORS["product"] not in [COLORS[verdict] for verdict in VERDICTS]


def test_two_photos_of_one_name_give_two_files(tmp_path: Path) -> None:
    first = save_photo(tmp_path / "a" / "shelf.jpg", 1)
    second = save_photo(tmp_path / "b" / "shelf.jpg", 2)
    folder = AnnotatedFolder(tmp_path / "out", {})
    box = (0.0, 0.0, 64.0, 48.0)
    paths = [
        folder.add(PhotoResult(str(photo), 64, 48, (recognition("accepted", box),), photo_id=photo_id * 64))
        for photo, photo_id in ((first, "1"), (second, "2"))
    ]
    assert [path.name for path in paths] == ["shelf.jpg", "shelf-2.jpg"]
    for path in paths:
        with PillowImage.open(path) as drawn:
            assert drawn.size == (64, 48)


def test_a_folder_that_cannot_be_made_is_an_error_with_its_name(tmp_path: Path) -> None:
    photo = save_photo(tmp_path / "a.jpg", 1)
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(BadInput, match="file"):
        AnnotatedFolder(blocked, {}).add(PhotoResult(str(photo), 64, 48, ()))


@pytest.mark.parametrize("box", [(10, 10, 10.5, 50), (10, 10, 50, 10.5), (10, 10, 10.2, 10.2)])
def test_a_box_thinner_than_a_pixel_is_drawn(box: tuple[float, float, float, float]) -> None:
    assert (annotate(GRAY, [recognition("accepted", box)], {}) != GRAY).any()


def test_a_name_with_a_line_break_is_written_on_one_line() -> None:
    broken = annotate(GRAY, [recognition("accepted")], {"milk-1": "Whole\nmilk"})
    assert (broken == annotate(GRAY, [recognition("accepted")], {"milk-1": "Whole milk"})).all()


def test_the_photo_itself_is_never_drawn_over(tmp_path: Path) -> None:
    photo = save_photo(tmp_path / "a.jpg", 1)
    before = photo.read_bytes()
    with pytest.raises(BadInput, match="the photo itself"):
        AnnotatedFolder(tmp_path, {}).add(PhotoResult(str(photo), 64, 48, ()))
    assert photo.read_bytes() == before


def test_three_photos_of_one_name_and_content_give_three_files(tmp_path: Path) -> None:
    folder = AnnotatedFolder(tmp_path / "out", {})
    photos = [save_photo(tmp_path / str(number) / "x.jpg", 1) for number in range(3)]
    names = [folder.add(PhotoResult(str(photo), 64, 48, (), photo_id="1" * 64)).name for photo in photos]
    assert names == ["x.jpg", "x-2.jpg", "x-3.jpg"]
