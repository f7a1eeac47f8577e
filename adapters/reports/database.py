"""What reports read of the database, over connections of their own: what takes minutes is not in the way of jobs.

Large results are read by PostgreSQL's own COPY: it formats the rows, and Python only passes them on. What has to fit
together is read in one snapshot.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.protocol.protocol import NO_TIMEOUT

from adapters.db.errors import translated
from adapters.reports.threads import finished
from adapters.settings import DatabaseSettings
from domain.errors import InvalidRequest, NetworkTimeout

APPLICATION = "durable-jobs-reports"
_CLOSING = 2.0
"""Seconds to end a connection in good order. One that is cut off, PostgreSQL notices when it sends the next rows, or by
`client_connection_check_interval`."""
_CONNECTION_SETTINGS = {
    # It would compile each query anew, for longer than that saves.
    "jit": "off",
    # So PostgreSQL notices that our process is gone while it has nothing to send yet.
    "client_connection_check_interval": "10s",
}
_SET = "SELECT set_config(name, value, true) FROM unnest($1::text[], $2::text[]) AS wanted (name, value)"
"""For the transaction, since a pooler between us and the server would not pass on others."""

COPYING = {
    "DateStyle": "ISO",
    # An index lookup for each order, instead of reading whole tables for each part.
    "random_page_cost": "1.1",
    # Parts are read side by side.
    "max_parallel_workers_per_gather": "0",
    "work_mem": "32MB",
    "lock_timeout": "10s",
}
"""PostgreSQL's settings for parts of large results."""
SUMMING = {
    # Sums by product are made in memory, not on disk.
    "work_mem": "64MB",
}
"""PostgreSQL's settings for sums of many rows."""

Taken = Callable[[bytes], Awaitable[None]]
"""Takes a block of whole rows."""

_BLOCK = 1024 * 1024
"""Bytes of rows that are handed on at a time, at least."""
_STALL = 60.0
"""Seconds without a byte from the database, after which it is given up."""
_QUERY_TIMEOUT_S = 120.0
"""Seconds for one query. A year of half a million orders takes some five."""


class Snapshot:
    """The database as of one moment. Each call raises the domain's errors."""

    def __init__(self, connection: asyncpg.Connection) -> None:
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


class Reader:
    """Reads for reports over connections of its own: what takes minutes is not in the way of jobs."""

    def __init__(
        self, settings: DatabaseSettings, tuning: Mapping[str, str], *, connections: int, stall: float = _STALL
    ) -> None:
        """Have `connections` at most; who wants more waits. Nothing is kept open, and nothing connects yet.

        `tuning`: settings of PostgreSQL.
        """
        self._settings = settings.directly
        self._tuning = tuning
        self._free = asyncio.Semaphore(connections)
        self._stall = stall

    @asynccontextmanager
    async def snapshot(self, zone: str = "UTC") -> AsyncIterator[Snapshot]:
        """Begin a transaction that sees the database as of its first query, and can change nothing.

        Raises a JobError.
        """
        async with self._connected(zone) as connection:
            yield Snapshot(connection)

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
        """A connection within a transaction that reads only, with our settings and this time zone."""
        async with self._free:
            with translated():
                connection = await asyncpg.connect(
                    "postgresql://" + self._settings.url.get_secret_value().partition("://")[2],
                    timeout=self._settings.connect_timeout,
                    command_timeout=_QUERY_TIMEOUT_S,
                    server_settings={"application_name": APPLICATION},
                )
            try:
                with translated():
                    await connection.transaction(isolation="repeatable_read", readonly=True).start()
                    wanted = {**_CONNECTION_SETTINGS, **self._tuning}
                    await connection.execute(_SET, list(wanted), list(wanted.values()))
                    try:
                        await connection.execute(_SET, ["TimeZone"], [zone])
                    except asyncpg.InvalidParameterValueError:
                        raise InvalidRequest(
                            f"The database does not know the time zone {zone}: ask for the report in another one."
                        ) from None
                # It ends with the connection. Where it was cancelled, the driver could not end it otherwise: what was
                # still on its way would be in the way.
                yield connection
            finally:
                with contextlib.suppress(Exception):
                    # It has PostgreSQL stop what was cancelled. Where that came between two pieces of rows, the driver
                    # does not notice, and the connection is cut off.
                    await finished(asyncio.wait_for(connection.close(), _CLOSING))
