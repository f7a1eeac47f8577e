"""What alembic runs for each of its commands, within the connection of `adapters/db/migrate.py`.

Alembic's own command line, which brings no connection, gets one to DATABASE_URL.
"""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection

from adapters.db import (  # they add their tables to the metadata
    alert_tables,  # noqa: F401  # see above
    dead_letter_tables,  # noqa: F401  # see above
    encryption_tables,  # noqa: F401  # see above
    report_tables,  # noqa: F401  # see above
    scheduling_tables,  # noqa: F401  # see above
)
from adapters.db.engine import make_engine
from adapters.db.schema import VERSION_TABLE
from adapters.db.tables import metadata
from adapters.settings import DatabaseSettings


def run(connection: Connection) -> None:
    """Run the command's migrations in the connection's transaction."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        include_name=lambda name, type_, _: type_ != "table" or name in metadata.tables,
    )
    with context.begin_transaction():
        context.run_migrations()


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
