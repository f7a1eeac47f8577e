"""Adding to the outbox in the caller's own transaction: the job is there if, and only if, the transaction commits.

The functions add an object to a SQLAlchemy session, which writes it with whatever else it has to write. So they are
the same for `Session` and `AsyncSession`, and there is nothing to await.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Insert, false, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
from sqlalchemy.orm import DeclarativeBase, Session, scoped_session

from adapters.db import tables
from domain.requests import JobRequest

AnySession = Session | AsyncSession | scoped_session[Session] | async_scoped_session[AsyncSession]
StartAfter = timedelta | datetime | None

LONGEST_DELAY = timedelta(days=36_500)
"""The table has the same limit."""


class _Base(DeclarativeBase):
    metadata = tables.metadata


class OutboxEntry(_Base):
    """A row of the outbox that a session has still to write."""

    __table__ = tables.outbox
    # Of what the database fills in, only the key comes back.
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012  # SQLAlchemy's name and form


def enqueue(
    session: AnySession,
    request: JobRequest,
    *,
    start_after: StartAfter = None,
    priority: int | None = None,
    fairness_key: str | None = None,
) -> None:
    """Enqueue a job in the session's transaction.

    `start_after`: a delay, counted from now, or an instant with its zone. `priority`: 1 (first) to 5. `fairness_key`:
    up to 64 bytes. Raises ValueError for one that cannot be.
    """
    session.add(OutboxEntry(**row(request, start_after, priority, fairness_key)))


def enqueue_all(
    session: AnySession,
    requests: Iterable[JobRequest],
    *,
    start_after: StartAfter = None,
    priority: int | None = None,
    fairness_key: str | None = None,
) -> int:
    """Enqueue many jobs in the session's transaction, a thousand a statement; returns how many. Else as `enqueue`."""
    entries = [OutboxEntry(**row(request, start_after, priority, fairness_key)) for request in requests]
    session.add_all(entries)
    return len(entries)


def statement(
    requests: Iterable[JobRequest],
    *,
    start_after: StartAfter = None,
    priority: int | None = None,
    fairness_key: str | None = None,
) -> tuple[Insert, list[dict[str, Any]]]:
    """For code without a session: `connection.execute(*statement([request]))`, awaited where it is async."""
    rows = [row(request, start_after, priority, fairness_key) for request in requests]
    if not rows:
        # SQLAlchemy would make a row of defaults of an empty list.
        nothing = select(literal(""), literal({}, JSONB)).where(false())
        return insert(tables.outbox).from_select(["kind", "payload"], nothing), [{}]
    return insert(tables.outbox), rows


def row(request: JobRequest, start_after: StartAfter, priority: int | None, fairness_key: str | None) -> dict[str, Any]:
    """The columns of one entry. Raises ValueError for an option that cannot be."""
    start_delay = start_at = None
    if isinstance(start_after, timedelta):
        if start_after < timedelta():
            raise ValueError("start_after: a job cannot start in the past; leave it out to start now")
        if start_after > LONGEST_DELAY:
            raise ValueError("start_after: a delay of more than 100 years is taken for a slip")
        start_delay = start_after
    elif start_after is not None:
        if start_after.tzinfo is None:
            raise ValueError("start_after: an instant needs its time zone, as datetime.now(UTC) has")
        if not 1900 < start_after.year < 3000:
            raise ValueError("start_after: an instant before 1900 or after 2999 is taken for a slip")
        start_at = start_after
    if priority is not None and not 1 <= priority <= 5:
        raise ValueError("priority: from 1 (first) to 5 (last)")
    if fairness_key is not None and not 1 <= len(fairness_key.encode()) <= 64:
        raise ValueError("fairness_key: from 1 to 64 bytes")
    return {
        "kind": request.kind,
        "payload": request.model_dump(mode="json"),
        "job_id": request.workflow_id,
        "start_at": start_at,
        "start_delay": start_delay,
        "priority": priority,
        "fairness_key": fairness_key,
    }
