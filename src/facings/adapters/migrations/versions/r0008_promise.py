"""The record keeps what was promised: the probability of a set of products, and the share of false accepts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Room for it; what was promised before is not known."""
    op.add_column("reading", sa.Column("max_false_accept", sa.Float))
    op.add_column("observation", sa.Column("probability", sa.Float))


def downgrade() -> None:
    """Without it."""
    op.drop_column("observation", "probability")
    op.drop_column("reading", "max_false_accept")
