"""Jobs of the outbox by their ids: what is known of one, and taking it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from sqlalchemy import Text, bindparam, delete, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.errors import gave_up_waiting, translated
from adapters.db.statements import Statements, limit_waits
from adapters.db.tables import outbox
from domain.outbox import BeingStarted, EnqueuedJob, Problem

_WAIT = timedelta(seconds=5)
"""How long to wait for a relay that is starting the job."""

_c = outbox.c
_this = _c.job_id == bindparam("id_of_job", type_=Text)
_FIND = (
    select(
        _c.enqueued_at,
        func.coalesce(_c.start_at, _c.enqueued_at + _c.start_delay).label("not_before"),
        _c.attempts,
        _c.retry_at,
        _c.error_type,
        _c.error,
        _c.refused_at,
    )
    .where(_this)
    .order_by(_c.id)
    .limit(1)
)
_WITHDRAW = delete(outbox).where(_this).returning(_c.id)


class SqlEnqueuedJobs:
    """Implements `domain.outbox.EnqueuedJobs`."""

    def __init__(self, engine: AsyncEngine, *, held: AsyncEngine, wait: timedelta = _WAIT) -> None:
        """Share the engine's pool. `held` is for what is taken out, whose connection is held while others answer."""
        self._wait = wait
        self._held = held
        self._statements = Statements(engine)

    async def find(self, job_id: str) -> EnqueuedJob | None:
        """The oldest entry of this job; None where there is none."""
        rows = await self._statements.rows(_FIND, id_of_job=job_id)
        if not rows:
            return None
        row = rows[0]
        return EnqueuedJob(
            enqueued_at=row.enqueued_at,
            not_before=row.not_before,
            attempts=row.attempts,
            retry_at=row.retry_at,
            problem=Problem(row.error_type, row.error) if row.error_type else None,
            refused=row.refused_at is not None,
        )

    @asynccontextmanager
    async def withdraw(self, job_id: str) -> AsyncIterator[int]:
        """Take all entries of this job out; see `domain.outbox.EnqueuedJobs`."""
        async with AsyncExitStack() as stack:
            with translated():
                connection = await stack.enter_async_context(self._held.begin())
                await limit_waits(connection, self._wait)
                try:
                    taken = (await connection.execute(_WITHDRAW, {"id_of_job": job_id})).all()
                except DBAPIError as error:
                    if gave_up_waiting(error):
                        raise BeingStarted from None
                    raise
            yield len(taken)
            with translated():
                await stack.aclose()
