"""Worker processes on the session's stack, in a namespace of their own, with a database of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import asyncpg
import pytest
from pydantic import SecretStr
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.db.orders import SqlOrders
from adapters.settings import DatabaseSettings
from demo.stack import Stack
from domain.order_confirmation import OrderConfirmationRequest
from starter import JobHandle, Jobs
from tests.fakes import an_order
from tests.worker.worker_process import WorkerProcess

Place = Callable[[str], Awaitable[JobHandle]]
Start = Callable[..., Awaitable[WorkerProcess]]

_order_ids = count(70_001)


@pytest.fixture
async def start(environment: dict[str, str]) -> AsyncIterator[Start]:
    """Starts workers, and leaves none behind. Keywords are further variables."""
    started: list[WorkerProcess] = []

    async def start(*arguments: str, **variables: str) -> WorkerProcess:
        worker = await WorkerProcess.start(environment | variables, *arguments)
        started.append(worker)
        return worker

    yield start
    await asyncio.gather(*(worker.end() for worker in started))


@pytest.fixture
async def place(client: Client, database: str, stack: Stack) -> AsyncIterator[Place]:
    """Places an order of a customer with this address, and starts its confirmation."""
    engine = make_engine(DatabaseSettings(url=SecretStr(database)))
    orders, jobs = SqlOrders(engine), Jobs(client, web_ui=stack.web_ui)

    async def place(address: str) -> JobHandle:
        order = an_order(next(_order_ids), email=address)
        customer = order.customer.model_copy(update={"id": order.id})
        await orders.add_all([order.model_copy(update={"customer": customer})])
        return await jobs.start(OrderConfirmationRequest, order_id=order.id)

    yield place
    await engine.dispose()


@pytest.fixture
def sending(database: str) -> Callable[[JobHandle], Awaitable[None]]:
    """Waits until a job's mail is on its way: its delivery is claimed."""

    async def sending(job: JobHandle) -> None:
        connection = await asyncpg.connect(database)
        try:
            async with asyncio.timeout(30):
                while not await connection.fetchval("SELECT count(*) FROM deliveries WHERE key = $1", job.id):  # noqa: ASYNC110  # PostgreSQL has no event for it
                    await asyncio.sleep(0.05)
        finally:
            await connection.close()

    return sending
