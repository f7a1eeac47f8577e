"""`Jobs.testing()`: records what is started, and runs nothing. Needs no server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self, Unpack

from temporalio.client import Client

from domain.outcomes import Outcome
from domain.progress import Progress
from domain.requests import JobRequest
from starter.errors import JobDidNotComplete, StarterError
from starter.handle import JobHandle
from starter.jobs import Jobs
from starter.queries import JobFilter, Page, Rest
from starter.starting import StartOptions, check_options
from starter.status import JobState, JobStatus, JobSummary
from starter.testing.record import Assertions, StartedJob, Which, fits
from starter.testing.runs import Run, Runs, link
from workflows.registry import Registry, registry


class OutcomeNotSet(AssertionError):
    """The code under test waits for a job whose end the test has not told."""


class Recording(Assertions):
    """What a test says and asks of jobs that are recorded.

    A job runs until the test says how it ends, or it is cancelled.
    """

    _runs: Runs

    @property
    def started(self) -> list[StartedJob]:
        """Jobs that were started, in their order; a second start of the same job is none."""
        return list(self._runs.started)

    @property
    def cancelled(self) -> list[str]:
        """Ids of the jobs that were cancelled."""
        return [run.job.id for run in self._runs if run.cancelled]

    @property
    def error(self) -> StarterError | None:
        """While this is set, every call raises it: `jobs.error = TemporalUnreachable("away")`."""
        return self._runs.error

    @error.setter
    def error(self, error: StarterError | None) -> None:
        self._runs.error = error

    def will_end(self, which: Which, outcome: Outcome) -> None:
        """Have this job, or all of this kind, complete with this outcome; before the start or after it."""
        self._runs.will_end(which, outcome)

    def will_fail(self, which: Which, error_type: str, message: str = "as the test says") -> None:
        """Have this job, or all of this kind, fail: waiting for its result raises JobFailed."""
        self._runs.will_end(which, (error_type, message))


class RecordedJobs(Recording, Jobs):
    """Stands in for `Jobs`."""

    def __init__(self, *, kinds: Registry | None = None) -> None:
        if kinds is None:
            registry.load_installed()
        self._kinds = registry if kinds is None else kinds
        self._runs = Runs()

    @property
    def client(self) -> Client:
        """There is none. Raises StarterError."""
        raise StarterError("Jobs.testing() has no connection to Temporal; with `ports` it has one.")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def page(self, where: JobFilter | None = None, *, rest: Rest | None = None, size: int = 50) -> Page:  # noqa: ARG002  # it is all one page
        """See `Jobs.page`."""
        where = where or JobFilter()
        where.query(self._kinds)  # raises for what is unknown
        found = [self._there().summary(run) for run in self._runs]
        return Page([job for job in found if fits(job, where)][:size], None)

    async def _start(self, request: JobRequest, **options: Unpack[StartOptions]) -> JobHandle:
        kind = self._kinds.of(request)
        check_options(**options)
        job = StartedJob(request, **options)
        run, now = self._there().start(job, kind)
        handle = self._handle(job.id, run.id, kind.name)
        handle.started = now
        handle.state = JobState.running if now else self._runs.state(run)
        return handle

    def _handle(self, job_id: str, run_id: str | None, kind: str) -> JobHandle:
        return RecordedHandle(self._there, job_id, run_id, kind)

    def _there(self) -> Runs:
        """Raises what the test has every call raise."""
        if self._runs.error is not None:
            raise self._runs.error
        return self._runs


class RecordedHandle(JobHandle):
    """Stands in for `JobHandle`."""

    def __init__(self, there: Callable[[], Runs], job_id: str, run_id: str | None, kind: str) -> None:
        self._there = there
        self.id = job_id
        self.run_id = run_id
        self.kind = kind
        self._link = link
        self.started = False
        self.state = JobState.running

    async def result(self) -> Outcome:
        """The outcome that the test has told. Raises OutcomeNotSet where it has told none."""
        run, end, _ = self._look()
        if isinstance(end, JobDidNotComplete):
            raise end
        if end is None:
            request = run.job.request
            raise OutcomeNotSet(
                f"The test has not told how {self.id} ends, for which the code under test waits. Say before: "
                f"`jobs.will_end({request!r}, Done())` or `jobs.will_fail({request!r}, 'RecipientRejected')`."
            )
        return end

    async def status(self, *, of_this_run: bool = False) -> JobStatus:  # noqa: ARG002  # only the latest is kept
        """See `JobHandle.status`."""
        _, end, summary = self._look()
        more: dict[str, Any] = {}
        if isinstance(end, JobDidNotComplete):
            more = {"message": end.message, "error_type": end.error_type}
        elif end is not None:
            more = {"outcome": end}
        return JobStatus.model_validate({**summary.model_dump(), **more})

    async def progress(self) -> Progress | None:
        """See `JobHandle.progress`. Nothing runs here, so it is not known."""
        self._look()
        return None

    async def state_of_run(self) -> JobState:
        """See `JobHandle.state_of_run`."""
        return self._look()[2].state

    async def cancel(self) -> None:
        """See `JobHandle.cancel`."""
        run, end, _ = self._look()
        if end is None:
            run.cancelled = True

    async def picked_up(self, within: timedelta = timedelta(seconds=5)) -> bool:  # noqa: ARG002  # nobody waits
        """See `JobHandle.picked_up`."""
        self._look()
        return True

    def _look(self) -> tuple[Run, Outcome | JobDidNotComplete | None, JobSummary]:
        runs = self._there()
        run = runs.of(self.id)
        return run, runs.end_of(run), runs.summary(run)
