"""Brings the schema to a revision, and back. Safe to call at any time and by several processes at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from alembic import command
from alembic.config import Config
from pydantic import SecretStr
from sqlalchemy import Connection, text

from adapters.db import schema
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


async def upgrade(url: str, revision: str = "head", *, table_wait: timedelta = TABLE_WAIT) -> None:
    """Migrate forward to a revision; does nothing where the schema is there already.

    All in one transaction: it is either done or not. A schema that newer code has made, and that serves this code,
    stays as it is. Raises `ServiceUnavailable` where the database isn't there, or a table stays locked by others,
    `Conflict` where newer code has migrated the database so that this code does not work with it.
    """
    await _locked(url, lambda config: command.upgrade(config, revision), table_wait, where_newer=schema.serves)


async def downgrade(url: str, revision: str, *, table_wait: timedelta = TABLE_WAIT) -> None:
    """Migrate back to a revision, `base` for an empty database. Drops what the later ones added, data included."""
    await _locked(url, lambda config: command.downgrade(config, revision), table_wait)


async def current(url: str) -> str | None:
    """The revision that the database is at; None where it has no schema."""
    return await _run(url, schema.current)


def head() -> str:
    """The newest revision: the one that this code needs."""
    return schema.head()


async def _locked(
    url: str,
    act: Callable[[Config], None],
    table_wait: timedelta,
    where_newer: Callable[[Connection], bool] = lambda _: False,
) -> None:
    """`where_newer` tells whether there is nothing to do where newer code has migrated the database."""

    def act_locked(connection: Connection) -> None:
        connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_FOR_OTHERS}'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        connection.execute(text(f"SET LOCAL lock_timeout = {table_wait // timedelta(milliseconds=1)}"))
        at = schema.current(connection)
        if at is not None and not schema.is_known(at):
            if where_newer(connection):
                return
            raise Conflict(f"The database's schema is at revision {at}: newer code has changed it, deploy that.")
        config = schema.config()
        config.attributes["connection"] = connection
        act(config)

    await _run(url, act_locked)


async def _run(url: str, act: Callable[[Connection], _T]) -> _T:
    settings = DatabaseSettings(url=SecretStr(url), command_timeout=_LONGEST)
    engine = make_engine(settings, application_name="durable-jobs-migrate", pooled=False)
    try:
        with translated():
            async with engine.begin() as connection:
                return await connection.run_sync(act)
    finally:
        await engine.dispose()
