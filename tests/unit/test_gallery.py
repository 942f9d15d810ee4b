"""The gallery in memory follows the store, names what is wrong, and forgets what is removed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import FakeEmbedder, make_pixels, save_photo
from facings.adapters.sql_store import SqlStore, init_store
from facings.catalog import Product
from facings.embed import embed
from facings.enroll import enroll
from facings.errors import BadInput, GalleryInvalid, ModelMismatch
from facings.gallery import Gallery, Reference, find_near_duplicates, remove
from facings.manifest import LabelledPhoto
from facings.match import ExactIndex, match
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
    with gallery.current() as state:
        return match(query, state.index, state.sku_of, k=1)[0][0].sku


def state_of(gallery: Gallery) -> tuple[int, int, set[str]]:
    """Version, number of references, products."""
    with gallery.current() as state:
        assert len(state.index) == len(state.sku_of)
        return state.version, len(state.index), set(state.sku_of.values())


def test_an_empty_gallery_says_what_to_do(store: SqlStore, embedder: FakeEmbedder) -> None:
    with pytest.raises(GalleryInvalid, match=r"The gallery is empty\. Enroll products first: facings gallery build"):
        state_of(Gallery(store, embedder))


def test_another_model_is_refused_by_name(store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, "a")

    with pytest.raises(
        ModelMismatch, match=r"made by model 'fake' \(space fake-space-00001\).*space other-space.*--model fake"
    ):
        state_of(Gallery(store, FakeEmbedder("other-space")))


def test_a_gallery_in_use_sees_what_is_added_and_removed(
    store: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    add(store, tmp_path, "a", "b")
    gallery = Gallery(store, embedder)
    assert (found(gallery, 0), found(gallery, 1)) == ("a", "b")
    assert state_of(gallery) == (1, 2, {"a", "b"})

    with gallery.current() as state:
        add(store, tmp_path, "c", first_seed=2)
        assert len(state.index) == 2  # held still for who is searching
    assert found(gallery, 2) == "c"
    assert state_of(gallery) == (2, 3, {"a", "b", "c"})

    remove(store, "a")
    assert found(gallery, 0) != "a"
    assert state_of(gallery) == (3, 2, {"b", "c"})

    add(store, tmp_path, "a", first_seed=0)
    assert found(gallery, 0) == "a"


def test_threads_may_share_a_gallery_while_it_grows(store: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    add(store, tmp_path, "a")
    gallery = Gallery(store, embedder)
    with ThreadPoolExecutor(4) as pool:
        for round_number in range(1, 8):
            add(store, tmp_path, f"p{round_number}", first_seed=round_number)
            states = list(pool.map(lambda _: state_of(gallery), range(8)))
            assert {state[:2] for state in states} == {(round_number + 1, round_number + 1)}


def test_a_change_that_cannot_be_taken_over_leaves_nothing_half_done(
    store: SqlStore, embedder: FakeEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, tmp_path, "a", "b")
    gallery = Gallery(store, embedder)
    state_of(gallery)
    remove(store, "a")
    add(store, tmp_path, "c", first_seed=2)
    with monkeypatch.context() as broken:
        broken.setattr(ExactIndex, "add", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            state_of(gallery)
    assert state_of(gallery) == (3, 2, {"b", "c"})


def test_a_store_put_back_to_an_earlier_state_is_read_anew(
    store: SqlStore, embedder: FakeEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, tmp_path, "a")
    add(store, tmp_path, "b", first_seed=1)
    gallery = Gallery(store, embedder)
    assert state_of(gallery) == (2, 2, {"a", "b"})
    earlier = init_store(str(tmp_path / "backup"))
    add(earlier, tmp_path / "again", "a")
    monkeypatch.setattr(gallery, "_store", earlier)
    assert state_of(gallery) == (1, 1, {"a"})
    earlier.close()


def test_a_product_is_removed_by_the_name_it_was_enrolled_by(store: SqlStore, tmp_path: Path) -> None:
    store.put_products([Product("sku-1", gtin="4006381333931", name="Red apple")])
    add(store, tmp_path, "Red apple")
    assert [r.sku for r in store.references()] == ["sku-1"]
    assert remove(store, "4006381333931") == 1


def test_a_gallery_that_was_emptied_is_empty(store: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    add(store, tmp_path, "a")
    gallery = Gallery(store, embedder)
    state_of(gallery)
    remove(store, "a")

    with pytest.raises(GalleryInvalid, match="empty"):
        state_of(gallery)


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
            _reference(2, "b", "y", 2**MAX_BITS_APART - 1), [(1, 2, False, True)], id="as far as near-duplicates may be"
        ),
        pytest.param(_reference(2, "a", "y", 2 ** (MAX_BITS_APART + 1) - 1), [], id="a bit too far apart"),
    ],
)
def test_near_duplicates(second: Reference, expected: list[tuple[int, int, bool, bool]]) -> None:
    found = find_near_duplicates([_reference(1, "a", "x", 0), second])

    assert [(t.first.reference_id, t.second.reference_id, t.is_exact, t.is_conflict) for t in found] == expected
    assert find_near_duplicates([]) == find_near_duplicates([second]) == []
