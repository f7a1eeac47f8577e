"""What alembic runs for each of its commands, within the connection of `adapters/db/migrate.py`.

Alembic's own command line, which brings no connection, gets one to DATABASE_URL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection

from adapters.db.engine import make_engine
from adapters.db.schema import VERSION_TABLE, tell_older_code
from adapters.db.whole_schema import metadata
from adapters.settings import DatabaseSettings


def run(connection: Connection) -> None:
    """Run the command's migrations in the connection's transaction."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        on_version_apply=_told,
        include_name=lambda name, type_, _: type_ != "table" or name in metadata.tables,
    )
    with context.begin_transaction():
        context.run_migrations()


def _told(
    ctx: MigrationContext,
    step: MigrationInfo,  # noqa: ARG001  # alembic names all four
    heads: Collection[Any],
    run_args: Mapping[str, Any],  # noqa: ARG001  # see above
) -> None:
    """After each migration; there is one head, or none where the last has been taken back."""
    for head in heads:
        if ctx.connection is not None:
            tell_older_code(ctx.connection, head)


async def run_from_command_line() -> None:
    """Run the command's migrations in the database of DATABASE_URL."""
    engine = make_engine(DatabaseSettings(), application_name="alembic", pooled=False)
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


given = context.config.attributes.get("connection")
if given is None:
    asyncio.run(run_from_command_line())
else:
    run(given)
