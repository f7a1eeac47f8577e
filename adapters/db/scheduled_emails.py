"""The scheduled mails in PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db import outbox
from adapters.db.errors import translated
from adapters.db.scheduling_tables import scheduled_emails as table
from adapters.db.statements import Statements
from adapters.db.tables import customers
from adapters.db.tables import outbox as outbox_table
from domain.orders import Customer
from domain.scheduled_email import ScheduledEmail, ScheduledEmailRequest

PRIORITY = 4
"""Behind what a customer waits for: a confirmation that comes while thousands are due is not to come after them."""

_due = (
    select(table.c.id)
    .where(table.c.queued_at.is_(None), table.c.sent_at.is_(None), table.c.due_at <= func.now())
    .order_by(table.c.due_at, table.c.id)
    .limit(bindparam("most", type_=BigInteger))
    .with_for_update(skip_locked=True)
)
_QUEUE = (
    update(table)
    .where(table.c.id == func.any(func.array(_due.scalar_subquery())))
    .values(queued_at=func.now())
    .returning(table.c.id)
)

_WAITING = (
    select(func.count())
    .select_from(outbox_table)
    # One that was put off or refused is not what others would have to wait behind.
    .where(
        outbox_table.c.kind == ScheduledEmailRequest.kind,
        outbox_table.c.retry_at.is_(None),
        outbox_table.c.refused_at.is_(None),
    )
)

_this: Any = table.c.id == bindparam("email_id", type_=BigInteger)
_GET = select(table, customers.c.name, customers.c.email, customers.c.locale).join_from(table, customers).where(_this)
_MARK = (
    update(table)
    .where(_this, table.c.sent_at.is_(None))
    # One that was started by hand was never queued, and need not be any more.
    .values(sent_at=func.now(), queued_at=func.coalesce(table.c.queued_at, func.now()))
    .returning(table.c.id)
)


class SqlScheduledEmails:
    """Implements `domain.scheduled_email.ScheduledEmails` and `domain.scheduled_email_dispatch.DueEmails`."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Share the engine's pool."""
        self._engine = engine
        self._statements = Statements(engine)

    async def queue(self, limit: int) -> int:
        """Take up to so many that are due, and enqueue the job of each in the same transaction; returns how many.

        Those that another dispatcher has in hand are left to it: their rows are locked.
        """
        with translated():
            async with self._engine.begin() as connection:
                ids = (await connection.execute(_QUEUE, {"most": limit})).scalars().all()
                requests = [ScheduledEmailRequest(email_id=id_) for id_ in ids]
                await connection.execute(*outbox.statement(requests, priority=PRIORITY))
        return len(ids)

    async def waiting(self) -> int:
        """How many jobs of queued mails are in the outbox and were not tried to start yet."""
        return int((await self._statements.rows(_WAITING))[0][0])

    async def get(self, email_id: int) -> ScheduledEmail | None:
        """Load a mail with its customer; None where there is none."""
        rows = await self._statements.rows(_GET, email_id=email_id)
        if not rows:
            return None
        row = rows[0]
        with translated():
            return ScheduledEmail(
                id=row.id,
                customer=Customer(id=row.customer_id, name=row.name, email=row.email, locale=row.locale),
                subject=row.subject,
                text=row.text,
                due_at=row.due_at,
                sent_at=row.sent_at,
            )

    async def mark_sent(self, email_id: int) -> bool:
        """Set the time at which it was sent where it isn't set; tell whether this call set it.

        Where the connection breaks after PostgreSQL has set it, this may say False although this call did.
        """
        return bool(await self._statements.rows(_MARK, email_id=email_id))
