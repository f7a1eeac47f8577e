"""Starting jobs from application code.

jobs = await Jobs.connect()
handle = await jobs.start(OrderConfirmationRequest(order_id=1042))

Synchronous code takes `SyncJobs`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, Self, Unpack, overload
from urllib.parse import quote

from temporalio.client import Client
from temporalio.runtime import Runtime

from domain.outcomes import Outcome
from domain.requests import JobRequest
from starter.connection import connect, web_ui_base
from starter.converting import with_our_converter
from starter.handle import JobHandle
from starter.process_exit import settle_at_exit
from starter.queries import LARGEST, JobFilter, Page, Rest, runs_of_page
from starter.start_many import Requests, start_many
from starter.starting import StartOptions, check_options, start_workflow
from starter.status import JobStatus, JobSummary
from workflows.registry import Kind, Registry, registry

if TYPE_CHECKING:
    # They build on this module.
    from starter.testing.inline import InlineJobs
    from starter.testing.recording import RecordedJobs

Fields = ParamSpec("Fields")


class Jobs:
    """Starts jobs and looks after them. Safe to share among tasks of one event loop."""

    def __init__(self, client: Client, *, web_ui: str | None = None, kinds: Registry = registry) -> None:
        """`client` may be any that the application has; `web_ui` is the Web UI's address.

        Payloads are converted as our workers do it, whatever the client's own converter; its payload codec,
        interceptors and namespace are used, and the client itself is left as it is.
        """
        self._client = with_our_converter(client)
        self._web_ui = (web_ui or web_ui_base()).rstrip("/")
        self._kinds = kinds
        settle_at_exit(client.service_client.config.runtime or Runtime.default())

    @classmethod
    async def connect(cls, **options: Any) -> Self:
        """Connect by the environment (`TEMPORAL_*`) and load the kinds of installed packages.

        `options` go to `starter.connection.connect`. Raises what it raises.
        """
        registry.load_installed()
        return cls(await connect(**options))

    @overload
    @classmethod
    def testing(cls, *, kinds: Registry | None = None) -> RecordedJobs: ...

    @overload
    @classmethod
    def testing(
        cls,
        *,
        ports: Mapping[type, object],
        kinds: Registry | None = None,
        passed_through: Sequence[str] = (),
        limit: timedelta = timedelta(seconds=30),
    ) -> InlineJobs: ...

    @classmethod
    def testing(
        cls, *, ports: Mapping[type, object] | None = None, kinds: Registry | None = None, **options: Any
    ) -> RecordedJobs | InlineJobs:
        """For unit tests of code that starts jobs.

        - `Jobs.testing()` runs nothing and needs no server: it records, and the test asserts what was started.
        - `async with Jobs.testing(ports={OrderRepository: fake, …}) as jobs:` runs each job to its end while `start`
          is awaited, with these objects behind the ports, on Temporal's test server, which skips all waits. `limit` is
          how long one job may take by the clock on the wall; `passed_through` is `workflows.hosting.job_worker`'s.

        `kinds` replaces the kinds that are known: this project's, and those of installed packages.
        """
        from starter.testing.inline import InlineJobs
        from starter.testing.recording import RecordedJobs

        if ports is None:
            return RecordedJobs(kinds=kinds)
        return InlineJobs(ports, kinds=kinds, **options)

    @property
    def client(self) -> Client:
        """The client that is used: the one given, or one on its connection with our data converter."""
        return self._client

    @overload
    async def start(self, request: JobRequest, /, **options: Unpack[StartOptions]) -> JobHandle: ...

    @overload
    async def start(
        self, request: Callable[Fields, JobRequest], /, *args: Fields.args, **kwargs: Fields.kwargs
    ) -> JobHandle: ...

    async def start(self, request: Any, /, *args: Any, **kwargs: Any) -> JobHandle:
        """Start a job and return at once, without waiting for its end.

        The short form takes a kind's request class and its fields: `jobs.start(OrderConfirmationRequest,
        order_id=1042)`. The long form takes a request and options:

        - `delay`: the job is there, and visible, at once, and runs after it.
        - `priority`: 1 (first) to 5; Temporal's default is 3.
        - `fairness_key`: up to 64 bytes; jobs of one queue are dealt out evenly among their keys (a tenant, say).
        - `restart`: a job that failed, was cancelled or terminated runs anew.

        The same request again starts nothing, whatever became of it: the handle's `started` is false and its `state`
        says how the run fared. Raises InvalidStart, NotSetUp, TemporalUnreachable, NotAuthorised, UnknownNamespace.
        """
        if isinstance(request, JobRequest):
            return await self._start(request, *args, **kwargs)
        return await self._start(request(*args, **kwargs))

    async def start_many(
        self, requests: Requests, *, concurrency: int = 50, **options: Unpack[StartOptions]
    ) -> list[JobHandle]:
        """Start many jobs, at most `concurrency` at a time; returns their handles in the order of the requests.

        `requests` can be lazy, and asynchronous: they are taken as starts end. The options are those of `start`, for
        all alike. Where some cannot be started, all others are tried all the same; where Temporal is away, the rest
        is given up at once. Raises SomeNotStarted, which has both; InvalidStart for the options.
        """
        check_options(**options)
        return await start_many(requests, lambda request: self._start(request, **options), concurrency=concurrency)

    async def _start(self, request: JobRequest, **options: Unpack[StartOptions]) -> JobHandle:
        kind = self._kind_of(request)
        check_options(**options)
        started = await start_workflow(
            self.client,
            kind,
            request,
            delay=options.get("delay"),
            priority=options.get("priority"),
            fairness_key=options.get("fairness_key"),
            anew=options.get("restart", False) or kind.restart_after_failure,
        )
        handle = self._handle(started.job_id, started.run_id, kind.name)
        handle.started = started.now
        if not started.now:
            handle.state = await handle.state_of_run()
        return handle

    def of(self, job: JobRequest | str, /) -> JobHandle:
        """Handle of a job that was started before, by its request or its id (`order-confirmation/1042`)."""
        job_id = job if isinstance(job, str) else job.workflow_id
        return self._handle(job_id, None, job_id.partition("/")[0])

    async def result(self, job: JobRequest | str, /) -> Outcome:
        """Wait for a job's outcome, by its request or id: see `JobHandle.result`."""
        return await self.of(job).result()

    async def status(self, job: JobRequest | str, /) -> JobStatus:
        """How a job fares, by its request or id: see `JobHandle.status`."""
        return await self.of(job).status()

    async def cancel(self, job: JobRequest | str, /) -> None:
        """Ask a job to stop, by its request or id: see `JobHandle.cancel`."""
        await self.of(job).cancel()

    async def list(self, where: JobFilter | None = None, *, limit: int = 50) -> list[JobSummary]:
        """Jobs that fit the filter, newest first."""
        return [job async for job in self.iterate(where, limit=limit)]

    async def iterate(self, where: JobFilter | None = None, *, limit: int | None = None) -> AsyncIterator[JobSummary]:
        """As `list`, one by one; without a limit all of them."""
        rest, left = None, limit
        while left is None or left > 0:
            jobs, rest = await self.page(where, rest=rest, size=LARGEST if left is None else left)
            for job in jobs:
                yield job
            if rest is None:
                return
            left = None if left is None else left - len(jobs)

    async def page(self, where: JobFilter | None = None, *, rest: Rest | None = None, size: int = 50) -> Page:
        """As `list`, page by page: `rest` is the one of the page before. A page can be shorter than `size`."""
        at = rest or Rest((where or JobFilter()).query(self._kinds), b"")
        runs, rest = await runs_of_page(self.client, at, size=size)
        return Page(
            [
                JobSummary.of(run, self._kinds.name_of(run.workflow_type), self._link(run.id, run.run_id))
                for run in runs
            ],
            rest,
        )

    def _kind_of(self, request: JobRequest) -> Kind:
        try:
            return self._kinds.of(request)
        except LookupError:
            # Its package may not have been asked for its kinds: `connect` does so, a client that was handed in can't.
            if self._kinds is not registry:
                raise
            registry.load_installed()
            return registry.of(request)

    def _handle(self, job_id: str, run_id: str | None, kind: str) -> JobHandle:
        return JobHandle(self.client, job_id, run_id, kind, self._kinds, self._link)

    def _link(self, job_id: str, run_id: str | None) -> str:
        base = f"{self._web_ui}/namespaces/{self.client.namespace}/workflows/{quote(job_id, safe='')}"
        return f"{base}/{run_id}/history" if run_id else base
