"""Starting jobs from synchronous code: Flask, Django, scripts.

jobs = SyncJobs()
handle = jobs.start(OrderConfirmationRequest, order_id=1042)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, Self, TypeVar, Unpack, overload

from temporalio.runtime import Runtime

from domain.outcomes import Outcome
from domain.progress import Progress
from domain.requests import JobRequest
from starter import sync_bridge
from starter.errors import JobStillRunning, StarterError
from starter.handle import JobHandle
from starter.jobs import Jobs
from starter.queries import LARGEST, JobFilter, Page, Rest
from starter.start_many import SomeNotStarted
from starter.starting import StartOptions, check_options
from starter.status import JobState, JobStatus, JobSummary
from workflows.registry import Registry

if TYPE_CHECKING:
    # They build on this module.
    from starter.testing.sync import InlineSyncJobs, RecordedSyncJobs

_ROUNDS = 4
"""Starts by each of the concurrent calls in one batch of `start_many`."""

Fields = ParamSpec("Fields")
T = TypeVar("T")


class SyncJobs:
    """As `Jobs`, for code without an event loop: each call blocks until it is done.

    It connects at its first call, so that it can be made when a module is imported. It can be shared among threads,
    and works in forked processes, where it connects anew. Closing it is not needed: a process that ends ends it too.

    `options` go to `starter.connection.connect`. Calls raise what those of `Jobs` raise.
    """

    pins: ClassVar[bool] = False

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._closed = False

    @overload
    @classmethod
    def testing(cls, *, kinds: Registry | None = None) -> RecordedSyncJobs: ...

    @overload
    @classmethod
    def testing(
        cls,
        *,
        ports: Mapping[type, object],
        kinds: Registry | None = None,
        passed_through: Sequence[str] = (),
        limit: timedelta = timedelta(seconds=30),
    ) -> InlineSyncJobs: ...

    @classmethod
    def testing(
        cls, *, ports: Mapping[type, object] | None = None, kinds: Registry | None = None, **options: Any
    ) -> RecordedSyncJobs | InlineSyncJobs:
        """For unit tests: see `Jobs.testing`. With `ports`: `with SyncJobs.testing(ports=…) as jobs:`."""
        from starter.testing.sync import InlineSyncJobs, RecordedSyncJobs

        if ports is None:
            return RecordedSyncJobs(kinds=kinds)
        return InlineSyncJobs(ports, kinds=kinds, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection. Calls that other threads wait for go on to their end; new ones are refused."""
        if not self._closed:
            self._closed = True
            sync_bridge.release(self)

    @overload
    def start(self, request: JobRequest, /, **options: Unpack[StartOptions]) -> SyncJobHandle: ...

    @overload
    def start(
        self, request: Callable[Fields, JobRequest], /, *args: Fields.args, **kwargs: Fields.kwargs
    ) -> SyncJobHandle: ...

    def start(self, request: Any, /, *args: Any, **kwargs: Any) -> SyncJobHandle:
        """Start a job and return at once, without waiting for its end: see `Jobs.start`."""
        return SyncJobHandle(self, self.call(lambda jobs: jobs.start(request, *args, **kwargs)))

    def start_many(
        self, requests: Iterable[JobRequest], *, concurrency: int = 50, **options: Unpack[StartOptions]
    ) -> list[SyncJobHandle]:
        """Start many jobs: see `Jobs.start_many`. `requests` is iterated in the caller's thread, batch by batch."""
        check_options(**options)
        started: list[SyncJobHandle] = []
        failed: list[tuple[JobRequest, Exception]] = []
        outage: Exception | None = None
        for batch in _batches(requests, max(concurrency, 1) * _ROUNDS):
            if outage is not None:
                failed += [(request, outage) for request in batch]
                continue
            try:
                handles = self.call(partial(Jobs.start_many, requests=batch, concurrency=concurrency, **options))
            except SomeNotStarted as some:
                handles, outage = some.started, some.outage
                failed += some.failed
            started += [SyncJobHandle(self, handle) for handle in handles]
        if failed:
            raise SomeNotStarted(started, failed, outage)
        return started

    def of(self, job: JobRequest | str, /) -> SyncJobHandle:
        """Handle of a job that was started before, by its request or its id (`order-confirmation/1042`)."""

        async def found(jobs: Jobs) -> JobHandle:
            return jobs.of(job)

        return SyncJobHandle(self, self.call(found))

    def result(self, job: JobRequest | str, /, *, timeout: timedelta | None = None) -> Outcome:
        """Wait for a job's outcome, by its request or id: see `SyncJobHandle.result`."""
        job_id = job if isinstance(job, str) else job.workflow_id
        try:
            return self.call(lambda jobs: jobs.result(job), timeout=timeout, repeatable=True)
        except sync_bridge.CallTimedOut:
            raise JobStillRunning(_still_running(job_id, timeout)) from None

    def status(self, job: JobRequest | str, /) -> JobStatus:
        """How a job fares, by its request or id: see `JobHandle.status`."""
        return self.call(lambda jobs: jobs.status(job))

    def cancel(self, job: JobRequest | str, /) -> None:
        """Ask a job to stop, by its request or id: see `JobHandle.cancel`."""
        self.call(lambda jobs: jobs.cancel(job))

    def list(self, where: JobFilter | None = None, *, limit: int = 50) -> list[JobSummary]:
        """Jobs that fit the filter, newest first."""
        return self.call(lambda jobs: jobs.list(where, limit=limit))

    def iterate(self, where: JobFilter | None = None, *, limit: int | None = None) -> Iterator[JobSummary]:
        """As `list`, one by one; without a limit all of them."""
        rest, left = None, limit
        while left is None or left > 0:
            jobs, rest = self.page(where, rest=rest, size=LARGEST if left is None else left)
            yield from jobs
            if rest is None:
                return
            left = None if left is None else left - len(jobs)

    def page(self, where: JobFilter | None = None, *, rest: Rest | None = None, size: int = 50) -> Page:
        """As `list`, page by page: see `Jobs.page`."""
        return self.call(lambda jobs: jobs.page(where, rest=rest, size=size))

    def call(
        self,
        use: Callable[[Jobs], Awaitable[T]],
        *,
        timeout: timedelta | None = None,
        repeatable: bool = False,
    ) -> T:
        """Have the background thread await what `use` returns, and return its result."""
        if self._closed:
            raise StarterError("These SyncJobs are closed: make new ones, or leave them open.")
        seconds = None if timeout is None else timeout.total_seconds()
        return sync_bridge.run(self, use, timeout=seconds, repeatable=repeatable)

    async def open(self, runtime: Callable[[], Runtime]) -> Jobs:
        """For the background thread: connect."""
        return await Jobs.connect(**{"runtime": runtime(), **self._options})

    async def shut(self, jobs: Jobs) -> None:
        """For the background thread: nothing has to be closed."""


class SyncJobHandle:
    """A job, by its id. Made by `SyncJobs.start` and `SyncJobs.of`."""

    def __init__(self, jobs: SyncJobs, handle: JobHandle) -> None:
        self._jobs = jobs
        self.id = handle.id
        self.run_id = handle.run_id
        """Of the run that was started, or that was there."""
        self.kind = handle.kind
        self.started: bool = handle.started
        """True where the call that returned this handle started the job, false where it was there."""
        self.state: JobState = handle.state
        """How the run fared when the handle was made."""
        self.web_ui = handle.web_ui
        """Link to the run in the Web UI."""

    def __repr__(self) -> str:
        return f"<SyncJobHandle {self.id} {'started' if self.started else self.state}>"

    def result(self, *, timeout: timedelta | None = None) -> Outcome:
        """Wait for the outcome of the latest run of the id: a redrive or restart while we wait is followed.

        Ctrl-C ends the waiting, and not the job. Raises JobFailed, JobCancelled, JobTerminated, JobTimedOut,
        JobNotFound, UnknownOutcome, TemporalUnreachable; JobStillRunning, which is a TimeoutError, after `timeout`.
        """
        return self._jobs.result(self.id, timeout=timeout)

    def status(self, *, of_this_run: bool = False) -> JobStatus:
        """How the latest run of the id fares, or the handle's own run: see `JobHandle.status`."""
        return self._jobs.call(lambda jobs: self._handle(jobs).status(of_this_run=of_this_run))

    def progress(self) -> Progress | None:
        """How far the latest run of the id is; None where it has ended, or that is not known."""
        return self._jobs.call(lambda jobs: self._handle(jobs).progress())

    def cancel(self) -> None:
        """Ask the job to stop; it ends as cancelled. A job that has ended stays as it is. Raises JobNotFound."""
        self._jobs.cancel(self.id)

    def picked_up(self, within: timedelta = timedelta(seconds=5)) -> bool:
        """Wait until a worker has taken the job's first task; False where none did in time."""
        return self._jobs.call(lambda jobs: self._handle(jobs).picked_up(within))

    def _handle(self, jobs: Jobs) -> JobHandle:
        handle = jobs.of(self.id)
        handle.run_id = self.run_id
        return handle


def _batches(requests: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of up to `size`. An exception of the iterable is raised after the items that it gave before."""
    batch: list[T] = []
    broken: Exception | None = None
    source = iter(requests)
    while broken is None:
        try:
            batch.append(next(source))
        except StopIteration:
            break
        except Exception as exc:  # noqa: BLE001  # raised below
            broken = exc
        else:
            if len(batch) == size:
                yield batch
                batch = []
    if batch:
        yield batch
    if broken is not None:
        raise broken


def _still_running(job_id: str, timeout: timedelta | None) -> str:
    waited = f"{timeout.total_seconds():g} s" if timeout else "the time given"
    return f"{job_id} has not ended after {waited}. It goes on; ask again, or look at its `status`."
