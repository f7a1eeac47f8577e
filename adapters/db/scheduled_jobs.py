"""What scheduled jobs work on in PostgreSQL: the ledger of periods, the mails that are due, and the sessions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, case, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db import outbox
from adapters.db.errors import translated
from adapters.db.scheduling_tables import scheduled_emails, scheduled_periods, sessions
from adapters.db.statements import Statements
from adapters.db.tables import customers
from adapters.db.tables import outbox as outbox_table
from domain.orders import Customer
from domain.scheduled_email import ScheduledEmail, ScheduledEmailRequest
from domain.scheduling import HELD, Begun

_p, _e = scheduled_periods.c, scheduled_emails.c

_period = (_p.schedule == bindparam("name"), _p.period == bindparam("of_period"))
_held = func.now() + literal(HELD)

_begin = insert(scheduled_periods).values(
    schedule=bindparam("name"), period=bindparam("of_period"), run=bindparam("by"), held_until=_held
)
_BEGIN = _begin.on_conflict_do_update(
    index_elements=["schedule", "period"],
    set_={
        "run": _begin.excluded.run,
        "held_until": _begin.excluded.held_until,
        "takes": _p.takes + case((_p.run == _begin.excluded.run, 0), else_=literal(1, Integer)),
    },
    where=_p.done_at.is_(None) & or_(_p.run == _begin.excluded.run, _p.held_until <= func.now()),
).returning(_p.run)
_LOOK = select(_p.run, _p.result).where(*_period)

# An insert, not only an update: an operator who wants a period done again may have deleted its row meanwhile.
_done = insert(scheduled_periods).values(
    schedule=bindparam("name"),
    period=bindparam("of_period"),
    run=bindparam("by"),
    held_until=func.now(),
    done_at=func.now(),
    result=bindparam("told"),
)
_DONE = _done.on_conflict_do_update(
    index_elements=["schedule", "period"],
    set_={"run": _done.excluded.run, "done_at": func.now(), "result": _done.excluded.result},
    where=_p.done_at.is_(None),
).returning(_p.run)
_LET_GO = (
    update(scheduled_periods)
    .where(*_period, _p.run == bindparam("by"), _p.done_at.is_(None))
    .values(held_until=func.now())
    .returning(_p.run)
)


class SqlPeriodLedger:
    """Implements `domain.scheduling.PeriodLedger`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._statements = Statements(engine)

    async def begin(self, name: str, period: str, run: str) -> Begun:
        """Take a period, or hold it for longer; see `domain.scheduling.PeriodLedger`."""
        # Again where somebody has deleted the row in between.
        while True:
            if await self._statements.rows(_BEGIN, name=name, of_period=period, by=run):
                return Begun(by=run)
            if found := await self._statements.rows(_LOOK, name=name, of_period=period):
                return Begun(by=found[0].run, result=found[0].result)

    async def done(self, name: str, period: str, run: str, result: str) -> None:
        """Keep that a period is done; the first result stays."""
        await self._statements.rows(_DONE, name=name, of_period=period, by=run, told=result)

    async def let_go(self, name: str, period: str, run: str) -> None:
        """Hold a period no longer that isn't done."""
        await self._statements.rows(_LET_GO, name=name, of_period=period, by=run)


PRIORITY = 4
"""Behind what a customer waits for: a confirmation that comes while thousands are due is not to come after them."""

_due = (
    select(_e.id)
    .where(
        _e.queued_at.is_(None),
        _e.sent_at.is_(None),
        _e.due_at <= func.now(),
    )
    .order_by(_e.due_at, _e.id)
    .limit(bindparam("most", type_=BigInteger))
    .with_for_update(skip_locked=True)
)
_QUEUE = (
    update(scheduled_emails)
    .where(_e.id == func.any(func.array(_due.scalar_subquery())))
    .values(queued_at=func.now())
    .returning(_e.id)
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

_email: Any = _e.id == bindparam("email_id", type_=BigInteger)
_GET = (
    select(scheduled_emails, customers.c.name, customers.c.email, customers.c.locale)
    .join_from(scheduled_emails, customers)
    .where(_email)
)
_MARK = (
    update(scheduled_emails)
    .where(_email, _e.sent_at.is_(None))
    # One that was started by hand was never queued, and need not be any more.
    .values(sent_at=func.now(), queued_at=func.coalesce(_e.queued_at, func.now()))
    .returning(_e.id)
)


class SqlScheduledEmails:
    """Implements `domain.scheduled_email.ScheduledEmails` and `domain.scheduled_email_dispatch.DueEmails`."""

    def __init__(self, engine: AsyncEngine) -> None:
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


# An array, so that PostgreSQL looks for them once, whatever it thinks of the tables' sizes.
_expired = (
    select(sessions.c.id)
    .where(sessions.c.expires_at <= func.now())
    .order_by(sessions.c.expires_at)
    .limit(bindparam("most", type_=BigInteger))
    # One that is being prolonged at this moment is left; one that was prolonged a moment ago has not expired.
    .with_for_update(skip_locked=True)
)
_removed = (
    delete(sessions)
    .where(sessions.c.id == func.any(func.array(_expired.scalar_subquery())))
    .returning(sessions.c.id)
    .cte("removed")
)
_REMOVE = select(func.count()).select_from(_removed)


class SqlSessions:
    """Implements `domain.session_cleanup.Sessions`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._statements = Statements(engine)

    async def remove_expired(self, limit: int) -> int:
        """Remove up to so many that have expired by now, in a transaction of its own; returns how many were removed.

        Where the connection breaks after PostgreSQL has removed them, they may not be counted.
        """
        return int((await self._statements.rows(_REMOVE, most=limit))[0][0])
