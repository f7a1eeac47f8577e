"""`Jobs.testing(ports=…)`: runs each job to its end while its start is awaited, with a test's objects as ports."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Self, Unpack

from temporalio.client import Client
from temporalio.worker import Worker

from domain.requests import JobRequest
from starter.errors import JobDidNotComplete, StarterError
from starter.handle import JobHandle
from starter.jobs import Jobs
from starter.queries import JobFilter, Page, Rest
from starter.setup import wanted_search_attributes
from starter.starting import StartOptions
from starter.status import JobSummary
from starter.testing.record import Assertions, StartedJob, fits
from starter.testing.server import Clock, time_skipping_server
from workflows.hosting import job_worker
from workflows.registry import Kind, Registry, registry

_STOP_WAITS = 2.0
"""Seconds."""

_THREADS = 4
"""For steps that are plain functions."""


class InlineJobs(Assertions, Jobs):
    """Stands in for `Jobs`, within `async with`: what it starts has ended when `start` returns.

    Workflows, policies and interceptors are the real ones, on a real worker. A bug in a workflow fails its job at once
    instead of waiting for better code.
    """

    def __init__(
        self,
        ports: Mapping[type, object],
        *,
        kinds: Registry | None = None,
        passed_through: Sequence[str] = (),
        limit: timedelta = timedelta(seconds=30),
    ) -> None:
        if kinds is None:
            registry.load_installed()
        self._kinds = registry if kinds is None else kinds
        self._ports = ports
        self._passed_through = passed_through
        self._limit = limit
        self._started: list[StartedJob] = []
        self._stack = AsyncExitStack()
        self._serving: list[asyncio.Task[None]] = []
        self._open = False

    @property
    def started(self) -> list[StartedJob]:
        """Jobs that were started, in their order; a second start of the same job is none."""
        return list(self._started)

    @property
    def client(self) -> Client:
        """Of the test server. Raises StarterError outside of `async with`."""
        if not self._open:
            raise StarterError("Use it as `async with Jobs.testing(ports=…) as jobs:` (or `with SyncJobs.testing`).")
        return super().client

    async def __aenter__(self) -> Self:
        self._serving = []
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(time_skipping_server(wanted_search_attributes(self._kinds)))
            Jobs.__init__(self, client, kinds=self._kinds)
            self._clock = Clock(client)
            stack.push_async_callback(self._clock.stop)
            threads = ThreadPoolExecutor(_THREADS)
            stack.callback(threads.shutdown, wait=False, cancel_futures=True)
            # Their rows' own ports are left out: those are the real ones.
            served = [replace(kind, ports=None) for kind in self._kinds if not self._missing(kind)]
            for queue in sorted({kind.queue for kind in served}):
                worker = job_worker(
                    client,
                    queue,
                    served,
                    self._ports,
                    drain=timedelta(seconds=0.5),
                    passed_through=self._passed_through,
                    activity_executor=threads,
                    workflow_failure_exception_types=[Exception],
                )
                self._serving.append(asyncio.create_task(worker.run()))
                stack.push_async_callback(_stop, worker, self._serving[-1])
            self._stack = stack.pop_all()
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False
        await self._stack.aclose()

    async def page(self, where: JobFilter | None = None, *, rest: Rest | None = None, size: int = 50) -> Page:  # noqa: ARG002  # it is all one page
        """See `Jobs.page`. Of the jobs that were started here: the test server keeps no list."""
        where = where or JobFilter()
        where.query(self._kinds)  # raises for what is unknown
        there = dict.fromkeys(job.id for job in reversed(self._started))
        found: list[JobSummary] = [await self.status(job_id) for job_id in there]
        return Page([job for job in found if fits(job, where)][:size], None)

    async def _start(self, request: JobRequest, **options: Unpack[StartOptions]) -> JobHandle:
        kind = self._kinds.of(request)
        if missing := self._missing(kind):
            raise StarterError(
                f"{kind.activities.__name__} asks for ports that the test does not give: add {', '.join(missing)} to "
                f"Jobs.testing(ports=…)."
            )
        handle = await super()._start(request, **options)
        if handle.started:
            self._started.append(StartedJob(request, **options))
            await self._until_ended(handle)
            handle.state = await handle.state_of_run()
        return handle

    async def _until_ended(self, handle: JobHandle) -> None:
        async with self._clock.skipping() as skipping:
            ended = asyncio.ensure_future(handle.result())
            watched = {ended, skipping, *self._serving}
            try:
                await asyncio.wait(watched, timeout=self._limit.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended.cancel()
        if ended.done() and not ended.cancelled():
            with suppress(JobDidNotComplete):
                ended.result()
            return
        for each in watched:
            if each.done() and not each.cancelled():
                each.result()
        raise StarterError(
            f"{handle.id} did not end within {self._limit.total_seconds():g} s by the clock on the wall: "
            f"{(await handle.status()).waiting or 'a step of it runs, or waits for something'}."
        )

    def _missing(self, kind: Kind) -> list[str]:
        return [port.__name__ for port in kind.ports_asked().values() if port not in self._ports]


async def _stop(worker: Worker, serving: asyncio.Task[None]) -> None:
    """Stop it, also where a step does not end."""
    stopping = asyncio.ensure_future(worker.shutdown())
    _, late = await asyncio.wait({stopping, serving}, timeout=_STOP_WAITS)
    for task in late:
        task.cancel()
    await asyncio.wait({stopping, serving}, timeout=_STOP_WAITS)
