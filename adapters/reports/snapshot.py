"""All that a report tells is read in one snapshot of the database, or its parts would contradict each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from adapters.db.errors import translated
from adapters.reports.connecting import reading
from adapters.settings import DatabaseSettings

_LONGEST = 120.0
"""Seconds for one query. A year of half a million orders takes some five."""
_SETTINGS = {
    # Sums by product are made in memory, not on disk.
    "work_mem": "64MB",
}


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
        async with self._free, AsyncExitStack() as stack:
            with translated():
                connection = await stack.enter_async_context(
                    reading(self._settings, _SETTINGS, longest=self._longest, isolation="repeatable_read")
                )
            yield Snapshot(connection)
