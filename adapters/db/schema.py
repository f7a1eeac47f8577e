"""Which revision the schema is at, which one this code needs, and whether the two go together.

A schema can be newer than the code: while a new version is rolled out, workers of the one before go on, and are
restarted. So each migration says which code it still serves (`serves_from`, the oldest revision whose code works with
the schema that it makes), and the database keeps what the newest one said, for code that does not have that migration.
"""

from __future__ import annotations

from functools import cache

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

VERSION_TABLE = "jobs_schema_version"
"""Not alembic's default name: the shop may keep the revision of its own tables in the same database under that."""


_SERVES = "serves"
"""Column of that table, beside alembic's own: `0012 serves code from 0010`. It names the revision that it is about,
since whoever changes that one by hand need not know of this."""


_CODE_FROM = " serves code from "


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


def serves_from(revision: str) -> str:
    """The oldest revision whose code works with the schema at this revision, as its migrations say.

    One that says nothing serves its own code alone. Raises LookupError for a revision that this code doesn't have,
    or that names one which is none of those before it.
    """
    chain = list(_scripts().walk_revisions("base", revision))
    names = [script.revision for script in chain]
    oldest = [str(getattr(script.module, "serves_from", script.revision)) for script in chain]
    for script, told in zip(names, oldest, strict=True):
        if told not in names[names.index(script) :]:
            raise LookupError(f"migration {script}: serves_from = {told!r} is no revision up to its own")
    # What one has broken, later ones do not mend.
    return min(oldest, key=names.index)


def serves(connection: Connection) -> bool:
    """Tell whether the database's schema, at a revision that this code does not know, serves this code."""
    # As JSON, in which a column that isn't there is null.
    told = text(f"SELECT version_num, to_jsonb(at) ->> '{_SERVES}' FROM {VERSION_TABLE} AS at")  # noqa: S608  # our own names
    at, serves = connection.execute(told).one()
    about, _, oldest = (serves or "").partition(_CODE_FROM)
    return bool(about == at and is_known(oldest))


def tell_older_code(connection: Connection, revision: str) -> None:
    """Keep in the database which code the schema at this revision serves."""
    there = text("SELECT 1 FROM information_schema.columns WHERE table_name = :table AND column_name = :column")
    # Altered where it must be alone: that locks out everyone who looks at the revision.
    if not connection.execute(there, {"table": VERSION_TABLE, "column": _SERVES}).first():
        connection.execute(text(f"ALTER TABLE {VERSION_TABLE} ADD COLUMN {_SERVES} text"))
    told = text(f"UPDATE {VERSION_TABLE} SET {_SERVES} = :serves")  # noqa: S608  # our own names
    connection.execute(told, {"serves": f"{revision}{_CODE_FROM}{serves_from(revision)}"})


def is_known(revision: str) -> bool:
    """Tell whether this code has the migration to that revision."""
    return any(script.revision == revision for script in _scripts().walk_revisions())


def current(connection: Connection) -> str | None:
    """The revision that the database is at; None where it has no schema."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
