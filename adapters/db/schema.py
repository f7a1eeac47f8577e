"""Which revision the schema is at, and which one this code needs."""

from __future__ import annotations

from functools import cache

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

VERSION_TABLE = "jobs_schema_version"
"""Not alembic's default name: the shop may keep the revision of its own tables in the same database under that."""


def config() -> Config:
    """Alembic's configuration; the scripts are part of the package, wherever it is installed."""
    made = Config()
    made.set_main_option("script_location", "adapters.db:migrations")
    return made


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(config())


@cache
def head() -> str:
    """The newest revision: the one that this code needs."""
    newest = _scripts().get_current_head()
    if newest is None:
        raise LookupError("adapters/db/migrations/versions holds no migration")
    return newest


def is_known(revision: str) -> bool:
    """Tell whether this code has the migration to that revision."""
    return any(script.revision == revision for script in _scripts().walk_revisions())


def current(connection: Connection) -> str | None:
    """The revision that the database is at; None where it has no schema."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
