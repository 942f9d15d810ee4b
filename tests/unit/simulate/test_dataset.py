"""A store on disk: complete, consistent, the same bytes each time, and careful with other people's files."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from facings.annotations import read_boxes
from facings.errors import BadInput
from facings.manifest import read_manifest
from facings.simulate import dataset
from facings.simulate.dataset import StoreSummary, write_store

NUMBERS: dict[str, Any] = {
    "n_products": 4,
    "n_references": 2,
    "n_queries": 7,
    "n_shelves": 1,
    "n_unknown": 2,
    "seed": 11,
}


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", autouse=True)
def small_pictures() -> Iterator[None]:
    """Smaller photos than users get, for speed; everything else is as they get it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "_PHOTO_PX", (200, 250))
        patch.setattr(dataset, "_SHELF_PX", (800, 600))
        yield


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StoreSummary, list[tuple[int, int]]]:
    root = tmp_path_factory.mktemp("simulated") / "store"
    calls: list[tuple[int, int]] = []
    summary = write_store(root, **NUMBERS, progress=lambda done, total: calls.append((done, total)))
    return root, summary, calls


def test_catalog_lists_the_known_products(written: Any) -> None:
    root, summary, _ = written
    rows = rows_of(root / "catalog.csv")
    assert list(rows[0]) == ["sku", "gtin", "name", "brand", "category", "size", "price", "currency"]
    assert len(rows) == summary.n_products == 4
    assert {path.name for path in (root / "references").iterdir()} == {row["sku"] for row in rows}
    for row in rows:
        sku = row["sku"]
        names = [f"{sku}_01.jpg", f"{sku}_02.jpg"]
        assert sorted(path.name for path in (root / "references" / sku).iterdir()) == names
        with Image.open(root / "iconic" / f"{sku}.png") as picture:
            assert picture.mode == "RGBA"


def test_unknown_products_are_photographed_but_not_in_the_catalog(written: Any) -> None:
    root, _, _ = written
    catalog = {row["sku"] for row in rows_of(root / "catalog.csv")}
    queries = rows_of(root / "queries.csv")
    assert sorted(f"queries/{path.name}" for path in (root / "queries").iterdir()) == [row["photo"] for row in queries]
    unknown = {row["sku"] for row in queries if row["known"] == "0"}
    assert len(unknown) == 2
    assert not unknown & catalog
    assert {row["sku"] for row in queries if row["known"] == "1"} == catalog


@pytest.mark.parametrize("name", ["references.csv", "queries.csv"])
def test_labels_are_understood_as_manifest_and_as_boxes_inside_the_photos(written: Any, name: str) -> None:
    root, _, _ = written
    manifest, boxes = read_manifest(root / name), read_boxes(root / name)
    assert manifest.problems == boxes.problems == ()
    assert len(manifest.photos) == len(rows_of(root / name)) > 0
    for photo in manifest.photos:
        assert photo.path.is_file()
        assert photo.box is not None
        assert 0 <= photo.box[0] < photo.box[2] <= 400
        assert 0 <= photo.box[1] < photo.box[3] <= 500
        (box,) = boxes.boxes[photo.path.relative_to(root).as_posix()].tolist()
        assert tuple(box) == pytest.approx(photo.box)


def test_coco_agrees_with_the_photos_on_disk(written: Any) -> None:
    root, summary, _ = written
    coco = json.loads((root / "shelves.json").read_text(encoding="utf-8"))
    names = {category["id"]: category["name"] for category in coco["categories"]}
    sizes = {}
    for image in coco["images"]:
        with Image.open(root / "shelves" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])
        sizes[image["id"]] = (image["width"], image["height"])
    assert len(coco["images"]) == 1
    assert len(coco["annotations"]) == summary.n_facings >= 35
    assert len({row["id"] for row in coco["annotations"]}) == summary.n_facings
    for row in coco["annotations"]:
        x, y, width, height = row["bbox"]
        assert x >= 0
        assert y >= 0
        assert x + width <= sizes[row["image_id"]][0]
        assert y + height <= sizes[row["image_id"]][1]
        assert row["area"] == width * height > 50
        assert row["iscrowd"] == 0
        assert names[row["category_id"]] == row["sku"]
        assert 0 < row["visible_frac"] <= 1


def test_progress_counts_every_picture_once(written: Any) -> None:
    _, _, calls = written
    total = 4 * (1 + 2) + 7 + 1
    assert calls == [(done, total) for done in range(1, total + 1)]


def test_the_same_numbers_give_the_same_bytes_and_replace_the_older_store(written: Any, tmp_path: Path) -> None:
    root, summary, _ = written
    small = NUMBERS | {"n_products": 1, "n_queries": 0, "n_shelves": 0, "n_unknown": 0}
    write_store(tmp_path / "again", **small)
    assert write_store(tmp_path / "again", **NUMBERS) == summary
    assert digests(tmp_path / "again") == digests(root)
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_reference_photos_do_not_depend_on_how_much_else_is_drawn(written: Any, tmp_path: Path) -> None:
    root, _, _ = written
    larger = NUMBERS | {"n_products": 5, "n_references": 1, "n_unknown": 0, "n_queries": 0, "n_shelves": 0}
    write_store(tmp_path / "other", **larger)
    ours, theirs = digests(root), digests(tmp_path / "other")
    shared = {name for name in ours.keys() & theirs.keys() if name.startswith(("references/", "iconic/"))}
    assert len(shared) >= 4
    assert all(ours[name] == theirs[name] for name in shared)


def test_another_seed_gives_other_photos(written: Any, tmp_path: Path) -> None:
    root, _, _ = written
    write_store(tmp_path / "other", **(NUMBERS | {"seed": 12, "n_shelves": 0, "n_references": 1, "n_queries": 2}))
    assert not set(digests(root).values()) & set(digests(tmp_path / "other").values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_products": 0}, "n_products: got 0, wanted 1 or more"),
        ({"n_references": 0}, "n_references: got 0, wanted 1 or more"),
        ({"n_queries": -1}, "n_queries: got -1, wanted 0 or more"),
        ({"n_shelves": -1}, "n_shelves: got -1"),
        ({"n_unknown": -2}, "n_unknown: got -2"),
        ({"seed": -1}, "seed: got -1"),
        ({"n_products": 19_999, "n_unknown": 2}, "n_products . n_unknown: got 20001"),
    ],
    ids=["no products", "no references", "queries", "shelves", "unknown", "seed", "too many"],
)
def test_bad_numbers_are_refused_before_anything_is_written(
    changes: dict[str, int], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=message):
        write_store(tmp_path / "store", **(NUMBERS | changes))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["holiday.jpg", "catalog.csv"], ids=["other file", "same name, not ours"])
def test_a_directory_with_other_files_is_left_alone(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="other files"):
        write_store(tmp_path, **NUMBERS)
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"


def test_a_store_that_somebody_added_to_is_left_alone(tmp_path: Path) -> None:
    small = NUMBERS | {"n_products": 1, "n_queries": 0, "n_shelves": 0, "n_unknown": 0, "n_references": 1}
    write_store(tmp_path / "store", **small)
    (tmp_path / "store" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="other files"):
        write_store(tmp_path / "store", **small)


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="got a file, wanted a directory"):
        write_store(tmp_path / "store", **NUMBERS)


def test_a_failure_leaves_nothing_half_done(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_store(tmp_path / "store", **NUMBERS, progress=stop)
    assert not list(tmp_path.iterdir())
