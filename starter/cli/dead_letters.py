"""The dead letters of the database, for commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from starter.cli.database import database

if TYPE_CHECKING:
    from adapters.db.dead_letters import SqlDeadLetters


@asynccontextmanager
async def dead_letters(*, pooled: bool = False) -> AsyncIterator[SqlDeadLetters]:
    """Of the database that `DATABASE_URL` names. `pooled`: for many calls, several at a time.

    Raises the domain's errors, which say what to do.
    """
    async with database(pooled=pooled) as engine:
        # Imported here: see there.
        from adapters.db.dead_letters import SqlDeadLetters

        # Commands record nothing, so that no alert has to wait.
        yield SqlDeadLetters(engine, alert_window=timedelta())
