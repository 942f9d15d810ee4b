"""The calibration follows the gallery: products that come are known, products that go are forgotten."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEmbedder, save_photo
from facings.adapters.calibration_file import load_queries, queries_mark, save_queries
from facings.adapters.sql_store import SqlStore
from facings.calibrate import Queries
from facings.catalog import Product
from facings.enroll import enroll
from facings.errors import GalleryInvalid, ModelMismatch
from facings.gallery import NewReference, remove
from facings.kept_calibration import KeptCalibration, gallery_references
from facings.manifest import LabelledPhoto


@pytest.fixture
def stocked(store: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> SqlStore:
    """A gallery of four products, one of which has two photos."""
    store.put_products([Product("milk", category="Dairy")])
    seeds = {"milk": (1,), "tea": (2,), "rice": (3,), "soap": (4, 5)}
    photos = [
        LabelledPhoto(save_photo(tmp_path / f"{sku}-{seed}.jpg", seed), sku)
        for sku, several in seeds.items()
        for seed in several
    ]
    enroll(store, photos, embedder=embedder, model="fake")
    return store


def test_references_are_what_the_gallery_holds(stocked: SqlStore, embedder: FakeEmbedder) -> None:
    version, references = gallery_references(stocked, embedder)
    assert version == stocked.gallery_version()
    assert references.skus == ("milk", "rice", "soap", "tea")
    assert references.categories == ("Dairy", "", "", "")
    near, far = slice(None, 5), slice(5, None)
    assert (references.n_near, references.n_far, references.rows.shape) == (5, 5, (10, 12))
    assert np.bincount(references.products[near]).tolist() == [1, 1, 2, 1]
    assert references.looks[near].tolist() == [r.look for r in stocked.references()]
    assert references.products[far].tolist() == references.products[near].tolist()
    assert references.looks[far].tolist() == references.looks[near].tolist()
    np.testing.assert_array_equal(references.rows[far], stocked.far_rows(embedder.space_id, 12)[1])


def test_crops_of_shelf_photos_have_no_view_from_afar(stocked: SqlStore, embedder: FakeEmbedder) -> None:
    row = np.eye(12, dtype=np.float32)[0]
    crop = NewReference("crisps", "c" * 64, None, "shelf.jpg", 77, row)
    stocked.add_references([crop], embedder=embedder, model="fake", products=[Product("crisps")])
    _, references = gallery_references(stocked, embedder)
    assert (references.n_near, references.n_far) == (6, 5)
    crisps = references.skus.index("crisps")
    assert np.flatnonzero(references.products == crisps).tolist() == [5]  # the last of the near ones


def test_it_is_made_once_a_version(stocked: SqlStore, embedder: FakeEmbedder) -> None:
    kept = KeptCalibration(stocked, embedder)
    first = kept.at(stocked.gallery_version())
    assert kept.at(stocked.gallery_version()) is first


def test_a_product_that_went_is_forgotten_and_one_that_came_is_known(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    kept = KeptCalibration(stocked, embedder)
    assert set(kept.at(stocked.gallery_version()).code_of) == {"milk", "rice", "soap", "tea"}
    remove(stocked, "rice")
    assert set(kept.at(stocked.gallery_version()).code_of) == {"milk", "soap", "tea"}
    enroll(
        stocked, [LabelledPhoto(save_photo(tmp_path / "new.jpg", 8), "new")], embedder=embedder, model="fake"
    )  # fmt: skip
    assert set(kept.at(stocked.gallery_version()).code_of) == {"milk", "new", "soap", "tea"}


def test_queries_that_were_saved_calibrate_it(stocked: SqlStore, embedder: FakeEmbedder) -> None:
    _, references = gallery_references(stocked, embedder)
    queries = Queries(references.rows, tuple(references.skus[code] for code in references.products))
    assert KeptCalibration(stocked, embedder, lambda: queries).at(1).is_from_queries
    assert not KeptCalibration(stocked, embedder).at(1).is_from_queries


def test_queries_that_another_process_saves_count_at_once(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    version, references = gallery_references(stocked, embedder)
    skus = tuple(references.skus[code] for code in references.products)
    load, mark = partial(load_queries, tmp_path, "space", 12), partial(queries_mark, tmp_path, "space")
    kept = KeptCalibration(stocked, embedder, load, mark)
    first = kept.at(version)
    assert not first.is_from_queries

    save_queries(tmp_path, "space", Queries(references.rows[:3], skus[:3]))
    second = kept.at(version)
    assert second.is_from_queries
    assert kept.at(version) is second

    save_queries(tmp_path, "space", Queries(references.rows[1:4], skus[1:4]))  # a file of the same size
    third = kept.at(version)
    assert third is not second
    (tmp_path / "calibration-space.npz").unlink()
    assert not kept.at(version).is_from_queries


def test_an_empty_gallery_and_one_of_another_model_are_said(
    store: SqlStore, stocked: SqlStore, embedder: FakeEmbedder
) -> None:
    with pytest.raises(ModelMismatch):
        KeptCalibration(stocked, FakeEmbedder("other-space-0001")).at(1)
    for sku in ("milk", "tea", "rice", "soap"):
        remove(store, sku)
    with pytest.raises(GalleryInvalid, match="empty"):
        KeptCalibration(store, embedder).at(0)
