"""How a job fares, as people ask for it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Self

from temporalio.client import WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey

from domain.outcomes import Outcome
from domain.progress import Progress
from domain.values import Value

_ERROR_TYPE = SearchAttributeKey.for_keyword("ErrorType")


class JobState(StrEnum):
    """State of a run. `completed` covers the outcomes done, skipped and declined."""

    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"
    terminated = "terminated"
    timed_out = "timed-out"

    @classmethod
    def of(cls, status: WorkflowExecutionStatus | None) -> JobState:
        """From Temporal's own."""
        return _STATES.get(status, cls.running) if status else cls.running


_STATES = {
    WorkflowExecutionStatus.RUNNING: JobState.running,
    WorkflowExecutionStatus.COMPLETED: JobState.completed,
    WorkflowExecutionStatus.FAILED: JobState.failed,
    WorkflowExecutionStatus.CANCELED: JobState.cancelled,
    WorkflowExecutionStatus.TERMINATED: JobState.terminated,
    WorkflowExecutionStatus.TIMED_OUT: JobState.timed_out,
}

TEMPORAL_NAMES = {
    state: "".join(part.capitalize() for part in status.name.split("_")) for status, state in _STATES.items()
}
"""Values of the search attribute `ExecutionStatus`: `Canceled`, `TimedOut`."""


class JobSummary(Value):
    """One run, as a list shows it. Times are in UTC."""

    id: str
    run_id: str
    kind: str
    state: JobState
    started_at: datetime
    closed_at: datetime | None
    ids: dict[str, str]
    error_type: str | None
    web_ui: str

    @classmethod
    def of(cls, run: WorkflowExecution, kind: str, web_ui: str) -> Self:
        """From Temporal's visibility."""
        attributes = {
            pair.key.name: str(pair.value)
            for pair in run.typed_search_attributes.search_attributes
            if pair.key.name.endswith("Id") and not pair.key.name.startswith("Temporal")
        }
        error = run.typed_search_attributes.get(_ERROR_TYPE)
        return cls(
            id=run.id,
            run_id=run.run_id,
            kind=kind,
            state=JobState.of(run.status),
            started_at=run.start_time,
            closed_at=run.close_time,
            ids=attributes,
            error_type=error or None,
            web_ui=web_ui,
        )


class JobStatus(JobSummary):
    """One run, as somebody looks at it."""

    outcome: Outcome | None = None
    """Of a completed run."""
    message: str | None = None
    """Why it failed and what to do; or, while it is retried, what went wrong at the last attempt."""
    step: str | None = None
    """The activity that is being tried or waited for."""
    attempt: int | None = None
    """Number of the attempt that is running or comes next, the local try counted."""
    max_attempts: int | None = None
    next_attempt_at: datetime | None = None
    waiting: str | None = None
    """Why nothing happens now: no worker has taken it yet, it is delayed, it waits before its second attempt."""
    progress: Progress | None = None
    """How far it is; None where it has ended, its kind does not tell, or no worker is there to be asked."""
