"""Connections to the database of a store: SQLite in WAL mode, or PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from facings.errors import DependencyMissing, StoreFailed

BUSY_TIMEOUT_S = 30.0
_DIALECTS = ("sqlite", "postgresql")


def open_engine(url: str | URL) -> Engine:
    """The connections of a database, which need not exist yet.

    Args:
        url: Of SQLite or PostgreSQL.

    Raises:
        StoreFailed: It is no URL, or of another kind of database.
        DependencyMissing: The driver is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in _DIALECTS:
            raise StoreFailed(f"The database is {parsed.get_backend_name()}; wanted {' or '.join(_DIALECTS)}.")
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        # A pooled connection may be dead since a server was restarted; SQLite has none to lose.
        engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() == "postgresql")
    except ImportError as error:
        raise DependencyMissing(f"The database needs a driver: {error}.", "pip install 'facings[postgres]'") from error
    except (SQLAlchemyError, ValueError) as error:
        raise StoreFailed(f"The database cannot be opened ({error}).") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def transaction(engine: Engine, *, is_write: bool = False) -> Iterator[Connection]:
    """A transaction that sees one state of the store.

    Args:
        engine: From `open_engine`.
        is_write: Whether it will write; SQLite's writers wait for each other at the beginning.

    Raises:
        StoreFailed: The database failed; nothing of the transaction was written.
    """
    try:
        with engine.execution_options(is_write=is_write).begin() as connection:
            if not is_write and connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # as SQLite reads
            yield connection
    except DBAPIError as error:
        raise store_failed(error) from error


def shown(location: str) -> str:
    """A location as messages may show it: without the password and the options of a URL."""
    try:
        return make_url(location).set(query={}).render_as_string() if "://" in location else location
    except (SQLAlchemyError, ValueError):
        return location.split("://", maxsplit=1)[0] + "://…"


def store_failed(error: Exception) -> StoreFailed:
    """What went wrong with the database, in words, and what to do."""
    cause = str(getattr(error, "orig", None) or error)
    hint = {
        "locked": "Another process is writing for a long time; try again when it has ended.",
        "full": "Free some disk space; what was committed is safe.",
        "disk I/O": "See whether the disk is full or failing; what was committed is safe.",
        "malformed": "Restore the store from a backup.",
        "not a database": "Restore the store from a backup, or name another place.",
    }
    return StoreFailed(f"The store failed: {cause}.", next((h for word, h in hint.items() if word in cause), ""))


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's BEGIN is sent by the listener, not by the driver
    connection.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # a commit survives a power cut
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once and waits for it there; taken later, SQLite would fail instead of waiting.
    is_write = connection.get_execution_options().get("is_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")
