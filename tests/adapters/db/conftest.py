"""A database of its own for each module."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo.postgres import Postgres
from demo.stack import Stack
from domain.orders import Customer, Order, OrderItem
from tests.databases import Databases

EngineMaker = Callable[..., AsyncEngine]
DatabaseMaker = Callable[[str], Awaitable[str]]


@pytest.fixture
def postgres(stack: Stack) -> Postgres:
    return stack.postgres


@pytest.fixture(scope="module")
def make_database(databases: Databases) -> DatabaseMaker:
    """Makes a database without tables; the argument shows in its name."""
    return databases.bare


@pytest.fixture(scope="module")
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """A database with the newest schema, the module's own."""
    url = await databases.migrated()
    yield url
    await databases.release(url)


@pytest.fixture
async def engine_to() -> AsyncIterator[EngineMaker]:
    """Makes an engine to a URL; settings as keywords."""
    made: list[AsyncEngine] = []

    def make(url: str, **settings: float) -> AsyncEngine:
        made.append(make_engine(DatabaseSettings.model_validate({"url": SecretStr(url), **settings})))
        return made[-1]

    yield make
    for engine in made:
        await engine.dispose()


@pytest.fixture
def engine(engine_to: EngineMaker, database_url: str) -> AsyncEngine:
    return engine_to(database_url)


@pytest.fixture
async def direct(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the code under test."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


_ids = itertools.count(1)


@pytest.fixture
def new_id() -> int:
    """An order number that no other test uses."""
    return next(_ids)


@pytest.fixture
def order(new_id: int) -> Order:
    customer = Customer(id=new_id, name="Zoë O'Brien 周", email=f"zoe{new_id}@example.com", locale="de_CH")
    return Order(
        id=new_id,
        customer=customer,
        currency="CHF",
        total=2**40,
        items=(
            OrderItem(name='Teapot "Ada"', quantity=2, unit_price=2**39),
            OrderItem(name="Saucer", quantity=1, unit_price=0),
        ),
        gift_note="Für Dich\n♥",
        placed_at=datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        confirmation_sent_at=None,
    )
