"""Alerts in PostgreSQL: each is sent once, those about the same together.

An alert that finds no other one waiting about the same leads: it enqueues a job, and others join it until the job runs.
The job gathers all of them in one statement, and the next alert leads again. Whoever raises an alert holds a shared
lock on its group until the transaction ends, and the job takes it exclusively. Otherwise an alert could join a leader
while the job gathers, and never be sent.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Integer, exists, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db import outbox
from adapters.db.errors import translated
from adapters.db.statements import Statements
from adapters.db.tables import alerts
from domain.alert import AlertRequest
from domain.alerts import EXAMPLES, Alert, AlertKind, Gathered
from domain.errors import ServiceUnavailable

_LOCKS = literal(0x616C7274, Integer)
"""First half of the groups' advisory locks: the characters "alrt"."""

_LEASE = timedelta(minutes=10)
"""How long after its window a leader's job is still expected. If it was refused, discarded or failed before it could
gather, the next alert about the same leads."""

_c = alerts.c
_leader = alerts.alias("leader")


def _group(kind: Any, about: Any) -> Any:
    return func.hashtext(func.concat(kind, " ", about), type_=Integer)


async def add(connection: AsyncConnection, alert: Alert, *, window: timedelta) -> bool:
    """Raise an alert in the connection's transaction; False if its key existed.

    The transaction should end soon: until then, alerts about the same are not sent.
    """
    kind, about = literal(alert.kind.value), literal(alert.about)
    await connection.execute(select(func.pg_advisory_xact_lock_shared(_LOCKS, _group(kind, about))))
    # A statement of its own, which sees what was committed before the lock was taken.
    led = exists().where(
        _leader.c.kind == kind,
        _leader.c.about == about,
        _leader.c.leads,
        _leader.c.told_with.is_(None),
        _leader.c.raised_at > func.clock_timestamp() - (window + _LEASE),
    )
    adding = insert(alerts).values(**alert.model_dump(), leads=~led)
    once = adding.on_conflict_do_nothing(index_elements=["kind", "key"]).returning(_c.id, _c.leads)
    added = (await connection.execute(once)).one_or_none()
    if added is not None and added.leads:
        request = AlertRequest(alert=alert.kind.value, first=added.id)
        await connection.execute(*outbox.statement([request], start_after=window))
    return added is not None


class SqlAlerts:
    """Implements `domain.alerts.Alerts`."""

    def __init__(self, engine: AsyncEngine, *, window: timedelta) -> None:
        """Share the engine's pool. `window`: how long an alert waits for others, to share a message."""
        self._engine = engine
        self._statements = Statements(engine)
        self._window = window

    async def add(self, alert: Alert) -> bool:
        """Raise an alert, in a transaction of its own; False if its key existed."""
        with translated():
            async with self._engine.begin() as connection:
                return await add(connection, alert, window=self._window)

    async def gather(self, kind: str, first: int) -> Gathered | None:
        """Gather all that no message covers yet; None if there is no such alert."""
        lock = func.pg_advisory_xact_lock(_LOCKS, _group(_c.kind, _c.about))
        with translated():
            async with self._engine.begin() as connection:
                leader = select(_c.about, lock).where(_c.id == first, _c.kind == kind)
                group = (await connection.execute(leader)).one_or_none()
                if group is None:
                    return None
                if kind not in set(AlertKind):
                    raise ServiceUnavailable(f"This code knows no alert {kind!r}: deploy the code that raised it.")
                await connection.execute(
                    update(alerts)
                    .where(
                        _c.kind == kind,
                        _c.about == group.about,
                        _c.told_with.is_(None),
                        exists().where(_leader.c.id == first, _leader.c.told_with.is_(None)),
                    )
                    .values(told_with=first)
                )
                mine = _c.told_with == first
                summary = select(func.count(), func.min(_c.raised_at), func.max(_c.raised_at)).where(mine)
                count, began_at, ended_at = (await connection.execute(summary)).one()
                examples = select(_c.kind, _c.key, _c.about, _c.job_id, _c.run_id).where(mine).order_by(_c.id)
                rows = (await connection.execute(examples.limit(EXAMPLES))).all()
        return Gathered(
            kind=AlertKind(kind),
            about=group.about,
            count=count,
            began_at=began_at,
            ended_at=ended_at,
            examples=tuple(Alert(**row._mapping) for row in rows),
        )

    async def told(self, first: int) -> None:
        """Record that the message has reached all channels."""
        reached = update(alerts).where(_c.told_with == first, _c.told_at.is_(None)).values(told_at=func.now())
        await self._statements.rows(reached.returning(_c.id))
