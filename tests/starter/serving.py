"""A worker in the test's own process, with fakes behind the ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

from temporalio.client import Client

from starter import JobHandle, JobStatus
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from workflows.hosting import job_worker
from workflows.pausing import Pauses
from workflows.registry import registry

MakeNamespace = Callable[[], Awaitable[Client]]
Serving = Callable[..., AbstractAsyncContextManager[FakeOrders]]


@asynccontextmanager
async def serve(
    client: Client, *order_ids: int, mail: FakeMail | None = None, wait: float = 1, pauses: Pauses | None = None
) -> AsyncIterator[FakeOrders]:
    """Serve the queue; these are the orders that are there. Waits before retries last `wait` seconds."""
    orders = FakeOrders(*(an_order(order_id) for order_id in order_ids))
    async with job_worker(
        client,
        "notifications",
        registry,
        fake_ports(orders, mail=mail),
        draw=lambda _low, _high: wait,
        drain=timedelta(seconds=1),
        pauses=pauses,
    ):
        yield orders


async def becomes(handle: JobHandle, condition: Callable[[JobStatus], bool]) -> JobStatus:
    """The job's status, as soon as the condition holds of it."""
    async with asyncio.timeout(30):
        while not condition(status := await handle.status()):  # noqa: ASYNC110  # the server tells nobody by itself
            await asyncio.sleep(0.05)
    return status
