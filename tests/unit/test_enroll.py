"""Enrolling: every photo given is added, there already, a double, or refused with a reason; never lost."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from conftest import FakeEmbedder, make_pixels, save_photo
from facings.adapters.sql_store import SqlStore, init_store
from facings.catalog import Product
from facings.enroll import BATCH_SIZE, Enrollment, enroll
from facings.errors import ModelMismatch, StoreFailed
from facings.gallery import remove as remove_product
from facings.manifest import LabelledPhoto, read_manifest
from facings.types import FloatArray, UInt8Array


def run(store: SqlStore, *photos: LabelledPhoto, space: str = "fake-space-00001", n_threads: int = 1) -> Enrollment:
    """Enroll with the stand-in network."""
    return enroll(store, photos, embedder=FakeEmbedder(space), model="fake", n_threads=n_threads)


def skus(store: SqlStore) -> list[str]:
    """SKUs of the references, in their order."""
    return [r.sku for r in store.references()]


def test_a_folder_is_enrolled_once(store: SqlStore, tmp_path: Path) -> None:
    for seed in range(6):
        save_photo(tmp_path / "shop" / "Milk" / f"product-{seed // 2}" / f"{seed}.jpg", seed)
    photos = read_manifest(tmp_path / "shop").photos

    first, second = run(store, *photos, n_threads=2), run(store, *photos)

    assert (first.n_added, first.n_already, first.version) == (6, 0, 1)
    assert first.new_products == ["product-0", "product-1", "product-2"]
    assert store.products() == {f"product-{n}": Product(f"product-{n}", category="Milk") for n in range(3)}
    assert (second.n_added, second.n_already, second.version) == (0, 6, 1)
    assert (second.new_products, second.doubles, second.problems, second.near_duplicates) == ([], [], [], [])
    assert len(store.references()) == 6
    for reference in store.references():
        data = store.get_photo(reference.photo_id)
        assert data == Path(reference.source).read_bytes()
        assert hashlib.sha256(data).hexdigest() == reference.photo_id


def test_many_photos_are_committed_a_batch_at_a_time(store: SqlStore, tmp_path: Path) -> None:
    seeds = range(2 * BATCH_SIZE + 1)
    photos = [LabelledPhoto(save_photo(tmp_path / f"{seed}.jpg", seed, width=16, height=16), "a") for seed in seeds]

    done = run(store, *photos)

    assert (done.n_added, done.version, done.new_products) == (len(seeds), 3, ["a"])
    assert [r.source for r in store.references()] == [str(p.path) for p in photos]


def test_nothing_to_enroll(store: SqlStore) -> None:
    assert run(store) == Enrollment()
    assert store.gallery_version() == 0


def test_the_same_bytes_twice_in_a_batch_are_enrolled_once(store: SqlStore, tmp_path: Path) -> None:
    first = save_photo(tmp_path / "1.jpg", 1)
    second = Path(shutil.copy(first, tmp_path / "2.jpg"))

    done = run(store, LabelledPhoto(first, "a"), LabelledPhoto(second, "a"))

    assert (done.n_added, done.doubles, done.problems) == (1, [str(second)], [])


@pytest.mark.parametrize("is_before", [True, False])
def test_one_photo_cannot_show_two_products(is_before: bool, store: SqlStore, tmp_path: Path) -> None:
    first = LabelledPhoto(save_photo(tmp_path / "1.jpg", 1), "a")
    second = LabelledPhoto(Path(shutil.copy(first.path, tmp_path / "2.jpg")), "b")
    done = [run(store, first), run(store, second)][1] if is_before else run(store, first, second)

    assert [(p.where, p.code) for p in done.problems] == [(str(second.path), "gallery_invalid")]
    assert "enrolled for 'a', so it cannot show 'b'" in done.problems[0].message
    assert skus(store) == ["a"]
    assert "b" not in store.products()


def test_two_boxes_of_one_photo_may_show_two_products(store: SqlStore, tmp_path: Path) -> None:
    path = save_photo(tmp_path / "1.jpg", 1)
    left, right = (0.0, 0.0, 32.0, 48.0), (32.0, 0.0, 64.0, 48.0)
    photos = LabelledPhoto(path, "a", box=left), LabelledPhoto(path, "b", box=right)

    assert run(store, *photos).n_added == 2
    assert run(store, *photos).n_already == 2
    assert [(r.sku, r.box) for r in store.references()] == [("a", left), ("b", right)]


def test_a_resized_copy_is_enrolled_and_reported_as_a_twin(store: SqlStore, tmp_path: Path) -> None:
    path, other = tmp_path / "1.jpg", save_photo(tmp_path / "2.jpg", 2)
    blocks = np.random.default_rng(1).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    picture = PillowImage.fromarray(blocks).resize((128, 96), PillowImage.Resampling.BICUBIC)
    picture.save(path)
    picture.resize((100, 75)).save(tmp_path / "small.jpg", quality=80)
    run(store, LabelledPhoto(path, "a"), LabelledPhoto(other, "c"))

    done = run(store, LabelledPhoto(tmp_path / "small.jpg", "b"))

    assert done.n_added == 1
    assert [(t.first.sku, t.second.sku, t.is_exact, t.is_conflict) for t in done.near_duplicates] == [
        ("a", "b", False, True)
    ]


def test_bad_photos_in_the_middle_are_reported_and_the_others_enrolled(store: SqlStore, tmp_path: Path) -> None:
    good = [save_photo(tmp_path / f"{seed}.jpg", seed) for seed in range(3)]
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(good[0].read_bytes()[:400])
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "empty.jpg").touch()
    tiny = save_photo(tmp_path / "tiny.jpg", 9, width=6, height=6)
    photos = [
        LabelledPhoto(good[0], "a"),
        LabelledPhoto(cut, "a"),
        LabelledPhoto(tmp_path / "text.jpg", "a"),
        LabelledPhoto(tmp_path / "empty.jpg", "a"),
        LabelledPhoto(tmp_path / "missing.jpg", "a"),
        LabelledPhoto(tiny, "a"),
        LabelledPhoto(good[1], "a", box=(100.0, 100.0, 200.0, 200.0)),
        LabelledPhoto(good[1], "two\nlines"),
        LabelledPhoto(good[1], "x", category="caf\udce9"),
        LabelledPhoto(good[2], "b"),
    ]

    done = run(store, *photos)

    assert [(Path(p.where).name, p.code) for p in done.problems] == [
        ("cut.jpg", "bad_image"),
        ("text.jpg", "bad_image"),
        ("empty.jpg", "bad_image"),
        ("missing.jpg", "bad_image"),
        ("tiny.jpg", "bad_input"),
        ("1.jpg", "bad_input"),
        ("1.jpg", "bad_input"),
        ("1.jpg", "bad_input"),
    ]
    assert done.n_added == 2
    assert skus(store) == ["a", "b"]
    assert list(store.products()) == ["a", "b"]


def test_a_photo_with_a_file_name_that_is_no_unicode(store: SqlStore, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    save_photo(path, 1)

    assert run(store, LabelledPhoto(path, "a")).n_added == 1
    assert run(store, LabelledPhoto(path, "a")).n_already == 1


@pytest.mark.parametrize(
    ("label", "sku"),
    [
        pytest.param("milk-1", "milk-1", id="SKU"),
        pytest.param("4006381333931", "milk-1", id="GTIN"),
        pytest.param("04006381333931", "milk-1", id="GTIN in 14 digits"),
        pytest.param("Oat drink", "milk-1", id="name that one product has"),
        pytest.param("Juice", "Juice", id="name that two products have: a new SKU"),
        pytest.param("Unheard of", "Unheard of", id="unknown: a new SKU"),
        pytest.param("tea", "tea", id="SKU before the name of another product"),
    ],
)
def test_a_label_is_resolved(label: str, sku: str, store: SqlStore, tmp_path: Path) -> None:
    known = [
        Product("milk-1", "4006381333931", "Oat drink"),
        Product("juice-1", name="Juice"),
        Product("juice-2", name="Juice"),
        Product("tea"),
        Product("tea-2", name="tea"),
    ]
    store.put_products(known)

    done = run(store, LabelledPhoto(save_photo(tmp_path / "1.jpg", 1), label, "Drinks"))

    assert skus(store) == [sku]
    assert done.new_products == ([] if sku in {p.sku for p in known} else [sku])
    assert store.products()[sku] == next((p for p in known if p.sku == sku), Product(sku, category="Drinks"))


def test_two_names_of_one_product_are_one_product(store: SqlStore, tmp_path: Path) -> None:
    store.put_products([Product("milk-1", "4006381333931", "Oat drink")])
    path = save_photo(tmp_path / "1.jpg", 1)

    done = run(store, LabelledPhoto(path, "4006381333931"), LabelledPhoto(path, "Oat drink"))

    assert (done.n_added, done.doubles, done.problems) == (1, [str(path)], [])


def test_another_model_is_refused_before_any_work(store: SqlStore, tmp_path: Path) -> None:
    photo = LabelledPhoto(save_photo(tmp_path / "1.jpg", 1), "a")
    run(store, photo)

    with pytest.raises(ModelMismatch, match=r"made by model 'fake' .*space other-space.*--model fake"):
        run(store, LabelledPhoto(save_photo(tmp_path / "2.jpg", 2), "b"), space="other-space")

    assert (skus(store), store.gallery_version()) == (["a"], 1)
    remove_product(store, "a")
    assert run(store, photo, space="other-space").n_added == 1  # nothing is left that it could be mixed with


def test_a_photo_removed_may_be_enrolled_again_for_another_product(store: SqlStore, tmp_path: Path) -> None:
    path = save_photo(tmp_path / "1.jpg", 1)
    run(store, LabelledPhoto(path, "wrong"))
    remove_product(store, "wrong")

    assert run(store, LabelledPhoto(path, "right")).n_added == 1
    assert skus(store) == ["right"]


def test_a_photo_that_cannot_be_kept_leaves_no_line(
    store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [LabelledPhoto(save_photo(tmp_path / f"{seed}.jpg", seed), "a") for seed in range(3)]
    calls = itertools.count()
    real = os.fsync

    def full_at_the_second_photo(handle: int) -> None:
        if next(calls) == 4:  # two or three a photo: the bytes, their name, a new folder
            raise OSError(28, "No space left on device")
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_at_the_second_photo)
        with pytest.raises(StoreFailed, match="No space left on device"):
            run(store, *photos)

    assert (store.references(), store.products(), store.gallery_version()) == ([], {}, 0)
    assert run(store, *photos).n_added == 3


def test_a_failing_model_leaves_nothing(store: SqlStore, tmp_path: Path) -> None:
    class Broken(FakeEmbedder):
        def run(self, batch: UInt8Array) -> FloatArray:
            raise RuntimeError(f"out of memory for {len(batch)} crops")

    photo = LabelledPhoto(save_photo(tmp_path / "1.jpg", 1), "a")
    with pytest.raises(RuntimeError, match="out of memory"):
        enroll(store, [photo], embedder=Broken(), model="fake")

    assert (store.references(), store.products(), store.gallery_version()) == ([], {}, 0)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six photos, a copy of one of them, a broken one, and one that is not there."""
    folder = tmp_path_factory.mktemp("pictures")
    good = [save_photo(folder / f"{seed}.jpg", seed, width=16, height=16) for seed in range(6)]
    copy = Path(shutil.copy(good[0], folder / "copy.jpg"))
    broken = folder / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 broken")
    return [*good, copy, broken, folder / "missing.jpg"]


runs = st.lists(st.lists(st.tuples(st.integers(0, 8), st.sampled_from("abc")), max_size=8), min_size=1, max_size=3)


@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(runs)
def test_every_photo_given_is_counted_once(
    tmp_path_factory: pytest.TempPathFactory, pictures: list[Path], batches: list[list[tuple[int, str]]]
) -> None:
    store = init_store(str(tmp_path_factory.mktemp("store")))
    sku_of: dict[str, str] = {}
    for batch in batches:
        before = len(store.references())
        done = run(store, *(LabelledPhoto(pictures[number], label) for number, label in batch))
        assert done.n_added + done.n_already + len(done.doubles) + len(done.problems) == len(batch)
        assert len(store.references()) == before + done.n_added
        for number, label in batch:
            if number < 7:
                sku_of.setdefault(hashlib.sha256(pictures[number].read_bytes()).hexdigest(), label)
    kept = {r.photo_id: r.sku for r in store.references()}
    products = set(store.products())
    store.close()

    assert kept == sku_of  # the first to claim a photo has it
    assert products == set(sku_of.values())


def test_the_look_of_a_reference_is_that_of_its_box(store: SqlStore, tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    PillowImage.fromarray(make_pixels(1, width=128, height=64)).save(path)
    PillowImage.fromarray(make_pixels(1, width=128, height=64)[:, :64]).save(tmp_path / "left.png")

    run(store, LabelledPhoto(path, "a", box=(0.0, 0.0, 64.0, 64.0)), LabelledPhoto(tmp_path / "left.png", "b"))

    first, second = store.references()
    assert first.look == second.look
