"""SKU-110K: a row a box, corners in pixels from 0, right and bottom exclusive."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import save_photo
from facings.annotations import AnnotatedPhoto, Annotations, LabelledBox, read_annotations, write_annotations

HEADER = "image_name,x1,y1,x2,y2,class,image_width,image_height\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg"):
        save_photo(tmp_path / "images" / name, 1, width=100, height=80)
    (tmp_path / "annotations").mkdir()
    return tmp_path / "annotations"


def read(folder: Path, text: str) -> Annotations:
    path = folder / "annotations_train.csv"
    path.write_text(text, encoding="utf-8")
    return read_annotations(path)


@pytest.mark.parametrize("header", ["", HEADER, HEADER.upper(), "\ufeff"])
def test_rows_of_a_photo_come_together(folder: Path, header: str) -> None:
    rows = "a.jpg,10,20,30,40,object,100,80\nb.jpg,,,,,,100,80\na.jpg,0,0,100,80,object,100,80\n"
    found = read(folder, header + rows)
    assert found.problems == ()
    whole = LabelledBox((0, 0, 100, 80), "object")  # 100 − 0 pixels wide: right is exclusive
    boxes = {photo.path.name: photo.boxes for photo in found.photos}
    assert boxes == {"a.jpg": (LabelledBox((10, 20, 30, 40), "object"), whole), "b.jpg": ()}


def test_commas_in_quotes_do_not_hide_the_format(folder: Path) -> None:
    found = read(folder, 'a.jpg,10,20,30,40,"oat drink, 1 l",100,80\n')
    assert found.photos[0].boxes[0].label == "oat drink, 1 l"


def test_written_rows(folder: Path) -> None:
    photos = [
        AnnotatedPhoto(folder.parent / "images" / "b.jpg", 100, 80, ()),
        AnnotatedPhoto(folder.parent / "images" / "a.jpg", 100, 80, (LabelledBox((10, 20, 30.5, 40), 'a "b", c'),)),
    ]
    write_annotations(photos, folder / "x.csv", "sku110k")
    assert (folder / "x.csv").read_text().splitlines() == [
        "../images/b.jpg,,,,,,100,80",
        '../images/a.jpg,10,20,30.5,40,"a ""b"", c",100,80',
    ]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        pytest.param("a.jpg,1,2,three,4,object,100,80", "wanted four numbers", id="word"),
        pytest.param("a.jpg,1,2,,4,object,100,80", "wanted four numbers", id="empty corner"),
        pytest.param("a.jpg,3,2,1,4,object,100,80", "corners are swapped", id="swapped"),
        pytest.param("a.jpg,1,2,3,4,,100,80", "got label ''", id="no class"),
        pytest.param("a.jpg,1,2,3,4,object,100", "got a row of 7 fields", id="field missing"),
        pytest.param(",1,2,3,4,object,100,80", "wanted image_name", id="no photo"),
        pytest.param("a.jpg,1,2,3,4,object,80,100", "got size 80×100, but 100×80", id="another size"),
        pytest.param("b.jpg,1,2,3,4,object,80,100", "has 100×80 px upright", id="wrong size"),
        pytest.param("b.jpg,1,2,3,4,object,w,h", "wanted two whole numbers", id="odd size"),
        pytest.param("gone.jpg,1,2,3,4,object,100,80", "is missing", id="no photo file"),
        pytest.param("../images/a.jpg,1,2,3,4,object,100,80", "annotated twice", id="photo under another name"),
    ],
)
def test_bad_row_is_named_and_the_others_are_read(folder: Path, bad: str, said: str) -> None:
    good = "a.jpg,10,20,30,40,object,100,80\n"
    found = read(folder, f"{good}{bad}\n{good}")
    assert [(photo.path.name, len(photo.boxes)) for photo in found.photos] == [("a.jpg", 2)]
    (problem,) = found.problems
    assert problem.where == f"{folder / 'annotations_train.csv'}:2"
    assert said in problem.message


def test_missing_photo_is_told_once_for_all_its_rows(folder: Path) -> None:
    found = read(folder, "gone.jpg,1,2,3,4,object,100,80\n" * 3)
    assert (found.photos, len(found.problems)) == ((), 1)


def test_where_the_file_breaks_what_stood_before_is_read(folder: Path) -> None:
    good = "a.jpg,10,20,30,40,object,100,80\n"
    found = read(folder, f'{good}"b.jpg,1,2,3,4,object,100,80\n{good}')
    assert [len(photo.boxes) for photo in found.photos] == [1]
    assert "broken CSV" in found.problems[0].message
    assert f"{folder / 'annotations_train.csv'}:2" in found.problems[0].message
