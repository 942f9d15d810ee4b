"""The first store: catalog, gallery, record.

Written out rather than taken from sql_schema, which moves on: a migration describes one step for ever.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_APPEND_ONLY = ("reading", "observation")


def upgrade() -> None:
    """From nothing to the first store."""
    op.create_table(
        "product",
        sa.Column("sku", sa.String(128), primary_key=True),
        sa.Column("gtin", sa.String(14)),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("brand", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("size", sa.Text, nullable=False),
        sa.Column("price", sa.Text),
        sa.Column("currency", sa.String(3), nullable=False),
    )
    op.create_table(
        "gallery_change",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("made_at", sa.String(32), nullable=False),
        sa.Column("action", sa.String(8), nullable=False),
        sa.Column("n_references", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "embedding_space",
        sa.Column("space_id", sa.String(16), primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("card", sa.Text, nullable=False),
    )
    _create_reference()
    _create_record()
    for table in _APPEND_ONLY:
        _forbid_changes(table)


def downgrade() -> None:
    """Back to nothing."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in ("observation", "reading", "reference", "embedding_space", "gallery_change", "product"):
        op.drop_table(table)
    if postgresql:
        op.execute("DROP FUNCTION facings_append_only()")


def _create_reference() -> None:
    op.create_table(
        "reference",
        sa.Column("reference_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("sku", sa.String(128), sa.ForeignKey("product.sku"), nullable=False),
        sa.Column("photo_id", sa.String(64), nullable=False),
        sa.Column("box", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("look", sa.String(16), nullable=False),
        sa.Column("space_id", sa.String(16), sa.ForeignKey("embedding_space.space_id"), nullable=False),
        sa.Column("vector", sa.LargeBinary),
        sa.Column("added_version", sa.Integer, sa.ForeignKey("gallery_change.version"), nullable=False),
        sa.Column("removed_version", sa.Integer, sa.ForeignKey("gallery_change.version")),
        sqlite_autoincrement=True,
    )
    live = sa.text("removed_version IS NULL")
    op.create_index(
        "reference_live",
        "reference",
        ["photo_id", "box", "space_id"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_index("reference_added", "reference", ["added_version"])
    op.create_index("reference_removed", "reference", ["removed_version"])
    op.create_index("reference_sku", "reference", ["sku"])


def _create_record() -> None:
    op.create_table(
        "reading",
        sa.Column("reading_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("photo_id", sa.String(64), nullable=False),
        sa.Column("photo", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("seen_at", sa.String(32), nullable=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("space_id", sa.String(16), nullable=False),
        sa.Column("gallery_version", sa.Integer, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("reading_photo", "reading", ["photo_id", "place"])
    op.create_table(
        "observation",
        sa.Column("observation_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("reading_id", sa.Integer, sa.ForeignKey("reading.reading_id"), nullable=False),
        *(sa.Column(corner, sa.Float, nullable=False) for corner in ("x1", "y1", "x2", "y2")),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("sku", sa.String(128)),
        sa.Column("candidates", sa.Text, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("observation_reading", "observation", ["reading_id"])
    op.create_index("observation_sku", "observation", ["sku"])


def _forbid_changes(table: str) -> None:
    """A trigger that refuses to update or delete lines of the record."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION facings_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the record is append-only'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION facings_append_only()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END"
        )
