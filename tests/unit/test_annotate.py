from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from conftest import save_photo
from facings.annotate import COLORS, AnnotatedFolder, annotate
from facings.errors import BadInput
from facings.types import Candidate, Decision, PhotoResult, Recognition, Verdict

GRAY = np.full((200, 300, 3), 128, np.uint8)


def recognition(verdict: Verdict, box: tuple[float, float, float, float] = (20, 30, 220, 180)) -> Recognition:
    candidates = (Candidate("milk-1", 0.9, 1), Candidate("milk-2", 0.89, 2))
    return Recognition(box, 1.0, Decision(verdict, "milk-1" if verdict == "accepted" else None, candidates))


@pytest.mark.parametrize("verdict", ["accepted", "ambiguous", "unknown"])
def test_frame_has_the_color_of_the_verdict_at_the_border_of_the_box(verdict: Verdict) -> None:
    drawn = annotate(GRAY, [recognition(verdict)], {})
    assert tuple(drawn[100, 20]) == COLORS[verdict]  # left edge is inside the box
    assert tuple(drawn[179, 100]) == COLORS[verdict]  # bottom edge is exclusive: the last row of the box is 179
    assert tuple(drawn[180, 100]) == (128, 128, 128)
    assert tuple(drawn[100, 120]) == (128, 128, 128)  # the product itself stays visible


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
