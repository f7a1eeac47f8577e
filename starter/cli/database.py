"""The database, for commands that need it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from adapters.configuration import without_password
from adapters.settings import DatabaseSettings
from domain.errors import ConnectionBroken, NetworkTimeout

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


@asynccontextmanager
async def database(*, pooled: bool = False) -> AsyncIterator[AsyncEngine]:
    """An engine to the database of `DATABASE_URL`, which is there, with the schema that this code needs.

    `pooled`: for commands that do much; else each statement has a connection of its own. Raises the domain's errors,
    which say what to do.
    """
    # Imported here: it takes half of the command line's start-up time.
    from adapters.db.engine import make_engine, probe

    settings = DatabaseSettings()
    engine = make_engine(settings, application_name="durable-jobs-cli", pooled=pooled)
    try:
        await probe(engine)
        yield engine
    except (ConnectionBroken, NetworkTimeout) as exc:
        where = without_password(settings.url.get_secret_value())
        raise type(exc)(f"{exc.message} Is PostgreSQL running at {where} (DATABASE_URL)?") from None
    finally:
        await engine.dispose()
