"""`/jobs`: how a job fares, and cancelling one."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable
from datetime import timedelta
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Request

from domain.outbox import BeingStarted
from starter.errors import JobNotFound, StarterError, TemporalUnreachable
from starter.http.api_keys import Client
from starter.http.job_views import CancelledJob, JobView, links_of, of_entry, of_status
from starter.http.openapi import ALWAYS, problems
from starter.http.parts import Parts, parts_of
from starter.http.problems import Problem, ProblemType, not_found, unavailable
from starter.status import JobState, JobStatus

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

_PATIENCE = timedelta(seconds=5)
"""For Temporal to answer."""
_NOT_MUCH = timedelta(seconds=1)
"""For Temporal to answer where we know something of the job without it."""

_LONGEST_ID = 1000
"""Bytes. Temporal takes no longer ones."""

Kind = Annotated[
    str,
    Path(
        description="Kind of the job.",
        json_schema_extra={"maxLength": 100, "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"},
        openapi_examples={"confirmation": {"value": "order-confirmation"}},
    ),
]
BusinessId = Annotated[
    str,
    Path(
        description="What the job is about. May have slashes.",
        json_schema_extra={"minLength": 1, "maxLength": 900},
        openapi_examples={"order": {"value": "1042"}},
    ),
]

router = APIRouter(tags=["jobs"])


@router.get(
    "/jobs/{kind}/{id:path}",
    operation_id="get_job",
    summary="Look at a job",
    response_description="The job, and how it fares.",
    responses=problems(*ALWAYS, ProblemType.not_found),
)
async def look(request: Request, client: Client, kind: Kind, id: BusinessId) -> JobView:  # noqa: A002, ARG001  # the path's word; whoever has a key may
    """A job that was enqueued is shown also while Temporal is away; of any other, Temporal is asked (else 503)."""
    parts = parts_of(request.scope)
    job_id = _job_id(kind, id)
    links = links_of(job_id, request.scope.get("root_path", ""))
    # In this order: a relay takes a job out of the outbox once Temporal has it.
    entry = await parts.enqueued.find(job_id)
    try:
        status = await _status(parts, kind, job_id, _NOT_MUCH if entry else _PATIENCE)
    except Problem:
        if entry is None:
            raise
        status = None
    if status is not None:
        return of_status(status, kind, links)
    if entry is not None:
        return of_entry(entry, job_id, kind, links)
    raise _unknown()


@router.delete(
    "/jobs/{kind}/{id:path}",
    operation_id="cancel_job",
    status_code=202,
    summary="Cancel a job",
    response_description="The job was told to stop, or had been cancelled before.",
    responses=problems(*ALWAYS, ProblemType.not_found, ProblemType.job_has_ended),
)
async def cancel(request: Request, client: Client, kind: Kind, id: BusinessId) -> CancelledJob:  # noqa: A002  # the path's word
    """Can be repeated. A job that waits in the outbox never starts; one that is running ends when its step has ended.

    409 where it has ended otherwise. While Temporal is away nothing changes (503).
    """
    parts = parts_of(request.scope)
    job_id = _job_id(kind, id)
    try:
        # What is taken out comes back where Temporal cannot be asked.
        async with parts.enqueued.withdraw(job_id) as taken:
            status = await _status(parts, kind, job_id, _PATIENCE)
            if status is None and not taken:
                raise _unknown()
            if status is not None and status.state is JobState.running:
                await _answered(parts.jobs.of(job_id).cancel(), _PATIENCE)
    except BeingStarted:
        raise unavailable("The job is being handed to Temporal at this moment. Ask again.", 1) from None
    if status is not None and not taken and status.state not in (JobState.running, JobState.cancelled):
        raise Problem(ProblemType.job_has_ended, f"The job cannot be cancelled: it has ended ({status.state}).")
    _log.info("A job was cancelled", extra={"action": "cancel", "job": job_id, "api_key": client.id})
    running = status is not None and status.state is JobState.running
    return CancelledJob(
        id=job_id,
        kind=kind,
        state=JobState.running if running else JobState.cancelled,
        links=links_of(job_id, request.scope.get("root_path", "")),
    )


def _job_id(kind: str, business_id: str) -> str:
    """Raises a Problem, 404, where no job can have this id."""
    job_id = f"{kind}/{business_id}"
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*/[^\x00-\x1f\x7f]+", job_id) or len(job_id.encode()) > _LONGEST_ID:
        raise _unknown()
    return job_id


async def _status(parts: Parts, kind: str, job_id: str, within: timedelta) -> JobStatus | None:
    """What Temporal knows of the job; None where it has none. Raises a Problem, 503, where it does not answer."""
    try:
        # Others have workflows there too, which are no jobs.
        parts.kinds.get(kind)
        return await _answered(parts.jobs.of(job_id).status(), within)
    except (LookupError, JobNotFound):
        return None


async def _answered(call: Awaitable[_T], within: timedelta) -> _T:
    """Temporal's answer. Raises JobNotFound; a Problem, 503, where there is none."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await call
    except JobNotFound:
        raise
    except TimeoutError:
        problem: StarterError = TemporalUnreachable(f"Temporal does not answer within {within.total_seconds():g} s.")
    except StarterError as exc:
        problem = exc
    _log.warning("Temporal could not be asked", extra={"action": "ask", "why": str(problem)})
    raise unavailable("Temporal, which has the jobs, cannot be asked for now. Ask again.")


def _unknown() -> Problem:
    return not_found("job with this id: it was never started, or it ended long ago")
