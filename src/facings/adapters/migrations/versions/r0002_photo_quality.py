"""A reading keeps what the photo coach said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Room for it; photos read before were never judged."""
    op.add_column("reading", sa.Column("quality", sa.Text))


def downgrade() -> None:
    """Without it."""
    op.drop_column("reading", "quality")
