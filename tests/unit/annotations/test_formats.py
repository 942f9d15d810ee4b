"""Formats are told apart by content; the rules that hold for all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from conftest import save_photo
from facings.annotations import AnnotatedPhoto, Annotations, Format, LabelledBox, read_annotations, write_annotations
from facings.errors import BadInput

Corners = tuple[float, float, float, float]


def as_voc(root: Path, corners: Corners) -> Path:
    x1, y1, x2, y2 = corners
    box = f"<xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
    path = root / "a.xml"
    path.write_text(
        "<annotation><filename>a.jpg</filename><size><width>100</width><height>80</height></size>"
        f"<object><name>milk</name><bndbox>{box}</bndbox></object></annotation>"
    )
    return path


def as_coco(root: Path, corners: Corners) -> Path:
    x1, y1, x2, y2 = corners
    path = root / "boxes"  # no suffix: the content tells
    image = {"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}
    entry = {"image_id": 1, "category_id": 3, "bbox": [x1, y1, x2 - x1, y2 - y1]}
    path.write_text(json.dumps({"images": [image], "annotations": [entry], "categories": [{"id": 3, "name": "milk"}]}))
    return path


def as_yolo(root: Path, corners: Corners) -> Path:
    x1, y1, x2, y2 = corners
    (root / "classes.txt").write_text("milk\n")
    (root / "a.txt").write_text(f"0 {(x1 + x2) / 200} {(y1 + y2) / 160} {(x2 - x1) / 100} {(y2 - y1) / 80}\n")
    return root


def as_sku110k(root: Path, corners: Corners) -> Path:
    path = root / "boxes"
    path.write_text(f"a.jpg,{','.join(map(str, corners))},milk,100,80\n")
    return path


every_format = pytest.mark.parametrize("written", [as_voc, as_coco, as_yolo, as_sku110k])
Written = Callable[[Path, Corners], Path]


def read(root: Path, written: Written, corners: Corners = (10, 20, 30, 40)) -> Annotations:
    return read_annotations(written(root, corners))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    save_photo(tmp_path / "a.jpg", 1, width=100, height=80)
    return tmp_path


@every_format
def test_format_is_known_by_its_content(root: Path, written: Written) -> None:
    found = read(root, written)
    assert found.problems == ()
    (photo,) = found.photos
    assert (photo.path, photo.width, photo.height) == (root / "a.jpg", 100, 80)
    assert photo.boxes[0].xyxy == pytest.approx((10, 20, 30, 40))
    assert photo.boxes[0].label == "milk"


@every_format
@pytest.mark.parametrize(
    ("corners", "kept", "said"),
    [
        pytest.param((-5, 10, 20, 30), (0, 10, 20, 30), "reaches outside and was clipped", id="left of it"),
        pytest.param((90, 70, 103, 80.2), (90, 70, 100, 80), "reaches outside and was clipped", id="right and below"),
        pytest.param((90, 70, 100.01, 80.04), (90, 70, 100, 80), None, id="out by rounding"),
        pytest.param((100, 10, 120, 30), None, "lies outside", id="beside it"),
        pytest.param((10, 10, 10, 30), None, "no area", id="without area"),
        pytest.param((30, 10, 20, 30), None, "corners are swapped", id="swapped"),
        pytest.param((float("nan"), 10, 20, 30), None, "wanted x1 < x2", id="NaN"),
        pytest.param((10, 10, float("inf"), 30), None, "wanted", id="infinite"),
    ],
)
def test_boxes_that_do_not_fit(
    root: Path, written: Written, corners: Corners, kept: Corners | None, said: str | None
) -> None:
    found = read(root, written, corners)
    assert [problem.message for problem in found.problems if said is None or said not in problem.message] == []
    assert len(found.problems) == (said is not None)
    boxes = found.photos[0].boxes
    assert len(boxes) == (kept is not None)
    if kept is not None:
        assert boxes[0].xyxy == pytest.approx(kept)


@every_format
def test_missing_photo_is_a_problem(root: Path, written: Written) -> None:
    (root / "a.jpg").unlink()
    found = read(root, written)
    assert found.photos == ()
    assert len(found.problems) == 1
    assert "is missing. Looked in" in found.problems[0].message


@every_format
def test_file_that_is_no_photo_is_a_problem(root: Path, written: Written) -> None:
    (root / "a.jpg").write_text("hello")
    found = read(root, written)
    assert found.photos == ()
    assert "cannot be read" in found.problems[0].message


@pytest.mark.parametrize("written", [as_voc, as_coco, as_sku110k])
def test_photo_of_another_size_than_annotated_is_refused(root: Path, written: Written) -> None:
    save_photo(root / "a.jpg", 1, width=80, height=100)
    found = read(root, written)
    assert found.photos == ()
    assert "has 80×100 px upright, the annotations are for 100×80 px" in found.problems[0].message


@every_format
def test_size_is_that_of_the_upright_photo(root: Path, written: Written) -> None:
    lying = PillowImage.new("RGB", (80, 100))
    exif = lying.getexif()
    exif[0x0112] = 6  # to be turned by 90°
    lying.save(root / "a.jpg", exif=exif)
    found = read(root, written)
    assert found.problems == ()
    assert (found.photos[0].width, found.photos[0].height) == (100, 80)


@pytest.mark.parametrize("beside", ["images", "JPEGImages", "labels/images", "."])
def test_photos_are_looked_for_in_the_usual_places(tmp_path: Path, beside: str) -> None:
    photo = save_photo(tmp_path / beside / "a.jpg", 1, width=100, height=80)
    (tmp_path / "labels").mkdir(exist_ok=True)
    found = read(tmp_path / "labels", as_coco)
    assert [one.path.resolve() for one in found.photos] == [photo.resolve()]


def test_photos_are_only_looked_for_where_the_caller_says(root: Path) -> None:
    (root / "elsewhere").mkdir()
    found = read_annotations(as_coco(root, (1, 2, 3, 4)), photos=root / "elsewhere")
    assert found.photos == ()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("x", b"", "none of the four formats", id="empty"),
        pytest.param("x", b"photo,x1,y1,x2,y2\na.jpg,1,2,3,4\n", "none of the four formats", id="boxes without labels"),
        pytest.param("x", b'{"images": [{"id": 1}', "broken JSON", id="cut JSON"),
        pytest.param("x", b"[]", "no COCO file", id="JSON list"),
        pytest.param("x", b'{"images": [], "annotations": []}', "names no photo", id="COCO without photos"),
        pytest.param("x", b"a.jpg,1,2,3,4,\xff,100,80\n", "not UTF-8", id="not UTF-8"),
        pytest.param(
            "x", b"image_name,x1,y1,x2,y2,class,image_width,image_height\n", "names no photo", id="CSV header alone"
        ),
        pytest.param("folder/a.txt", b"0 .5 .5 .1 .1\n", "holds no annotations", id="YOLO without class names"),
        pytest.param("folder/classes.txt", b"milk\n", "holds no annotations", id="YOLO without labels"),
    ],
)
def test_what_is_no_annotation_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said):
        read_annotations(path if path.parent == tmp_path else path.parent)


def test_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_annotations(tmp_path / "gone.json")


def test_writing_refuses_what_would_mislead(root: Path) -> None:
    one = AnnotatedPhoto(root / "a.jpg", 100, 80, ())
    odd = AnnotatedPhoto(root / "a\n.jpg", 100, 80, ())
    no_utf8 = AnnotatedPhoto(root / "a\udcff.jpg", 100, 80, ())
    twin = AnnotatedPhoto(root / "a.png", 100, 80, ())
    with pytest.raises(BadInput, match="got 0 photos"):
        write_annotations([], root / "x.json", "coco")
    with pytest.raises(BadInput, match="got 2 photos, 1 different"):
        write_annotations([one, one], root / "x.json", "coco")
    for photo in (odd, no_utf8):
        with pytest.raises(BadInput, match="can hold this name"):
            write_annotations([photo], root / "x.json", "coco")
    with pytest.raises(BadInput, match="wanted one of voc, coco, yolo, sku110k"):
        write_annotations([one], root / "x", "tfrecord")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="rename one"):
        write_annotations([one, twin], root / "new", "voc")
    with pytest.raises(BadInput, match="holds files already"):
        write_annotations([one], root, "voc")
    with pytest.raises(BadInput, match="cannot be written"):
        write_annotations([one], root / "a.jpg" / "x.json", "coco")


@pytest.mark.parametrize(("format_name", "place"), [("coco", "x.json"), ("yolo", "x")])
def test_classes_have_the_numbers_of_the_labels_given(root: Path, format_name: Format, place: str) -> None:
    oat = AnnotatedPhoto(root / "a.jpg", 100, 80, (LabelledBox((10, 20, 30, 40), "oat"),))
    for labels, number in ((["milk", "oat"], 1), (["oat", "milk"], 0), (None, 0)):
        path = root / f"{labels}" / place
        write_annotations([oat], path, format_name, labels=labels)
        if format_name == "coco":
            document = json.loads(path.read_text())
            assert document["annotations"][0]["category_id"] == number + 1
            assert [category["name"] for category in document["categories"]] == (labels or ["oat"])
        else:
            assert (path / "labels" / "a.txt").read_text().split()[0] == str(number)
            assert (path / "classes.txt").read_text().split() == (labels or ["oat"])
        again = read_annotations(path, photos=root if format_name == "yolo" else None)
        assert [box.label for box in again.photos[0].boxes] == ["oat"]
        assert again.problems == ()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["milk"], "boxes of class 'oat', wanted one of the 1 labels"),
        (["oat", "oat"], "each once"),
        (["oat", "a\nb"], "one line"),
    ],
)
def test_labels_that_cannot_number_the_boxes_are_refused(root: Path, labels: list[str], said: str) -> None:
    oat = AnnotatedPhoto(root / "a.jpg", 100, 80, (LabelledBox((10, 20, 30, 40), "oat"),))
    with pytest.raises(BadInput, match=said):
        write_annotations([oat], root / "x.json", "coco", labels=labels)
    assert not (root / "x.json").exists()


@pytest.mark.parametrize(
    ("corners", "label"),
    [
        pytest.param((0, 0, 0, 1), "a", id="no width"),
        pytest.param((0, 1, 1, 0), "a", id="swapped"),
        pytest.param((0, 0, float("nan"), 1), "a", id="NaN"),
        pytest.param((0, 0, 1, 1), "", id="no label"),
        pytest.param((0, 0, 1, 1), " a", id="space before the label"),
        pytest.param((0, 0, 1, 1), "a\nb", id="label of two lines"),
        pytest.param((0, 0, 1, 1), "a\x01", id="control character"),
    ],
)
def test_box_is_checked_when_built(corners: Corners, label: str) -> None:
    with pytest.raises(BadInput, match="Box: got"):
        LabelledBox(corners, label)


def test_photo_is_checked_when_built() -> None:
    with pytest.raises(BadInput, match="wanted it inside"):
        AnnotatedPhoto(Path("a.jpg"), 10, 10, (LabelledBox((0, 0, 10, 10.5), "a"),))
    with pytest.raises(BadInput, match="at least one pixel"):
        AnnotatedPhoto(Path("a.jpg"), 0, 10, ())


@pytest.mark.real_data
def test_groceries_detection_reads_without_a_problem(data_dir: Path) -> None:
    folder = data_dir / "groceries-detection" / "annotations" / "candy"
    if not folder.is_dir():
        pytest.skip("groceries-detection is not there")
    found = read_annotations(folder, photos=data_dir / "groceries-detection" / "images" / "candy")
    assert found.problems == ()
    assert len(found.photos) == sum(1 for _ in folder.glob("*.xml"))
    assert {box.label for photo in found.photos for box in photo.boxes} == {"candy"}
