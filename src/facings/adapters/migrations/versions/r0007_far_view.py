"""References have a second vector: how they look from afar."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """References that are there already are known from nearby alone."""
    op.add_column("reference", sa.Column("far_vector", sa.LargeBinary))


def downgrade() -> None:
    """Known from nearby alone."""
    op.drop_column("reference", "far_vector")
