"""The store on a SQL database by SQLAlchemy: catalog, gallery and record, with the photos in a folder beside it.

SQLite in WAL mode by default; PostgreSQL by its URL. Each public method is one transaction that sees one state of the
store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import URL, Connection, Engine, RowMapping, bindparam, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from facings.adapters import sql_schema as t
from facings.adapters.photo_files import PhotoFiles
from facings.adapters.sql_engine import open_engine, shown, store_failed, transaction
from facings.adapters.sql_inbox import SqlInbox
from facings.adapters.sql_ledger import SqlLedger, to_text
from facings.adapters.sql_readings import append_reading, readings
from facings.adapters.sql_references import (
    COLUMNS,
    box_text,
    gone,
    live_id,
    live_since,
    live_space,
    make_live,
    reference_line,
    to_reference,
    to_rows,
)
from facings.adapters.sql_spaces import SqlSpaces
from facings.adapters.sql_verdicts import SqlVerdicts
from facings.catalog import Product
from facings.embed import Embedder
from facings.errors import BadInput, StoreFailed
from facings.gallery import Added, NewReference, Reference, Space, refuse_space
from facings.kept_index import GalleryChanges
from facings.types import FloatArray, IntArray, Reading

_DATABASE_FILE, _PHOTO_FOLDER = "facings.db", "photos"


class SqlStore:
    """Everything Facings keeps. Use `init_store` to make one and `open_store` to use it.

    Args:
        engine: The database.
        photos: The folder of photos.

    Its `ledger` is the stock ledger of the same database, its `inbox` what the gallery did not know, its `spaces` the
    gallery's rows of other models, its `verdicts` those on packs.
    """

    def __init__(self, engine: Engine, photos: PhotoFiles) -> None:
        self._engine = engine
        self._photos = photos
        self.ledger = SqlLedger(self._transaction)
        self.inbox = SqlInbox(self._transaction, _add_references, _lock_gallery)
        self.spaces = SqlSpaces(self._transaction, _lock_gallery, _next_version, _put_space)
        self.verdicts = SqlVerdicts(self._transaction)

    @property
    def engine(self) -> Engine:
        """The database's connections, for an index that lies in the same database."""
        return self._engine

    def close(self) -> None:
        """Give the database connections back."""
        self._engine.dispose()

    # Catalog

    def products(self) -> dict[str, Product]:
        """See `catalog.CatalogStore`."""
        with self._transaction() as connection:
            rows = connection.execute(select(t.product)).mappings()
            found = [_product(row) for row in rows]
        return {p.sku: p for p in sorted(found, key=lambda p: p.sku)}  # by character, whatever the database collates by

    def put_products(self, products: Iterable[Product]) -> None:
        """See `catalog.CatalogStore`."""
        with self._transaction(is_write=True) as connection:
            _put_products(connection, products)

    # Photos

    def put_photo(self, photo_id: str, data: bytes) -> None:
        """See `gallery.GalleryStore`."""
        self._photos.put(photo_id, data)

    def get_photo(self, photo_id: str) -> bytes:
        """See `gallery.GalleryStore`."""
        return self._photos.get(photo_id)

    def has_photo(self, photo_id: str) -> bool:
        """Whether a photo is kept, without reading it."""
        return self._photos.has(photo_id)

    # Gallery

    def live_space(self) -> Space | None:
        """See `gallery.GalleryStore`."""
        with self._transaction() as connection:
            return live_space(connection)

    def add_references(
        self, new: Sequence[NewReference], *, embedder: Embedder, model: str, products: Sequence[Product]
    ) -> Added:
        """See `gallery.GalleryStore`."""
        with self._transaction(is_write=True) as connection:
            _lock_gallery(connection)
            return _add_references(connection, new, embedder=embedder, model=model, products=products)

    def copy_references(self, new: Sequence[NewReference], *, space: Space, products: Sequence[Product]) -> Added:
        """See `gallery_copy.CopyStore`."""
        with self._transaction(is_write=True) as connection:
            _lock_gallery(connection)
            return _add_in_space(connection, new, space, products)

    def remove_references(self, reference_ids: Sequence[int]) -> int:
        """See `gallery.GalleryStore`."""
        live = (t.reference.c.reference_id == bindparam("gone")) & t.reference.c.removed_version.is_(None)
        with self._transaction(is_write=True) as connection:
            _lock_gallery(connection)
            version = _next_version(connection, "remove", len(reference_ids))
            change = t.reference.update().where(live).values(**gone(version))
            n_removed = sum(connection.execute(change, {"gone": gone}).rowcount for gone in set(reference_ids))
            _remove_in_other_spaces(connection, version)
            if n_removed != len(set(reference_ids)):
                raise BadInput(
                    f"Gallery: {len(reference_ids)} references to remove, but {n_removed} of them are there."
                )
            return version

    def references(self, space_id: str = "") -> list[Reference]:
        """See `gallery.GalleryStore`."""
        r = t.reference.c
        here = (r.space_id == (space_id or live_id())) & r.removed_version.is_(None)
        with self._transaction() as connection:
            found = connection.execute(select(*COLUMNS).where(here).order_by(r.reference_id))
            return [to_reference(row) for row in found.mappings()]

    def looks(self, space_id: str) -> tuple[IntArray, NDArray[np.uint64]]:
        """See `gallery.GalleryStore`."""
        r = t.reference.c
        here = (r.space_id == space_id) & r.removed_version.is_(None)
        with self._transaction() as connection:
            found = connection.execute(select(r.reference_id, r.look).where(here).order_by(r.reference_id)).all()
        ids = np.array([reference_id for reference_id, _ in found], np.int64)
        return ids, np.array([int(look, 16) for _, look in found], np.uint64)

    def far_rows(self, space_id: str, dim: int) -> tuple[IntArray, FloatArray]:
        """See `gallery.GalleryStore`."""
        r = t.reference.c
        here = (r.space_id == space_id) & r.removed_version.is_(None) & r.far_vector.is_not(None)
        with self._transaction() as connection:
            found = connection.execute(select(r.reference_id, r.far_vector).where(here).order_by(r.reference_id)).all()
        ids = np.array([reference_id for reference_id, _ in found], np.int64)
        return ids, to_rows([vector for _, vector in found], dim)

    def gallery_version(self) -> int:
        """See `gallery.GalleryStore`."""
        with self._transaction() as connection:
            return _version(connection)

    def changes_since(
        self, version: int, space_id: str, dim: int, *, mark: str = "", with_rows: bool = True
    ) -> GalleryChanges:
        """See `gallery.GalleryStore`."""
        r = t.reference.c
        with self._transaction() as connection:
            now, live = _version(connection), live_since(connection, space_id)
            is_known = live is not None and live <= version and (not mark or _mark(connection, version) == mark)
            since = version if is_known else 0
            # Of a space that is not live there is nothing to tell: its rows may be half made, or of an earlier gallery.
            here = (r.space_id == (space_id if live is not None else "")) & (r.added_version <= now)
            came = select(r.reference_id, r.sku, *([r.vector] if with_rows else [])).where(
                here, r.added_version > since, r.removed_version.is_(None)
            )
            went = select(r.reference_id).where(here, r.added_version <= since, r.removed_version > since)
            added = connection.execute(came.order_by(r.reference_id)).all()
            removed = connection.scalars(went).all()
            new_mark = _mark(connection, now)
        return GalleryChanges(
            since=since,
            version=now,
            mark=new_mark,
            ids=np.array([row.reference_id for row in added], np.int64),
            skus=tuple(row.sku for row in added),
            rows=to_rows([row.vector for row in added] if with_rows else [], dim),
            removed=np.array(removed, np.int64),
        )

    # Record

    def append_reading(self, reading: Reading, fingerprint: str) -> bool:
        """See `record.ReadingStore`."""
        with self._transaction(is_write=True) as connection:
            return append_reading(connection, reading, fingerprint)

    def first_seen(self, photo_id: str) -> datetime | None:
        """See `record.ReadingStore`."""
        with self._transaction() as connection:
            seen = connection.scalar(select(func.min(t.reading.c.seen_at)).where(t.reading.c.photo_id == photo_id))
        return None if seen is None else datetime.fromisoformat(seen)

    def readings(self, *, latest_only: bool = True) -> list[Reading]:
        """See `record.ReadingStore`."""
        with self._transaction() as connection:
            return readings(connection, latest_only=latest_only)

    # Health

    def health(self) -> dict[str, str]:
        """What `facings doctor` shows of the store; runs SQLite's own integrity check.

        Raises:
            StoreFailed: The database says it is damaged.
        """
        with self._transaction() as connection:
            if self._engine.dialect.name == "sqlite":
                verdict = str(connection.scalar(text("PRAGMA integrity_check")))
                if verdict != "ok":
                    raise StoreFailed(f"The database is damaged: {verdict}.", "Restore it from a backup.")
            counts = {
                "products": connection.scalar(select(func.count()).select_from(t.product)),
                "references": connection.scalar(
                    select(func.count()).where(
                        t.reference.c.removed_version.is_(None), t.reference.c.space_id == live_id()
                    )
                ),
                "readings": connection.scalar(select(func.count()).select_from(t.reading)),
                "observations": connection.scalar(select(func.count()).select_from(t.observation)),
                "gallery version": _version(connection),
            }
        return {name: str(count) for name, count in counts.items()}

    def _transaction(self, *, is_write: bool = False) -> AbstractContextManager[Connection]:
        return transaction(self._engine, is_write=is_write)


def init_store(location: str, photos: Path | None = None) -> SqlStore:
    """Make a store, or bring one of an earlier version up to date.

    Args:
        location: A directory, or a database URL.
        photos: Folder of the photos; needed with a URL, else a folder inside the directory.

    Raises:
        StoreFailed: The place cannot be written or is no store.
    """
    from alembic.util import CommandError

    from facings.adapters.sql_migrate import migrate

    engine, photo_files = _connect(location, photos, is_new=True)
    try:
        with engine.execution_options(is_write=True).begin() as connection:
            migrate(connection)
    except CommandError as error:
        engine.dispose()
        raise StoreFailed(
            f"{shown(location)}: its tables are of a version that this Facings does not know ({error}).",
            "Update Facings, or name another place.",
        ) from error
    except (SQLAlchemyError, OSError) as error:
        engine.dispose()
        raise store_failed(error) from error
    return SqlStore(engine, photo_files)


def open_store(location: str, photos: Path | None = None) -> SqlStore:
    """Open a store.

    Args:
        location: A directory, or a database URL.
        photos: Folder of the photos; needed with a URL, else a folder inside the directory.

    Raises:
        StoreFailed: There is no store, or it is of another version.
    """
    engine, photo_files = _connect(location, photos, is_new=False)
    try:
        with engine.connect() as connection:
            has_tables = inspect(connection).has_table("alembic_version")
            revision = connection.scalar(text("SELECT version_num FROM alembic_version")) if has_tables else None
    except SQLAlchemyError as error:
        engine.dispose()
        raise store_failed(error) from error
    if revision != t.REVISION:
        engine.dispose()
        found = f"tables of version {revision}" if revision else "a database without the tables of a store"
        where = shown(location)
        raise StoreFailed(f"{where}: found {found}, wanted version {t.REVISION}.", f"Run: facings init {where}")
    return SqlStore(engine, photo_files)


def _connect(location: str, photos: Path | None, *, is_new: bool) -> tuple[Engine, PhotoFiles]:
    if "://" in location:
        if photos is None:
            raise StoreFailed(f"{shown(location)}: a database URL needs a folder for photos.", "Set FACINGS_PHOTOS.")
        return open_engine(location), PhotoFiles(photos)
    directory = Path(location)
    database = directory / _DATABASE_FILE
    if is_new:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreFailed(f"{location}: cannot be made ({error.strerror or error}).") from error
    elif not database.is_file():
        raise StoreFailed(f"{location}: there is no store here.", f"Make one with: facings init {location}")
    return open_engine(URL.create("sqlite", database=str(database))), PhotoFiles(photos or directory / _PHOTO_FOLDER)


def _insert(connection: Connection) -> Any:
    """The dialect's INSERT, which knows ON CONFLICT; a dialect is slow to import, so only the one in use is."""
    return import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert


def _put_products(connection: Connection, products: Iterable[Product]) -> None:
    lines = [
        {
            "sku": p.sku,
            "gtin": p.gtin,
            "name": p.name,
            "brand": p.brand,
            "category": p.category,
            "size": p.size,
            "price": None if p.price is None else str(p.price),
            "currency": p.currency,
            "depth": p.depth,
            "reorder_point": p.reorder_point,
            "width_mm": p.width_mm,
            "height_mm": p.height_mm,
        }
        for p in products
    ]
    if lines:
        insert = _insert(connection)(t.product)
        update = {c.name: insert.excluded[c.name] for c in t.product.c if c.name != "sku"}
        connection.execute(insert.on_conflict_do_update(index_elements=["sku"], set_=update), lines)


def _lock_gallery(connection: Connection) -> None:
    """One writer at a time, as in SQLite: versions must become visible in their order, or a reader passes one by."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE gallery_change IN EXCLUSIVE MODE")


def _add_references(
    connection: Connection, new: Sequence[NewReference], *, embedder: Embedder, model: str, products: Sequence[Product]
) -> Added:
    space = Space(embedder.space_id, model, embedder.card.to_json())
    return _add_in_space(connection, new, space, products)


def _add_in_space(
    connection: Connection, new: Sequence[NewReference], space: Space, products: Sequence[Product]
) -> Added:
    live = live_space(connection)
    refuse_space(live, space)
    fresh = _not_there(connection, new, space.space_id)
    if not fresh:
        return Added(_version(connection), 0)
    version = _next_version(connection, "add", len(fresh))
    _put_space(connection, space)
    if live is None and live_since(connection, space.space_id) is None:  # else it was emptied and goes on
        make_live(connection, space.space_id, version)
    known = set(connection.scalars(select(t.product.c.sku)))
    _put_products(connection, (p for p in products if p.sku not in known))
    connection.execute(
        t.reference.insert(), [reference_line(r, r.row, r.far_row, space.space_id, version) for r in fresh]
    )
    return Added(version, len(fresh))


def _remove_in_other_spaces(connection: Connection, version: int) -> None:
    """What this version removed from one space goes from the others too: nowhere is a vector of it kept."""
    r = t.reference.c
    removed = connection.execute(select(r.photo_id, r.box).where(r.removed_version == version)).all()
    same = (r.photo_id == bindparam("photo")) & (r.box == bindparam("place")) & r.removed_version.is_(None)
    if removed:
        change = t.reference.update().where(same).values(**gone(version))
        connection.execute(change, [{"photo": photo_id, "place": box} for photo_id, box in removed])


def _next_version(connection: Connection, action: str, n_references: int) -> int:
    line = {"made_at": to_text(datetime.now(UTC)), "action": action, "n_references": n_references}
    change = t.gallery_change.insert().values(line).returning(t.gallery_change.c.version)
    return int(connection.execute(change).scalar_one())


def _version(connection: Connection) -> int:
    return int(connection.scalar(select(func.max(t.gallery_change.c.version))) or 0)


def _mark(connection: Connection, version: int) -> str:
    """When a version was made, to the microsecond; "" for one that was not."""
    made_at = select(t.gallery_change.c.made_at).where(t.gallery_change.c.version == version)
    return connection.scalar(made_at) or ""


def _not_there(connection: Connection, new: Sequence[NewReference], space_id: str) -> list[NewReference]:
    """The references that the gallery lacks."""
    r = t.reference.c
    live = (r.space_id == space_id) & r.removed_version.is_(None) & r.photo_id.in_({n.photo_id for n in new})
    there = {(row.photo_id, row.box) for row in connection.execute(select(r.photo_id, r.box).where(live))}
    return [n for n in new if (n.photo_id, box_text(n.box)) not in there]


def _put_space(connection: Connection, space: Space) -> None:
    insert = _insert(connection)(t.embedding_space).values(asdict(space))
    update = {"model": space.model}  # the model's folder may have moved
    connection.execute(insert.on_conflict_do_update(index_elements=["space_id"], set_=update))


def _product(row: RowMapping) -> Product:
    fields = {**row, "price": None if row["price"] is None else Decimal(row["price"])}
    return Product(**fields)
