"""Composed shelves on disk: readable in every format, the same bytes each time, careful with files of others."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from facings.annotations import Format, read_annotations
from facings.errors import BadInput
from facings.simulate.shelf_dataset import ShelvesSummary, write_shelves
from solid_cutouts import broken, solid

GOODS = [solid(f"sku-{i}", width=24 + 6 * i, group=f"g{i % 3}") for i in range(8)]
NUMBERS: dict[str, Any] = {"source": "tests", "n_photos": 2, "facings": (6, 14), "size_px": (240, 180), "seed": 4}
WHERE = {"coco": "annotations.json", "sku110k": "annotations.csv", "voc": "", "yolo": ""}


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("form", ["coco", "voc", "yolo", "sku110k"])
def test_what_is_written_is_read_back_without_being_told_where(form: Format, tmp_path: Path) -> None:
    done = write_shelves(tmp_path / "out", GOODS, format=form, **NUMBERS)
    found = read_annotations(tmp_path / "out" / WHERE[form])
    assert found.problems == ()
    assert [photo.path.name for photo in found.photos] == ["shelf_0001.jpg", "shelf_0002.jpg"]
    boxes = [box for photo in found.photos for box in photo.boxes]
    assert sum(not box.is_ignored for box in boxes) == done.n_boxes > 8
    if form in {"coco", "voc"}:
        assert sum(box.is_ignored for box in boxes) == done.n_ignored > 0
        assert all(0.25 <= float(box.attributes["visible_frac"]) <= 1 for box in boxes)
        assert done.losses == ()
    else:
        assert any("ignored box" in loss.message for loss in done.losses)
    for photo in found.photos:
        with Image.open(photo.path) as picture:
            assert picture.size == (photo.width, photo.height) == (240, 180)


def test_sets_composed_apart_number_the_products_alike(tmp_path: Path) -> None:
    named = []
    for seed in (4, 5):
        path = tmp_path / f"{seed}"
        write_shelves(path, GOODS, format="yolo", **{**NUMBERS, "n_photos": 1, "facings": (2, 2), "seed": seed})
        assert len({box.label for photo in read_annotations(path).photos for box in photo.boxes}) < len(GOODS)
        named.append((path / "classes.txt").read_text())
    assert named[0] == named[1] == "".join(f"sku-{i}\n" for i in range(8))


def test_facts_say_what_it_was_made_from(tmp_path: Path) -> None:
    done = write_shelves(tmp_path / "out", GOODS, **NUMBERS)
    facts = json.loads((tmp_path / "out" / "shelves.json").read_text(encoding="utf-8"))
    assert facts["seed"] == 4
    assert facts["facings"] == [6, 14]
    assert facts["size_px"] == [240, 180]
    assert (facts["source"], facts["format"], facts["n_cutouts"]) == ("tests", "coco", 8)
    assert [shelf["image"] for shelf in facts["shelves"]] == ["shelf_0001.jpg", "shelf_0002.jpg"]
    assert sum(shelf["n_boxes"] for shelf in facts["shelves"]) == done.n_boxes
    assert sum(shelf["n_ignored"] for shelf in facts["shelves"]) == done.n_ignored


def test_the_same_numbers_give_the_same_bytes_and_replace_what_was_there(tmp_path: Path) -> None:
    write_shelves(tmp_path / "one", GOODS, **NUMBERS)
    write_shelves(tmp_path / "two", GOODS, **(NUMBERS | {"n_photos": 1, "seed": 5, "format": "yolo"}))
    write_shelves(tmp_path / "two", GOODS, **NUMBERS)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_a_photo_depends_on_seed_and_number_only(tmp_path: Path) -> None:
    write_shelves(tmp_path / "two", GOODS, **NUMBERS)
    write_shelves(tmp_path / "one", GOODS, **(NUMBERS | {"n_photos": 1, "format": "voc"}))
    write_shelves(tmp_path / "other", GOODS, **(NUMBERS | {"n_photos": 1, "seed": 5}))
    two, one, other = (digests(tmp_path / name / "images") for name in ("two", "one", "other"))
    assert one == {"shelf_0001.jpg": two["shelf_0001.jpg"]}
    assert other["shelf_0001.jpg"] not in two.values()


def test_bad_cutouts_are_told_once_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad = [broken("bad"), solid("two\nlines")]
    done = write_shelves(tmp_path / "out", [*bad, *GOODS[:2]], **NUMBERS)
    assert isinstance(done, ShelvesSummary)
    assert sorted(problem.where for problem in done.problems) == ["bad.png", "two\nlines.png"]
    assert done.n_photos == 2
    assert done.n_boxes > 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_photos": 0}, "n_photos: got 0"),
        ({"seed": -1}, "seed: got -1"),
        ({"facings": (20, 10)}, "facings: got 20-10, wanted the smaller number first"),
        ({"facings": (0, 10)}, "facings: got 0-10"),
        ({"facings": (5, 50)}, "got 50, but a photo of 240×180 px holds at most 27"),
        ({"size_px": (100, 4000)}, "Photo size: got 100×4000 px"),
    ],
    ids=["no photos", "seed", "reversed", "none", "crowd", "narrow"],
)
def test_bad_numbers_are_refused_before_anything_is_written(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=message):
        write_shelves(tmp_path / "out", GOODS, **(NUMBERS | changes))
    assert not list(tmp_path.iterdir())


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "annotations.json").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="other files"):
        write_shelves(tmp_path, GOODS, **NUMBERS)
    assert (tmp_path / "annotations.json").read_text(encoding="utf-8") == "mine"
    (tmp_path / "a file").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="got a file, wanted a directory"):
        write_shelves(tmp_path / "a file", GOODS, **NUMBERS)


def test_a_failure_leaves_nothing_half_done(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="none can be used"):
        write_shelves(tmp_path / "out", [broken("a"), broken("b")], **NUMBERS)
    assert not list(tmp_path.iterdir())
