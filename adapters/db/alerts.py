"""Alerts in PostgreSQL: each is told once, many of the same together.

An alert that finds no other one waiting, about the same, enqueues a job: it leads. Until that job runs, others join it.
The job gathers all that are there, in one statement, and whoever comes later leads anew. For that, who raises an alert
holds a lock on what it is about, which others who raise share, until the transaction ends; and the job takes it alone.
Without it an alert could join a leader in the moment in which its job gathers, and nobody would ever tell of it.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import (
    BigInteger,
    Integer,
    Interval,
    Text,
    bindparam,
    exists,
    func,
    literal,
    not_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db import outbox
from adapters.db.alert_tables import alerts
from adapters.db.errors import translated
from adapters.db.statements import Statements
from domain.alert import AlertRequest
from domain.alerts import EXAMPLES, Alert, AlertKind, Gathered
from domain.errors import ServiceUnavailable

_LOCKS = 0x616C7274
"""Of all that alerts are about, as the first half of their locks; the letters "alrt"."""

_LEASE = timedelta(minutes=10)
"""How long after its time a leader's job counts as still to come. One that was refused, discarded or failed before it
could gather is made good by the next alert about the same."""

# Not called as the columns are: SQLAlchemy keeps those names for what an UPDATE sets.
_kind, _about = bindparam("of_kind", type_=Text), bindparam("of_about", type_=Text)
_group = func.hashtext(func.concat(_kind, " ", _about), type_=Integer)
_SHARE = select(func.pg_advisory_xact_lock_shared(literal(_LOCKS, Integer), _group))

_leader = alerts.alias("leader")
_led = exists().where(
    _leader.c.kind == _kind,
    _leader.c.about == _about,
    _leader.c.leads,
    _leader.c.told_with.is_(None),
    _leader.c.raised_at > func.clock_timestamp() - bindparam("lease", type_=Interval),
)
_ADD = (
    insert(alerts)
    .from_select(
        ["kind", "key", "about", "job_id", "run_id", "leads"],
        select(
            _kind,
            bindparam("key", type_=Text),
            _about,
            bindparam("job_id", type_=Text),
            bindparam("run_id", type_=Text),
            not_(_led).label("leads"),
        ),
    )
    .on_conflict_do_nothing(index_elements=["kind", "key"])
    .returning(alerts.c.id, alerts.c.leads)
)

_first = bindparam("first", type_=BigInteger)
_ALONE = select(
    alerts.c.kind,
    alerts.c.about,
    func.pg_advisory_xact_lock(
        literal(_LOCKS, Integer), func.hashtext(func.concat(alerts.c.kind, " ", alerts.c.about), type_=Integer)
    ),
).where(alerts.c.id == _first, alerts.c.kind == _kind)
_GATHER = (
    update(alerts)
    .where(
        alerts.c.kind == _kind,
        alerts.c.about == _about,
        alerts.c.told_with.is_(None),
        exists().where(_leader.c.id == _first, _leader.c.told_with.is_(None)),
    )
    .values(told_with=_first)
)
_SUMMARY = select(func.count(), func.min(alerts.c.raised_at), func.max(alerts.c.raised_at)).where(
    alerts.c.told_with == _first
)
_EXAMPLES = (
    select(alerts.c.key, alerts.c.job_id, alerts.c.run_id)
    .where(alerts.c.told_with == _first)
    .order_by(alerts.c.id)
    .limit(EXAMPLES)
)
_TOLD = (
    update(alerts)
    .where(alerts.c.told_with == _first, alerts.c.told_at.is_(None))
    .values(told_at=func.now())
    .returning(alerts.c.id)
)


async def add(connection: AsyncConnection, alert: Alert, *, window: timedelta) -> bool:
    """Raise an alert in the connection's transaction; False where its key was there before.

    The transaction should end soon: until then nobody is told of others about the same.
    """
    group = {"of_kind": alert.kind.value, "of_about": alert.about}
    await connection.execute(_SHARE, group)
    # Another statement, which sees what was committed before the lock was had.
    values = {**group, **alert.model_dump(include={"key", "job_id", "run_id"}), "lease": window + _LEASE}
    added = (await connection.execute(_ADD, values)).one_or_none()
    if added is not None and added.leads:
        request = AlertRequest(alert=alert.kind.value, first=added.id)
        await connection.execute(*outbox.statement([request], start_after=window))
    return added is not None


class SqlAlerts:
    """Implements `domain.alerts.Alerts`."""

    def __init__(self, engine: AsyncEngine, *, window: timedelta) -> None:
        """Share the engine's pool. `window`: how long alerts wait for others, to be told together."""
        self._engine = engine
        self._statements = Statements(engine)
        self._window = window

    async def add(self, alert: Alert) -> bool:
        """Raise an alert, in a transaction of its own; False where its key was there before."""
        with translated():
            async with self._engine.begin() as connection:
                return await add(connection, alert, window=self._window)

    async def gather(self, kind: str, first: int) -> Gathered | None:
        """Gather all that nobody has gathered yet; None if there is no such alert."""
        with translated():
            async with self._engine.begin() as connection:
                group = (await connection.execute(_ALONE, {"first": first, "of_kind": kind})).one_or_none()
                if group is None:
                    return None
                if kind not in set(AlertKind):
                    raise ServiceUnavailable(f"This code knows no alert {kind!r}: deploy the code that raised it.")
                await connection.execute(_GATHER, {"first": first, "of_kind": group.kind, "of_about": group.about})
                count, began_at, ended_at = (await connection.execute(_SUMMARY, {"first": first})).one()
                rows = (await connection.execute(_EXAMPLES, {"first": first})).all()
        examples = tuple(
            Alert(kind=AlertKind(kind), key=row.key, about=group.about, job_id=row.job_id, run_id=row.run_id)
            for row in rows
        )
        return Gathered(
            kind=AlertKind(kind),
            about=group.about,
            count=count,
            began_at=began_at,
            ended_at=ended_at,
            examples=examples,
        )

    async def told(self, first: int) -> None:
        """Keep that the message has reached all channels."""
        await self._statements.rows(_TOLD, first=first)
