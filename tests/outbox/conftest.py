"""A shop on a database of its own, a namespace of its own, and relays in the test's process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.db.outbox_relay import SqlOutbox
from adapters.settings import DatabaseSettings
from starter.relay import Relay
from tests.outbox.shop import Shop
from workflows.registry import registry

Relaying = Callable[..., AbstractAsyncContextManager[Relay]]


@pytest.fixture
def settings(database: str) -> DatabaseSettings:
    return DatabaseSettings(url=SecretStr(database))


@pytest.fixture
async def engine(settings: DatabaseSettings) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(settings)
    yield engine
    await engine.dispose()


@pytest.fixture
async def shop(engine: AsyncEngine) -> Shop:
    shop = Shop(engine)
    await shop.open()
    return shop


@pytest.fixture
def outbox(engine: AsyncEngine, settings: DatabaseSettings) -> SqlOutbox:
    return SqlOutbox(engine, settings)


@pytest.fixture
def relaying(client: Client, outbox: SqlOutbox) -> Relaying:
    """A relay in this process: `async with relaying():`. It takes entries at once, unless told otherwise."""

    @asynccontextmanager
    async def relaying(kinds: Any = registry, box: Any = outbox, **options: Any) -> AsyncIterator[Relay]:
        relay = Relay(box, client, kinds, **{"patience": timedelta(), **options})
        running = asyncio.create_task(relay.run())
        try:
            yield relay
        finally:
            await relay.stop()
            await asyncio.wait_for(running, 30)

    return relaying
