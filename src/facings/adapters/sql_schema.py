"""The tables of the store. Migrations make them; a test holds the two against each other."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

REVISION = "0003"

metadata = MetaData()

product = Table(
    "product",
    metadata,
    Column("sku", String(128), primary_key=True),
    Column("gtin", String(14)),
    Column("name", Text, nullable=False),
    Column("brand", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("size", Text, nullable=False),
    Column("price", Text),  # a decimal as text: money never passes through a float
    Column("currency", String(3), nullable=False),
    Column("depth", Integer),
    Column("reorder_point", Integer),
)

# The history of the gallery: version n is what changes 1 to n left.
gallery_change = Table(
    "gallery_change",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=True),
    Column("made_at", String(32), nullable=False),
    Column("action", String(8), nullable=False),  # add | remove
    Column("n_references", Integer, nullable=False),
    sqlite_autoincrement=True,
)

embedding_space = Table(
    "embedding_space",
    metadata,
    Column("space_id", String(16), primary_key=True),
    Column("model", Text, nullable=False),  # "starter", or the model directory
    Column("card", Text, nullable=False),
)

# A removed reference keeps its line, so that the record can name it; its vector is gone for good.
reference = Table(
    "reference",
    metadata,
    Column("reference_id", Integer, primary_key=True, autoincrement=True),
    Column("sku", String(128), ForeignKey("product.sku"), nullable=False),
    Column("photo_id", String(64), nullable=False),
    Column("box", Text, nullable=False),  # JSON [x1, y1, x2, y2], "" for the whole photo
    Column("source", Text, nullable=False),
    Column("look", String(16), nullable=False),  # perceptual hash of the crop, hex
    Column("space_id", String(16), ForeignKey("embedding_space.space_id"), nullable=False),
    Column("vector", LargeBinary),  # float32, little-endian
    Column("added_version", Integer, ForeignKey("gallery_change.version"), nullable=False),
    Column("removed_version", Integer, ForeignKey("gallery_change.version")),
    Index(
        "reference_live",
        "photo_id",
        "box",
        "space_id",
        unique=True,
        sqlite_where=text("removed_version IS NULL"),
        postgresql_where=text("removed_version IS NULL"),
    ),
    Index("reference_added", "added_version"),
    Index("reference_removed", "removed_version"),
    Index("reference_sku", "sku"),
    sqlite_autoincrement=True,  # an id is never given twice, not even after a delete
)

reading = Table(
    "reading",
    metadata,
    Column("reading_id", Integer, primary_key=True, autoincrement=True),
    Column("fingerprint", String(64), nullable=False),
    Column("photo_id", String(64), nullable=False),
    Column("photo", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("seen_at", String(32), nullable=False),
    Column("recorded_at", String(32), nullable=False),
    Column("place", Text, nullable=False),
    Column("detector", Text, nullable=False),
    Column("space_id", String(16), nullable=False),
    Column("gallery_version", Integer, nullable=False),
    Column("notes", Text, nullable=False),  # JSON list
    # JSON object: the photo coach's figures and, for a photo it finds fault with, its advice. NULL: never judged.
    Column("quality", Text),
    Index("reading_photo", "photo_id", "place"),
    sqlite_autoincrement=True,
)

observation = Table(
    "observation",
    metadata,
    Column("observation_id", Integer, primary_key=True, autoincrement=True),
    Column("reading_id", Integer, ForeignKey("reading.reading_id"), nullable=False),
    Column("x1", Float, nullable=False),
    Column("y1", Float, nullable=False),
    Column("x2", Float, nullable=False),
    Column("y2", Float, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("sku", String(128)),
    Column("candidates", Text, nullable=False),  # JSON list of [sku, similarity, reference_id]
    Column("reasons", Text, nullable=False),  # JSON list
    Index("observation_reading", "reading_id"),
    Index("observation_sku", "sku"),
    sqlite_autoincrement=True,
)

site = Table(
    "site",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("zone", String(64), nullable=False),
    Column("currency", String(3), nullable=False),
)

# No foreign key to the product: its history outlives it.
stock_event = Table(
    "stock_event",
    metadata,
    Column("event_id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(32), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("sku", String(128), nullable=False),
    Column("site", String(200), nullable=False),
    Column("place", String(200), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("at", String(32), nullable=False),
    Column("author", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("unit_price", BigInteger),  # minor units
    Column("currency", String(3), nullable=False),
    Column("uncertainty", Integer, nullable=False),
    Column("to_place", String(200), nullable=False),
    Column("undoes", Integer, ForeignKey("stock_event.event_id")),
    Column("recorded_at", String(32), nullable=False),
    Index("stock_event_key", "key", unique=True),
    Index("stock_event_account", "sku", "site", "at"),
    Index("stock_event_time", "site", "at"),
    Index(
        "stock_event_moved",
        "to_place",
        sqlite_where=text("to_place <> ''"),
        postgresql_where=text("to_place <> ''"),
    ),
    Index(
        "stock_event_undoes",
        "undoes",
        unique=True,
        sqlite_where=text("undoes IS NOT NULL"),
        postgresql_where=text("undoes IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

# What the fold over the events of an account gives; kept so that nobody waits for it, made again by `rebuild`.
stock_balance = Table(
    "stock_balance",
    metadata,
    Column("place", String(200), primary_key=True),
    Column("sku", String(128), primary_key=True),
    Column("site", String(200), nullable=False),
    Column("on_hand", BigInteger, nullable=False),
    Column("uncertainty", Integer, nullable=False),
    Column("n_events", Integer, nullable=False),
    Column("last_at", String(32)),
    Column("counted_at", String(32)),
    Column("opened_at", String(32)),
    Column("first_sold_at", String(32)),
    Column("empty_since", String(32)),
    Column("short_since", String(32)),
    Column("unit_cost", BigInteger),
    Column("cost_currency", String(3), nullable=False),
    Index("stock_balance_site", "site", "sku"),
    Index("stock_balance_sku", "sku"),
)

# Lines of the record and of the ledger are written once. The database itself holds to that.
APPEND_ONLY = ("reading", "observation", "stock_event")
