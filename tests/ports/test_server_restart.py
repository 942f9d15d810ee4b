"""A database server that is stopped in the middle of a write and started again: a clear error or another try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import DIM, FakeEmbedder
from facings.adapters.sql_store import SqlStore, init_store
from facings.catalog import Product
from facings.errors import StoreFailed
from facings.gallery import Gallery
from facings.kept_index import GalleryChanges
from ports.test_store import SPACE, add, everything, make_new


@pytest.fixture
def store(postgresql: Callable[[], str], tmp_path: Path) -> Iterator[SqlStore]:
    """A store on PostgreSQL with one reference."""
    fresh = init_store(postgresql(), tmp_path / "photos")
    add(fresh, make_new(1))
    yield fresh
    fresh.close()


def test_a_write_is_lost_whole_with_a_clear_error_and_can_be_done_again(
    store: SqlStore, postgresql_server: Any
) -> None:
    class StoppingServer(list[Product]):
        def __iter__(self) -> Iterator[Product]:
            postgresql_server.stop()
            return super().__iter__()

    try:
        with pytest.raises(StoreFailed, match="The store failed: "):
            store.add_references(
                [make_new(2, "b")], embedder=FakeEmbedder(), model="fake", products=StoppingServer([Product("b")])
            )
        with pytest.raises(StoreFailed, match="The store failed: "):
            store.references()
    finally:
        postgresql_server.start()

    assert (len(everything(store)), list(store.products()), store.gallery_version()) == (1, ["a"], 1)
    add(store, make_new(2, "b"))
    assert len(everything(store)) == 2
    assert store.gallery_version() > 1


def test_an_index_in_the_database_tries_again(store: SqlStore, postgresql_server: Any) -> None:
    module = pytest.importorskip("facings.adapters.pgvector_index")
    kept = module.PgVectorIndex(store.engine, SPACE, DIM)
    asked: list[int] = []

    def fetch(version: int, mark: str) -> GalleryChanges:
        if not asked:
            postgresql_server.stop()
            postgresql_server.start()
        asked.append(version)
        return store.changes_since(version, SPACE, DIM, mark=mark)

    assert kept.follow(fetch) == 1
    assert asked == [0, 0]
    assert len(kept) == 1


def test_a_search_goes_on_after_a_restart(store: SqlStore, postgresql_server: Any) -> None:
    gallery = Gallery(store, FakeEmbedder())
    with gallery.current() as state:
        assert len(state.index) == 1
    postgresql_server.stop()
    try:
        with pytest.raises(StoreFailed), gallery.current():
            pass
    finally:
        postgresql_server.start()
    with gallery.current() as state:
        assert (state.version, len(state.index)) == (1, 1)
