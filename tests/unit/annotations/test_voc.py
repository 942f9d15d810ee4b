"""Pascal VOC: pixels counted from 1, both ends included; XML that could harm is refused."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from conftest import save_photo
from facings.annotations import AnnotatedPhoto, LabelledBox, read_annotations, write_annotations

BOX = "<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Annotations of photos of 100×80 px that lie beside, in `images`."""
    for name in ("a.jpg", "b.jpg"):
        save_photo(tmp_path / "images" / name, 1, width=100, height=80)
    (tmp_path / "annotations").mkdir()
    return tmp_path / "annotations"


def write(folder: Path, content: str, name: str = "a.xml", head: str = "<filename>a.jpg</filename>") -> None:
    (folder / name).write_text(f"<annotation>{head}{content}</annotation>", encoding="utf-8")


def labelled(box: str, more: str = "") -> str:
    return f"<object><name>milk</name>{more}{box}</object>"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        # First column 1 is left edge 0; last column 100 ends at edge 100: 100 pixels wide.
        pytest.param((1, 1, 100, 80), (0, 0, 100, 80), id="the whole photo"),
        pytest.param((11, 21, 30, 40), (10, 20, 30, 40), id="20 by 20 pixels: 30 - 11 + 1"),
        pytest.param((5, 5, 5, 5), (4, 4, 5, 5), id="one pixel"),
        pytest.param((11.5, 21.25, 30.5, 40), (10.5, 20.25, 30.5, 40), id="fractions"),
    ],
)
def test_box_is_one_based_and_inclusive(folder: Path, said: tuple[float, ...], meant: tuple[float, ...]) -> None:
    write(folder, labelled(BOX.format(*said)))
    found = read_annotations(folder)
    assert found.problems == ()
    assert found.photos[0].boxes[0].xyxy == meant


def test_written_numbers(folder: Path) -> None:
    box = LabelledBox((10, 20, 30, 40), "milk & more", True, {"truncated": 1})
    photo = AnnotatedPhoto(folder.parent / "images" / "a.jpg", 100, 80, (box,))
    write_annotations([photo], folder / "new", "voc")
    root = ElementTree.parse(folder / "new" / "a.xml").getroot()
    texts = {element.tag: element.text for element in root.iter() if len(element) == 0}
    assert texts == {
        "folder": "images",
        "filename": "a.jpg",
        "width": "100",
        "height": "80",
        "depth": "3",
        "name": "milk & more",
        "truncated": "1",
        "difficult": "1",
        "xmin": "11",
        "ymin": "21",
        "xmax": "30",
        "ymax": "40",
    }


def test_difficult_is_ignored_and_plain_elements_are_attributes(folder: Path) -> None:
    more = "<difficult>1</difficult><pose>Left</pose><truncated>0</truncated><part><name>cap</name></part>"
    write(folder, labelled(BOX.format(1, 1, 9, 9), more) + labelled(BOX.format(1, 1, 9, 9)))
    first, second = read_annotations(folder).photos[0].boxes
    assert (first.is_ignored, first.attributes) == (True, {"pose": "Left", "truncated": "0"})
    assert (second.is_ignored, second.attributes) == (False, {})


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        pytest.param(labelled(BOX.format(0, 1, 9, 9)), "clipped. VOC counts pixels from 1", id="counted from 0"),
        pytest.param(labelled(BOX.format(9, 1, 8, 9)), "no area", id="last column before the first"),
        pytest.param(labelled(BOX.format("x", 1, 8, 9)), "wanted the numbers xmin", id="word"),
        pytest.param(labelled("<bndbox><xmin>1</xmin></bndbox>"), "wanted the numbers xmin", id="sides missing"),
        pytest.param(labelled(""), "wanted the numbers xmin", id="no box"),
        pytest.param(f"<object>{BOX.format(1, 1, 9, 9)}</object>", "got label ''", id="no class"),
        pytest.param(labelled(BOX.format(1, 1, 9, 9), "<difficult>yes</difficult>"), "got difficult 'yes'", id="flag"),
    ],
)
def test_bad_object_is_named_and_the_others_are_read(folder: Path, bad: str, said: str) -> None:
    good = labelled(BOX.format(2, 2, 9, 9))
    write(folder, good + bad + good)
    found = read_annotations(folder)
    (problem,) = found.problems
    assert problem.where == f"{folder / 'a.xml'}: object 2"
    assert said in problem.message
    assert [box.xyxy for box in found.photos[0].boxes if box.xyxy == (1, 1, 9, 9)] == [(1, 1, 9, 9)] * 2


BOMB = """<?xml version="1.0"?><!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><annotation><filename>&c;</filename></annotation>"""
FILE = """<!DOCTYPE annotation [<!ENTITY a SYSTEM "file:///etc/hostname">]><annotation>&a;</annotation>"""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(BOMB, "document type", id="entities that multiply"),
        pytest.param(FILE, "document type", id="entity that reads a file"),
        pytest.param("<!DOCTYPE annotation SYSTEM 'x.dtd'><annotation/>", "document type", id="outer document type"),
        pytest.param("<annotation>\n<object>\n</annotation>", "broken XML in line 3", id="broken in the middle"),
        pytest.param("<annotation>&a;</annotation>", "broken XML in line 1", id="undefined entity"),
        pytest.param("", "broken XML in line 1", id="empty"),
        pytest.param('<?xml version="1.0" encoding="klingon"?><annotation/>', "XML", id="unknown encoding"),
        pytest.param("<svg/>", "got XML of 'svg'", id="other XML"),
        pytest.param("<annotation><filename>gone.jpg</filename></annotation>", "'gone.jpg' is missing", id="no photo"),
        pytest.param(
            "<annotation><filename>a.jpg</filename><size><width>wide</width></size></annotation>", "wide", id="odd size"
        ),
        pytest.param("<annotation><filename>b.jpg</filename></annotation>", "annotated twice", id="photo of another"),
    ],
)
def test_bad_file_is_named_and_the_others_are_read(folder: Path, content: str, said: str) -> None:
    write(folder, labelled(BOX.format(1, 1, 9, 9)), "a_good.xml", "<filename>b.jpg</filename>")
    (folder / "bad.xml").write_text(content)
    found = read_annotations(folder)
    assert [photo.path.name for photo in found.photos] == ["b.jpg"]
    (problem,) = found.problems
    assert problem.where == str(folder / "bad.xml")
    assert said in problem.message


@pytest.mark.parametrize(
    "head",
    [
        pytest.param("", id="file name of the annotation"),
        pytest.param("<filename>a</filename>", id="name without suffix"),
        pytest.param("<filename>a.jpg</filename><size><width>0</width><height>0</height></size>", id="size 0"),
        pytest.param("<folder>images</folder><filename>a.jpg</filename>", id="folder named"),
    ],
)
def test_photo_is_found_however_it_is_named(folder: Path, head: str) -> None:
    write(folder, "", head=head)
    found = read_annotations(folder)
    assert found.problems == ()
    assert [photo.path.name for photo in found.photos] == ["a.jpg"]
    assert found.photos[0].boxes == ()


def test_photos_in_folders_laid_out_alike(folder: Path) -> None:
    for name in ("x", "y"):
        save_photo(folder.parent / "images" / name / "same.jpg", 1, width=100, height=80)
        (folder / name).mkdir()
        write(folder / name, labelled(BOX.format(1, 1, 9, 9)), "same.xml", "<filename>same.jpg</filename>")
    found = read_annotations(folder)
    assert found.problems == ()
    assert [photo.path.parent.name for photo in found.photos] == ["x", "y"]


def test_utf_16_is_read(folder: Path) -> None:
    text = f'<?xml version="1.0" encoding="utf-16"?><annotation>{labelled(BOX.format(1, 1, 9, 9))}</annotation>'
    (folder / "a.xml").write_bytes(text.encode("utf-16"))
    assert len(read_annotations(folder / "a.xml", photos=folder.parent / "images").photos[0].boxes) == 1
