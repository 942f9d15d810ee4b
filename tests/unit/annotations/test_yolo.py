"""YOLO: shares of the photo's size around a center."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import save_photo
from facings.annotations import AnnotatedPhoto, LabelledBox, read_annotations, write_annotations
from facings.errors import BadInput


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set of two classes with one photo of 100×80 px."""
    save_photo(tmp_path / "images" / "train" / "a.jpg", 1, width=100, height=80)
    (tmp_path / "labels" / "train").mkdir(parents=True)
    (tmp_path / "classes.txt").write_text("milk\noat drink\n\n")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        pytest.param("0 0.5 0.5 1 1", (0, 0, 100, 80), id="the whole photo"),
        # center 20, 30; half the size 10, 10
        pytest.param("0 0.2 0.375 0.2 0.25", (10, 20, 30, 40), id="by hand"),
        pytest.param(" 0\t.045 .05625 .01 .0125 ", (4, 4, 5, 5), id="one pixel, odd spaces"),
    ],
)
def test_box_is_center_and_size_in_shares(folder: Path, line: str, meant: tuple[float, ...]) -> None:
    (folder / "labels" / "train" / "a.txt").write_text(f"{line}\r\n\r\n")
    found = read_annotations(folder)
    assert found.problems == ()
    assert found.photos[0].boxes[0].xyxy == pytest.approx(meant)


def test_written_lines(folder: Path) -> None:
    boxes = (LabelledBox((10, 20, 30, 40), "oat"), LabelledBox((0, 0, 100, 80), "milk"))
    photo = AnnotatedPhoto(folder / "images" / "train" / "a.jpg", 100, 80, boxes)
    write_annotations([photo], folder / "new", "yolo")
    assert (folder / "new" / "classes.txt").read_text() == "milk\noat\n"
    assert (folder / "new" / "labels" / "a.txt").read_text().splitlines() == [
        "1 0.2000000000 0.3750000000 0.2000000000 0.2500000000",
        "0 0.5000000000 0.5000000000 1.0000000000 1.0000000000",
    ]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        pytest.param("2 .5 .5 .1 .1", "wanted a whole number below 2", id="unknown class"),
        pytest.param("-1 .5 .5 .1 .1", "wanted a whole number below 2", id="negative class"),
        pytest.param("milk .5 .5 .1 .1", "wanted a whole number below 2", id="class by name"),
        pytest.param("9" * 5000 + " .5 .5 .1 .1", "wanted a whole number below 2", id="endless class"),
        pytest.param("0 .5 .5 .1", "got 4 values", id="too few"),
        pytest.param("0 .5 .5 .1 .1 .9", "got 6 values", id="with confidence"),
        pytest.param("0 .5 .5 .1 wide", "wanted four shares", id="word"),
        pytest.param("0 50 40 20 20", "look like pixels", id="pixels"),
        pytest.param("0 .5 .5 0 .1", "no area", id="no width"),
        pytest.param("0 nan .5 .1 .1", "wanted x1 < x2", id="NaN"),
        pytest.param("0 0 .5 .2 .2", "clipped", id="half outside"),
    ],
)
def test_bad_line_is_named_and_the_others_are_read(folder: Path, bad: str, said: str) -> None:
    path = folder / "labels" / "train" / "a.txt"
    path.write_text(f"1 .5 .5 .1 .1\n{bad}\n0 .5 .5 .2 .2\n")
    found = read_annotations(folder)
    (problem,) = found.problems
    assert problem.where == f"{path}:2"
    assert said in problem.message
    labels = [box.label for box in found.photos[0].boxes]
    assert (labels[0], labels[-1], len(labels)) == ("oat drink", "milk", 3 if said == "clipped" else 2)


def test_empty_file_says_that_nothing_is_there_and_no_file_that_nobody_looked(folder: Path) -> None:
    save_photo(folder / "images" / "train" / "b.jpg", 1, width=100, height=80)
    (folder / "labels" / "train" / "a.txt").write_text("")
    found = read_annotations(folder)
    assert [(photo.path.name, photo.boxes) for photo in found.photos] == [("a.jpg", ())]


def test_class_names_may_lie_with_labels_and_photos(tmp_path: Path) -> None:
    save_photo(tmp_path / "A.JPG", 1, width=100, height=80)
    (tmp_path / "obj.names").write_text("milk")
    (tmp_path / "A.txt").write_text("0 .5 .5 1 1")
    found = read_annotations(tmp_path)
    assert found.problems == ()
    assert found.photos[0].boxes == (LabelledBox((0, 0, 100, 80), "milk"),)


def test_missing_photo_and_unreadable_labels_are_named(folder: Path) -> None:
    (folder / "labels" / "train" / "a.txt").write_bytes(b"\xff")
    (folder / "labels" / "train" / "gone.txt").write_text("0 .5 .5 1 1\n")
    found = read_annotations(folder)
    assert found.photos == ()
    assert [problem.where.rsplit("/", 1)[-1] for problem in found.problems] == ["a.txt", "gone.txt"]
    assert "not UTF-8" in found.problems[0].message
    assert "'train/gone' is missing" in found.problems[1].message


def test_labels_are_never_mixed_with_older_ones(folder: Path) -> None:
    photo = AnnotatedPhoto(folder / "images" / "train" / "a.jpg", 100, 80, ())
    before = (folder / "classes.txt").read_text()
    with pytest.raises(BadInput, match="holds files already"):
        write_annotations([photo], folder, "yolo")
    assert (folder / "classes.txt").read_text() == before
