"""A gallery that was copied is the same gallery: each vector and photo to the last bit, between both kinds of store."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import DIM, FakeEmbedder, save_photo
from facings.adapters.sql_store import SqlStore, init_store
from facings.catalog import Product
from facings.enroll import enroll
from facings.errors import ModelMismatch, StoreFailed
from facings.gallery import NewReference, remove
from facings.gallery_copy import BATCH_SIZE, GalleryCopy, copy_gallery
from facings.manifest import LabelledPhoto
from facings.verify import verify

MakeStore = Callable[[], SqlStore]
_numbers = itertools.count()


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], SqlStore]]:
    """Gives fresh stores of a kind."""
    made: list[SqlStore] = []

    def make_store(kind: str) -> SqlStore:
        folder = tmp_path / f"store-{next(_numbers)}"
        location = request.getfixturevalue("postgresql")() if kind == "postgresql" else str(folder)
        made.append(init_store(location, folder / "photos"))
        return made[-1]

    yield make_store
    for store in made:
        store.close()


@pytest.fixture
def source(make: Callable[[str], SqlStore], tmp_path: Path) -> SqlStore:
    """A store with a catalog and four photos, one of which was removed."""
    filled = make("sqlite")
    filled.put_products(
        [Product("a", "4006381333931", "Oat drink", price=Decimal("1.50"), currency="EUR"), Product("z")]
    )
    photos = [LabelledPhoto(save_photo(tmp_path / f"{seed}.jpg", seed), sku) for seed, sku in enumerate("aabc")]
    enroll(
        filled, [*photos, LabelledPhoto(photos[0].path, "b", box=(0, 0, 32, 48))], embedder=FakeEmbedder(), model="m"
    )
    remove(filled, "c")
    return filled


def contents(store: SqlStore) -> dict[tuple[object, ...], bytes]:
    """The gallery without its numbers: what each reference is → its vector."""
    references = store.references()
    ids, rows = store.spaces.rows([r.reference_id for r in references], DIM)
    vector = {reference_id: row.tobytes() for reference_id, row in zip(ids.tolist(), rows, strict=True)}
    return {(r.sku, r.photo_id, r.box, r.source, r.look, r.space_id): vector[r.reference_id] for r in references}


def photo_file(store: SqlStore, photo_id: str) -> Path:
    return store._photos.path(photo_id)


@pytest.mark.parametrize("kinds", [("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_a_gallery_goes_over_whole(kinds: tuple[str, str], source: SqlStore, make: Callable[[str], SqlStore]) -> None:
    first, second = source, make(kinds[1])
    if kinds[0] == "postgresql":
        first = make("postgresql")
        copy_gallery(source, first)

    done = copy_gallery(first, second)

    assert done == GalleryCopy(n_products=4, n_references=4, n_checked=4, n_photos_checked=3)
    assert second.products() == source.products()
    assert contents(second) == contents(source)
    assert second.live_space() == source.live_space()
    assert verify(second, embedder=FakeEmbedder()).problems == ()
    assert not second.has_photo(next(iter({f"{n:064x}" for n in range(3)})))


def test_a_second_copy_changes_nothing_and_checks_again(source: SqlStore, make: Callable[[str], SqlStore]) -> None:
    target = make("sqlite")
    copy_gallery(source, target)
    before = (target.references(), target.gallery_version())

    assert copy_gallery(source, target) == GalleryCopy(n_checked=4, n_photos_checked=3)
    assert (target.references(), target.gallery_version()) == before
    assert copy_gallery(target, source) == GalleryCopy(n_checked=4, n_photos_checked=3)  # nor on the way back
    assert copy_gallery(source, source) == GalleryCopy(n_checked=4, n_photos_checked=3)


def test_a_copy_cut_off_goes_on_and_gives_no_id_twice(
    make: Callable[[str], SqlStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    many, target = make("sqlite"), make("sqlite")
    rows = np.eye(DIM, dtype=np.float32)
    new = [NewReference(f"p{n % 9}", f"{n:064x}", None, f"{n}.jpg", n, rows[n % DIM]) for n in range(3 * BATCH_SIZE)]
    many.add_references(new, embedder=FakeEmbedder(), model="m", products=[Product(f"p{n}") for n in range(9)])
    n_batches, real = itertools.count(1), target.copy_references

    def fail_in_the_second(*arguments: Any, **named: Any) -> object:
        if next(n_batches) == 2:
            raise StoreFailed("the database went away")
        return real(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(target, "copy_references", fail_in_the_second)
        with pytest.raises(StoreFailed, match="went away"):
            copy_gallery(many, target)
    assert len(target.references()) == BATCH_SIZE
    target.remove_references([target.references()[0].reference_id])
    seen = {r.reference_id for r in target.references()} | {1}

    done = copy_gallery(many, target)

    assert (done.n_references, done.n_checked) == (2 * BATCH_SIZE + 1, 3 * BATCH_SIZE)
    ids = [r.reference_id for r in target.references()]
    assert len(set(ids)) == 3 * BATCH_SIZE
    assert min(set(ids) - seen) > max(seen)
    assert len(done.problems) == 3 * BATCH_SIZE  # it has no photo at all, and says so of each


def test_a_target_that_has_products_and_photos_keeps_them(
    source: SqlStore, make: Callable[[str], SqlStore], tmp_path: Path
) -> None:
    target = make("sqlite")
    target.put_products([Product("z", name="Zucchini"), Product("own")])
    enroll(target, [LabelledPhoto(tmp_path / "2.jpg", "own")], embedder=FakeEmbedder(), model="here")  # b in the source

    done = copy_gallery(source, target)

    assert (done.n_products, done.n_references, done.n_checked, done.differing) == (3, 3, 3, ["z"])
    assert [(p.where, "for 'own', so it cannot show 'b'" in p.message) for p in done.problems] == [
        (str(tmp_path / "2.jpg"), True)
    ]
    assert target.products()["z"].name == "Zucchini"
    assert sorted(r.sku for r in target.references()) == ["a", "a", "b", "own"]
    live = target.live_space()
    assert live is not None
    assert live.model == "here"  # the same space under the name it has there


def test_a_gtin_of_another_product_is_not_given_twice(source: SqlStore, make: Callable[[str], SqlStore]) -> None:
    target = make("sqlite")
    target.put_products([Product("theirs", "04006381333931")])

    done = copy_gallery(source, target)

    assert [p.where for p in done.problems] == ["product a"]
    assert "belongs to 'theirs'" in done.problems[0].message
    assert sorted(target.products()) == ["b", "c", "theirs", "z"]
    assert {r.sku for r in target.references()} == {"b"}


def test_a_target_of_another_model_is_refused_before_anything_is_written(
    source: SqlStore, make: Callable[[str], SqlStore], tmp_path: Path
) -> None:
    target = make("sqlite")
    enroll(target, [LabelledPhoto(tmp_path / "0.jpg", "x")], embedder=FakeEmbedder("other"), model="theirs")
    with pytest.raises(ModelMismatch, match=r"made by model 'theirs' \(space other\)"):
        copy_gallery(source, target)
    assert list(target.products()) == ["x"]


def test_a_catalog_without_photos_goes_over_too(make: Callable[[str], SqlStore]) -> None:
    bare, target = make("sqlite"), make("sqlite")
    bare.put_products([Product("a"), Product("b")])
    assert copy_gallery(bare, target) == GalleryCopy(n_products=2)
    assert list(target.products()) == ["a", "b"]


def test_a_photo_lost_or_changed_in_the_source_is_told_and_its_vector_kept(
    source: SqlStore, make: Callable[[str], SqlStore]
) -> None:
    target = make("sqlite")
    lost, changed = source.references()[1], source.references()[2]
    photo_file(source, lost.photo_id).unlink()
    photo_file(source, changed.photo_id).write_bytes(b"\xff\xd8 other")

    done = copy_gallery(source, target)

    assert (done.n_references, done.n_checked, done.n_photos_checked) == (4, 4, 1)
    assert sorted(p.where for p in done.problems) == sorted([lost.source, changed.source])
    assert all("is gone" in p.message for p in done.problems)


def test_damage_in_the_target_is_found_and_a_deleted_photo_comes_again(
    source: SqlStore, make: Callable[[str], SqlStore]
) -> None:
    target = make("sqlite")
    copy_gallery(source, target)
    file = photo_file(target, target.references()[0].photo_id)
    file.write_bytes(file.read_bytes()[:-1])
    with target.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE reference SET vector = zeroblob(48) WHERE reference_id = 2")

    done = copy_gallery(source, target)

    assert (done.n_checked, done.n_photos_checked) == (3, 2)
    assert sorted(p.message.split(";")[0][:40] for p in done.problems) == sorted(
        ["the hash of its photo's bytes is another", "its vector is another one there."]
    )
    file.unlink()
    assert copy_gallery(source, target).n_photos_checked == 3
