"""Labelled photos from a folder, a CSV file and a Grocery Store list."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from facings.errors import BadInput
from facings.manifest import LabelledPhoto, read_manifest

CLASSES = "Class Name,Class ID,Coarse Name,Coarse ID\nRoyal-Gala,0,Apple,0\nOatly,1,Milk,1\n"


def touch(root: Path, *names: str) -> Path:
    """Empty files below a folder; a manifest does not open them."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def labels(root: Path) -> list[tuple[str, str, str]]:
    """(file, label, category) of a folder without problems."""
    manifest = read_manifest(root)
    assert manifest.problems == ()
    return [(str(p.path.relative_to(root)), p.label, p.category) for p in manifest.photos]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            ["b/2.jpg", "a/1.JPG", "a/0.png"],
            [("a/0.png", "a", ""), ("a/1.JPG", "a", ""), ("b/2.jpg", "b", "")],
            id="a folder a product, sorted",
        ),
        pytest.param(
            ["Milk/Oatly/1.jpg", "Juice/Bravo/1.jpg"],
            [("Juice/Bravo/1.jpg", "Bravo", "Juice"), ("Milk/Oatly/1.jpg", "Oatly", "Milk")],
            id="nested under a category",
        ),
        pytest.param(
            ["Food/Milk/Oatly/1.jpg"], [("Food/Milk/Oatly/1.jpg", "Oatly", "Milk")], id="the closest level is meant"
        ),
        pytest.param(["1.jpg"], [("1.jpg", "shop", "")], id="photos in the root: it is the product"),
        pytest.param(
            ["1.jpg", "a/1.jpg"], [("1.jpg", "shop", ""), ("a/1.jpg", "a", "")], id="photos in the root and below"
        ),
        pytest.param(
            ["a/1.jpg", "a/.2.jpg", ".git/3.jpg", "a/.thumbs/4.jpg", "a/notes.txt"],
            [("a/1.jpg", "a", "")],
            id="hidden and other files are left out",
        ),
        pytest.param(["Müsli 500 g/1.jpg"], [("Müsli 500 g/1.jpg", "Müsli 500 g", "")], id="spaces and umlauts"),
    ],
)
def test_a_folder(files: list[str], expected: list[tuple[str, str, str]], tmp_path: Path) -> None:
    assert labels(touch(tmp_path / "shop", *files)) == expected


def test_a_product_without_photos_is_reported(tmp_path: Path) -> None:
    touch(tmp_path, "Milk/a/1.jpg", "Milk/b/price.txt")
    (tmp_path / "Juice").mkdir()

    manifest = read_manifest(tmp_path)

    assert [p.label for p in manifest.photos] == ["a"]
    assert [p.where for p in manifest.problems] == [str(tmp_path / "Juice"), str(tmp_path / "Milk" / "b")]
    assert {p.message for p in manifest.problems} == {"holds no photo. Add some of this product, or remove the folder."}


def test_the_folder_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "shop", "1.jpg", "a/2.jpg", "Milk/b/3.jpg")
    monkeypatch.chdir(tmp_path / "shop")

    assert [(p.label, p.category) for p in read_manifest(Path()).photos] == [("shop", ""), ("b", "Milk"), ("a", "")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("Juice/Light", "Milk/Light", id="one name in two categories"),
        pytest.param("Juice/LIGHT", "Milk/light", id="names that differ in case"),
    ],
)
def test_one_name_twice_is_reported_and_the_first_kept(first: str, second: str, tmp_path: Path) -> None:
    touch(tmp_path, f"{first}/1.jpg", f"{second}/2.jpg")

    manifest = read_manifest(tmp_path)

    assert [p.path for p in manifest.photos] == [tmp_path / first / "1.jpg"]
    assert [p.where for p in manifest.problems] == [str(tmp_path / second)]
    assert f"is taken by {tmp_path / first}" in manifest.problems[0].message


def test_a_directory_that_cannot_be_read_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a/1.jpg", "closed/2.jpg")
    real: Callable[..., Any] = os.scandir

    def scandir(path: Any = ".") -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)

    manifest = read_manifest(tmp_path)

    assert [p.label for p in manifest.photos] == ["a"]
    assert [(p.where, p.message) for p in manifest.problems] == [
        (str(tmp_path / "closed"), "cannot be read (Permission denied).")
    ]


def test_a_folder_without_photos_says_what_was_wanted(tmp_path: Path) -> None:
    touch(tmp_path, "a/readme.md")

    with pytest.raises(BadInput, match="no labelled photo, wanted a directory of photos for each product"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("name", ["missing", "missing.csv", "missing.txt"])
def test_a_path_that_does_not_exist(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot be read \(No such file or directory\)"):
        read_manifest(tmp_path / name)


def from_csv(folder: Path, text: str | bytes) -> tuple[list[LabelledPhoto], list[tuple[str, str]]]:
    """Photos, and (line, message) of the problems."""
    path = folder / "photos.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    manifest = read_manifest(path)
    return list(manifest.photos), [(p.where.removeprefix(f"{path}:"), p.message) for p in manifest.problems]


def test_a_csv_file_without_boxes(tmp_path: Path) -> None:
    assert from_csv(tmp_path, '\ufeffphoto,sku\r\na.jpg,milk\r\nsub/b.jpg,"oats, 1 kg"\r\n/abs/c.jpg,tea\r\n') == (
        [
            LabelledPhoto(tmp_path / "a.jpg", "milk"),
            LabelledPhoto(tmp_path / "sub/b.jpg", "oats, 1 kg"),
            LabelledPhoto(Path("/abs/c.jpg"), "tea"),
        ],
        [],
    )


def test_a_csv_file_with_categories_and_boxes(tmp_path: Path) -> None:
    text = "sku,x2,y2,x1,y1,photo,category\nmilk,30,40.5,10,20,a.jpg,Milk\ntea,,,,,b.jpg,\n"

    assert from_csv(tmp_path, text) == (
        [
            LabelledPhoto(tmp_path / "a.jpg", "milk", "Milk", (10.0, 20.0, 30.0, 40.5)),
            LabelledPhoto(tmp_path / "b.jpg", "tea"),
        ],
        [],
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        pytest.param("a.jpg,milk,1,2,1,9", "wanted 0 <= x1 < x2", id="box without width"),
        pytest.param("a.jpg,milk,1,9,5,2", "wanted 0 <= x1 < x2", id="box with swapped corners"),
        pytest.param("a.jpg,milk,-1,2,5,9", "wanted 0 <= x1 < x2", id="box outside on the left"),
        pytest.param("a.jpg,milk,1,2,inf,9", "wanted 0 <= x1 < x2", id="box without end"),
        pytest.param("a.jpg,milk,1,nan,5,9", "wanted 0 <= x1 < x2", id="box with NaN"),
        pytest.param("a.jpg,milk,1,2,5,", "wanted four numbers", id="box with three corners"),
        pytest.param("a.jpg,milk,1,2,5,high", "wanted four numbers", id="box with a word"),
        pytest.param(",milk,,,,", "got photo '' and sku 'milk'", id="no photo"),
        pytest.param("a.jpg, ,,,,", "got photo 'a.jpg' and sku ''", id="no label"),
        pytest.param("a.jpg,milk", "a row of 2 fields, wanted 6", id="row too short"),
        pytest.param("a.jpg,milk, 1 l,1,2,5,9", "a row of 7 fields, wanted 6", id="label with an unquoted comma"),
    ],
)
def test_a_bad_row_of_a_csv_file_is_reported(row: str, words: str, tmp_path: Path) -> None:
    photos, problems = from_csv(tmp_path, f'photo,sku,x1,y1,x2,y2\n"0.jpg","a\nb",,,,\n{row}\n9.jpg,tea,,,,\n')

    assert [p.path.name for p in photos] == ["0.jpg", "9.jpg"]
    assert [line for line, _ in problems] == ["4"]
    assert words in problems[0][1]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "got columns none", id="empty"),
        pytest.param(b"photo,name\na,b\n", "got columns photo,name, wanted photo,sku", id="no sku column"),
        pytest.param(b"photo,sku,sku\na,b,c\n", "each once", id="a column twice"),
        pytest.param(b"photo,sku\n", "found no labelled photo, wanted rows of photo,sku", id="header alone"),
        pytest.param(b"photo,sku\n,b\n", "First problem", id="no good row: the first problem is told"),
        pytest.param(b"photo,sku\n\xe4.jpg,b\n", "byte 10 is not UTF-8", id="Latin-1"),
        pytest.param(b'photo,sku\na,"b\nc,d\n', ":2: broken CSV", id="quote never closed"),
        pytest.param(b'"photo,sku\n', ":1: broken CSV", id="quote never closed in the header"),
    ],
)
def test_a_csv_file_that_is_no_manifest(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        from_csv(tmp_path, data)

    assert words in str(caught.value)


def grocery(folder: Path, text: str, classes: str | None = CLASSES) -> Path:
    """A list in the Grocery Store layout."""
    if classes is not None:
        (folder / "classes.csv").write_text(classes)
    path = folder / "train.txt"
    path.write_text(text)
    return path


def test_a_grocery_store_list(tmp_path: Path) -> None:
    path = grocery(tmp_path, "train/a.jpg, 0, 0\n\ntrain/b,c.jpg, 1, 1\n", CLASSES + "\n")

    manifest = read_manifest(path)

    assert manifest.photos == (
        LabelledPhoto(tmp_path / "train/a.jpg", "Royal-Gala", "Apple"),
        LabelledPhoto(tmp_path / "train/b,c.jpg", "Oatly", "Milk"),
    )
    assert manifest.problems == ()


@pytest.mark.parametrize("line", ["x.jpg, 2, 0", "x.jpg, 0, 1", "x.jpg, 0", "x.jpg", "x.jpg, Royal-Gala, Apple"])
def test_a_bad_line_of_a_grocery_store_list_is_reported(line: str, tmp_path: Path) -> None:
    path = grocery(tmp_path, f"a.jpg, 0, 0\n{line}\nb.jpg, 1, 1\n")

    manifest = read_manifest(path)

    assert [p.label for p in manifest.photos] == ["Royal-Gala", "Oatly"]
    assert [p.where for p in manifest.problems] == [f"{path}:2"]
    assert repr(line) in manifest.problems[0].message


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        pytest.param(None, r"classes\.csv: cannot be read \(No such file", id="missing"),
        pytest.param("a,b,c,d\nGala,0,Apple\n", "a row of 3 fields, wanted fine name", id="too few columns"),
        pytest.param('a,b,c,d\n"Gala,0,Apple,0\n', "broken CSV", id="quote never closed"),
        pytest.param("", "found no labelled photo", id="empty"),
    ],
)
def test_a_grocery_store_list_needs_its_classes(classes: str | None, words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=words):
        read_manifest(grocery(tmp_path, "a.jpg, 0, 0\n", classes))


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_spreadsheets_that_write_other_delimiters_are_understood(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "photos.csv"
    path.write_text("Photo,SKU\na.jpg,milk\n".replace(",", delimiter))
    (photo,) = read_manifest(path).photos
    assert (photo.path, photo.label) == (tmp_path / "a.jpg", "milk")
