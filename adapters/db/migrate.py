"""Brings the schema to the newest revision. Safe to call at any time and by several processes at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from alembic import command
from pydantic import SecretStr
from sqlalchemy import Connection, text

from adapters.db import schema, whole_schema
from adapters.db.engine import make_engine
from adapters.db.errors import translated
from adapters.settings import DatabaseSettings
from domain.errors import Conflict

_T = TypeVar("_T")

_LOCK = 0x6A6F6273
"""Of all who migrate this database; the letters "jobs"."""
_WAIT_FOR_OTHERS = "10min"
TABLE_WAIT = timedelta(seconds=5)
"""A migration that waits for a table makes everyone queue behind it who wants that table: rather give up and be called
again."""
_LONGEST = 3600.0
"""Seconds that one statement of a migration may take."""


async def upgrade(url: str, *, table_wait: timedelta = TABLE_WAIT) -> None:
    """Bring the schema to the newest revision; a database without one gets it at once, without migrations.

    All in one transaction: it is either done or not. A schema that newer code has made, and that serves this code,
    stays as it is. Raises `ServiceUnavailable` if the database isn't there or a table stays locked by others,
    `Conflict` if newer code has migrated the database so that this code does not work with it.
    """

    def act(connection: Connection) -> None:
        connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_FOR_OTHERS}'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        connection.execute(text(f"SET LOCAL lock_timeout = {table_wait // timedelta(milliseconds=1)}"))
        config = schema.config()
        config.attributes["connection"] = connection
        at = schema.current(connection)
        if at is None:
            whole_schema.create(connection)
            command.stamp(config, "head")
        elif schema.is_known(at):
            command.upgrade(config, "head")
        elif not schema.serves(connection):
            raise Conflict(f"The database's schema is at revision {at}: newer code has changed it, deploy that.")

    await _run(url, act)


async def current(url: str) -> str | None:
    """The revision that the database is at; None if it has no schema."""
    return await _run(url, schema.current)


def head() -> str:
    """The newest revision: the one that this code needs."""
    return schema.head()


async def _run(url: str, act: Callable[[Connection], _T]) -> _T:
    settings = DatabaseSettings(url=SecretStr(url), command_timeout=_LONGEST)
    engine = make_engine(settings, application_name="durable-jobs-migrate", pooled=False)
    try:
        with translated():
            async with engine.begin() as connection:
                return await connection.run_sync(act)
    finally:
        await engine.dispose()
