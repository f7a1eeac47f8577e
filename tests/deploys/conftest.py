"""Worker processes of one version or another, a shop that enqueues for them, and the operator's `temporal` command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from demo.temporal_server import temporal_binary
from tests.outbox.shop import Shop
from tests.worker.conftest import Start, start

__all__ = ["Start", "start"]

Deployment = Callable[..., Awaitable[str]]


@pytest.fixture
async def shop(engine: AsyncEngine) -> Shop:
    shop = Shop(engine)
    await shop.open()
    return shop


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
