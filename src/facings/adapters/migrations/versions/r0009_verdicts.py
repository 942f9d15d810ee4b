"""Verdicts on packs, as answered, and what was found out about the packs later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Room for them."""
    op.create_table(
        "pack_verdict",
        sa.Column("verdict_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("photo_id", sa.String(64), nullable=False),
        sa.Column("sku", sa.String(128), nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("pack_verdict_photo", "pack_verdict", ["photo_id", "sku"])
    op.create_index("pack_verdict_sku", "pack_verdict", ["sku"])
    op.create_table(
        "pack_ruling",
        sa.Column("ruling_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("verdict_id", sa.Integer, sa.ForeignKey("pack_verdict.verdict_id"), nullable=False),
        sa.Column("is_genuine", sa.Boolean, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("pack_ruling_verdict", "pack_ruling", ["verdict_id"])
    for table in ("pack_verdict", "pack_ruling"):
        _forbid_changes(table)


def downgrade() -> None:
    """Without them."""
    for table in ("pack_ruling", "pack_verdict"):
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
