"""The tables of the store. Migrations make them; a test holds the two against each other."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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

REVISION = "0009"

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
    Column("width_mm", Float),
    Column("height_mm", Float),
)

# The history of the gallery: version n is what changes 1 to n left.
gallery_change = Table(
    "gallery_change",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=True),
    Column("made_at", String(32), nullable=False),
    Column("action", String(8), nullable=False),  # add | remove | switch | drop
    Column("n_references", Integer, nullable=False),
    sqlite_autoincrement=True,
)

embedding_space = Table(
    "embedding_space",
    metadata,
    Column("space_id", String(16), primary_key=True),
    Column("model", Text, nullable=False),  # "starter", or the model directory
    Column("card", Text, nullable=False),
    # The gallery version since which references of this space are searched. Of several spaces the one with the highest
    # is live; rows of the others are made for it to take over, or kept from before.
    Column("live_version", Integer),
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
    Column("far_vector", LargeBinary),  # as `vector`, of the reference seen from afar; NULL: not known
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
    Index(
        "reference_space",
        "space_id",
        sqlite_where=text("removed_version IS NULL"),
        postgresql_where=text("removed_version IS NULL"),
    ),
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
    Column("max_false_accept", Float),  # what was promised; NULL: recorded before that was kept
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
    Column("evidence", Text),  # JSON list of objects; NULL: decided before there was any
    Column("probability", Float),  # that the product is among the candidates; NULL: not stated
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

# A crop that the gallery did not know, or whose barcode was read. `box` is written as in `reference`.
inbox_crop = Table(
    "inbox_crop",
    metadata,
    Column("crop_id", Integer, primary_key=True, autoincrement=True),
    Column("photo_id", String(64), nullable=False),
    Column("box", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("look", String(16), nullable=False),  # perceptual hash, hex; "" until it is embedded
    Column("space_id", String(16), nullable=False),  # of the vector; made again when the model is another one
    Column("vector", LargeBinary),  # float32, little-endian
    Index("inbox_crop_box", "photo_id", "box", unique=True),
    sqlite_autoincrement=True,
)

inbox_event = Table(
    "inbox_event",
    metadata,
    Column("event_id", Integer, primary_key=True, autoincrement=True),
    Column("action", String(10), nullable=False),  # named | dismissed | restored | proposed
    Column("sku", String(128), nullable=False),
    Column("author", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("recorded_at", String(32), nullable=False),
    sqlite_autoincrement=True,
)

inbox_event_crop = Table(
    "inbox_event_crop",
    metadata,
    Column("event_id", Integer, ForeignKey("inbox_event.event_id"), primary_key=True),
    Column("crop_id", Integer, ForeignKey("inbox_crop.crop_id"), primary_key=True),
    Column("is_enrolled", Boolean, nullable=False),  # whether this crop became a reference, or stands behind others
    Index("inbox_event_crop_crop", "crop_id"),
)

# A verdict of `facings verify`: `answer` is its JSON, as it was answered.
pack_verdict = Table(
    "pack_verdict",
    metadata,
    Column("verdict_id", Integer, primary_key=True, autoincrement=True),
    Column("photo_id", String(64), nullable=False),
    Column("sku", String(128), nullable=False),
    Column("answer", Text, nullable=False),
    Column("recorded_at", String(32), nullable=False),
    Index("pack_verdict_photo", "photo_id", "sku"),
    Index("pack_verdict_sku", "sku"),
    sqlite_autoincrement=True,
)

# What a person found out about the pack later; of several rulings the last counts.
pack_ruling = Table(
    "pack_ruling",
    metadata,
    Column("ruling_id", Integer, primary_key=True, autoincrement=True),
    Column("verdict_id", Integer, ForeignKey("pack_verdict.verdict_id"), nullable=False),
    Column("is_genuine", Boolean, nullable=False),
    Column("author", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("recorded_at", String(32), nullable=False),
    Index("pack_ruling_verdict", "verdict_id"),
    sqlite_autoincrement=True,
)

# Lines of the record and of the ledger are written once. The database itself holds to that.
APPEND_ONLY = (
    "reading",
    "observation",
    "stock_event",
    "inbox_event",
    "inbox_event_crop",
    "pack_verdict",
    "pack_ruling",
)
