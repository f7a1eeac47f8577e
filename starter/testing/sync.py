"""`SyncJobs.testing()`: what stands in for `SyncJobs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from temporalio.runtime import Runtime

from starter.jobs import Jobs
from starter.sync_jobs import SyncJobs
from starter.testing.inline import InlineJobs
from starter.testing.record import Assertions, StartedJob
from starter.testing.recording import RecordedJobs, Recording
from workflows.registry import Registry


class RecordedSyncJobs(Recording, SyncJobs):
    """Stands in for `SyncJobs`: see `RecordedJobs`."""

    def __init__(self, *, kinds: Registry | None = None) -> None:
        super().__init__()
        self._jobs = RecordedJobs(kinds=kinds)
        self._runs = self._jobs._runs

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
