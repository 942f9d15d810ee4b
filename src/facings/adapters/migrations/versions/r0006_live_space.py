"""The gallery says which embedding space is live, so that rows of another model can be made beside it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """The space that references were last added to, and are still in, is live."""
    op.add_column("embedding_space", sa.Column("live_version", sa.Integer))
    op.execute(
        "UPDATE embedding_space SET live_version = (SELECT MAX(added_version) FROM reference "
        "WHERE reference.space_id = embedding_space.space_id AND removed_version IS NULL)"
    )
    is_live = sa.text("removed_version IS NULL")
    op.create_index("reference_space", "reference", ["space_id"], sqlite_where=is_live, postgresql_where=is_live)


def downgrade() -> None:
    """Without it, references of one space at a time: those of the others go."""
    op.execute(
        "UPDATE reference SET removed_version = (SELECT MAX(version) FROM gallery_change), vector = NULL "
        "WHERE removed_version IS NULL AND space_id <> (SELECT space_id FROM embedding_space "
        "WHERE live_version IS NOT NULL ORDER BY live_version DESC LIMIT 1)"
    )
    op.drop_index("reference_space", "reference")
    op.drop_column("embedding_space", "live_version")
