"""A gallery moves to another model: whole, only if the gate lets it, beside everything else that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from conftest import FakeEmbedder, make_pixels, save_photo
from facings.adapters.sql_store import SqlStore
from facings.embed import Embedder, embed
from facings.enroll import enroll
from facings.errors import BadInput, GalleryInvalid, ModelMismatch
from facings.evaluate.gate import Verdict
from facings.evaluate.share import Share
from facings.gallery import Gallery, Space, remove
from facings.images import decode
from facings.manifest import LabelledPhoto
from facings.match import match
from facings.reembed import BATCH_SIZE, Gate, Reembedding, ReembedStore, reembed
from facings.reembed_gates import labelled_queries, leave_one_photo_out
from facings.types import FloatArray, UInt8Array
from facings.verify import verify

PASSED = Verdict(Share(1, 2), Share(2, 2), 0.0, "2 photos")
FAILED = Verdict(Share(2, 2), Share(1, 2), 0.0, "2 photos")


class Turned(FakeEmbedder):
    """Another model that is as good: the stand-in network with its numbers in reverse."""

    def __init__(self) -> None:
        super().__init__("turned-space-001")

    def run(self, batch: UInt8Array) -> FloatArray:
        """As the stand-in network, reversed."""
        return np.ascontiguousarray(super().run(batch)[:, ::-1])


class Blind(FakeEmbedder):
    """A model that is no good: it sees how bright the first pixel is, hardly more than nothing."""

    def __init__(self) -> None:
        super().__init__("blind-space-0001")

    def run(self, batch: UInt8Array) -> FloatArray:
        """Unit rows in a plane."""
        angle = batch[:, 0, 0, 0].astype(np.float32) * 37 % 6
        rows = np.zeros((len(batch), self.card.embedding_dim), np.float32)
        rows[:, 0], rows[:, 1] = np.cos(angle), np.sin(angle)
        return rows


def add(store: SqlStore, folder: Path, *skus: str, first_seed: int = 0, embedder: Embedder | None = None) -> None:
    """One photo for each SKU; photos of seeds that differ by 100 look alike."""
    photos = [
        LabelledPhoto(save_photo(folder / f"{first_seed + i}.jpg", first_seed + i), sku) for i, sku in enumerate(skus)
    ]
    assert enroll(store, photos, embedder=embedder or FakeEmbedder(), model="fake").n_added == len(skus)


def add_pairs(store: SqlStore, folder: Path, n_products: int) -> None:
    """Two photos a product, the second a little lighter."""
    photos = []
    for seed in range(n_products):
        path = save_photo(folder / f"{seed}.jpg", seed)
        lighter = folder / f"{seed}-lighter.png"
        PillowImage.fromarray(np.clip(make_pixels(seed).astype(int) + 9, 0, 255).astype(np.uint8)).save(lighter)
        photos += [LabelledPhoto(path, f"p{seed}"), LabelledPhoto(lighter, f"p{seed}")]
    assert enroll(store, photos, embedder=FakeEmbedder(), model="fake").n_added == 2 * n_products


def run(store: SqlStore, embedder: Embedder, gate: Gate | None = None) -> Reembedding:
    return reembed(store, embedder=embedder, model="new", gate=gate)


def found(gallery: Gallery, embedder: Embedder, seed: int) -> str:
    """The product that a picture shows most likely."""
    with gallery.current() as state:
        return match(embed([make_pixels(seed)], embedder), state.index, state.sku_of, k=1)[0][0].sku


def live_id(store: SqlStore) -> str:
    live = store.live_space()
    return "" if live is None else live.space_id


def test_a_gallery_moves_whole_and_recognizes_as_before(store: SqlStore, tmp_path: Path) -> None:
    box = (0.0, 0.0, 32.0, 24.0)
    add(store, tmp_path, "a", "b")
    cut = LabelledPhoto(save_photo(tmp_path / "cut.jpg", 9), "c", box=box)
    enroll(store, [cut], embedder=FakeEmbedder(), model="fake")

    done = run(store, Turned())

    assert (done.n_embedded, done.n_already, done.problems, done.verdict, done.is_live) == (3, 0, (), None, True)
    live = store.live_space()
    assert live == Space("turned-space-001", "new", Turned().card.to_json())
    assert [(r.sku, r.box) for r in store.references()] == [("a", None), ("b", None), ("c", box)]
    assert verify(store, embedder=Turned()).problems == ()  # each row is what its photo gives, also where it was cut
    assert [found(Gallery(store, Turned()), Turned(), seed) for seed in (0, 1)] == ["a", "b"]


def test_searches_go_on_while_rows_are_made(store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, *"abcdefgh" * 5)
    gallery, seen = Gallery(store, FakeEmbedder()), []

    class Watched(Turned):
        def run(self, batch: UInt8Array) -> FloatArray:
            seen.append((live_id(store), found(gallery, FakeEmbedder(), 1)))
            return super().run(batch)

    run(store, Watched())

    assert len(seen) >= 5
    assert set(seen) == {("fake-space-00001", "b")}
    assert live_id(store) == "turned-space-001"


def test_what_comes_and_goes_meanwhile_is_taken_over(store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, *[f"p{n}" for n in range(BATCH_SIZE + 2)])
    asked: list[int] = []

    def gate(_store: object, _live: Space, _embedder: Embedder) -> Verdict:
        asked.append(len(store.references("turned-space-001")))
        add(store, tmp_path, "late", first_seed=500)
        remove(store, "p3")
        return PASSED

    class Watched(Turned):
        def run(self, batch: UInt8Array) -> FloatArray:
            if "early" not in store.products():
                add(store, tmp_path, "early", first_seed=400)
                remove(store, "p1")
                remove(store, f"p{BATCH_SIZE + 1}")
            return super().run(batch)

    done = run(store, Watched(), gate)

    skus = {r.sku for r in store.references()}
    assert done.is_live
    assert len(asked) == 1
    assert skus == {f"p{n}" for n in range(BATCH_SIZE + 1)} - {"p1", "p3"} | {"early", "late"}
    assert verify(store, embedder=Turned()).problems == ()


def test_a_gate_that_is_not_passed_leaves_the_old_model(store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, "a", "b")
    before = (store.references(), live_id(store))

    done = run(store, Turned(), lambda *_: FAILED)

    assert (done.n_embedded, done.verdict, done.is_live) == (2, FAILED, False)
    assert (store.references(), live_id(store)) == before
    assert found(Gallery(store, FakeEmbedder()), FakeEmbedder(), 1) == "b"
    with pytest.raises(ModelMismatch):
        found(Gallery(store, Turned()), Turned(), 1)
    again = run(store, Turned(), lambda *_: PASSED)
    assert (again.n_embedded, again.n_already, again.is_live) == (0, 2, True)


@pytest.mark.parametrize(
    ("damage", "message"),
    [(Path.unlink, "is gone"), (lambda path: path.write_bytes(b"\xff\xd8 other"), "the hash of its bytes is another")],
)
def test_a_photo_that_is_lost_or_changed_keeps_the_old_model_and_is_named(
    damage: object, message: str, store: SqlStore, tmp_path: Path
) -> None:
    add(store, tmp_path, "a", "b", "c")
    file = next((tmp_path / "store" / "photos").rglob(store.references()[1].photo_id + ".*"))
    assert callable(damage)
    damage(file)

    done = run(store, Turned(), lambda *_: PASSED)

    assert [(p.where, message in p.message) for p in done.problems] == [
        (f"reference 2 (b, {tmp_path / '1.jpg'})", True)
    ]
    assert (done.n_embedded, done.verdict, done.is_live, live_id(store)) == (2, None, False, "fake-space-00001")
    remove(store, "b")
    assert run(store, Turned(), lambda *_: PASSED).is_live


def test_an_empty_gallery_has_nothing_to_move(store: SqlStore) -> None:
    with pytest.raises(GalleryInvalid, match="empty"):
        run(store, Turned())


def test_the_model_that_is_live_is_nothing_to_do(store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, "a")
    done = run(store, FakeEmbedder(), lambda *_: FAILED)
    assert (done.is_live, done.n_embedded, store.gallery_version()) == (True, 0, 1)


def test_going_back_embeds_only_what_is_new(store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, "a", "b")
    run(store, Turned())
    add(store, tmp_path, "c", first_seed=50, embedder=Turned())
    remove(store, "a")

    done = run(store, FakeEmbedder())

    assert (done.n_embedded, done.n_already, done.is_live) == (1, 1, True)
    assert found(Gallery(store, FakeEmbedder()), FakeEmbedder(), 50) == "c"
    assert verify(store, embedder=FakeEmbedder()).problems == ()


def test_a_model_that_fails_in_the_middle_loses_only_its_batch(store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, *[f"p{n}" for n in range(BATCH_SIZE + 9)])

    class Tired(Turned):
        n_left = BATCH_SIZE // 8 * 2  # each photo also from afar

        def run(self, batch: UInt8Array) -> FloatArray:
            self.n_left -= 1
            if self.n_left < 0:
                raise RuntimeError("out of memory")
            return super().run(batch)

    with pytest.raises(RuntimeError, match="out of memory"):
        run(store, Tired())
    assert live_id(store) == "fake-space-00001"
    done = run(store, Turned())
    assert (done.n_already, done.n_embedded, done.is_live) == (BATCH_SIZE, 9, True)


def test_leave_one_photo_out_lets_an_equal_model_pass_and_a_blind_one_not(store: SqlStore, tmp_path: Path) -> None:
    add_pairs(store, tmp_path, 8)
    add(store, tmp_path, "single", first_seed=90)  # cannot be found again, so it is not asked

    refused = run(store, Blind(), leave_one_photo_out)
    assert refused.verdict is not None
    assert (refused.verdict.old, refused.is_live) == (Share(16, 16), False)
    assert refused.verdict.new.n_right < 12
    assert str(refused.verdict).startswith("Leave-one-photo-out, 16 photos: recall@1 ")

    passed = run(store, Turned(), leave_one_photo_out)
    assert passed.verdict is not None
    assert (passed.verdict.old, passed.verdict.new, passed.is_live) == (Share(16, 16), Share(16, 16), True)


def test_products_of_one_photo_each_leave_nothing_to_ask(store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, "a", "b")
    with pytest.raises(BadInput, match=r"no product of the gallery has two photos.*--gate none"):
        run(store, Turned(), leave_one_photo_out)
    assert live_id(store) == "fake-space-00001"


def queries(folder: Path, n_products: int) -> Sequence[LabelledPhoto]:
    """A smaller picture of each product, and one of a product that the gallery lacks."""
    photos = [save_photo(folder / f"q{seed}.jpg", seed, width=32, height=32) for seed in range(n_products)]
    labelled = [LabelledPhoto(path, f"p{seed}") for seed, path in enumerate(photos)]
    return [
        *labelled,
        LabelledPhoto(save_photo(folder / "q-other.jpg", 77), "other"),
        LabelledPhoto(folder / "no", "p1"),
    ]


def test_labelled_photos_compare_the_two_models(store: SqlStore, tmp_path: Path) -> None:
    add_pairs(store, tmp_path, 6)
    loaded: list[str] = []

    def load_old(model: str) -> Embedder:
        loaded.append(model)
        return FakeEmbedder()

    def gate(into: ReembedStore, live: Space, embedder: Embedder) -> Verdict:
        return labelled_queries(into, live, embedder, photos=queries(tmp_path, 6), load_old=load_old)

    refused = run(store, Blind(), gate)
    assert refused.verdict is not None
    assert (refused.verdict.old, refused.is_live, loaded) == (Share(6, 6), False, ["fake"])
    assert run(store, Turned(), gate).is_live


def test_an_old_model_that_is_another_now_cannot_be_asked(store: SqlStore, tmp_path: Path) -> None:
    add_pairs(store, tmp_path, 2)

    def gate(into: ReembedStore, live: Space, embedder: Embedder) -> Verdict:
        return labelled_queries(into, live, embedder, photos=queries(tmp_path, 2), load_old=lambda _: Blind())

    with pytest.raises(ModelMismatch, match=r"'fake' is of space blind-space-0001.*leave-one-photo-out"):
        run(store, Turned(), gate)


def test_photos_are_decoded_like_at_enrollment(store: SqlStore, tmp_path: Path) -> None:
    add(store, tmp_path, "a")
    run(store, Turned())
    reference = store.references()[0]
    pixels = decode(store.get_photo(reference.photo_id), source="a").pixels
    _, rows = store.spaces.rows([reference.reference_id], 12)
    assert np.array_equal(rows, embed([pixels], Turned()).rows)
