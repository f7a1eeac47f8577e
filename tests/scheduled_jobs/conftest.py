"""The jobs that schedules start, on the whole stack: workers and a relay in this process, or processes to be killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.job_settings import WorkerSettings
from adapters.outside import Outside
from adapters.settings import DatabaseSettings, Settings, SmtpSettings
from starter.relay import Relay
from tests.fakes import FakeOrders, fake_ports
from tests.scheduled_jobs.shop import Shop
from tests.smtp_server import SmtpServer
from worker import make_workers
from workflows.registry import registry

Serving = Callable[..., AbstractAsyncContextManager[None]]

QUEUES = ("maintenance", "notifications")


@pytest.fixture
async def shop(engine: AsyncEngine, client: Client, mail_server: SmtpServer) -> Shop:
    shop = Shop(engine, client, mail_server)
    await shop.open()
    return shop


@pytest.fixture
def environment(environment: dict[str, str], mail_server: SmtpServer) -> dict[str, str]:
    """With the test's mail server."""
    return {**environment, "SMTP_HOST": mail_server.host, "SMTP_PORT": str(mail_server.port)}


@pytest.fixture
def serving(client: Client, database: str, mail_server: SmtpServer) -> Serving:
    """The worker's parts in this process, made as it makes them: `async with serving():`.

    Without `relay` nothing that is enqueued starts.
    """

    @asynccontextmanager
    async def serving(*, relay: bool = True) -> AsyncIterator[None]:
        settings = Settings(
            database=DatabaseSettings(url=SecretStr(database)),
            smtp=SmtpSettings(host=mail_server.host, port=mail_server.port),
            worker=WorkerSettings(sandbox=True, drain=timedelta(seconds=1)),
        )
        outside = Outside(settings)
        # Some kinds of these queues have ports that the worker makes of its own; none of them is started here.
        outside.ports = {**fake_ports(FakeOrders()), **outside.ports}
        workers = make_workers(client, QUEUES, outside, settings.worker)
        relayed = Relay(outside.outbox, client, registry, queues=QUEUES)
        working = [asyncio.create_task(worker.run()) for worker in workers]
        relaying = asyncio.create_task(relayed.run()) if relay else None
        try:
            yield
        finally:
            await relayed.stop()
            if relaying is not None:
                await asyncio.wait_for(relaying, 30)
            await asyncio.gather(*(worker.shutdown() for worker in workers))
            await asyncio.gather(*working)
            await outside.close()

    return serving
