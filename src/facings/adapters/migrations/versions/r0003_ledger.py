"""The stock ledger: sites, events, balances; and what the catalog says about stocking a product."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Room for it; no stock is known of yet."""
    op.add_column("product", sa.Column("depth", sa.Integer))
    op.add_column("product", sa.Column("reorder_point", sa.Integer))
    op.create_table(
        "site",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
    )
    _create_event()
    _create_balance()
    _forbid_changes()


def downgrade() -> None:
    """Without the ledger: the history of stock is lost."""
    for table in ("stock_balance", "stock_event", "site"):
        op.drop_table(table)
    op.drop_column("product", "reorder_point")
    op.drop_column("product", "depth")


def _create_event() -> None:
    op.create_table(
        "stock_event",
        sa.Column("event_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("sku", sa.String(128), nullable=False),
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("place", sa.String(200), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("unit_price", sa.BigInteger),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("uncertainty", sa.Integer, nullable=False),
        sa.Column("to_place", sa.String(200), nullable=False),
        sa.Column("undoes", sa.Integer, sa.ForeignKey("stock_event.event_id")),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("stock_event_key", "stock_event", ["key"], unique=True)
    op.create_index("stock_event_account", "stock_event", ["sku", "site", "at"])
    op.create_index("stock_event_time", "stock_event", ["site", "at"])
    op.create_index(
        "stock_event_moved",
        "stock_event",
        ["to_place"],
        sqlite_where=sa.text("to_place <> ''"),
        postgresql_where=sa.text("to_place <> ''"),
    )
    op.create_index(
        "stock_event_undoes",
        "stock_event",
        ["undoes"],
        unique=True,
        sqlite_where=sa.text("undoes IS NOT NULL"),
        postgresql_where=sa.text("undoes IS NOT NULL"),
    )


def _create_balance() -> None:
    op.create_table(
        "stock_balance",
        sa.Column("place", sa.String(200), primary_key=True),
        sa.Column("sku", sa.String(128), primary_key=True),
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("on_hand", sa.BigInteger, nullable=False),
        sa.Column("uncertainty", sa.Integer, nullable=False),
        sa.Column("n_events", sa.Integer, nullable=False),
        sa.Column("last_at", sa.String(32)),
        sa.Column("counted_at", sa.String(32)),
        sa.Column("opened_at", sa.String(32)),
        sa.Column("first_sold_at", sa.String(32)),
        sa.Column("empty_since", sa.String(32)),
        sa.Column("short_since", sa.String(32)),
        sa.Column("unit_cost", sa.BigInteger),
        sa.Column("cost_currency", sa.String(3), nullable=False),
    )
    op.create_index("stock_balance_site", "stock_balance", ["site", "sku"])
    op.create_index("stock_balance_sku", "stock_balance", ["sku"])


def _forbid_changes() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER stock_event_append_only BEFORE UPDATE OR DELETE ON stock_event "
            "FOR EACH ROW EXECUTE FUNCTION facings_append_only()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER stock_event_no_{verb.lower()} BEFORE {verb} ON stock_event "
            "BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END"
        )
