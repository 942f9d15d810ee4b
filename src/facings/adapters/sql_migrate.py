"""Makes the tables of a store, or brings those of an earlier version up to date, by Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the tables up or down to a revision, with "base" down to nothing, in the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    now = MigrationContext.configure(connection).get_current_revision() or ""
    is_down = revision == "base" or revision < now  # numbers of one width; "head" sorts after them
    (command.downgrade if is_down else command.upgrade)(config, revision)
