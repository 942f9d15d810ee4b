"""What is written is read again, in every format and for any boxes; what a format cannot hold is said."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from facings.annotations import AnnotatedPhoto, Format, LabelledBox, read_annotations, write_annotations

SIZES = {"a.jpg": (64, 48), "deep/b.jpg": (300, 20), "c d é.jpg": (17, 17)}
FORMATS: tuple[Format, ...] = ("voc", "coco", "yolo", "sku110k")
NAMES = {"voc": "annotations", "coco": "boxes.json", "yolo": "dataset", "sku110k": "boxes.csv"}
_fresh = itertools.count()

texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6)
labels = st.sampled_from(["milk", "0", "oat drink, 1 l", 'with "quotes"', "<&>", "object"]) | texts
element_names = st.from_regex(r"\A[a-w_][a-z0-9_.-]{0,5}\Z").filter(
    lambda name: name not in {"name", "difficult", "bndbox", "id", "bbox", "area", "ignore"}
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 1) | texts, lambda inner: st.lists(inner, max_size=2)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the photos in `images`."""
    root = tmp_path_factory.mktemp("set")
    for name, (width, height) in SIZES.items():
        path = root / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        PillowImage.new("RGB", (width, height)).save(path)
    return root


@st.composite
def photo_boxes(draw: st.DrawFn, values: st.SearchStrategy[object]) -> dict[str, tuple[LabelledBox, ...]]:
    """For some of the photos, boxes anywhere inside, of at least a fifth of a pixel."""
    names = draw(st.lists(st.sampled_from(sorted(SIZES)), min_size=1, unique=True))
    found = {}
    for name in names:
        boxes = []
        for _ in range(draw(st.integers(0, 3))):
            sides = []
            for length in SIZES[name]:
                low = draw(st.floats(0, length - 0.2) | st.integers(0, length - 1))
                high = draw(st.floats(low + 0.2, length) | st.just(length))
                sides.append((float(low), float(high)))
            (x1, x2), (y1, y2) = sides
            attributes = draw(st.dictionaries(element_names, values, max_size=2))
            boxes.append(LabelledBox((x1, y1, x2, y2), draw(labels), draw(st.booleans()), attributes))
        found[name] = tuple(boxes)
    return found


def there_and_back(root: Path, found: dict[str, tuple[LabelledBox, ...]], format_name: Format) -> list[AnnotatedPhoto]:
    """Written to a new place, read again, in the order of the photos' names."""
    photos = [AnnotatedPhoto(root / "images" / name, *SIZES[name], boxes) for name, boxes in found.items()]
    place = root / f"{next(_fresh)}" / NAMES[format_name]
    write_annotations(photos, place, format_name)
    top = root / "images" if len({photo.path.parent for photo in photos}) > 1 else photos[0].path.parent
    again = read_annotations(place, photos=top if format_name in {"voc", "yolo"} else None)
    assert again.problems == ()
    assert all(photo.path.is_file() for photo in again.photos)
    return sorted(again.photos, key=lambda photo: photo.path.resolve())


def check(root: Path, found: dict[str, tuple[LabelledBox, ...]], format_name: Format, *, keeps_flags: bool) -> None:
    again = there_and_back(root, found, format_name)
    wanted = sorted(found.items(), key=lambda item: root / "images" / item[0])
    assert [photo.path.resolve() for photo in again] == [(root / "images" / name).resolve() for name, _ in wanted]
    for photo, (name, boxes) in zip(again, wanted, strict=True):
        assert (photo.width, photo.height) == SIZES[name]
        kept = [box for box in boxes if keeps_flags or not box.is_ignored]
        assert [(box.label, box.is_ignored) for box in photo.boxes] == [(box.label, box.is_ignored) for box in kept]
        assert [box.attributes for box in photo.boxes] == [box.attributes if keeps_flags else {} for box in kept]
        for box, before in zip(photo.boxes, kept, strict=True):
            assert box.xyxy == pytest.approx(before.xyxy, abs=1e-6)


few = settings(max_examples=25, deadline=None, derandomize=True, database=None)


@given(photo_boxes(texts))
@few
def test_voc_keeps_boxes_flags_and_attributes_of_text(folder: Path, found: dict[str, tuple[LabelledBox, ...]]) -> None:
    check(folder, found, "voc", keeps_flags=True)


@given(photo_boxes(json_values))
@few
def test_coco_keeps_boxes_flags_and_attributes_of_any_kind(
    folder: Path, found: dict[str, tuple[LabelledBox, ...]]
) -> None:
    check(folder, found, "coco", keeps_flags=True)


@given(photo_boxes(json_values))
@few
def test_yolo_keeps_boxes_that_count(folder: Path, found: dict[str, tuple[LabelledBox, ...]]) -> None:
    check(folder, found, "yolo", keeps_flags=False)


@given(photo_boxes(json_values))
@few
def test_sku110k_keeps_boxes_that_count(folder: Path, found: dict[str, tuple[LabelledBox, ...]]) -> None:
    check(folder, found, "sku110k", keeps_flags=False)


ODD = LabelledBox(
    (1, 2, 3, 4),
    "milk",
    attributes={"truncated": True, "share": 0.5, "shelf row": "2", "points": [1, 2], "id": 7, "nan": float("nan")},
)
LOST = {
    "voc": ["attribute shelf row", "attribute points", "attribute nan"],
    "coco": ["attribute id", "attribute nan"],
    "yolo": [f"attribute {name}" for name in ODD.attributes] + ["the ignored box itself"],
    "sku110k": [f"attribute {name}" for name in ODD.attributes] + ["the ignored box itself"],
}
COMES_BACK = {
    "voc": {"truncated": "1", "share": "0.5", "id": "7"},
    "coco": {"truncated": True, "share": 0.5, "shelf row": "2", "points": [1, 2]},
    "yolo": {},
    "sku110k": {},
}


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_a_format_cannot_hold_is_said_with_its_count(folder: Path, tmp_path: Path, format_name: Format) -> None:
    photo = AnnotatedPhoto(folder / "images" / "a.jpg", 64, 48, (ODD, ODD, LabelledBox((0, 0, 9, 9), "crowd", True)))
    place = tmp_path / NAMES[format_name]
    said = write_annotations([photo], place, format_name)
    assert [problem.message.split(" was left out")[0] for problem in said] == LOST[format_name]
    for problem in said:
        assert f"({1 if 'ignored' in problem.message else 2} boxes): {format_name} cannot" in problem.message
        assert problem.where == str(place)
    boxes = (
        read_annotations(place, photos=None if format_name in {"coco", "sku110k"} else photo.path.parent)
        .photos[0]
        .boxes
    )
    assert boxes[0].attributes == COMES_BACK[format_name]
    assert len(boxes) == (3 if format_name in {"voc", "coco"} else 2)


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_one_format_becomes_another(folder: Path, tmp_path: Path, source: Format, target: Format) -> None:
    boxes = (LabelledBox((0, 0, 64, 48), "milk"), LabelledBox((10, 5, 11, 6), "oat"))
    photos: tuple[AnnotatedPhoto, ...] = (AnnotatedPhoto(folder / "images" / "a.jpg", 64, 48, boxes),)
    for number, name in enumerate((source, target)):
        place = tmp_path / str(number) / NAMES[name]
        assert write_annotations(photos, place, name) == ()
        photos = read_annotations(place, photos=None if name in {"coco", "sku110k"} else folder / "images").photos
    assert [box.label for box in photos[0].boxes] == ["milk", "oat"]
    assert photos[0].boxes[0].xyxy == pytest.approx((0, 0, 64, 48), abs=1e-6)
    assert photos[0].boxes[1].xyxy == pytest.approx((10, 5, 11, 6), abs=1e-6)
