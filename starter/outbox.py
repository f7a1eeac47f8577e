"""Enqueueing jobs in the application's own database transaction: `from starter import outbox`.

with session.begin():
    session.add(order)
    outbox.enqueue(session, OrderConfirmationRequest(order_id=order.id))

The job is there if, and only if, the transaction commits; Temporal may be away. `session` is SQLAlchemy's, sync or
async, to the database that `jobs setup` has prepared; nothing is to be awaited, since the session writes the entry with
its other objects. A session that finds its database by `binds` needs one for `outbox.OutboxEntry` too.

For other languages and libraries the database has a function:
`SELECT enqueue_job('order-confirmation', '{"order_id": 1042}')`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from sqlalchemy import Insert
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session

from adapters.db import outbox as table
from adapters.db.outbox import OutboxEntry, StartAfter
from domain.requests import JobRequest
from starter.errors import InvalidStart
from starter.starting import check_options
from workflows.registry import RegistryError, registry

__all__ = ["AnySession", "OutboxEntry", "StartAfter", "enqueue", "enqueue_all", "statement"]

AnySession = Session | AsyncSession | scoped_session[Session] | async_scoped_session[AsyncSession]

LONGEST_DELAY = timedelta(days=36_500)
"""The table has the same limit."""


class Options(TypedDict, total=False):
    """Options of the functions below."""

    start_after: StartAfter
    """A delay, counted from now by the database's clock, or an instant with its time zone."""
    priority: int | None
    """1 (first) to 5; Temporal's default is 3."""
    fairness_key: str | None
    """Up to 64 bytes; jobs of one queue are dealt out evenly among their keys (a tenant, say)."""


def enqueue(session: AnySession, request: JobRequest, **options: Unpack[Options]) -> None:
    """Enqueue a job in the session's transaction. A job that is there already is not started again.

    Raises InvalidStart for a kind that has no row in the registry, and for options that cannot be.
    """
    enqueue_all(session, [request], **options)


def enqueue_all(session: AnySession, requests: Iterable[JobRequest], **options: Unpack[Options]) -> int:
    """Enqueue many jobs in the session's transaction, a thousand a statement; returns how many. Else as `enqueue`.

    If one of them cannot be enqueued, none is.
    """
    entries = [OutboxEntry(**table.row(request, **options)) for request in _checked(requests, **options)]
    session.add_all(entries)
    return len(entries)


def statement(requests: Iterable[JobRequest], **options: Unpack[Options]) -> tuple[Insert, list[dict[str, Any]]]:
    """For code without a session: `connection.execute(*outbox.statement([request]))`, awaited if it is async.

    Else as `enqueue`.
    """
    return table.statement(_checked(requests, **options), **options)


def _checked(
    requests: Iterable[JobRequest],
    *,
    start_after: StartAfter = None,
    priority: int | None = None,
    fairness_key: str | None = None,
) -> list[JobRequest]:
    """All of them; raises InvalidStart if one cannot be enqueued, also for code that no type checker has seen."""
    check_options(priority=priority, fairness_key=fairness_key)
    match start_after:
        case None:
            pass
        case timedelta():
            if not timedelta() <= start_after <= LONGEST_DELAY:
                raise InvalidStart("start_after: a delay is from 0 to 100 years; leave it out to start now")
        case datetime():
            if start_after.tzinfo is None or not 1900 < start_after.year < 3000:
                raise InvalidStart("start_after: an instant is from 1900 to 2999, and has its time zone")
        case _:
            raise InvalidStart(f"start_after: give a timedelta or a datetime, not {type(start_after).__name__}")
    checked = list(requests)
    for request in {type(each): each for each in checked}.values():
        _check_kind(request)
    return checked


def _check_kind(request: JobRequest) -> None:
    if not isinstance(request, JobRequest):
        raise InvalidStart(
            f"A request is needed, such as OrderConfirmationRequest(order_id=1042), not {type(request).__name__}"
        )
    try:
        registry.of(request)
    except LookupError:
        # Of a package that this process has not looked for yet.
        try:
            registry.load_installed()
            registry.of(request)
        except (LookupError, RegistryError) as exc:
            raise InvalidStart(
                f"{type(request).__name__} cannot be enqueued: {exc}. Add its row to workflows/registry.py, or to the "
                f"entry points of its package (group durable_jobs.kinds)."
            ) from exc
