"""All that a report tells is read in one snapshot of the database, or its parts would contradict each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from adapters.db.errors import translated
from adapters.reports.finishing import finished
from adapters.settings import DatabaseSettings

APPLICATION = "durable-jobs-reports"
_LONGEST = 120.0
"""Seconds for one query. A year of half a million orders takes some five."""
_CLOSING = 5.0
"""Seconds for PostgreSQL to stop what it was told to stop."""
_SETTINGS = {
    # It would compile each query anew, for longer than that saves.
    "jit": "off",
    # Sums by product are made in memory, not on disk.
    "work_mem": "64MB",
    # So PostgreSQL notices that our process is gone while it has nothing to send yet.
    "client_connection_check_interval": "10s",
}
_SET = "SELECT set_config(name, value, true) FROM unnest($1::text[], $2::text[]) AS wanted (name, value)"


class Snapshot:
    """The database as of one moment. Each call raises the domain's errors."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        """See `Snapshots.open`."""
        self._connection = connection

    async def rows(self, query: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """All rows of a query."""
        with translated():
            return list(await self._connection.fetch(query, *arguments))

    async def batches(self, size: int, query: str, *arguments: object) -> AsyncIterator[Sequence[asyncpg.Record]]:
        """All rows of a query, so many at a time."""
        with translated():
            cursor = await self._connection.cursor(query, *arguments)
        while True:
            with translated():
                rows = await cursor.fetch(size)
            if not rows:
                return
            yield rows


class Snapshots:
    """Opens them over connections of its own: what may take minutes is not in the way of jobs."""

    def __init__(self, settings: DatabaseSettings, *, connections: int = 2, longest: float = _LONGEST) -> None:
        """Have `connections` at most; who wants more waits. Nothing is kept open. `longest`: seconds for a query."""
        self._settings = settings.directly
        self._free = asyncio.Semaphore(connections)
        self._longest = longest

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Snapshot]:
        """Begin a transaction that sees the database as of its first query, and can change nothing."""
        async with self._free:
            with translated():
                connection = await self._connect()
            try:
                transaction = connection.transaction(isolation="repeatable_read", readonly=True)
                with translated():
                    await transaction.start()
                    await connection.execute(_SET, list(_SETTINGS), list(_SETTINGS.values()))
                # It ends with the connection: there is nothing to commit.
                yield Snapshot(connection)
            finally:
                with contextlib.suppress(Exception):
                    # It waits for the answer to what was cancelled.
                    await finished(asyncio.wait_for(connection.close(), _CLOSING))

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            "postgresql://" + self._settings.url.get_secret_value().partition("://")[2],
            timeout=self._settings.connect_timeout,
            command_timeout=self._longest,
            server_settings={"application_name": APPLICATION, "timezone": "UTC"},
        )
