"""Labelled queries check a gallery: leaks left out, each product in turn unknown, halves that calibrate each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import FakeEmbedder, save_photo
from facings.adapters.sql_store import SqlStore
from facings.decide import Promise
from facings.enroll import enroll
from facings.errors import BadInput, GalleryInvalid
from facings.evaluate.calibration_check import check_calibration
from facings.manifest import LabelledPhoto

N_PRODUCTS = 12


def photo(folder: Path, seed: int, **size: int) -> LabelledPhoto:
    return LabelledPhoto(save_photo(folder / f"{seed}.jpg", seed, **size), f"sku-{seed % 100:02d}")


@pytest.fixture
def stocked(store: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> SqlStore:
    """Twelve products with one photo each."""
    photos = [photo(tmp_path / "references", seed) for seed in range(N_PRODUCTS)]
    enroll(store, photos, embedder=embedder, model="fake")
    return store


@pytest.fixture
def distinct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flat quarters look alike to the hash; here each picture is its own."""
    monkeypatch.setattr("facings.evaluate.calibration_check.find_leaks", lambda gallery, queries: ())  # noqa: ARG005


def test_each_query_is_asked_as_it_is_and_with_its_product_left_out(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path, distinct: None
) -> None:
    # Products 0 to 11 are enrolled, 50 is not: thirteen strangers, twelve known ones.
    queries = [photo(tmp_path / "queries", seed, width=96) for seed in (*range(N_PRODUCTS), 50)]
    found = check_calibration(stocked, queries, embedder=embedder, promise=Promise(0.2))
    kept = found.by_gallery
    assert (kept.accepted_right.n, kept.false_accepts.n) == (12, 13)
    assert kept.accepted_right.value > 0.8  # the same pictures in another size
    assert kept.accepted_wrong.n_hit == 0
    assert not kept.is_broken
    assert (found.by_queries.accepted_right.n, found.by_queries.false_accepts.n) == (12, 13)
    assert len(found.queries.skus) == 13
    facts = found.to_json()
    assert (facts["n_queries"], facts["n_leaks"], facts["problems"]) == (13, 0, [])
    assert facts["by_gallery"]["max_false_accept"] == 0.2


def test_queries_that_are_in_the_gallery_already_are_left_out(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    same = [photo(tmp_path / "references", seed) for seed in range(2)]
    with pytest.raises(BadInput, match="of 2 photos, 2 are in the gallery"):
        check_calibration(stocked, same, embedder=embedder, promise=Promise(0.2))


def test_a_photo_that_cannot_be_read_is_told(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path, distinct: None
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"none")
    queries = [photo(tmp_path / "queries", seed, width=96) for seed in range(3)]
    found = check_calibration(
        stocked, [*queries, LabelledPhoto(tmp_path / "broken.jpg", "sku-01")], embedder=embedder, promise=Promise(0.5)
    )
    assert [problem.where for problem in found.problems] == [str(tmp_path / "broken.jpg")]


def test_an_empty_gallery_is_said(store: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    with pytest.raises(GalleryInvalid):
        check_calibration(store, [photo(tmp_path, 1)], embedder=embedder, promise=Promise(0.5))
