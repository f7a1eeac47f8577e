"""Reads what is large out of PostgreSQL with its own COPY: it formats the rows, and Python only passes them on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.protocol.protocol import NO_TIMEOUT

from adapters.db.errors import translated
from adapters.reports.finishing import finished
from adapters.settings import DatabaseSettings
from domain.errors import InvalidRequest, NetworkTimeout

Taken = Callable[[bytes], Awaitable[None]]
"""Takes a block of whole rows."""

APPLICATION = "durable-jobs-reports"
_BLOCK = 1024 * 1024
"""Bytes of rows that are handed on at a time, at least."""
_STALL = 60.0
"""Seconds without a byte from the database, after which it is given up."""
_CLOSING = 2.0
"""Seconds to end a connection in good order. One that is cut off, PostgreSQL notices when it sends the next rows, or by
`client_connection_check_interval`."""

_SETTINGS = {
    "DateStyle": "ISO",
    # An index lookup for each order, instead of reading whole tables for each part.
    "random_page_cost": "1.1",
    # Parts are read side by side.
    "max_parallel_workers_per_gather": "0",
    "work_mem": "32MB",
    # It would compile the formatting anew for each part, for longer than that takes.
    "jit": "off",
    "lock_timeout": "10s",
    # So PostgreSQL notices that our process is gone while it has nothing to send yet.
    "client_connection_check_interval": "10s",
}
_SET = "SELECT set_config(name, value, true) FROM unnest($1::text[], $2::text[]) AS wanted (name, value)"


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
        """A connection within a transaction that reads only, with our settings and this time zone.

        The settings are the transaction's, since a pooler between us and the server would not pass on others.
        """
        dsn = "postgresql://" + self._settings.url.get_secret_value().partition("://")[2]
        async with self._free:
            connection = await asyncpg.connect(
                dsn,
                timeout=self._settings.connect_timeout,
                command_timeout=self._settings.command_timeout,
                server_settings={"application_name": APPLICATION},
            )
            try:
                await connection.transaction(readonly=True).start()
                await connection.execute(_SET, list(_SETTINGS), list(_SETTINGS.values()))
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
