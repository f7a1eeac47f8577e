"""Enqueueing in the application's own transaction, with sync and async sessions and connections."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import Engine, Insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
)
from sqlalchemy.orm import DeclarativeBase, Session, scoped_session, sessionmaker

from adapters.db import outbox
from tests.adapters.db.enqueueing.shop import CUSTOMER, IMPOSSIBLE, counting_inserts, customers, enqueued, request


async def test_the_job_is_there_once_the_transaction_has_committed(engine: Engine, direct: asyncpg.Connection) -> None:
    with Session(engine) as session, session.begin():
        session.execute(CUSTOMER)
        outbox.enqueue(session, request(1))
        session.flush()
        assert await enqueued(direct) == []

    assert (await enqueued(direct), await customers(direct)) == ([1], 1)
    assert await direct.fetchval("SELECT job_id FROM outbox") == "order-confirmation/1"


async def test_neither_the_job_nor_the_row_beside_it_is_there_after_an_error(
    engine: Engine, direct: asyncpg.Connection
) -> None:
    def place_order() -> None:
        with Session(engine) as session, session.begin():
            session.execute(CUSTOMER)
            outbox.enqueue(session, request(1))
            session.flush()
            raise LookupError("no such article")

    with pytest.raises(LookupError):
        place_order()

    assert (await enqueued(direct), await customers(direct)) == ([], 0)


async def test_a_statement_that_fails_takes_the_job_with_it(engine: Engine, direct: asyncpg.Connection) -> None:
    with Session(engine) as session:
        outbox.enqueue(session, request(1))
        session.flush()
        with pytest.raises(IntegrityError):
            session.execute(IMPOSSIBLE)
        session.rollback()
        outbox.enqueue(session, request(2))
        session.commit()

    assert await enqueued(direct) == [2]


async def test_a_session_that_is_closed_without_a_commit_leaves_nothing(
    engine: Engine, direct: asyncpg.Connection
) -> None:
    session = Session(engine)
    outbox.enqueue(session, request(1))
    session.flush()
    outbox.enqueue(session, request(2))
    session.close()

    assert await enqueued(direct) == []


async def test_a_savepoint_that_is_rolled_back_takes_its_own_jobs_alone(
    engine: Engine, direct: asyncpg.Connection
) -> None:
    with Session(engine) as session, session.begin():
        outbox.enqueue(session, request(1))
        savepoint = session.begin_nested()
        outbox.enqueue(session, request(2))
        savepoint.rollback()
        with session.begin_nested():
            outbox.enqueue(session, request(3))

    assert await enqueued(direct) == [1, 3]


async def test_a_session_within_an_outer_transaction_follows_that(engine: Engine, direct: asyncpg.Connection) -> None:
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            outbox.enqueue(session, request(1))
            session.commit()
        outer.rollback()

    assert await enqueued(direct) == []


async def test_a_scoped_session_enqueues(engine: Engine, direct: asyncpg.Connection) -> None:
    session = scoped_session(sessionmaker(engine))
    outbox.enqueue(session, request(1))
    assert outbox.enqueue_all(session, [request(2), request(3)]) == 2
    session.commit()
    session.remove()

    assert await enqueued(direct) == [1, 2, 3]


async def test_a_session_that_finds_its_database_by_class_needs_one_for_entries(
    engine: Engine, direct: asyncpg.Connection
) -> None:
    class Base(DeclarativeBase):
        pass

    with Session(binds={Base: engine, outbox.OutboxEntry: engine}) as session, session.begin():
        outbox.enqueue(session, request(1))

    assert await enqueued(direct) == [1]


async def test_an_async_session_enqueues_with_its_transaction(
    async_engine: AsyncEngine, direct: asyncpg.Connection
) -> None:
    async with AsyncSession(async_engine) as session, session.begin():
        await session.execute(CUSTOMER)
        outbox.enqueue(session, request(1))
        savepoint = await session.begin_nested()
        outbox.enqueue(session, request(2))
        await savepoint.rollback()
        outbox.enqueue_all(session, [request(3), request(4)])
        await session.flush()
        assert await enqueued(direct) == []
    async with AsyncSession(async_engine) as session:
        outbox.enqueue(session, request(5))
        await session.flush()
        await session.rollback()

    assert (await enqueued(direct), await customers(direct)) == ([1, 3, 4], 1)


async def test_an_async_scoped_session_enqueues(async_engine: AsyncEngine, direct: asyncpg.Connection) -> None:
    session = async_scoped_session(async_sessionmaker(async_engine), scopefunc=asyncio.current_task)
    outbox.enqueue(session, request(1))
    await session.commit()
    await session.remove()

    assert await enqueued(direct) == [1]


async def test_ten_thousand_jobs_are_ten_statements(
    engine: Engine, async_engine: AsyncEngine, direct: asyncpg.Connection
) -> None:
    with counting_inserts(engine) as statements, Session(engine) as session, session.begin():
        assert outbox.enqueue_all(session, map(request, range(1, 10_001))) == 10_000
    with counting_inserts(async_engine.sync_engine) as async_statements:
        async with AsyncSession(async_engine) as async_session, async_session.begin():
            outbox.enqueue_all(async_session, map(request, range(10_001, 20_001)))

    assert (len(statements), len(async_statements)) == (10, 10)
    assert await enqueued(direct) == list(range(1, 20_001))


async def test_statements_enqueue_on_connections_without_a_session(
    engine: Engine, async_engine: AsyncEngine, direct: asyncpg.Connection
) -> None:
    with engine.begin() as connection:
        connection.execute(*outbox.statement([request(1), request(2)], priority=1))
        connection.execute(*outbox.statement([]))
    async with async_engine.begin() as async_connection:
        await async_connection.execute(*outbox.statement([request(3)], start_after=timedelta(hours=1)))
        await async_connection.execute(*outbox.statement([]))
    with engine.connect() as connection:
        connection.execute(*outbox.statement([request(4)]))
        connection.rollback()

    assert await enqueued(direct) == [1, 2, 3]
    rows = await direct.fetch("SELECT priority, start_delay FROM outbox ORDER BY id")
    assert [tuple(row) for row in rows] == [(1, None), (1, None), (None, timedelta(hours=1))]


def test_a_statement_is_an_insert_and_the_rows() -> None:
    made, rows = outbox.statement([request(1)])

    assert isinstance(made, Insert)
    assert [row["payload"] for row in rows] == [{"order_id": 1}]
