"""Who redrives dead letters right now: told by locks that end with the process that has them, however it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import BigInteger, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.errors import translated

# Of transactions, not of sessions: those would get lost in a pooler.
_KEY = literal(0x72656472697665, BigInteger)
_STAY = text("SET LOCAL idle_in_transaction_session_timeout = 0")
"""However long a redrive takes: another one would take its letters over as soon as the server had ended this."""
_ALONE = select(func.pg_try_advisory_xact_lock(_KEY))
_AT_WORK = select(func.pg_advisory_xact_lock_shared(_KEY))


class RedriveTurns:
    """Several may redrive at once; only one who is alone knows that whatever was begun will not be ended."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Share the engine's pool, of which each block takes a connection."""
        self._engine = engine

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[bool]:
        """Whether nobody redrives; nobody begins to while the block runs, which is to be short."""
        async with self._engine.connect() as connection:
            with translated():
                alone = bool((await connection.execute(_ALONE)).scalar_one())
            yield alone

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Somebody redrives while the block runs."""
        async with self._engine.connect() as connection:
            with translated():
                await connection.execute(_STAY)
                await connection.execute(_AT_WORK)
            yield
