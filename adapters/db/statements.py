"""How statements and transactions run: once more if their connection was dead, and how long they wait for locks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import Executable, Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db.errors import is_broken, translated
from adapters.settings import DatabaseSettings

BEHIND_POOLER = "behind_pooler"
"""Execution option of an engine that `make_engine` sets."""

_SOON = 2.0
"""Seconds. A kept connection that has died is noticed at once; one that breaks later has had its time."""


_LOCK_TIMEOUT = text("SELECT set_config('lock_timeout', :limit, true)")

T = TypeVar("T")


async def twice(call: Callable[[], Awaitable[T]]) -> T:
    """Run a statement or transaction, and once more if its connection broke, which must be before a commit.

    So a restart of the database does not cost a job one of its attempts. Raises the domain's errors.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    with translated():
        try:
            return await call()
        except DBAPIError as error:
            if not is_broken(error) or loop.time() - started > _SOON:
                raise
        return await call()


async def limit_waits(connection: AsyncConnection, longest: timedelta) -> None:
    """From now on, a statement of this transaction fails if it waits longer for a lock (see `gave_up_waiting`)."""
    await connection.execute(_LOCK_TIMEOUT, {"limit": f"{longest // timedelta(milliseconds=1)}ms"})


def longest_statement(database: DatabaseSettings) -> timedelta:
    """The longest that a call can take: the first one broke within `_SOON`, and the second has all its time limits.

    Those are the wait for the pool, which is limited like a statement, the connect, and the statement.
    """
    return timedelta(seconds=_SOON + 2 * database.command_timeout + database.connect_timeout)


class Statements:
    """Runs single statements, each its own transaction: one round trip, without BEGIN and COMMIT.

    A statement may take effect twice: its connection may break after the first time. Behind a pooler of transactions
    they have BEGIN and COMMIT: between preparing a statement and running it the pooler would change the connection.

    `longest_statement` is how long a call can take at most.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        whole = engine.get_execution_options().get(BEHIND_POOLER, False)
        self._begin = engine.begin if whole else engine.execution_options(isolation_level="AUTOCOMMIT").connect

    async def rows(self, statement: Executable, **parameters: Any) -> Sequence[Row[Any]]:
        """Run a statement and return its rows. Raises the domain's errors."""

        async def run() -> Sequence[Row[Any]]:
            async with self._begin() as connection:
                return (await connection.execute(statement, parameters)).all()

        return await twice(run)
