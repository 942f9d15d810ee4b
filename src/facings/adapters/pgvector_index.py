"""A gallery's index in PostgreSQL by pgvector, shared by all processes that use the store.

Rows lie beside the store's tables in half precision, in one table for each embedding space. A small gallery is compared
with in full by the server, a large one through inverted lists (IVFFlat), as many of them as the gallery itself shows to
be enough. Whoever first sees a newer gallery brings the table up to date in one transaction; the others wait for it and
go on. No process holds the vectors. HNSW is not used: a removed row would stay in its graph until the server tidies up.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from facings.adapters.list_tuning import K, enough_lists, queries_near
from facings.errors import ConfigInvalid, ModelMismatch, StoreFailed
from facings.kept_index import Fetch
from facings.match import VectorIndex, best_first, check_new, check_queries, check_there, refuse_known
from facings.types import FloatArray, IntArray

N_EXACT = 20_000
_CHUNK = 1000  # rows a statement
_N_TUNING = 32  # rows that lists are tried with; each is compared with all once
_ANY_VERSION = 2**31 - 1
_SETUP_LOCK = 0x0FAC1465
T = TypeVar("T")


class PgVectorIndex:
    """A `VectorIndex` and `KeptIndex` in a database; see the module.

    What others add after the last `follow` is not shown; what they remove is gone at once.

    Args:
        engine: The store's connections to PostgreSQL with the extension pgvector 0.8 or later.
        space_id: Embedding space.
        dim: D.
        n_exact: Up to this many rows every one is compared with.

    Raises:
        ConfigInvalid: The store is in another database.
        StoreFailed: The database cannot be reached, or has no pgvector.
        ModelMismatch: The table of this space has rows of another length.
    """

    def __init__(self, engine: Engine, space_id: str, dim: int, *, n_exact: int = N_EXACT) -> None:
        if engine.dialect.name != "postgresql":
            raise ConfigInvalid(
                "Setting index: pgvector needs a store in PostgreSQL.",
                "Set FACINGS_STORE to its URL, or FACINGS_INDEX to exact or faiss.",
            )
        self._engine = engine
        self._space_id, self._dim, self._n_exact = space_id, dim, n_exact
        self._table = _table_of(engine, space_id)
        self._lists = self._engine.dialect.identifier_preparer.quote_identifier(f"index_lists_{space_id}")
        self._version = self._retried(self._set_up)

    @property
    def index(self) -> VectorIndex:
        """See `KeptIndex.index`."""
        return self

    def __len__(self) -> int:
        return int(self._retried(lambda connection: self._state(connection).n_rows))

    def add(self, ids: IntArray, rows: FloatArray) -> None:
        """See `VectorIndex.add`."""
        check_new(ids, rows, self._dim)
        try:
            self._retried(lambda connection: self._change(connection, ids=ids, rows=rows))
        except IntegrityError:
            refuse_known()

    def remove(self, ids: IntArray) -> None:
        """See `VectorIndex.remove`."""
        self._retried(lambda connection: self._change(connection, removed=ids))

    def search(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """See `VectorIndex.search`."""
        check_queries(queries, self._dim)
        found = self._retried(lambda connection: self._answer(connection, queries, k)) if k and len(queries) else []
        n_found = len(found) // len(queries) if len(queries) else min(k, len(self))
        shape = (len(queries), n_found)
        ids = np.array([line.reference_id for line in found], np.int64).reshape(shape)
        return best_first(ids, np.array([line.cosine for line in found], np.float32).reshape(shape))

    def follow(self, fetch: Fetch) -> int:
        """See `KeptIndex.follow`."""

        def catch_up(connection: Connection) -> int:
            state = self._state(connection, is_locked=True)
            changes = fetch(state.version, state.mark)
            if changes.since != state.version:
                connection.execute(text(f"DELETE FROM {self._table}"))
                connection.execute(_SET_STATE, {**state._mapping, "n_rows": 0})
            # Those gone from the table already were removed there by hand; the outcome is the same.
            self._change(connection, changes.ids, changes.rows, changes.removed, version=changes.version)
            values = {"space_id": self._space_id, "version": changes.version, "mark": changes.mark}
            connection.execute(
                text("UPDATE index_state SET version = :version, mark = :mark WHERE space_id = :space_id"), values
            )
            return changes.version

        self._version = self._retried(catch_up)
        return self._version

    def _answer(self, connection: Connection, queries: FloatArray, k: int) -> Sequence[Any]:
        return self._nearest(connection, queries, k, self._state(connection).n_probes, version=self._version)

    def _set_up(self, connection: Connection) -> int:
        """Make what is missing; the version that the table holds."""
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_SETUP_LOCK})"))  # CREATE … IF NOT EXISTS can race
        for statement in (
            "CREATE EXTENSION IF NOT EXISTS vector",
            _MAKE_STATE,
            *([] if connection.scalar(text(_HAS_PROBES)) else _ADD_PROBES),
            f"CREATE TABLE IF NOT EXISTS {self._table} {_COLUMNS.format(dim=self._dim)}",
        ):
            connection.execute(text(statement))
        start = text("INSERT INTO index_state VALUES (:space_id, :dim, 0, '', 0, 0, 0) ON CONFLICT DO NOTHING")
        connection.execute(start, {"space_id": self._space_id, "dim": self._dim})
        state = self._state(connection)
        if state.dim != self._dim:
            raise ModelMismatch(f"The index of space {self._space_id} has {state.dim} numbers a row, not {self._dim}.")
        return int(state.version)

    def _state(self, connection: Connection, *, is_locked: bool = False) -> Any:
        lock = " FOR UPDATE" if is_locked else ""
        query = text(f"SELECT * FROM index_state WHERE space_id = :space_id{lock}")
        return connection.execute(query, {"space_id": self._space_id}).one()

    def _change(
        self,
        connection: Connection,
        ids: IntArray | None = None,
        rows: FloatArray | None = None,
        removed: IntArray | None = None,
        version: int | None = None,
    ) -> None:
        state = self._state(connection, is_locked=True)
        n_rows = state.n_rows
        if removed is not None:
            gone = set(removed.tolist())
            delete = text(
                f"DELETE FROM {self._table} WHERE reference_id = ANY(CAST(:gone AS bigint[])) RETURNING reference_id"
            )
            missing = gone - set(connection.scalars(delete, {"gone": sorted(gone)}))
            if version is None:
                check_there(missing)
            n_rows -= len(gone) - len(missing)
        if ids is not None and rows is not None:
            self._insert(connection, ids, rows, state.version if version is None else version)
            n_rows += len(ids)
        n_listed, n_probes = self._list(connection, n_rows, state)
        values = {"space_id": self._space_id, "n_rows": n_rows, "n_listed": n_listed, "n_probes": n_probes}
        connection.execute(_SET_STATE, values)

    def _insert(self, connection: Connection, ids: IntArray, rows: FloatArray, version: int) -> None:
        insert = text(
            f"INSERT INTO {self._table} SELECT n.id, :version, n.vec::halfvec({self._dim}) "
            "FROM unnest(CAST(:ids AS bigint[]), CAST(:rows AS text[])) AS n(id, vec)"
        )
        for start in range(0, len(ids), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            values = {"ids": ids[chunk].tolist(), "rows": _texts(rows[chunk]), "version": version}
            connection.execute(insert, values)

    def _list(self, connection: Connection, n_rows: int, state: Any) -> tuple[int, int]:
        """Put the rows into lists when they are many, and anew when they are four times as many or a quarter.

        Returns:
            How many rows there were when lists were made, 0 for no lists; in how many lists to look.
        """
        n_listed = state.n_listed
        if (n_rows <= self._n_exact and not n_listed) or n_listed / 4 < n_rows < 4 * n_listed:
            return n_listed, state.n_probes
        connection.execute(text(f"DROP INDEX IF EXISTS {self._lists}"))
        if n_rows <= self._n_exact:
            return 0, 0
        n_lists = _n_lists(n_rows)
        n_megabytes = 64 + n_lists**2 // 2500  # what k-means on 50 rows a list needs, twice over
        connection.execute(text(f"SET LOCAL maintenance_work_mem = '{n_megabytes}MB'"))
        connection.execute(
            text(
                f"CREATE INDEX {self._lists} ON {self._table} USING ivfflat (embedding halfvec_ip_ops) "
                f"WITH (lists = {n_lists})"
            )
        )
        return n_rows, self._enough_lists(connection, n_lists)

    def _enough_lists(self, connection: Connection, n_lists: int) -> int:
        """In how many lists to look, see `list_tuning.py`."""
        picked = text(f"SELECT embedding::text FROM {self._table} ORDER BY md5(reference_id::text) LIMIT {_N_TUNING}")
        queries = queries_near(np.array([json.loads(row) for row in connection.scalars(picked)], np.float32))

        def look(n_probes: int) -> IntArray:
            found = self._nearest(connection, queries, K, n_probes, version=_ANY_VERSION)
            return np.array([line.reference_id for line in found], np.int64).reshape(len(queries), -1)

        return enough_lists(look, look(n_lists), n_lists)

    def _nearest(
        self, connection: Connection, queries: FloatArray, k: int, n_probes: int, *, version: int
    ) -> Sequence[Any]:
        """The rows most similar to each query, in so many lists; 0 where there are none."""
        order = "embedding <#> q.vec"
        if n_probes:
            connection.execute(text(f"SET LOCAL ivfflat.probes = {n_probes}"))
            connection.execute(text("SET LOCAL ivfflat.iterative_scan = relaxed_order"))  # until k rows are found
        else:
            order += ", reference_id"
        query = text(
            # materialized: else the server reads each query's text again for every row
            f"WITH q AS MATERIALIZED (SELECT number, vec::halfvec({self._dim}) AS vec "
            "FROM unnest(CAST(:queries AS text[])) WITH ORDINALITY AS given(vec, number)) "
            "SELECT near.reference_id, near.cosine FROM q CROSS JOIN LATERAL "
            f"(SELECT reference_id, -(embedding <#> q.vec) AS cosine FROM {self._table} "
            f"WHERE version <= :version ORDER BY {order} LIMIT :k) AS near ORDER BY q.number"
        )
        values = {"queries": _texts(queries), "version": version, "k": k}
        return connection.execute(query, values).all()

    def _retried(self, act: Callable[[Connection], T]) -> T:
        """What a transaction gives; begun once more if the connection was lost, as when the server was restarted."""
        try:
            try:
                with self._engine.begin() as connection:
                    return act(connection)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            with self._engine.begin() as connection:
                return act(connection)
        except IntegrityError:
            raise
        except SQLAlchemyError as error:  # among them that somebody deleted the tables while they were in use
            cause = getattr(error, "orig", None) or error
            raise StoreFailed(f"The index failed: {cause}.", "Try again; nothing was lost.") from error


def discard_rows(engine: Engine, space_id: str) -> None:
    """Delete all rows of a space; no table of it is no harm. Who opens it later makes it again from the gallery.

    Raises:
        StoreFailed: The database cannot be reached.
    """
    table = _table_of(engine, space_id)
    try:
        with engine.begin() as connection:
            if connection.scalar(text("SELECT to_regclass(:name)"), {"name": table}) is not None:
                connection.execute(text(f"DROP TABLE {table}"))
                connection.execute(text("DELETE FROM index_state WHERE space_id = :space_id"), {"space_id": space_id})
    except SQLAlchemyError as error:
        raise StoreFailed(f"The index failed: {getattr(error, 'orig', None) or error}.", "Try again.") from error


def _table_of(engine: Engine, space_id: str) -> str:
    return engine.dialect.identifier_preparer.quote_identifier(f"index_rows_{space_id}")


_MAKE_STATE = """CREATE TABLE IF NOT EXISTS index_state (
    space_id text PRIMARY KEY, dim integer NOT NULL, version integer NOT NULL, mark text NOT NULL,
    n_rows integer NOT NULL, n_listed integer NOT NULL, n_probes integer NOT NULL)"""
# A table that was made earlier may lack a column; then a tenth of the lists was looked through.
_HAS_PROBES = """SELECT count(*) FROM pg_attribute
    WHERE attrelid = to_regclass('index_state') AND attname = 'n_probes'"""
_ADD_PROBES = (
    "ALTER TABLE index_state ADD COLUMN IF NOT EXISTS n_probes integer NOT NULL DEFAULT 0",
    "UPDATE index_state SET n_probes = greatest(1, round(sqrt(n_listed) / 10)) WHERE n_listed > 0",
)
_COLUMNS = "(reference_id bigint PRIMARY KEY, version integer NOT NULL, embedding halfvec({dim}) NOT NULL)"
_SET_STATE = text(
    "UPDATE index_state SET n_rows = :n_rows, n_listed = :n_listed, n_probes = :n_probes WHERE space_id = :space_id"
)


def _n_lists(n_rows: int) -> int:
    return max(1, round(math.sqrt(n_rows)))


def _texts(rows: FloatArray) -> list[str]:
    """Rows as pgvector reads them, in half precision, which is what it keeps."""
    return [str(row) for row in rows.astype(np.float16).tolist()]
