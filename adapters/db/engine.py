"""The pool of connections to PostgreSQL, and whether the database is ready for this code."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
from sqlalchemy import URL, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from adapters.db import schema
from adapters.db.errors import closed_by_server, connection_problem, translated
from adapters.db.statements import BEHIND_POOLER
from adapters.job_settings import Pooler
from adapters.settings import DatabaseSettings
from domain.errors import InvalidRequest, JobError, ServiceUnavailable

_RECYCLE_AFTER = 1800
"""Seconds. A connection is replaced now and then, so that a changed address of the server is noticed, and what its
process has cached there is given back."""


def make_engine(
    settings: DatabaseSettings, *, application_name: str = "durable-jobs", pooled: bool = True
) -> AsyncEngine:
    """Make the engine; nothing connects before the first statement. Raises InvalidRequest for a malformed URL.

    The URL is read by asyncpg in the manner of libpq, so that `?sslmode=verify-full&sslrootcert=…`, several hosts and
    `target_session_attrs` work. Behind a pooler of transactions, nothing stays on a connection. The engine's own `url`
    tells host and database, and has no password to give away.

    A kept connection dies with a restart of PostgreSQL. A ping before each statement would find that out for 45 µs of
    CPU and 140 µs of waiting, a third of what a statement costs. Instead, a connection whose end the driver has already
    seen is replaced when it is taken from the pool, which costs nothing; the few that die later are what
    `adapters/db/statements.py` tries again for.
    """
    dsn, url = _parse(settings.url.get_secret_value())

    pooler = settings.pooler is Pooler.transaction

    async def connect(*_: Any, **__: Any) -> Any:
        try:
            return await asyncpg.connect(
                dsn,
                timeout=settings.connect_timeout,
                command_timeout=settings.command_timeout,
                server_settings={"application_name": application_name, "timezone": "UTC"},
                **({"statement_cache_size": 0} if pooler else {}),
            )
        except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
            problem = connection_problem(exc, dsn)
        raise problem  # outside the handler: the error that it comes from may quote the URL

    pool: dict[str, Any] = {"poolclass": NullPool}
    if pooled:
        pool = {
            "pool_size": settings.connections,
            "max_overflow": 0,
            "pool_timeout": settings.command_timeout,
            "pool_recycle": _RECYCLE_AFTER,
        }
    adapted: dict[str, Any] = {"async_creator_fn": connect}
    if pooler:
        # What is prepared under a name would be on another connection at the next transaction, or there already.
        adapted |= {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
    engine = create_async_engine(
        url,
        connect_args=adapted,
        hide_parameters=True,  # they are personal data, and would end up in logs
        execution_options={BEHIND_POOLER: pooler},
        **pool,
    )
    event.listen(engine.sync_engine, "checkout", _replace_where_closed)
    event.listen(engine.sync_engine, "handle_error", _drop_where_closing)
    return engine


async def probe(engine: AsyncEngine) -> str:
    """Check that the database can be reached and its schema serves this code; return its version.

    Raises a TransientError that says what to do; its message names host and database, never the password.
    """
    needed = schema.head()
    try:
        with translated():
            async with engine.connect() as connection:
                version = str((await connection.execute(text("SHOW server_version"))).scalar_one())
                at = await connection.run_sync(schema.current)
                newer = at is not None and not schema.is_known(at)
                fits = at == needed or (newer and await connection.run_sync(schema.serves))
    except JobError as error:
        problem = type(error)(f"Database not reachable at {engine.url.host}/{engine.url.database}: {error.message}")
        raise problem from None
    if at is None:
        raise ServiceUnavailable(f"The database at {engine.url.host} has no schema: run `jobs setup`.")
    if not fits:
        remedy = "newer code has changed it, deploy that" if newer else "run `jobs setup`"
        raise ServiceUnavailable(f"The database's schema is at revision {at}, this code needs {needed}: {remedy}.")
    return version.split()[0]


def _parse(dsn: str) -> tuple[str, URL]:
    scheme, colon, rest = dsn.partition("://")
    if not colon or scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise InvalidRequest("DATABASE_URL is not of the form postgresql://user:password@host:port/name.")
    # A password that nobody escaped may hold a slash.
    place, _, options = rest.partition("?")
    parts = urlsplit(f"postgresql://{place.rpartition('@')[2]}")
    hosts = parts.netloc or ",".join(parse_qs(options).get("host", ["localhost"]))
    url = URL.create("postgresql+asyncpg", host=hosts, database=parts.path.removeprefix("/"))
    return f"postgresql://{rest}", url


def _replace_where_closed(connection: Any, *_: Any) -> None:
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _drop_where_closing(context: ExceptionContext) -> None:
    """SQLAlchemy drops a connection that timed out or is closed; one that is just being closed it would keep."""
    if closed_by_server(context.original_exception) or closed_by_server(context.original_exception.__cause__):
        context.is_disconnect = True
