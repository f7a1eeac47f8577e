"""`/jobs`: how a job fares, and cancelling one."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict

from domain.outbox import BeingStarted, EnqueuedJob
from domain.outcomes import Outcome
from starter.errors import JobNotFound, StarterError, TemporalUnreachable
from starter.http.api_keys import Client
from starter.http.openapi import ALWAYS, problems
from starter.http.parts import Parts, parts_of
from starter.http.problems import Problem, ProblemType, not_found, unavailable
from starter.status import JobState, JobStatus

ENQUEUED: Literal["enqueued"] = "enqueued"


class Shown(BaseModel):
    """What is shown; its fields are described by their docstrings."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Attempt(Shown):
    """An attempt at a step of a job."""

    number: int
    """Of the attempt that is running or comes next."""
    max: int | None
    """How many are made at most."""
    step: str | None


class JobProgress(Shown):
    """How far a running job is."""

    done: int
    of: int
    """How much there is to do, as far as that is known."""
    unit: str
    """What is counted."""


class JobError(Shown):
    """What went wrong."""

    type: str | None
    """Class of the error."""
    message: str | None
    """What went wrong, and what to do about it. No personal data."""


class JobLinks(Shown):
    """Where to go on, as paths of this server."""

    self: str
    """The job."""


class JobView(Shown):
    """A job, and how it fares. Times are in UTC."""

    id: str
    """`<kind>/<id>`, as Temporal has it."""
    kind: str
    state: Literal["enqueued"] | JobState
    """`enqueued`: it was committed, and Temporal does not have it yet."""
    outcome: Outcome | None = None
    """Of a completed job."""
    attempt: Attempt | None = None
    """Of the step that is tried, or waited for."""
    next_attempt_at: datetime | None = None
    progress: JobProgress | None = None
    """Of a running job of a kind that tells it."""
    error: JobError | None = None
    """Why it failed; or, while it is tried, what went wrong the last time."""
    waiting: str | None = None
    """Why nothing happens now."""
    enqueued_at: datetime | None = None
    """Where it still waits in the outbox."""
    started_at: datetime | None = None
    closed_at: datetime | None = None
    web_ui: str | None = None
    """The run in Temporal's Web UI, for people."""
    links: JobLinks


class CancelledJob(Shown):
    """A job that was told to stop."""

    id: str
    kind: str
    state: Literal[JobState.running, JobState.cancelled]
    """`cancelled`, or still `running`: look again whether it has stopped."""
    links: JobLinks


def of_status(job: JobStatus, kind: str, links: JobLinks) -> JobView:
    """A job that Temporal has."""
    return JobView(
        id=job.id,
        kind=kind,
        state=job.state,
        outcome=job.outcome,
        attempt=Attempt(number=job.attempt, max=job.max_attempts, step=job.step) if job.attempt else None,
        next_attempt_at=job.next_attempt_at,
        progress=JobProgress(**job.progress.model_dump()) if job.progress else None,
        error=JobError(type=job.error_type, message=job.message) if job.error_type or job.message else None,
        waiting=job.waiting,
        started_at=job.started_at,
        closed_at=job.closed_at,
        web_ui=job.web_ui,
        links=links,
    )


def of_entry(job: EnqueuedJob, job_id: str, kind: str, links: JobLinks) -> JobView:
    """A job that still waits in the outbox."""
    later = job.not_before is not None and job.not_before > datetime.now(UTC)
    if job.refused:
        waiting = (
            "its start was refused, and is not tried again by itself: mend the cause, then its entry in the outbox"
        )
    elif job.retry_at is not None:
        waiting = "its start was put off"
    else:
        waiting = "for a relay to hand it to Temporal"
    return JobView(
        id=job_id,
        kind=kind,
        state=ENQUEUED,
        next_attempt_at=None if job.refused else job.retry_at or (job.not_before if later else None),
        error=JobError(type=job.problem.error_type, message=job.problem.message) if job.problem else None,
        waiting=waiting,
        enqueued_at=job.enqueued_at,
        links=links,
    )


def links_of(job_id: str, base: str) -> JobLinks:
    """Links of a job; `base` is the prefix under which this server is reached."""
    return JobLinks(self=f"{base}/jobs/{quote(job_id)}")


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
