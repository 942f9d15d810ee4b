"""The inbox of unknown products: crops that were kept, and what people said about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Room for it; the crops themselves are found in the record."""
    op.create_table(
        "inbox_crop",
        sa.Column("crop_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("photo_id", sa.String(64), nullable=False),
        sa.Column("box", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("look", sa.String(16), nullable=False),
        sa.Column("space_id", sa.String(16), nullable=False),
        sa.Column("vector", sa.LargeBinary),
        sqlite_autoincrement=True,
    )
    op.create_index("inbox_crop_box", "inbox_crop", ["photo_id", "box"], unique=True)
    op.create_table(
        "inbox_event",
        sa.Column("event_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("action", sa.String(10), nullable=False),
        sa.Column("sku", sa.String(128), nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "inbox_event_crop",
        sa.Column("event_id", sa.Integer, sa.ForeignKey("inbox_event.event_id"), primary_key=True),
        sa.Column("crop_id", sa.Integer, sa.ForeignKey("inbox_crop.crop_id"), primary_key=True),
        sa.Column("is_enrolled", sa.Boolean, nullable=False),
    )
    op.create_index("inbox_event_crop_crop", "inbox_event_crop", ["crop_id"])
    for table in ("inbox_event", "inbox_event_crop"):
        _forbid_changes(table)


def downgrade() -> None:
    """Without the inbox: what people named stays in the gallery, what they dismissed is forgotten."""
    for table in ("inbox_event_crop", "inbox_event", "inbox_crop"):
        op.drop_table(table)


def _forbid_changes(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
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
