"""What speaks beside the picture: dimensions in the catalog, evidence in the record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Room for it; no dimension is known yet, and earlier boxes were decided by the picture alone."""
    op.add_column("product", sa.Column("width_mm", sa.Float))
    op.add_column("product", sa.Column("height_mm", sa.Float))
    op.add_column("observation", sa.Column("evidence", sa.Text))


def downgrade() -> None:
    """Without it."""
    op.drop_column("observation", "evidence")
    op.drop_column("product", "height_mm")
    op.drop_column("product", "width_mm")
