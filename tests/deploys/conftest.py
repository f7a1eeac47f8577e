"""Worker processes of one version or another, a shop that enqueues for them, and the operator's `temporal` command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo.stack import Stack
from demo.temporal_server import temporal_binary
from tests.outbox.shop import Shop
from tests.worker.worker_process import WorkerProcess, clean_environment

Start = Callable[..., Awaitable[WorkerProcess]]
Deployment = Callable[..., Awaitable[str]]


@pytest.fixture
def environment(stack: Stack, client: Client, database: str) -> dict[str, str]:
    """Variables of processes that work with the test's namespace and database."""
    return {
        **clean_environment(),
        **stack.environment(),
        "TEMPORAL_NAMESPACE": client.namespace,
        "DATABASE_URL": database,
        "WORKER_HTTP_PORT": "0",
    }


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
async def shop(database: str) -> AsyncIterator[Shop]:
    engine = make_engine(DatabaseSettings(url=SecretStr(database)))
    shop = Shop(engine)
    await shop.open()
    yield shop
    await engine.dispose()


@pytest.fixture
def deployment(environment: dict[str, str]) -> Deployment:
    """Runs `temporal worker deployment …`; returns what it says."""

    async def deployment(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(str(temporal_binary()), "worker", "deployment", *arguments),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
        return out.decode()

    return deployment
