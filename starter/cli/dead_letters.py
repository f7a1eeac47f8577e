"""The dead letters of the database, for commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from starter.cli.database import database

if TYPE_CHECKING:
    from adapters.db.dead_letter_turns import RedriveTurns
    from adapters.db.dead_letters import SqlDeadLetters


@asynccontextmanager
async def dead_letters() -> AsyncIterator[SqlDeadLetters]:
    """Of the database that `DATABASE_URL` names. Raises the domain's errors, which say what to do."""
    async with database() as engine:
        # Imported here: see there.
        from adapters.db.dead_letters import SqlDeadLetters

        # Commands record nothing, so that no alert has to wait.
        yield SqlDeadLetters(engine, alert_window=timedelta())


@asynccontextmanager
async def dead_letters_and_turns() -> AsyncIterator[tuple[SqlDeadLetters, RedriveTurns]]:
    """The same, for many calls, several at a time; and who redrives right now."""
    async with database(pooled=True) as engine:
        # Imported here: see there.
        from adapters.db.dead_letter_turns import RedriveTurns
        from adapters.db.dead_letters import SqlDeadLetters

        yield SqlDeadLetters(engine, alert_window=timedelta()), RedriveTurns(engine)
