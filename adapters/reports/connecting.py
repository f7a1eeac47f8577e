"""Connections to the database for reports alone: what takes minutes is not in the way of jobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import asyncpg

from adapters.reports.finishing import finished
from adapters.settings import DatabaseSettings

APPLICATION = "durable-jobs-reports"
_CLOSING = 2.0
"""Seconds to end a connection in good order. One that is cut off, PostgreSQL notices when it sends the next rows, or by
`client_connection_check_interval`."""
_SETTINGS = {
    # It would compile each query anew, for longer than that saves.
    "jit": "off",
    # So PostgreSQL notices that our process is gone while it has nothing to send yet.
    "client_connection_check_interval": "10s",
}
SET = "SELECT set_config(name, value, true) FROM unnest($1::text[], $2::text[]) AS wanted (name, value)"
"""For the transaction, since a pooler between us and the server would not pass on others."""


@asynccontextmanager
async def reading(
    database: DatabaseSettings,
    settings: Mapping[str, str],
    *,
    longest: float,
    isolation: Literal["read_committed", "repeatable_read"] = "read_committed",
) -> AsyncIterator[asyncpg.Connection]:
    """A connection within a transaction that reads only, with these settings of PostgreSQL's.

    `longest`: seconds for a query that names no limit of its own. Raises what asyncpg raises.
    """
    connection = await asyncpg.connect(
        "postgresql://" + database.url.get_secret_value().partition("://")[2],
        timeout=database.connect_timeout,
        command_timeout=longest,
        server_settings={"application_name": APPLICATION},
    )
    try:
        await connection.transaction(isolation=isolation, readonly=True).start()
        wanted = {**_SETTINGS, "TimeZone": "UTC", **settings}
        await connection.execute(SET, list(wanted), list(wanted.values()))
        # It ends with the connection. Where it was cancelled, the driver could not end it otherwise: what was still on
        # its way would be in the way.
        yield connection
    finally:
        with contextlib.suppress(Exception):
            # It has PostgreSQL stop what was cancelled. Where that came between two pieces of rows, the driver does
            # not notice, and the connection is cut off.
            await finished(asyncio.wait_for(connection.close(), _CLOSING))
