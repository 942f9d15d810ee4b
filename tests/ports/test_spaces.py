"""The port `SpaceStore`: references in a second space follow the live ones and take over whole, on both databases."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import create_engine, text

from conftest import DIM, FakeEmbedder
from facings.adapters.sql_migrate import migrate
from facings.adapters.sql_store import SqlStore
from facings.errors import GalleryInvalid, ModelMismatch
from facings.gallery import Gallery, Space
from facings.kept_index import GalleryChanges, MemoryIndex
from facings.match import ExactIndex
from ports.steps import steps
from ports.test_store import Place, add, everything, make_new, make_row, place, store

__all__ = ["place", "store"]  # fixtures
SPACES = ("space-one", "space-two", "space-three")
_numbers = itertools.count(1)


def space(space_id: str) -> Space:
    return Space(space_id, f"model of {space_id}", FakeEmbedder(space_id).card.to_json())


def fill(store: SqlStore, space_id: str, n: int | None = None) -> int:
    """Give so many pending references a row in a space: the row of their photo, as if turned around."""
    pending = store.spaces.pending(space_id)[:n]
    rows = np.array([-make_row(int(r.photo_id, 16)) for r in pending], np.float32).reshape(-1, DIM)
    return store.spaces.add_rows(pending, rows, rows[::-1], space(space_id))


def changes_of(store: SqlStore, space_id: str, version: int, mark: str) -> GalleryChanges:
    return store.changes_since(version, space_id, DIM, mark=mark)


def switch(store: SqlStore, space_id: str) -> bool:
    live = store.live_space()
    assert live is not None
    return store.spaces.switch(space_id, instead_of=live.space_id)


def live_id(store: SqlStore) -> str:
    live = store.live_space()
    return "" if live is None else live.space_id


def test_rows_of_a_second_space_are_not_seen_until_the_switch(store: SqlStore) -> None:
    add(store, make_new(1), make_new(2, "b"), make_new(3), space="space-one")
    before = (store.references(), everything(store, "space-one"), store.health()["references"])

    assert fill(store, "space-two", 2) == 2
    assert (store.references(), everything(store, "space-one"), store.health()["references"]) == before
    assert everything(store, "space-two") == {}
    assert not switch(store, "space-two")  # one is missing
    assert live_id(store) == "space-one"

    assert fill(store, "space-two") == 1
    assert switch(store, "space-two")
    assert live_id(store) == "space-two"
    assert {(r.sku, r.photo_id, r.source, r.look) for r in store.references()} == {
        (r.sku, r.photo_id, r.source, r.look) for r in before[0]
    }
    assert {r.space_id for r in store.references()} == {"space-two"}
    assert not {r.reference_id for r in store.references()} & {r.reference_id for r in before[0]}
    assert [vector for _, vector in everything(store, "space-two").values()] == [
        (-make_row(seed)).tobytes() for seed in (1, 2, 3)
    ]
    assert everything(store, "space-one") == {}


def test_a_batch_added_twice_counts_once(store: SqlStore) -> None:
    add(store, make_new(1), make_new(2), space="space-one")
    pending = store.spaces.pending("space-two")
    rows = np.array([make_row(7), make_row(8)], np.float32)
    assert [store.spaces.add_rows(pending, rows, rows[::-1], space("space-two")) for _ in range(2)] == [2, 0]
    assert store.gallery_version() == 2


def test_what_was_removed_meanwhile_gets_no_row(store: SqlStore, place: Place) -> None:
    add(store, make_new(1), make_new(2), space="space-one")
    pending = store.spaces.pending("space-two")
    store.remove_references([pending[0].reference_id])
    rows = np.array([make_row(7), make_row(8)], np.float32)
    assert store.spaces.add_rows(pending, rows, rows[::-1], space("space-two")) == 1
    store.remove_references([pending[1].reference_id])
    with place.raw() as connection:  # its vector is gone from the second space too
        assert connection.execute(text("SELECT COUNT(*) FROM reference WHERE vector IS NOT NULL")).scalar() == 0
    assert store.spaces.rows([r.reference_id for r in pending], DIM)[0].tolist() == []


def test_a_switch_instead_of_another_space_is_refused(store: SqlStore) -> None:
    add(store, make_new(1), space="space-one")
    fill(store, "space-two")
    fill(store, "space-three")
    assert switch(store, "space-three")
    with pytest.raises(GalleryInvalid, match="no longer space-one"):
        store.spaces.switch("space-two", instead_of="space-one")
    assert live_id(store) == "space-three"


def test_an_emptied_gallery_cannot_be_switched(store: SqlStore) -> None:
    add(store, make_new(1), space="space-one")
    fill(store, "space-two")
    store.remove_references([r.reference_id for r in store.references()])
    with pytest.raises(GalleryInvalid, match="emptied"):
        store.spaces.switch("space-two", instead_of="space-one")
    assert store.live_space() is None


def test_dropping_leaves_the_live_space_and_no_vector_of_another(store: SqlStore, place: Place) -> None:
    add(store, make_new(1), make_new(2), space="space-one")
    fill(store, "space-two")
    fill(store, "space-three", 1)
    switch(store, "space-two")
    held = everything(store, "space-two")
    assert store.spaces.drop_others() == {"space-one": 2, "space-three": 1}
    assert store.spaces.drop_others() == {}
    assert everything(store, "space-two") == held
    with place.raw() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM reference WHERE vector IS NOT NULL")).scalar() == 2
        assert connection.execute(text("SELECT COUNT(*) FROM reference")).scalar() == 5  # lines that the record names


def test_a_search_that_holds_the_old_model_is_told_after_the_switch_and_goes_on_after_going_back(
    store: SqlStore,
) -> None:
    def found(gallery: Gallery) -> set[str]:
        with gallery.current() as state:
            return set(state.sku_of.values())

    add(store, make_new(1), make_new(2, "b"), space="space-one")
    old, new = (Gallery(store, FakeEmbedder(space_id)) for space_id in SPACES[:2])
    assert found(old) == {"a", "b"}
    fill(store, "space-two", 1)
    with pytest.raises(ModelMismatch, match=r"made by model 'fake'"):
        found(new)  # half made
    assert found(old) == {"a", "b"}
    fill(store, "space-two")
    switch(store, "space-two")
    assert found(new) == {"a", "b"}
    with pytest.raises(ModelMismatch, match="made by model 'model of space-two'"):
        found(old)
    with pytest.raises(ModelMismatch, match="gallery reembed"):
        add(store, make_new(3, "c"), space="space-one")
    add(store, make_new(3, "c"), space="space-two")
    store.remove_references([r.reference_id for r in store.references() if r.sku == "a"])
    assert found(new) == {"b", "c"}

    assert [r.sku for r in store.spaces.pending("space-one")] == ["c"]  # only this is new to it
    fill(store, "space-one")
    assert switch(store, "space-one")
    assert found(old) == {"b", "c"}
    with pytest.raises(ModelMismatch):
        found(new)


def test_a_gallery_of_the_version_before_knows_its_live_space(place: Place) -> None:
    store = place.init()
    add(store, make_new(1), space="space-one")
    store.remove_references([r.reference_id for r in store.references()])
    add(store, make_new(2), make_new(3), space="space-two")
    fill(store, "space-three", 1)
    store.close()
    engine = create_engine(place.url)
    with engine.begin() as connection:
        migrate(connection, "0005")  # cannot hold two spaces: the one that is not live goes
        left = connection.execute(text("SELECT DISTINCT space_id FROM reference WHERE removed_version IS NULL")).all()
        assert [tuple(line) for line in left] == [("space-two",)]
    engine.dispose()

    again = place.init()

    assert live_id(again) == "space-two"
    assert len(everything(again, "space-two")) == len(again.references()) == 2
    assert everything(again, "space-three") == {}
    again.close()


@dataclass
class Reader:
    """A process that follows a space.

    Args:
        space_id: Which.
        kept: What it holds.
    """

    space_id: str
    kept: MemoryIndex[ExactIndex] = field(default_factory=lambda: MemoryIndex(lambda: ExactIndex(DIM)))


def machine(store: SqlStore) -> type[RuleBasedStateMachine]:
    class SpacesAgainstDictionary(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            store.spaces.drop_others()
            there = [r.reference_id for r in store.references()]
            if there:
                store.remove_references(there)
            self.prefix = f"{next(_numbers)}-"
            self.live = ""
            self.photos: dict[str, str] = {}  # photo → product
            self.made: dict[str, set[str]] = {name: set() for name in SPACES}
            self.readers = [Reader(self.prefix + name) for name in SPACES]

        @rule(n_new=st.integers(1, 3), name=st.sampled_from(SPACES), sku=st.sampled_from("abc"))
        def enroll(self, n_new: int, name: str, sku: str) -> None:
            new = [make_new(next(_numbers), sku) for _ in range(n_new)]
            if self.photos and name != self.live:
                with pytest.raises(ModelMismatch):
                    add(store, *new, space=self.prefix + name)
                return
            add(store, *new, space=self.prefix + name)
            if not self.photos:
                self.live = name
            self.photos |= {r.photo_id: sku for r in new}
            self.made[name] |= {r.photo_id for r in new}

        @rule(data=st.data())
        def remove(self, data: st.DataObject) -> None:
            if self.photos:
                gone = data.draw(st.lists(st.sampled_from(sorted(self.photos)), min_size=1, max_size=3, unique=True))
                store.remove_references([r.reference_id for r in store.references() if r.photo_id in gone])
                self.photos = {photo: sku for photo, sku in self.photos.items() if photo not in gone}
                self.made = {name: made - set(gone) for name, made in self.made.items()}

        @rule(n=st.integers(1, 4), name=st.sampled_from(SPACES))
        def embed(self, n: int, name: str) -> None:
            if name != self.live:
                pending = store.spaces.pending(self.prefix + name)[:n]
                assert fill(store, self.prefix + name, n) == len(pending)
                self.made[name] |= {r.photo_id for r in pending}

        @rule(name=st.sampled_from(SPACES))
        def switch(self, name: str) -> None:
            if self.photos and name != self.live:
                is_whole = self.made[name] == set(self.photos)
                assert switch(store, self.prefix + name) == is_whole
                self.live = name if is_whole else self.live

        @rule()
        def drop(self) -> None:
            dropped = store.spaces.drop_others()
            others = {self.prefix + name: len(self.made[name]) for name in SPACES if name != self.live}
            assert dropped == {name: n for name, n in others.items() if n}
            self.made = {name: made if name == self.live else set() for name, made in self.made.items()}

        @invariant()
        def every_reader_holds_the_live_space_or_nothing(self) -> None:
            assert {r.photo_id: r.sku for r in store.references()} == self.photos
            for name, reader in zip(SPACES, self.readers, strict=True):
                made = {r.photo_id for r in store.references(reader.space_id)}
                assert made == self.made[name]
                if next(_numbers) % 2:  # readers look now and then
                    reader.kept.follow(partial(changes_of, store, reader.space_id))
                    wanted = {r.reference_id for r in store.references()} if name == self.live else set()
                    assert set(reader.kept.index.contents()[0].tolist()) == wanted

    return SpacesAgainstDictionary


def test_any_course_of_spaces_agrees_with_a_dictionary(store: SqlStore) -> None:
    few = steps(4, 25)
    run_state_machine_as_test(
        machine(store), settings=settings(few, suppress_health_check=[HealthCheck.function_scoped_fixture])
    )
