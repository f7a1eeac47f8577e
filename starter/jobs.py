"""Starting jobs from application code.

jobs = await Jobs.connect()
handle = await jobs.start(OrderConfirmationRequest(order_id=1042))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any, ParamSpec, Self, overload
from urllib.parse import quote

from temporalio.client import Client

from domain.requests import JobRequest
from starter.connection import connect, explained, web_ui_base
from starter.handle import JobHandle
from starter.queries import JobFilter
from starter.starting import check_options, start_workflow
from starter.status import JobSummary
from workflows.registry import Registry, registry

Fields = ParamSpec("Fields")


class Jobs:
    """Starts jobs and looks after them. Safe to share among tasks of one event loop."""

    def __init__(self, client: Client, *, web_ui: str | None = None, kinds: Registry = registry) -> None:
        """`client` must be made with `workflows.data_converter.data_converter`; `web_ui` is the Web UI's address."""
        self.client = client
        self._web_ui = (web_ui or web_ui_base()).rstrip("/")
        self._kinds = kinds

    @classmethod
    async def connect(cls, **options: Any) -> Self:
        """Connect by the environment (`TEMPORAL_*`) and load the kinds of installed packages.

        `options` go to `starter.connection.connect`. Raises what it raises.
        """
        registry.load_installed()
        return cls(await connect(**options))

    @overload
    async def start(
        self,
        request: JobRequest,
        /,
        *,
        delay: timedelta | None = None,
        priority: int | None = None,
        fairness_key: str | None = None,
        restart: bool = False,
    ) -> JobHandle: ...

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
        - `fairness_key`: jobs of one queue are dealt out evenly among their keys (a tenant, say).
        - `restart`: a job that failed, was cancelled or terminated runs anew.

        The same request again starts nothing, whatever became of it: the handle's `started` is false and its `state`
        says how the run fared. Raises InvalidStart, NotSetUp, TemporalUnreachable, NotAuthorised, UnknownNamespace.
        """
        if isinstance(request, JobRequest):
            return await self._start(request, *args, **kwargs)
        return await self._start(request(*args, **kwargs))

    async def _start(
        self,
        request: JobRequest,
        *,
        delay: timedelta | None = None,
        priority: int | None = None,
        fairness_key: str | None = None,
        restart: bool = False,
    ) -> JobHandle:
        kind = self._kinds.of(request)
        check_options(delay=delay, priority=priority)
        started = await start_workflow(
            self.client,
            kind,
            request,
            delay=delay,
            priority=priority,
            fairness_key=fairness_key,
            anew=restart or kind.restart_after_failure,
        )
        handle = self._handle(request.workflow_id, started.run_id, kind.name)
        handle.started = started.now
        if not started.now:
            handle.state = (await handle.status(of_this_run=True)).state
        return handle

    def of(self, request: JobRequest | str) -> JobHandle:
        """Handle of a job that was started before, by its request or its id (`order-confirmation/1042`)."""
        job_id = request if isinstance(request, str) else request.workflow_id
        return self._handle(job_id, None, job_id.partition("/")[0])

    async def list(self, where: JobFilter | None = None, *, limit: int = 50) -> list[JobSummary]:
        """Jobs that fit the filter, newest first."""
        return [job async for job in self.iterate(where, limit=limit)]

    async def iterate(self, where: JobFilter | None = None, *, limit: int | None = None) -> AsyncIterator[JobSummary]:
        """As `list`, one by one; without a limit all of them."""
        async with explained(self.client):
            async for run in self.client.list_workflows((where or JobFilter()).query(self._kinds), limit=limit):
                yield JobSummary.of(run, self._link(run.id, run.run_id))

    def _handle(self, job_id: str, run_id: str | None, kind: str) -> JobHandle:
        return JobHandle(self.client, job_id, run_id, kind, self._kinds, self._link)

    def _link(self, job_id: str, run_id: str | None) -> str:
        base = f"{self._web_ui}/namespaces/{self.client.namespace}/workflows/{quote(job_id, safe='')}"
        return f"{base}/{run_id}/history" if run_id else base
