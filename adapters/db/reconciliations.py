"""How far the payment provider was asked for changes, and that one asks at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db import outbox
from adapters.db.errors import translated
from adapters.db.tables import payment_reconciliation as table
from domain.requests import JobRequest

_LOCK = 0x70617972
"""Of all reconciliations of this database; the letters "payr"."""

FIRST = timedelta(days=1)
"""How far back the first one asks."""
OVERLAP = timedelta(minutes=10)
"""The provider's clock need not be ours, and what it tells of the last moments need not be complete."""
FURTHEST = timedelta(days=29)
"""Stripe tells of changes for 30 days: what changed before that, after a longer break, is not found."""

# A worker whose machine or network is gone does not close its connection, and would keep all others out for the two
# hours that the kernel waits by default. The attempt that takes its place begins after half a minute.
_keepalives = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
_enter = select(
    func.pg_try_advisory_lock(literal(_LOCK, BigInteger)),
    *(func.set_config(name, seconds, False) for name, seconds in _keepalives.items()),
)
_leave = select(func.pg_advisory_unlock(literal(_LOCK, BigInteger)))
_until = select(table.c.reconciled_until)
_reached: Any = insert(table).values(reconciled_until=bindparam("moment"))
_REACHED = _reached.on_conflict_do_update(
    index_elements=["one"],
    set_={"reconciled_until": func.greatest(table.c.reconciled_until, _reached.excluded.reconciled_until)},
)


class SqlTurn:
    """Implements `domain.payments.Turn`."""

    def __init__(self, connection: AsyncConnection, since: datetime) -> None:
        self._connection = connection
        self.since = since

    async def enqueue(self, request: JobRequest) -> None:
        """Enqueue a job at once."""
        with translated():
            await self._connection.execute(*outbox.statement([request]))

    async def reached(self, moment: datetime) -> None:
        """Keep how far the provider was asked."""
        with translated():
            await self._connection.execute(_REACHED, {"moment": moment})


class SqlReconciliations:
    """Implements `domain.payments.Reconciliations`."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Share the engine's pool; a reconciliation holds one connection as long as it lasts."""
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def alone(self, up_to: datetime) -> AsyncIterator[SqlTurn | None]:
        """Enter alone, or get None where another one is inside. The lock ends with its connection at the latest."""
        with translated():
            connection = await self._engine.connect()
        try:
            with translated():
                entered = (await connection.execute(_enter)).scalar_one()
                last = (await connection.execute(_until)).scalar_one_or_none() if entered else None
            if not entered:
                yield None
                return
            try:
                since = min(last or up_to - FIRST, up_to) - OVERLAP
                yield SqlTurn(connection, max(since, datetime.now(UTC) - FURTHEST))
            finally:
                with translated():
                    await connection.execute(_leave)
        finally:
            await connection.close()
