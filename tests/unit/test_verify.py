"""Verifying says nothing of a sound gallery, and names whatever was changed behind its back."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from conftest import DIM, FakeEmbedder, save_photo
from facings.adapters.sql_store import SqlStore
from facings.catalog import Product
from facings.enroll import enroll
from facings.errors import GalleryInvalid, ModelMismatch, StoreFailed
from facings.gallery import NewReference
from facings.manifest import LabelledPhoto
from facings.verify import Verification, verify


@pytest.fixture
def filled(store: SqlStore, tmp_path: Path) -> SqlStore:
    """Three photos of two products, one of them in a box."""
    photos = [
        LabelledPhoto(save_photo(tmp_path / "0.jpg", 0), "a"),
        LabelledPhoto(save_photo(tmp_path / "1.jpg", 1), "a"),
        LabelledPhoto(save_photo(tmp_path / "2.jpg", 2), "b", box=(8.0, 8.0, 50.0, 40.0)),
    ]
    assert enroll(store, photos, embedder=FakeEmbedder(), model="fake").n_added == 3
    return store


def set_vector(folder: Path, change: Callable[[np.ndarray[tuple[int], np.dtype[np.float32]]], object]) -> None:
    """Change the vector of the second reference in the database."""
    with closing(sqlite3.connect(folder / "store" / "facings.db")) as connection, connection:
        (data,) = connection.execute("SELECT vector FROM reference WHERE reference_id = 2").fetchone()
        row = np.frombuffer(data, "<f4").copy()
        changed = np.asarray(change(row), np.float32)
        connection.execute("UPDATE reference SET vector = ? WHERE reference_id = 2", (changed.tobytes(),))


def test_a_sound_gallery(filled: SqlStore) -> None:
    assert verify(filled, embedder=FakeEmbedder()) == Verification(3, 2, (), (), ("b",))


def test_an_empty_gallery(store: SqlStore) -> None:
    with pytest.raises(GalleryInvalid, match="The gallery is empty"):
        verify(store, embedder=FakeEmbedder())


def test_another_model(filled: SqlStore) -> None:
    with pytest.raises(ModelMismatch, match="made by model 'fake'"):
        verify(filled, embedder=FakeEmbedder("other-space"))


def photo_file(folder: Path, store: SqlStore) -> Path:
    """The kept file of the second reference."""
    return next((folder / "store" / "photos").rglob(store.references()[1].photo_id + ".*"))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(lambda path: path.unlink(), "is gone", id="missing file"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes() + b"x"), "was changed", id="a byte more"),
        pytest.param(lambda path: path.write_bytes(b""), "was changed", id="emptied"),
        pytest.param(lambda path: save_photo(path, 77), "was changed", id="another photo"),
    ],
)
def test_a_damaged_photo_is_named(
    damage: Callable[[Path], object], words: str, filled: SqlStore, tmp_path: Path
) -> None:
    damage(photo_file(tmp_path, filled))

    found = verify(filled, embedder=FakeEmbedder())

    assert [p.where for p in found.problems] == [f"reference 2 (a, {tmp_path / '1.jpg'})"]
    assert found.problems[0].code == "gallery_invalid"
    assert words in found.problems[0].message


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda row: -row, id="turned around"),
        pytest.param(lambda row: np.roll(row, 1), id="shifted"),
        pytest.param(lambda row: row * 2, id="scaled"),
        pytest.param(lambda row: np.where(np.arange(DIM) == np.abs(row).argmax(), 0, row), id="one number lost"),
    ],
)
def test_a_changed_vector_is_named(change: Callable[[object], object], filled: SqlStore, tmp_path: Path) -> None:
    set_vector(tmp_path, change)

    found = verify(filled, embedder=FakeEmbedder())

    assert [p.where for p in found.problems] == [f"reference 2 (a, {tmp_path / '1.jpg'})"]
    assert "gives another vector" in found.problems[0].message


def test_a_vector_cut_short_is_damage(filled: SqlStore, tmp_path: Path) -> None:
    set_vector(tmp_path, lambda row: row[:-1])

    with pytest.raises(StoreFailed, match=f"vector of {DIM - 1} numbers, wanted {DIM}"):
        verify(filled, embedder=FakeEmbedder())


def test_a_kept_file_that_is_no_photo_is_named(filled: SqlStore) -> None:
    data = b"\xff\xd8 was never a photo"
    photo_id = hashlib.sha256(data).hexdigest()
    filled.put_photo(photo_id, data)
    new = NewReference("a", photo_id, None, "x.jpg", 2**63, np.eye(DIM, dtype=np.float32)[0])
    filled.add_references([new], embedder=FakeEmbedder(), model="fake", products=[Product("a")])

    found = verify(filled, embedder=FakeEmbedder())

    assert [p.where for p in found.problems] == ["reference 4 (a, x.jpg)"]
    assert found.n_references == 4


def test_near_duplicates_are_listed(filled: SqlStore, tmp_path: Path) -> None:
    path = tmp_path / "0.jpg"
    path.write_bytes(path.read_bytes() + b"trailing bytes make another file of the same picture")
    enroll(filled, [LabelledPhoto(path, "c")], embedder=FakeEmbedder(), model="fake")

    found = verify(filled, embedder=FakeEmbedder())

    assert [(t.first.sku, t.second.sku, t.is_conflict) for t in found.near_duplicates] == [("a", "c", True)]
    assert found.problems == ()
    assert found.single_photo_skus == ("b", "c")
