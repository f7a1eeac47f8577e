"""`SyncJobs.testing()`: what stands in for `SyncJobs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from temporalio.runtime import Runtime

from domain.outcomes import Outcome
from starter.errors import StarterError
from starter.jobs import Jobs
from starter.sync_jobs import SyncJobs
from starter.testing.inline import InlineJobs
from starter.testing.record import Assertions, StartedJob, Which
from starter.testing.recording import RecordedJobs
from workflows.registry import Registry


class RecordedSyncJobs(Assertions, SyncJobs):
    """Stands in for `SyncJobs`: see `RecordedJobs`."""

    def __init__(self, *, kinds: Registry | None = None) -> None:
        super().__init__()
        self._jobs = RecordedJobs(kinds=kinds)

    @property
    def started(self) -> list[StartedJob]:
        """Jobs that were started, in their order; a second start of the same job is none."""
        return self._jobs.started

    @property
    def cancelled(self) -> list[str]:
        """Ids of the jobs that were cancelled."""
        return self._jobs.cancelled

    @property
    def error(self) -> StarterError | None:
        """While this is set, every call raises it."""
        return self._jobs.error

    @error.setter
    def error(self, error: StarterError | None) -> None:
        self._jobs.error = error

    def will_end(self, which: Which, outcome: Outcome) -> None:
        """Have this job, or all of this kind, complete with this outcome. Can be told before the start and after it."""
        self._jobs.will_end(which, outcome)

    def will_fail(self, which: Which, error_type: str, message: str = "as the test says") -> None:
        """Have this job, or all of this kind, fail: whoever waits for its result gets JobFailed."""
        self._jobs.will_fail(which, error_type, message)

    async def open(self, runtime: Callable[[], Runtime]) -> Jobs:  # noqa: ARG002  # nothing of the SDK is used
        """See `SyncJobs.open`."""
        return self._jobs


class InlineSyncJobs(Assertions, SyncJobs):
    """Stands in for `SyncJobs`, within `with`: see `InlineJobs`."""

    pins: ClassVar[bool] = True

    def __init__(self, ports: Mapping[type, object], **options: Any) -> None:
        super().__init__()
        self._jobs = InlineJobs(ports, **options)

    @property
    def started(self) -> list[StartedJob]:
        """Jobs that were started, in their order; a second start of the same job is none."""
        return self._jobs.started

    def __enter__(self) -> Self:
        self.call(_nothing)
        return self

    async def open(self, runtime: Callable[[], Runtime]) -> Jobs:  # noqa: ARG002  # the test server's client has one
        """See `SyncJobs.open`."""
        return await self._jobs.__aenter__()

    async def shut(self, jobs: Jobs) -> None:  # noqa: ARG002  # the same
        """See `SyncJobs.shut`."""
        await self._jobs.__aexit__()


async def _nothing(_: Jobs) -> None:
    pass
