"""All that a report tells is read in one snapshot of the database, or its parts would contradict each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db.errors import translated


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that sees the database as of its first statement, and can change nothing.

    Raises the domain's errors for what the database raises within.
    """
    with translated():
        async with engine.connect() as connection:
            reading = await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with reading.begin():
                yield reading
