"""The twin desk on a real store: who is found, what is learned and kept, what is said when that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from conftest import FakeEmbedder
from facings.adapters.sql_store import SqlStore
from facings.catalog import Product
from facings.cells import CellNetwork
from facings.enroll import enroll
from facings.errors import GalleryInvalid, ModelNotFound
from facings.gallery import Gallery, remove
from facings.manifest import LabelledPhoto
from facings.twin_check import KnownPair, TwinCheck
from facings.twin_desk import TwinDesk
from facings.twin_page import lit, twin_page
from facings.types import Candidate
from look_alikes import FakeCells, look_alike, look_alike_photos

N_PHOTOS = 10


class Bench:
    """A desk that keeps what it learned in a list."""

    def __init__(self, store: SqlStore, open_network: Callable[[], CellNetwork] = FakeCells) -> None:
        self.store, self.saved = store, list[KnownPair]()
        embedder = FakeEmbedder()
        self.desk = TwinDesk(store, embedder, Gallery(store, embedder), open_network=open_network, save=self._save)

    def enroll(self, photos: Sequence[LabelledPhoto]) -> int:
        """Enroll; the version before."""
        before = self.store.gallery_version()
        assert enroll(self.store, photos, embedder=FakeEmbedder(), model="fake").problems == []
        return before

    def page(self) -> str:
        """The page about everything."""
        made_at = datetime(2026, 5, 4, tzinfo=UTC)
        references, products = self.store.references(), self.store.products()
        return twin_page(self.desk.look(), self.desk, references, products, made_at)

    def _save(self, pairs: Sequence[KnownPair]) -> None:
        self.saved = list(pairs)


@pytest.fixture
def bench(store: SqlStore, tmp_path: Path) -> Bench:
    """A gallery with a pair of twins and a third product."""
    found = Bench(store)
    found.enroll(look_alike_photos(tmp_path / "photos", N_PHOTOS))
    return found


def test_twins_are_found_and_what_tells_them_apart_is_learned_and_kept(bench: Bench) -> None:
    report = bench.desk.look()
    assert {twin.skus for twin in report.twins} == {("plain", "striped")}
    assert max(twin.share or 0 for twin in report.twins) > 0.2
    assert [(pair.first, pair.second) for pair in bench.saved] == [("plain", "striped")]
    (pair,) = report.pairs
    assert pair is bench.saved[0] is report.pair_of(report.twins[0])
    assert (len(pair.reference_ids), pair.verifier.n_wrong, pair.verifier.is_used) == (2 * N_PHOTOS, 0, True)
    assert (report.problems, report.doubles, report.same_looks, report.note) == ((), (), (), "")


@pytest.mark.parametrize(("is_striped", "left"), [(True, "striped"), (False, "plain")])
def test_what_was_learned_decides_new_crops(bench: Bench, is_striped: bool, left: str) -> None:
    bench.desk.look()
    check = TwinCheck(lambda: bench.saved, FakeCells)
    candidates = [Candidate(sku, 0.99, 0) for sku in ("striped", "plain")]
    found = check.look(look_alike(999, is_striped=is_striped), candidates)
    assert found is not None
    assert found.skus == (left,)


def test_after_an_enrollment_only_its_products_are_told(bench: Bench, tmp_path: Path) -> None:
    assert bench.desk.find(bench.store.gallery_version()) == []
    PillowImage.fromarray(255 - look_alike(500, is_striped=False)).save(
        tmp_path / "new.png"
    )  # "other" in another light
    before = bench.enroll([LabelledPhoto(tmp_path / "new.png", "newcomer")])
    assert {twin.skus for twin in bench.desk.find(before)} == {("newcomer", "other")}
    assert ("plain", "striped") in {twin.skus for twin in bench.desk.find()}


def test_too_few_photos_to_learn_from(store: SqlStore, tmp_path: Path) -> None:
    bench = Bench(store)
    bench.enroll(look_alike_photos(tmp_path, 2))
    report = bench.desk.look()
    assert report.pairs == ()
    assert bench.saved == []
    assert "Too few photos" in bench.page()


def test_a_lost_photo_is_a_problem_and_the_rest_goes_on(bench: Bench, tmp_path: Path) -> None:
    lost = bench.store.references()[0]
    next((tmp_path / "store" / "photos").rglob(lost.photo_id + ".*")).unlink()
    report = bench.desk.look()
    assert [problem.where for problem in report.problems] == [f"reference 1 (plain, {lost.source})"]
    assert len(report.pairs[0].reference_ids) == 2 * N_PHOTOS - 1
    assert 1 not in report.pairs[0].reference_ids


def test_a_model_without_cells_is_said_once(store: SqlStore, tmp_path: Path) -> None:
    def none() -> CellNetwork:
        raise ModelNotFound("there is no cells.onnx in it.")

    bench = Bench(store, none)
    bench.enroll(look_alike_photos(tmp_path, 3))
    report = bench.desk.look()
    assert report.twins
    assert (report.pairs, report.note) == ((), "there is no cells.onnx in it.")
    assert "Nothing was learned: there is no cells.onnx" in bench.page()


def test_doubles_and_shared_pictures_are_reported(bench: Bench, tmp_path: Path) -> None:
    bench.store.put_products([Product("p1", name="Oat drink 1 l"), Product("p2", name="oat drink 1000 ml")])
    copy = tmp_path / "copy.png"
    copy.write_bytes(Path(bench.store.references()[0].source).read_bytes() + b"more")
    bench.enroll([LabelledPhoto(copy, "copied")])
    report = bench.desk.look()
    assert [(double.first, double.second, double.why) for double in report.doubles] == [("p1", "p2", "the same name")]
    assert {frozenset((near.first.sku, near.second.sku)) for near in report.same_looks} >= {
        frozenset(("plain", "copied"))
    }
    page = bench.page()
    assert "the same name" in page
    assert "copy.png (copied)" in page


def test_an_empty_gallery(store: SqlStore) -> None:
    with pytest.raises(GalleryInvalid, match="The gallery is empty"):
        Bench(store).desk.look()


def test_the_page_shows_both_and_says_how_often(bench: Bench) -> None:
    bench.store.put_products([Product("plain", name="<b>Plain</b>")])
    page = bench.page()
    assert "1 pair of products will be confused" in page
    assert page.count("data:image/jpeg") == 2
    assert "&lt;b&gt;Plain&lt;/b&gt;" in page
    assert "A closer look tells them apart: 20 of 20" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_of_a_gallery_without_twins(bench: Bench) -> None:
    remove(bench.store, "striped")
    page = bench.page()
    assert "No look-alikes found" in page
    assert "None found" in page


def test_what_speaks_for_a_product_is_bright_and_the_rest_dark() -> None:
    spoken = np.full((4, 4), -1.0)
    spoken[0, 0] = 2.0
    marked = lit(np.full((16, 16, 3), 200, np.uint8), spoken)
    assert marked.shape == (16, 16, 3)
    assert marked[0, 0, 0] >= 190
    assert (marked[8:, 8:] == 50).all()
    assert (lit(np.full((16, 16, 3), 200, np.uint8), -np.ones((4, 4))) == 50).all()
