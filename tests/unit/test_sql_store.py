"""What is particular to the store on SQLite: its file, its locks, a full disk; and which URLs are taken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from conftest import DIM, FakeEmbedder, PrepareSqlite
from facings.adapters import sql_engine
from facings.adapters.sql_migrate import migrate
from facings.adapters.sql_store import SqlStore, init_store, open_store
from facings.catalog import Product
from facings.errors import StoreFailed
from facings.gallery import NewReference


@contextmanager
def pragma(store: SqlStore, statement: str) -> Iterator[None]:
    """A setting of the store's one connection."""
    with store._engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA {statement}")
    yield
    store.close()  # the next connection is a fresh one


def add(store: SqlStore, *photo_ids: str, look: int = 0) -> int:
    """Add references to product "a"."""
    row = np.eye(DIM, dtype=np.float32)[0]
    new = [NewReference("a", photo_id, None, "x" * 2000, look, row) for photo_id in photo_ids]
    return store.add_references(new, embedder=FakeEmbedder(), model="fake", products=[Product("a")]).version


# Opening


def test_a_place_without_a_store_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match=r"there is no store here\. Make one with: facings init"):
        open_store(str(tmp_path / "missing"))
    with pytest.raises(StoreFailed, match="there is no store here"):
        open_store(str(tmp_path))

    assert list(tmp_path.iterdir()) == []  # looking leaves no trace


@pytest.mark.parametrize("opener", [init_store, open_store])
def test_a_file_that_is_no_database(opener: type, tmp_path: Path) -> None:
    (tmp_path / "facings.db").write_bytes(b"this is no database at all " * 40)

    with pytest.raises(StoreFailed, match=r"not a database\. Restore the store from a backup, or name another place"):
        opener(str(tmp_path))


def test_a_database_of_something_else(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "facings.db")) as connection:
        connection.execute("CREATE TABLE recipe (name TEXT)")

    with pytest.raises(StoreFailed, match="a database without the tables of a store, wanted version"):
        open_store(str(tmp_path))


@pytest.mark.parametrize("opener", [init_store, open_store])
def test_a_directory_where_the_database_should_be(opener: type, tmp_path: Path) -> None:
    (tmp_path / "facings.db").mkdir()

    with pytest.raises(StoreFailed, match=r"unable to open database file|there is no store here"):
        opener(str(tmp_path))


def test_a_place_where_nothing_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreFailed, match=r"file/store: cannot be made \(Not a directory\)"):
        init_store(str(tmp_path / "file" / "store"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("mysql+pymysql://u:secret@h/db", "cannot be opened|wanted sqlite or postgresql", id="MySQL"),
        pytest.param("nonsense://u:secret@h/db", "wanted sqlite or postgresql", id="no database at all"),
        pytest.param("postgresql+psycopg://u:secret@h:port/db", "cannot be opened", id="port that is no number"),
    ],
)
def test_urls_that_cannot_be_opened_are_refused_without_telling_the_password(
    url: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreFailed, match=words) as caught:
        open_store(url, tmp_path)
    assert "secret" not in str(caught.value)
    with pytest.raises(StoreFailed, match=r"a database URL needs a folder for photos\. Set FACINGS_PHOTOS") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_a_sqlite_url_is_a_store_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'any.db'}"
    store = init_store(url, tmp_path / "photos")
    store.put_products([Product("a")])
    store.put_photo("ab" * 32, b"\xff\xd8")
    store.close()

    again = open_store(url, tmp_path / "photos")

    assert list(again.products()) == ["a"]
    assert again.get_photo("ab" * 32) == b"\xff\xd8"
    assert (tmp_path / "photos" / "ab").is_dir()
    again.close()


def test_a_store_has_the_settings_that_keep_it_safe(
    tmp_path: Path, no_power_cut: PrepareSqlite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_engine, "_prepare_sqlite", no_power_cut)  # as it is outside of tests
    store = init_store(str(tmp_path))
    with store._engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    store.close()

    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_a_migration_cut_short_leaves_nothing(tmp_path: Path) -> None:
    engine = sql_engine.open_engine(f"sqlite:///{tmp_path / 'facings.db'}")
    with (
        pytest.raises(KeyboardInterrupt),
        engine.execution_options(is_write=True).begin() as connection,
    ):
        migrate(connection)
        raise KeyboardInterrupt
    engine.dispose()

    with closing(sqlite3.connect(tmp_path / "facings.db")) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == []
    init_store(str(tmp_path)).close()
    open_store(str(tmp_path)).close()


# Failing halfway


def test_a_full_disk_loses_nothing_that_was_committed(store: SqlStore) -> None:
    add(store, "0" * 64)
    with store._engine.connect() as connection:
        n_pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    with pragma(store, f"max_page_count={n_pages + 2}"):
        with pytest.raises(StoreFailed, match=r"full\. Free some disk space; what was committed is safe"):
            add(store, *(f"{n:064x}" for n in range(1, 100)))
        assert [r.photo_id for r in store.references()] == ["0" * 64]
        assert store.gallery_version() == 1

    assert add(store, *(f"{n:064x}" for n in range(1, 100))) == 2
    assert store.health()["references"] == "100"


def test_a_database_that_may_only_be_read(store: SqlStore) -> None:
    store.put_products([Product("a")])
    with pragma(store, "query_only=ON"):
        with pytest.raises(StoreFailed, match="attempt to write a readonly database"):
            store.put_products([Product("b"), Product("c")])
        assert list(store.products()) == ["a"]

    store.put_products([Product("b")])
    assert list(store.products()) == ["a", "b"]


def test_a_lock_held_for_too_long_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_engine, "BUSY_TIMEOUT_S", 0.02)
    store = init_store(str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "facings.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFailed, match=r"locked\. Another process is writing for a long time"):
            store.put_products([Product("a")])
        assert store.products() == {}
        other.execute("ROLLBACK")
    store.put_products([Product("a")])

    assert list(store.products()) == ["a"]
    store.close()


def test_a_damaged_database_is_found(tmp_path: Path) -> None:
    store = init_store(str(tmp_path))
    add(store, *(f"{n:064x}" for n in range(100)))
    assert store.health()["references"] == "100"
    store.close()
    file = tmp_path / "facings.db"
    data = bytearray(file.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 8192] = b"\xaa" * 8192
    file.write_bytes(data)

    damaged = open_store(str(tmp_path))
    with pytest.raises(StoreFailed, match=r"damaged|malformed"):
        damaged.health()
    damaged.close()
