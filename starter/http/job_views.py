"""How a job is shown: one that Temporal has, or one that still waits in the outbox."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from domain.outbox import EnqueuedJob
from domain.outcomes import Outcome
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
