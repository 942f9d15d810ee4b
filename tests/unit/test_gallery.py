"""The gallery in memory follows the store, names what is wrong, and forgets what is removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import FakeEmbedder, make_pixels, save_photo
from facings.adapters.sql_store import SqlStore
from facings.embed import embed
from facings.enroll import enroll
from facings.errors import BadInput, GalleryInvalid, ModelMismatch
from facings.gallery import Gallery, Reference, find_twins, remove
from facings.manifest import LabelledPhoto
from facings.match import match
from facings.near_duplicates import MAX_BITS_APART


def add(store: SqlStore, folder: Path, *skus: str, first_seed: int = 0) -> None:
    """One photo for each SKU, of seeds that follow each other."""
    photos = [
        LabelledPhoto(save_photo(folder / f"{first_seed + i}.jpg", first_seed + i), sku) for i, sku in enumerate(skus)
    ]
    done = enroll(store, photos, embedder=FakeEmbedder(), model="fake")
    assert done.n_added == len(skus)


def found(gallery: Gallery, seed: int) -> str:
    """The product that a picture shows most likely."""
    query = embed([make_pixels(seed)], FakeEmbedder())
    return match(query, gallery.index, gallery.sku_of, k=1)[0][0].sku


def test_an_empty_gallery_says_what_to_do(store: SqlStore, embedder: FakeEmbedder) -> None:
    with pytest.raises(GalleryInvalid, match=r"The gallery is empty\. Enroll products first: facings gallery build"):
        Gallery(store, embedder).refresh()


def test_another_model_is_refused_by_name(store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, "a")

    with pytest.raises(
        ModelMismatch, match=r"made by model 'fake' \(space fake-space-00001\).*space other-space.*--model fake"
    ):
        Gallery(store, FakeEmbedder("other-space")).refresh()


def test_a_gallery_in_use_sees_what_is_added_and_removed(
    store: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    add(store, tmp_path, "a", "b")
    gallery = Gallery(store, embedder)
    gallery.refresh()
    assert (found(gallery, 0), found(gallery, 1), gallery.version) == ("a", "b", 1)

    add(store, tmp_path, "c", first_seed=2)
    assert len(gallery.index) == 2  # not before it is asked to
    gallery.refresh()
    assert (found(gallery, 2), gallery.version) == ("c", 2)

    remove(store, "a")
    gallery.refresh()
    assert found(gallery, 0) != "a"
    assert set(gallery.sku_of.values()) == {"b", "c"}
    assert (len(gallery.index), gallery.version) == (2, 3)

    add(store, tmp_path, "a", first_seed=0)
    gallery.refresh()
    assert found(gallery, 0) == "a"


def test_a_gallery_that_was_emptied_is_empty(store: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    add(store, tmp_path, "a")
    gallery = Gallery(store, embedder)
    gallery.refresh()
    remove(store, "a")

    with pytest.raises(GalleryInvalid, match="empty"):
        gallery.refresh()
    assert len(gallery.index) == 0


@pytest.mark.parametrize(
    ("sku", "photo", "left"),
    [
        pytest.param("a", None, ["b"], id="a product with all its photos"),
        pytest.param("b", None, ["a", "a"], id="a product with one photo"),
        pytest.param("a", "PATH 0", ["a", "b"], id="one photo by its path"),
        pytest.param("a", "ID 0", ["a", "b"], id="one photo by the start of its id"),
    ],
)
def test_remove(sku: str, photo: str | None, left: list[str], store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, "a", "a", "b")
    first = store.references()[0]
    named = {"PATH 0": first.source, "ID 0": first.photo_id[:8], None: None}[photo]

    n_removed = remove(store, sku, named)

    assert n_removed == 3 - len(left)
    assert [r.sku for r in store.references()] == left
    assert sku in store.products()  # its line in the catalog stays


@pytest.mark.parametrize(
    ("sku", "photo"),
    [
        pytest.param("nobody", None, id="unknown product"),
        pytest.param("a", "nothing.jpg", id="unknown photo"),
        pytest.param("b", "PATH", id="photo of another product"),
        pytest.param("a", "ID", id="three characters of an id could be any photo"),
    ],
)
def test_remove_what_is_not_there(sku: str, photo: str | None, store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, "a", "b")
    first = store.references()[0]
    named = {"PATH": first.source, "ID": first.photo_id[:3]}.get(photo or "", photo)

    with pytest.raises(BadInput, match=f"The gallery holds no .*{sku!r}"):
        remove(store, sku, named)
    assert (len(store.references()), store.gallery_version()) == (2, 1)


def test_removed_twice_is_an_error(store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, "a")
    remove(store, "a")

    with pytest.raises(BadInput, match="holds no photo of product 'a'"):
        remove(store, "a")


def _reference(number: int, sku: str, photo_id: str, look: int) -> Reference:
    return Reference(number, sku, photo_id, None, f"{number}.jpg", look, "space")


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(_reference(2, "a", "x", 0), [(1, 2, True, False)], id="one file, one product"),
        pytest.param(
            _reference(2, "b", "y", 2**MAX_BITS_APART - 1), [(1, 2, False, True)], id="as far as twins may be"
        ),
        pytest.param(_reference(2, "a", "y", 2 ** (MAX_BITS_APART + 1) - 1), [], id="a bit too far apart"),
    ],
)
def test_twins(second: Reference, expected: list[tuple[int, int, bool, bool]]) -> None:
    twins = find_twins([_reference(1, "a", "x", 0), second])

    assert [(t.first.reference_id, t.second.reference_id, t.is_exact, t.is_conflict) for t in twins] == expected
    assert find_twins([]) == find_twins([second]) == []
