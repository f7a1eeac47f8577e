"""Rows of the outbox, added in the caller's own transaction: the job is there if, and only if, the transaction commits.

Applications use `starter.outbox`, which checks kinds and options first. The table refuses what cannot be, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Insert, false, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

from adapters.db import tables
from domain.requests import JobRequest

StartAfter = timedelta | datetime | None


class _Base(DeclarativeBase):
    metadata = tables.metadata


class OutboxEntry(_Base):
    """A row of the outbox that a session has still to write."""

    __table__ = tables.outbox
    # Of what the database fills in, only the key comes back.
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012  # SQLAlchemy's name and form


def statement(
    requests: Iterable[JobRequest],
    *,
    start_after: StartAfter = None,
    priority: int | None = None,
    fairness_key: str | None = None,
) -> tuple[Insert, list[dict[str, Any]]]:
    """Arguments of `connection.execute`."""
    rows = [row(request, start_after, priority, fairness_key) for request in requests]
    if not rows:
        # SQLAlchemy would make a row of defaults of an empty list.
        nothing = select(literal(""), literal({}, JSONB)).where(false())
        return insert(tables.outbox).from_select(["kind", "payload"], nothing), [{}]
    return insert(tables.outbox), rows


def row(
    request: JobRequest, start_after: StartAfter = None, priority: int | None = None, fairness_key: str | None = None
) -> dict[str, Any]:
    """The columns of one entry."""
    return {
        "kind": request.kind,
        "payload": request.model_dump(mode="json"),
        "job_id": request.workflow_id,
        "start_at": start_after if isinstance(start_after, datetime) else None,
        "start_delay": start_after if isinstance(start_after, timedelta) else None,
        "priority": priority,
        "fairness_key": fairness_key,
    }
