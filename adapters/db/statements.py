"""Runs single statements, each its own transaction: one round trip, without BEGIN and COMMIT.

Behind a pooler of transactions they have these: between preparing a statement and running it, which the driver does one
after the other, the pooler would change the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.errors import is_broken, translated
from adapters.settings import DatabaseSettings

BEHIND_POOLER = "behind_pooler"
"""Execution option of an engine that `make_engine` sets."""

_SOON = 2.0
"""Seconds. A kept connection that has died is noticed at once; one that breaks later has had its time."""


def longest_statement(database: DatabaseSettings) -> timedelta:
    """The longest that a call can take: the first one broke within `_SOON`, and the second has all its time limits.

    Those are the wait for the pool, which is limited like a statement, the connect, and the statement.
    """
    return timedelta(seconds=_SOON + 2 * database.command_timeout + database.connect_timeout)


class Statements:
    """Runs statements that may run twice.

    Where the kept connection turns out to be dead, the statement is tried once more on a fresh one, so that a restart
    of the database does not cost a job one of its attempts. The statement may have taken effect the first time.

    `longest_statement` tells how long a call can take at most.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        """Share the engine's pool."""
        whole = engine.get_execution_options().get(BEHIND_POOLER, False)
        self._begin = engine.begin if whole else engine.execution_options(isolation_level="AUTOCOMMIT").connect

    async def rows(self, statement: Executable, **parameters: Any) -> Sequence[Row[Any]]:
        """Run a statement and return its rows. Raises the domain's errors."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        with translated():
            try:
                return await self._run(statement, parameters)
            except DBAPIError as error:
                if not is_broken(error) or loop.time() - started > _SOON:
                    raise
            return await self._run(statement, parameters)

    async def _run(self, statement: Executable, parameters: dict[str, Any]) -> Sequence[Row[Any]]:
        async with self._begin() as connection:
            return (await connection.execute(statement, parameters)).all()
