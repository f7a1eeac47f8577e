"""What Temporal would have of the jobs of a test that records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from domain.outcomes import Outcome
from starter.connection import web_ui_base
from starter.errors import JobCancelled, JobDidNotComplete, JobFailed, JobNotFound, StarterError
from starter.status import JobState, JobSummary
from starter.testing.record import StartedJob, Which, told
from workflows.registry import Kind


@dataclass
class Run:
    """The run of a job."""

    job: StartedJob
    kind: Kind
    id: str = field(default_factory=lambda: str(uuid4()))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    cancelled: bool = False


class Runs:
    """The latest run of each job. A run goes on until it is told how it ends, or is cancelled."""

    def __init__(self) -> None:
        self.started: list[StartedJob] = []
        self.error: StarterError | None = None
        """What every call raises now."""
        self._latest: dict[str, Run] = {}
        self._ends: dict[str, Outcome | tuple[str, str]] = {}

    def __iter__(self) -> Iterator[Run]:
        """Newest first."""
        return reversed(list(self._latest.values()))

    def start(self, job: StartedJob, kind: Kind) -> tuple[Run, bool]:
        """The run of the job, and whether it was started now; by the rules of `starter.starting`."""
        there = self._latest.get(job.id)
        if there is not None:
            anew = job.restart or kind.restart_after_failure
            if not anew or self.state(there) in (JobState.running, JobState.completed):
                return there, False
            del self._latest[job.id]  # the new one goes to the end
        self.started.append(job)
        self._latest[job.id] = run = Run(job, kind)
        return run, True

    def of(self, job_id: str) -> Run:
        """Raises JobNotFound."""
        if job_id not in self._latest:
            raise JobNotFound(f"There is no job {job_id!r} in this test. {told(self.started)}")
        return self._latest[job_id]

    def will_end(self, which: Which, end: Outcome | tuple[str, str]) -> None:
        """A job, or all of a kind, ends so: with an outcome, or a failure's class and message."""
        self._ends[which.kind if isinstance(which, type) else which.workflow_id] = end

    def end_of(self, run: Run) -> Outcome | JobDidNotComplete | None:
        """How it ended; None while it goes on."""
        if run.cancelled:
            return JobCancelled(run.job.id, "Cancelled", "it was cancelled", link(run.job.id, run.id))
        end = self._ends.get(run.job.id, self._ends.get(run.kind.name))
        return JobFailed(run.job.id, *end, link(run.job.id, run.id)) if isinstance(end, tuple) else end

    def state(self, run: Run) -> JobState:
        """How it fares."""
        match self.end_of(run):
            case None:
                return JobState.running
            case JobCancelled():
                return JobState.cancelled
            case JobDidNotComplete():
                return JobState.failed
            case _:
                return JobState.completed

    def summary(self, run: Run) -> JobSummary:
        """As a list shows it."""
        end = self.end_of(run)
        return JobSummary(
            id=run.job.id,
            run_id=run.id,
            kind=run.kind.name,
            state=self.state(run),
            started_at=run.started_at,
            closed_at=None if end is None else run.started_at,
            ids=run.job.request.ids,
            error_type=end.error_type if isinstance(end, JobFailed) else None,
            web_ui=link(run.job.id, run.id),
        )


def link(job_id: str, run_id: str | None) -> str:
    """What would be the run's link in the Web UI."""
    return f"{web_ui_base()}/namespaces/testing/workflows/{job_id.replace('/', '%2F')}/{run_id or ''}"
