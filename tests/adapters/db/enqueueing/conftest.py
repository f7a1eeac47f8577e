"""Engines as applications have them, and an empty outbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    create_async_engine,
)


@pytest.fixture(scope="module")
def engine(database_url: str) -> Iterator[Engine]:
    """As a synchronous application has it."""
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
async def async_engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """As an asynchronous application has it."""
    engine = create_async_engine(database_url.replace("postgresql://", "postgresql+asyncpg://"))
    yield engine
    await engine.dispose()


@pytest.fixture(autouse=True)
async def _empty(direct: asyncpg.Connection) -> None:
    await direct.execute("DELETE FROM outbox; DELETE FROM customers")
