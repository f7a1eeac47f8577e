"""Enqueueing jobs in the application's own database transaction: `from starter import outbox`.

with session.begin():
    session.add(order)
    outbox.enqueue(session, OrderConfirmationRequest(order_id=order.id))

The job is there if, and only if, the transaction commits; Temporal may be away. `session` is SQLAlchemy's, sync or
async, to the database that `jobs setup` has prepared; nothing is to be awaited. A session that finds its database by
`binds` needs one for `outbox.OutboxEntry` too.

For other languages and libraries the database has a function:
`SELECT enqueue_job('order-confirmation', '{"order_id": 1042}')`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Insert

from adapters.db import outbox as table
from adapters.db.outbox import AnySession, OutboxEntry, StartAfter
from domain.requests import JobRequest
from starter.errors import InvalidStart
from workflows.registry import RegistryError, registry

__all__ = ["AnySession", "OutboxEntry", "StartAfter", "enqueue", "enqueue_all", "statement"]

_T = TypeVar("_T")


def enqueue(
    session: AnySession,
    request: JobRequest,
    *,
    start_after: StartAfter = None,
    priority: int | None = None,
    fairness_key: str | None = None,
) -> None:
    """Enqueue a job in the session's transaction. A job that is there already is not started again.

    - `start_after`: a delay, counted from now by the database's clock, or an instant with its time zone.
    - `priority`: 1 (first) to 5; Temporal's default is 3.
    - `fairness_key`: up to 64 bytes; jobs of one queue are dealt out evenly among their keys (a tenant, say).

    Raises InvalidStart for a kind that has no row in the registry, and for options that cannot be.
    """
    _checked([request], start_after)
    _accepted(lambda: table.enqueue(session, request, **_options(start_after, priority, fairness_key)))


def enqueue_all(
    session: AnySession,
    requests: Iterable[JobRequest],
    *,
    start_after: StartAfter = None,
    priority: int | None = None,
    fairness_key: str | None = None,
) -> int:
    """Enqueue many jobs in the session's transaction, a thousand a statement; returns how many. Else as `enqueue`.

    Where one of them cannot be enqueued, none is.
    """
    checked = _checked(requests, start_after)
    return _accepted(lambda: table.enqueue_all(session, checked, **_options(start_after, priority, fairness_key)))


def statement(
    requests: Iterable[JobRequest],
    *,
    start_after: StartAfter = None,
    priority: int | None = None,
    fairness_key: str | None = None,
) -> tuple[Insert, list[dict[str, Any]]]:
    """For code without a session: `connection.execute(*outbox.statement([request]))`, awaited where it is async.

    Else as `enqueue`.
    """
    checked = _checked(requests, start_after)
    return _accepted(lambda: table.statement(checked, **_options(start_after, priority, fairness_key)))


def _options(start_after: StartAfter, priority: int | None, fairness_key: str | None) -> dict[str, Any]:
    return {"start_after": start_after, "priority": priority, "fairness_key": fairness_key}


def _accepted(act: Callable[[], _T]) -> _T:
    try:
        return act()
    except ValueError as exc:
        raise InvalidStart(str(exc)) from exc


def _checked(requests: Iterable[JobRequest], start_after: StartAfter) -> list[JobRequest]:
    """All of them; raises InvalidStart where one cannot be enqueued, also for code that no type checker has seen."""
    if not isinstance(start_after, timedelta | datetime | None):
        raise InvalidStart(
            f"start_after: give a timedelta or a datetime with its zone, not {type(start_after).__name__}"
        )
    checked = list(requests)
    known: set[type] = set()
    for request in checked:
        if type(request) not in known:
            _check_kind(request)
            known.add(type(request))
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
