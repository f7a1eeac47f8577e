"""Reads what is large out of PostgreSQL with its own COPY: it formats the rows, and Python only passes them on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.protocol.protocol import NO_TIMEOUT

from adapters.db.errors import translated
from adapters.reports.connecting import SET, reading
from adapters.settings import DatabaseSettings
from domain.errors import InvalidRequest, NetworkTimeout

Taken = Callable[[bytes], Awaitable[None]]
"""Takes a block of whole rows."""

_BLOCK = 1024 * 1024
"""Bytes of rows that are handed on at a time, at least."""
_STALL = 60.0
"""Seconds without a byte from the database, after which it is given up."""
_SETTINGS = {
    "DateStyle": "ISO",
    # An index lookup for each order, instead of reading whole tables for each part.
    "random_page_cost": "1.1",
    # Parts are read side by side.
    "max_parallel_workers_per_gather": "0",
    "work_mem": "32MB",
    "lock_timeout": "10s",
}


class Reader:
    """Reads for reports over connections of its own: what takes minutes is not in the way of jobs."""

    def __init__(self, settings: DatabaseSettings, *, connections: int = 4, stall: float = _STALL) -> None:
        """Have `connections` at most; who wants more waits. Nothing is kept open, and nothing connects yet."""
        self._settings = settings.directly
        self._free = asyncio.Semaphore(connections)
        self._stall = stall

    async def rows(self, query: str, *arguments: object, zone: str = "UTC") -> Sequence[asyncpg.Record]:
        """All rows of a query. Raises a JobError."""
        with translated():
            async with self._connected(zone) as connection:
                return list(await connection.fetch(query, *arguments, timeout=self._stall))

    async def copy(self, query: str, *arguments: object, taken: Taken, zone: str = "UTC") -> None:
        """Hand a query's rows on as CSV, in blocks of whole rows; a line feed ends each row.

        Where this is cancelled or `taken` raises, PostgreSQL is told to stop. Raises a JobError.
        """
        held: list[bytes] = []
        size = 0

        async def take(piece: bytes) -> None:
            # PostgreSQL sends row by row, and the driver hands on what has come of them: never a part of one.
            nonlocal held, size
            held.append(piece)
            size += len(piece)
            if size >= _BLOCK:
                block, held, size = b"".join(held), [], 0
                # Where the storage is slow, it is not the database that stalls.
                limit.reschedule(None)
                await taken(block)
            limit.reschedule(loop.time() + self._stall)

        loop = asyncio.get_running_loop()
        with translated():
            async with self._connected(zone) as connection:
                try:
                    async with asyncio.timeout(self._stall) as limit:
                        await connection.copy_from_query(
                            query, *arguments, output=take, format="csv", timeout=NO_TIMEOUT
                        )
                except TimeoutError:
                    raise NetworkTimeout(
                        f"The database did not answer in time, or sent nothing for {self._stall:g} s."
                    ) from None
        if held:
            await taken(b"".join(held))

    @asynccontextmanager
    async def _connected(self, zone: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection that reads with our settings and this time zone."""
        longest = self._settings.command_timeout
        async with self._free, reading(self._settings, _SETTINGS, longest=longest) as connection:
            try:
                await connection.execute(SET, ["TimeZone"], [zone])
            except asyncpg.InvalidParameterValueError:
                raise InvalidRequest(
                    f"The database does not know the time zone {zone}: ask for the report in another one."
                ) from None
            yield connection
