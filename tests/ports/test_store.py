"""What every store must do, whatever database keeps it: one suite, run on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import MetaData

from conftest import DIM, FakeEmbedder
from facings import errors
from facings.adapters import sql_schema, sql_store
from facings.adapters.sql_migrate import migrate
from facings.adapters.sql_store import SqlStore, init_store, open_store
from facings.catalog import Product
from facings.errors import BadInput, ModelMismatch, StoreFailed
from facings.gallery import Box, Gallery, NewReference, Space
from facings.kept_index import GalleryChanges
from facings.quality import Advice, PhotoQuality
from facings.types import Candidate, Decision, FloatArray, Reading, Recognition

SPACE = FakeEmbedder().space_id
QUALITY = PhotoQuality(1 / 3, 0.5, 0.0, None, (Advice("far", "Step closer.", 41.5, 80.0),), 41.5)
WRITER = Path(__file__).with_name("write_references.py")

examples = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass(frozen=True)
class Place:
    """Where a store of a test is kept."""

    location: str
    url: str
    photos: Path

    def init(self) -> SqlStore:
        """Make it, or bring it up to date."""
        return init_store(self.location, self.photos)

    def open(self) -> SqlStore:
        """Open it."""
        return open_store(self.location, self.photos)

    @contextmanager
    def raw(self) -> Iterator[Connection]:
        """The database without the store; each statement is committed at once."""
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, empty_store: Path) -> Place:
    """A place for a store: an empty one, or where the test asks for a store too, one with its tables."""
    is_store = "store" in request.fixturenames
    if request.param == "sqlite":
        folder = tmp_path / "store"
        if is_store:
            shutil.copytree(empty_store, folder)
        return Place(str(folder), f"sqlite:///{folder / 'facings.db'}", folder / "photos")
    url = request.getfixturevalue("postgresql")(is_store=is_store)
    return Place(url, url, tmp_path / "photos")


@pytest.fixture
def store(place: Place) -> Iterator[SqlStore]:
    """A fresh store."""
    fresh = place.open()
    yield fresh
    fresh.close()


def make_row(seed: int) -> FloatArray:
    """A unit row."""
    row = np.random.default_rng(seed).normal(size=DIM).astype(np.float32)
    unit: FloatArray = row / np.linalg.norm(row)
    return unit


def make_new(seed: int, sku: str = "a", box: Box | None = None) -> NewReference:
    """A reference that no other seed gives."""
    return NewReference(sku, f"{seed:064x}", box, f"photos/{seed}.jpg", seed, make_row(seed))


def add(store: SqlStore, *new: NewReference, space: str = SPACE) -> int:
    """Add references, and the products that they need."""
    products = [Product(sku) for sku in sorted({r.sku for r in new})]
    return store.add_references(new, embedder=FakeEmbedder(space), model="fake", products=products).version


def held(changes: GalleryChanges) -> dict[int, tuple[str, bytes]]:
    """Reference id → SKU and vector."""
    rows = [row.tobytes() for row in changes.rows]
    return dict(zip(changes.ids.tolist(), zip(changes.skus, rows, strict=True), strict=True))


def everything(store: SqlStore, space: str = SPACE) -> dict[int, tuple[str, bytes]]:
    """The whole gallery of a space."""
    return held(store.changes_since(0, space, DIM))


def make_reading(**fields: Any) -> Reading:
    """A reading with one accepted and one unknown box."""
    best, other = Candidate("a", 0.9, 1), Candidate("b", 0.1 + 0.2, 2)
    recognitions = (
        Recognition((0.1, 2.0, 30.25, 40.0), 0.875, Decision("accepted", "a", (best, other), ("clear lead",))),
        Recognition((5.0, 6.0, 7.0, 8.0), 1 / 3, Decision("unknown", None, ())),
    )
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    plain = Reading(
        "f" * 64, "shelf.jpg", 640, 480, moment, "bay-1", "whole", SPACE, 3, recognitions, ("a note",), QUALITY
    )
    return replace(plain, **fields)


def as_written(reading: Reading) -> Reading:
    """Without what the store fills in."""
    return replace(reading, reading_id=None, recorded_at=None)


# Making and opening


def test_a_store_is_made_once_and_init_again_keeps_all(place: Place) -> None:
    first = place.init()
    first.put_products([Product("a")])
    add(first, make_new(1))
    first.append_reading(make_reading(), "1")
    first.close()

    again = place.init()

    assert list(again.products()) == ["a"]
    assert len(everything(again)) == 1
    assert len(again.readings()) == 1
    again.close()
    opened = place.open()
    assert opened.health() == {
        "products": "1",
        "references": "1",
        "readings": "1",
        "observations": "2",
        "gallery version": "1",
    }
    opened.close()


def test_a_store_of_an_unknown_version_says_what_to_do(place: Place) -> None:
    place.init().close()
    with place.raw() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(
        StoreFailed, match=rf"tables of version 9999, wanted version {sql_schema.REVISION}\. Run: facings init"
    ):
        place.open()
    with pytest.raises(StoreFailed, match=r"does not know .*9999.*Update Facings"):
        place.init()


def test_a_database_without_tables_says_what_to_do(place: Place) -> None:
    place.init().close()
    with place.raw() as connection:
        connection.execute(text("DROP TABLE alembic_version"))

    with pytest.raises(StoreFailed, match=r"a database without the tables of a store.*Run: facings init"):
        place.open()


# Schema


def test_migrations_make_the_tables_that_the_schema_describes(place: Place) -> None:
    place.init().close()
    engine = create_engine(place.url)
    migrated = MetaData()
    migrated.reflect(engine)
    with engine.begin() as connection:
        migrated.drop_all(connection)
        sql_schema.metadata.create_all(connection)
        described = _describe(connection)
    with engine.begin() as connection:
        sql_schema.metadata.drop_all(connection)
        migrate(connection)
        made = _describe(connection)
    engine.dispose()

    made.pop("alembic_version")
    assert set(made) == {table.name for table in sql_schema.metadata.sorted_tables}
    assert made == described


def _describe(connection: Connection) -> dict[str, Any]:
    """Columns, keys and indexes of each table."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": [
                (c["name"], str(c["type"]), c["nullable"], bool(c.get("autoincrement")))
                for c in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign": sorted(
                (k["constrained_columns"], k["referred_table"], k["referred_columns"])
                for k in inspector.get_foreign_keys(table)
            ),
            "unique": [u["column_names"] for u in inspector.get_unique_constraints(table)],
            "indexes": sorted(
                (str(i["name"]), i["column_names"], bool(i["unique"]), _condition(i.get("dialect_options", {})))
                for i in inspector.get_indexes(table)
            ),
        }
        for table in inspector.get_table_names()
    }


def test_down_and_up_again_leaves_other_tables_alone(place: Place) -> None:
    store = place.init()
    add(store, make_new(1))
    store.append_reading(make_reading(), "1")
    store.close()
    engine = create_engine(place.url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE of_the_user (word TEXT)"))
        connection.execute(text("INSERT INTO of_the_user VALUES ('kept')"))
    with engine.begin() as connection:
        migrate(connection, "base")
        assert set(inspect(connection).get_table_names()) == {"alembic_version", "of_the_user"}
    with pytest.raises(StoreFailed, match="without the tables"):
        place.open()
    with engine.begin() as connection:
        migrate(connection)
        assert connection.scalar(text("SELECT word FROM of_the_user")) == "kept"
    engine.dispose()

    opened = place.open()
    assert (opened.products(), opened.readings(), opened.gallery_version()) == ({}, [], 0)
    add(opened, make_new(1))
    opened.close()


def test_a_record_of_the_first_version_is_kept_and_goes_on(place: Place) -> None:
    """Its readings were never judged; going back loses what the coach said and nothing else."""
    judged, unjudged = make_reading(photo_id="b" * 64), make_reading(quality=None)
    store = place.init()
    store.append_reading(unjudged, "1")
    store.append_reading(judged, "2")
    store.close()
    engine = create_engine(place.url)
    with engine.begin() as connection:
        migrate(connection, "0001")
        assert "quality" not in {column["name"] for column in inspect(connection).get_columns("reading")}
        assert connection.scalar(text("SELECT COUNT(*) FROM observation")) == 4
    with pytest.raises(
        StoreFailed, match=rf"tables of version 0001, wanted version {sql_schema.REVISION}\. Run: facings init"
    ):
        place.open()

    again = place.init()

    assert sorted(as_written(r).photo_id[0] for r in again.readings()) == ["b", "f"]
    assert all(as_written(r) in {unjudged, replace(judged, quality=None)} for r in again.readings())
    assert again.append_reading(replace(judged, place="bay-2"), "3") is True
    assert [r.quality for r in again.readings()].count(QUALITY) == 1
    again.close()
    with engine.connect() as connection, pytest.raises(DBAPIError, match="the record is append-only"):
        connection.execute(text("UPDATE reading SET quality = NULL"))
    engine.dispose()


def test_a_record_from_before_promises_were_kept_is_read_and_goes_on(place: Place) -> None:
    ambiguous = Decision("ambiguous", None, (Candidate("a", 0.9, 1),), (), 0.9)
    promised = make_reading(recognitions=(Recognition((1.0, 2.0, 3.0, 4.0), 0.5, ambiguous),), max_false_accept=0.01)
    store = place.init()
    store.append_reading(promised, "1")
    store.close()
    engine = create_engine(place.url)
    with engine.begin() as connection:
        migrate(connection, "0007")
    engine.dispose()

    again = place.init()

    (kept,) = again.readings()
    assert (kept.max_false_accept, kept.recognitions[0].decision) == (None, replace(ambiguous, probability=None))
    assert again.append_reading(replace(promised, place="bay-2"), "2")
    assert as_written(again.readings()[1]) == replace(promised, place="bay-2")
    again.close()


def test_flagged_photos_can_be_asked_for(store: SqlStore, place: Place) -> None:
    good = replace(QUALITY, advice=())
    for number, quality in enumerate((QUALITY, good, None)):
        store.append_reading(make_reading(place=str(number), quality=quality), str(number))
    code = {
        "sqlite": "json_extract(quality, '$.advice[0].code')",
        "postgresql": "quality::json -> 'advice' -> 0 ->> 'code'",
    }[place.url.split("+")[0].split(":")[0]]

    with place.raw() as connection:
        found = connection.execute(text(f"SELECT place, {code} FROM reading WHERE {code} IS NOT NULL"))
        assert found.all() == [("0", "far")]


def _condition(options: Any) -> str:
    """The WHERE of a partial index."""
    return " ".join(str(value) for name, value in options.items() if name.endswith("_where"))


# Catalog


def test_products_come_back_as_they_went_in_ordered_by_character(store: SqlStore) -> None:
    full = Product("a", "4006381333931", "Oat\ndrink", "Öatly", "Milk", "1 l", Decimal("0.10"), "EUR")
    store.put_products([Product("b"), full, Product("B"), Product("ä"), Product("1 l")])
    store.put_products([])

    products = store.products()

    assert list(products) == ["1 l", "B", "a", "b", "ä"]
    assert products["a"] == full
    assert str(products["a"].price) == "0.10"
    store.put_products([replace(full, name="New", price=None)])
    assert store.products()["a"] == replace(full, name="New", price=None)
    assert len(store.products()) == 5


# Gallery


def test_references_come_back_as_they_went_in(store: SqlStore) -> None:
    box = (0.1, 2.0, 30.5, 40.0)
    version = add(store, make_new(1), make_new(2**64 - 1, "b", box))

    first, second = store.references()

    assert version == store.gallery_version() == 1
    assert (first.sku, first.photo_id, first.box, first.source, first.look) == (
        "a",
        f"{1:064x}",
        None,
        "photos/1.jpg",
        1,
    )
    assert (second.sku, second.box, second.look, second.space_id) == ("b", box, 2**64 - 1, SPACE)
    assert everything(store)[second.reference_id] == ("b", make_row(2**64 - 1).tobytes())
    assert store.live_space() == Space(SPACE, "fake", FakeEmbedder().card.to_json())
    assert list(store.products()) == ["a", "b"]


def test_views_from_afar_come_back_of_those_that_have_one(store: SqlStore) -> None:
    add(store, replace(make_new(1), far_row=make_row(11)), make_new(2), replace(make_new(3), far_row=make_row(13)))
    ids, rows = store.far_rows(SPACE, DIM)
    assert ids.tolist() == [r.reference_id for r in store.references() if r.look in {1, 3}]
    np.testing.assert_array_equal(rows, np.stack([make_row(11), make_row(13)]))
    assert store.far_rows("another-space", DIM)[1].shape == (0, DIM)
    store.remove_references(ids[:1].tolist())
    assert store.far_rows(SPACE, DIM)[0].tolist() == ids[1:].tolist()
    with pytest.raises(StoreFailed, match="wanted 5"):
        store.far_rows(SPACE, 5)


def test_hashes_come_back_whole_by_id_of_what_is_left(store: SqlStore) -> None:
    add(store, make_new(2**64 - 1), make_new(0), make_new(7))
    first, *rest = store.references()
    ids, looks = store.looks(SPACE)
    assert (ids.tolist(), looks.tolist(), str(looks.dtype)) == (
        [first.reference_id, *(r.reference_id for r in rest)], [2**64 - 1, 0, 7], "uint64",
    )  # fmt: skip
    store.remove_references([first.reference_id])
    assert store.looks(SPACE)[1].tolist() == [0, 7]
    assert store.looks("another-space")[0].tolist() == []


def test_a_file_name_that_is_no_unicode_is_kept_readably(store: SqlStore) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    add(store, replace(make_new(1), source=name))
    store.append_reading(make_reading(photo=name), "1")

    assert store.references()[0].source == "caf\\udce9.jpg"
    assert store.readings()[0].photo == "caf\\udce9.jpg"


def test_a_product_that_is_there_is_not_overwritten_by_enrolling(store: SqlStore) -> None:
    store.put_products([Product("a", name="Oat drink")])
    add(store, make_new(1))

    assert store.products()["a"].name == "Oat drink"


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param([make_new(1), make_new(2, "nobody"), make_new(3)], id="product that does not exist"),
        pytest.param([make_new(1), make_new(2), make_new(2)], id="one photo twice"),
    ],
)
def test_all_references_or_none(bad: Sequence[NewReference], store: SqlStore) -> None:
    add(store, make_new(9, "z"))
    before = (everything(store), store.products(), store.gallery_version())

    with pytest.raises(StoreFailed):
        store.add_references(bad, embedder=FakeEmbedder(), model="fake", products=[Product("a")])

    assert (everything(store), store.products(), store.gallery_version()) == before
    add(store, make_new(1))
    assert len(everything(store)) == 2


def test_what_is_there_is_left_alone_and_not_counted(store: SqlStore) -> None:
    add(store, make_new(1), make_new(2))
    again = [make_new(1), make_new(2)]
    added = store.add_references(again, embedder=FakeEmbedder(), model="fake", products=[])
    assert (added.n_added, added.version, store.gallery_version()) == (0, 1, 1)
    added = store.add_references([make_new(2), make_new(3)], embedder=FakeEmbedder(), model="fake", products=[])
    assert (added.n_added, added.version) == (1, 2)
    assert len(store.references()) == 3
    assert store.add_references([], embedder=FakeEmbedder(), model="fake", products=[]).n_added == 0


def test_a_model_that_moved_is_remembered_where_it_is_now(store: SqlStore) -> None:
    for number, model in enumerate(("old/place", "new/place")):
        store.add_references([make_new(number)], embedder=FakeEmbedder(), model=model, products=[Product("a")])
    space = store.live_space()
    assert space is not None
    assert (space.space_id, space.model) == (SPACE, "new/place")


def test_removed_vectors_are_gone_for_good(store: SqlStore, place: Place) -> None:
    add(store, make_new(1), make_new(2))
    gone, kept = (r.reference_id for r in store.references())

    assert store.remove_references([gone]) == 2

    assert [r.reference_id for r in store.references()] == [kept]
    with place.raw() as connection:
        lines = connection.execute(text("SELECT vector, removed_version FROM reference ORDER BY reference_id")).all()
    assert [tuple(line) for line in lines] == [(None, 2), (make_row(2).tobytes(), None)]


def test_remove_all_or_none(store: SqlStore) -> None:
    add(store, make_new(1), make_new(2))
    first, second = (r.reference_id for r in store.references())

    with pytest.raises(BadInput, match="2 references to remove, but 1 of them are there"):
        store.remove_references([first, 999])

    assert (len(everything(store)), store.gallery_version()) == (2, 1)
    store.remove_references([second])
    with pytest.raises(BadInput, match="0 of them are there"):
        store.remove_references([second])


def test_ids_are_never_given_twice(place: Place) -> None:
    store = place.init()
    add(store, make_new(1), make_new(2))
    seen = {r.reference_id for r in store.references()}
    store.remove_references(sorted(seen))
    store.close()

    again = place.open()
    add(again, make_new(1), make_new(2))
    new = {r.reference_id for r in again.references()}
    again.close()

    assert len(new) == 2
    assert min(new) > max(seen)


def test_a_vector_of_another_length_is_damage(store: SqlStore) -> None:
    add(store, make_new(1))

    with pytest.raises(StoreFailed, match=f"vector of {DIM} numbers, wanted 7"):
        store.changes_since(0, SPACE, 7)


def test_changes_of_another_space_are_not_seen(store: SqlStore) -> None:
    add(store, make_new(1))

    assert len(everything(store)) == 1
    assert everything(store, "another-space") == {}
    assert store.changes_since(0, "another-space", DIM).rows.shape == (0, DIM)


def test_a_second_model_is_refused_until_the_first_has_nothing_left(store: SqlStore) -> None:
    add(store, make_new(1))

    with pytest.raises(ModelMismatch, match=r"made by model 'fake' .*gallery reembed"):
        add(store, make_new(2), space="another-space")

    assert (store.gallery_version(), len(everything(store))) == (1, 1)
    store.remove_references([r.reference_id for r in store.references()])
    assert store.live_space() is None
    add(store, make_new(2), space="another-space")
    assert (len(everything(store, "another-space")), everything(store)) == (1, {})
    assert [r.space_id for r in store.references()] == ["another-space"]


_numbers = itertools.count(1)


@settings(examples, max_examples=12)
@given(st.lists(st.tuples(st.integers(1, 3), st.lists(st.integers(0, 9), max_size=3)), min_size=1, max_size=6))
def test_changes_from_any_version_lead_to_the_same_gallery(store: SqlStore, steps: list[tuple[int, list[int]]]) -> None:
    space = f"space-{next(_numbers)}"
    store.remove_references([r.reference_id for r in store.references()])  # of the example before
    live: dict[int, tuple[str, bytes]] = {}
    past = {store.gallery_version(): dict(live)}
    for n_new, doomed in steps:
        new = [make_new(next(_numbers), f"sku-{k}") for k in range(n_new)]
        version = add(store, *new, space=space)
        ids = sorted(everything(store, space).keys() - live.keys())
        live.update(zip(ids, ((r.sku, r.row.tobytes()) for r in new), strict=True))
        past[version] = dict(live)
        gone = {sorted(live)[i] for i in doomed if i < len(live)}
        if gone:
            version = store.remove_references(sorted(gone))
            live = {i: what for i, what in live.items() if i not in gone}
            past[version] = dict(live)

    assert everything(store, space) == live
    for version, gallery in past.items():
        changes = store.changes_since(version, space, DIM)
        removed = set(changes.removed.tolist())
        assert removed <= gallery.keys()  # only what was there can go
        assert {i: what for i, what in gallery.items() if i not in removed} | held(changes) == live
        assert held(changes).keys().isdisjoint(gallery)  # only what was not there can come
        assert changes.version == store.gallery_version()


def test_a_change_in_the_middle_of_reading_is_seen_next_time(
    store: SqlStore, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, make_new(1))
    gallery = Gallery(store, FakeEmbedder())

    def state() -> tuple[int, set[int]]:
        with gallery.current() as now:
            return now.version, set(now.sku_of)

    state()
    add(store, make_new(2), make_new(3))
    first, second, third = (r.reference_id for r in store.references())
    other = place.open()
    real = sql_store._version
    calls: list[int] = []

    def version_then_change(connection: Connection) -> int:
        now = real(connection)
        calls.append(now)
        if len(calls) == 2:  # of changes_since, after that of gallery_version
            other.remove_references([first, second])
            add(other, make_new(4))
        return now

    monkeypatch.setattr(sql_store, "_version", version_then_change)
    assert state() == (2, {first, second, third})
    assert state() == (4, set(everything(store)))
    other.close()


def test_no_version_becomes_visible_before_an_earlier_one(store: SqlStore, place: Place) -> None:
    add(store, make_new(1))
    inside, go_on = threading.Event(), threading.Event()

    class SlowProducts(list[Product]):
        def __iter__(self) -> Iterator[Product]:
            inside.set()
            assert go_on.wait(60)
            return super().__iter__()

    slow, quick = place.open(), place.open()

    def add_slowly() -> None:
        slow.add_references([make_new(2)], embedder=FakeEmbedder(), model="fake", products=SlowProducts([Product("a")]))

    writers = [threading.Thread(target=add_slowly), threading.Thread(target=add, args=(quick, make_new(3)))]
    writers[0].start()
    assert inside.wait(60)
    writers[1].start()
    writers[1].join(0.5)  # it must wait for the first; were it let through, the reader would pass version 2 by
    seen = store.changes_since(1, SPACE, DIM)
    go_on.set()
    for writer in writers:
        writer.join(60)
    later = store.changes_since(seen.version, SPACE, DIM)
    slow.close()
    quick.close()

    assert sorted([*seen.ids.tolist(), *later.ids.tolist()]) == sorted(everything(store).keys() - {1})
    assert len(everything(store)) == 3


def test_two_processes_lose_nothing(place: Place) -> None:
    place.init().close()
    paths = [str(Path(errors.__file__).parents[1]), str(WRITER.parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    writers = [
        subprocess.Popen(
            [sys.executable, str(WRITER), place.location, str(place.photos), name, "50"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("left", "right")
    ]
    said = [writer.communicate(timeout=120)[0].split() for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0]
    versions = [int(version) for lines in said for version in lines]
    assert sorted(versions) == list(range(1, 101))
    store = place.open()
    assert len({r.photo_id for r in store.references()}) == len(store.references()) == 100
    assert (store.gallery_version(), len(everything(store))) == (100, 100)
    assert list(store.products()) == ["left", "right", "shared"]
    store.close()


def test_readers_do_not_wait_for_a_writer(store: SqlStore, place: Place) -> None:
    store.put_products([Product("a")])
    with place.raw() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("UPDATE product SET name = 'half done'")
        connection.exec_driver_sql(
            "INSERT INTO gallery_change (made_at, action, n_references) VALUES ('now', 'add', 0)"
        )
        assert store.products() == {"a": Product("a")}
        assert store.gallery_version() == 0
        connection.exec_driver_sql("COMMIT")
    assert store.products() == {"a": Product("a", name="half done")}
    assert store.gallery_version() == 1


# Record


def test_a_reading_is_written_once(store: SqlStore, place: Place) -> None:
    reading = make_reading()

    assert store.append_reading(reading, "same") is True
    assert store.append_reading(replace(reading, photo="copy.jpg"), "same") is False

    (found,) = store.readings(latest_only=False)
    assert as_written(found) == reading
    assert found.recorded_at is not None
    assert found.recorded_at.utcoffset() == timedelta(0)
    with place.raw() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM observation")) == 2


def test_a_reading_without_boxes_is_one_line(store: SqlStore) -> None:
    store.append_reading(make_reading(recognitions=()), "1")

    assert [r.recognitions for r in store.readings()] == [()]


def test_the_last_reading_of_each_photo_and_place(store: SqlStore) -> None:
    a, b = "a" * 64, "b" * 64
    written = [(a, "bay-1", 1), (a, "bay-2", 1), (b, "bay-1", 1), (a, "bay-1", 2), (a, "bay-1", 3)]
    for number, (photo_id, where, version) in enumerate(written):
        store.append_reading(make_reading(photo_id=photo_id, place=where, gallery_version=version), str(number))

    latest = {(r.photo_id, r.place): r.gallery_version for r in store.readings()}

    assert latest == {(a, "bay-1"): 3, (a, "bay-2"): 1, (b, "bay-1"): 1}
    assert len(store.readings()) == 3
    assert [r.gallery_version for r in store.readings(latest_only=False)] == [1, 1, 1, 2, 3]


def test_times_of_any_zone_are_kept_in_utc_and_in_order(store: SqlStore) -> None:
    india, chicago = timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-6))
    moments = [
        datetime(2026, 1, 1, 9, 0, tzinfo=india),  # 03:30 UTC
        datetime(2026, 1, 1, 4, 0, tzinfo=UTC),
        datetime(2026, 1, 1, 4, 0, 0, 1, tzinfo=UTC),  # whole and broken seconds sort together
        datetime(2025, 12, 31, 23, 0, tzinfo=chicago),  # 05:00 UTC
    ]
    for number in (3, 0, 2, 1):
        store.append_reading(make_reading(seen_at=moments[number], place=str(number)), str(number))

    found = store.readings()

    assert [r.place for r in found] == ["0", "1", "2", "3"]
    assert [r.seen_at for r in found] == moments
    assert {r.seen_at.utcoffset() for r in found} == {timedelta(0)}


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
numbers = st.floats(0, 1e6, allow_nan=False)
similarities = st.floats(-1, 1)
candidates = st.lists(st.builds(Candidate, words, similarities, st.integers(1, 2**53)), max_size=3).map(tuple)
reasons = st.lists(words, max_size=2).map(tuple)
decisions = st.builds(Decision, st.just("accepted"), words, candidates, reasons) | st.builds(
    Decision, st.sampled_from(["unknown", "ambiguous"]), st.none(), candidates, reasons, st.none() | st.floats(0, 1)
)
boxes = st.tuples(numbers, numbers, numbers, numbers)
recognition_lists = st.lists(st.builds(Recognition, boxes, st.floats(0, 1), decisions), max_size=3).map(tuple)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


shares = st.floats(0, 1)
advices = st.builds(Advice, st.sampled_from(["blurred", "dark"]), words, shares, shares)
qualities = st.none() | st.builds(
    PhotoQuality,
    st.none() | shares,
    shares,
    shares,
    st.none() | st.floats(-30, 30),
    st.lists(advices, max_size=2).map(tuple),
    st.none() | numbers,
)


@examples
@given(words, words, words, moments, recognition_lists, reasons, qualities, st.none() | shares)
def test_any_reading_comes_back_equal(
    store: SqlStore,
    photo: str,
    where: str,
    detector: str,
    seen_at: datetime,
    recognitions: tuple[Recognition, ...],
    notes: tuple[str, ...],
    quality: PhotoQuality | None,
    max_false_accept: float | None,
) -> None:
    reading = make_reading(
        photo=photo,
        place=where,
        detector=detector,
        seen_at=seen_at,
        recognitions=recognitions,
        notes=notes,
        quality=quality,
        max_false_accept=max_false_accept,
    )

    assert store.append_reading(reading, str(next(_numbers)))

    found = max(store.readings(latest_only=False), key=lambda r: r.reading_id or 0)
    assert as_written(found) == reading


@pytest.mark.parametrize("table", ["reading", "observation"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = 'x'", "DELETE FROM {}"])
def test_the_database_itself_refuses_to_change_the_record(
    table: str, change: str, store: SqlStore, place: Place
) -> None:
    store.append_reading(make_reading(), "1")
    column = {"reading": "place", "observation": "sku"}[table]

    with place.raw() as connection, pytest.raises(DBAPIError, match="the record is append-only"):
        connection.execute(text(change.format(table, column)))

    assert [as_written(r) for r in store.readings()] == [make_reading()]


def test_a_reading_is_written_whole_or_not_at_all(store: SqlStore) -> None:
    good = make_reading().recognitions[0]
    unstorable = replace(good, confidence=None)  # type: ignore[arg-type]

    with pytest.raises(StoreFailed):
        store.append_reading(make_reading(recognitions=(good, unstorable)), "1")

    assert store.readings() == []
    assert store.append_reading(make_reading(recognitions=(good,)), "1") is True
    assert store.health()["observations"] == "1"
