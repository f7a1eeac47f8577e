"""A PostgreSQL of its own for these tests, and a fresh database in it for each module."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db import migrate
from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo.ports import free_port
from demo.postgres import Postgres
from domain.orders import Customer, Order, OrderItem

EngineMaker = Callable[..., AsyncEngine]
DatabaseMaker = Callable[[str], Awaitable[str]]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Not the one that other tests share: it is stopped and killed here."""
    # Not pytest's own temporary folder, which is closed to other accounts: PostgreSQL has one where tests run as root.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    server = Postgres(folder / "data", port=free_port(), log=folder / "postgres.log")
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def make_database(postgres: Postgres, request: pytest.FixtureRequest) -> DatabaseMaker:
    """Makes an empty database; the argument shows in its name."""

    async def make(name: str) -> str:
        # With a number: tests of one module that xdist gives to a process one by one set the module up again.
        database = f"{request.module.__name__.rpartition('.')[2]}_{name}_{next(_databases)}"
        connection = await asyncpg.connect(postgres.url)
        try:
            await connection.execute(f'CREATE DATABASE "{database}"')
        finally:
            await connection.close()
        return postgres.url_of(database)

    return make


@pytest.fixture(scope="module")
async def database_url(make_database: DatabaseMaker) -> str:
    """A database with the newest schema, the module's own."""
    url = await make_database("shop")
    await migrate.upgrade(url)
    return url


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
_databases = itertools.count(1)


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
