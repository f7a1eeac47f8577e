"""Enqueueing in the application's own transaction, with sync and async sessions and connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Engine, Insert, create_engine, event, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Session, scoped_session, sessionmaker

from adapters.db import outbox, tables
from domain.order_confirmation import OrderConfirmationRequest

CUSTOMER = insert(tables.customers).values(name="Ada", locale="en")
IMPOSSIBLE = insert(tables.customers).values(name="", locale="en")


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


def request(order_id: int) -> OrderConfirmationRequest:
    return OrderConfirmationRequest(order_id=order_id)


async def enqueued(direct: asyncpg.Connection) -> list[int]:
    """Order numbers of what anybody can see in the outbox."""
    rows = await direct.fetch("SELECT (payload->>'order_id')::int FROM outbox ORDER BY id")
    return [row[0] for row in rows]


async def customers(direct: asyncpg.Connection) -> int:
    count: int = await direct.fetchval("SELECT count(*) FROM customers")
    return count


@contextmanager
def counting_inserts(engine: Engine) -> Iterator[list[str]]:
    """Statements that add to the outbox."""
    seen: list[str] = []

    def look(*arguments: Any) -> None:
        if arguments[2].startswith("INSERT INTO outbox"):
            seen.append(arguments[2])

    event.listen(engine, "before_cursor_execute", look)
    yield seen
    event.remove(engine, "before_cursor_execute", look)


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


async def test_options_go_with_the_job(engine: Engine, direct: asyncpg.Connection) -> None:
    at = datetime(2026, 12, 24, 18, tzinfo=timezone(timedelta(hours=1)))
    with Session(engine) as session, session.begin():
        outbox.enqueue(session, request(1), start_after=at, priority=2, fairness_key="tenant-7")
        outbox.enqueue_all(session, [request(2)], start_after=timedelta(days=1, microseconds=1), priority=5)

    rows = await direct.fetch("SELECT start_at, start_delay, priority, fairness_key FROM outbox ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (at.astimezone(UTC), None, 2, "tenant-7"),
        (None, timedelta(days=1, microseconds=1), 5, None),
    ]


async def test_a_delay_counts_from_now_by_the_databases_clock(engine: Engine, direct: asyncpg.Connection) -> None:
    with Session(engine) as session, session.begin():
        session.execute(CUSTOMER)  # the transaction begins
        before = await direct.fetchval("SELECT clock_timestamp()")
        outbox.enqueue(session, request(1), start_after=timedelta(minutes=10))

    due, now = await direct.fetchrow("SELECT enqueued_at + start_delay, clock_timestamp() FROM outbox")
    assert before + timedelta(minutes=10) < due < now + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"start_after": timedelta(seconds=-1)}, "start_after: a job cannot start in the past"),
        ({"start_after": timedelta(days=36_501)}, "start_after: a delay of more than 100 years"),
        ({"start_after": datetime(2026, 1, 1)}, "start_after: an instant needs its time zone"),  # noqa: DTZ001  # wrong on purpose
        ({"start_after": datetime.max.replace(tzinfo=UTC)}, "start_after: an instant before 1900 or after 2999"),
        ({"priority": 0}, "priority: from 1"),
        ({"priority": 6}, "priority: from 1"),
        ({"fairness_key": ""}, "fairness_key: from 1 to 64 bytes"),
        ({"fairness_key": "é" * 33}, "fairness_key: from 1 to 64 bytes"),
    ],
)
async def test_options_that_cannot_be_are_refused_at_once_and_leave_the_session_as_it_was(
    engine: Engine, options: dict[str, Any], complaint: str
) -> None:
    with Session(engine) as session:
        with pytest.raises(ValueError, match=complaint):
            outbox.enqueue(session, request(1), **options)
        with pytest.raises(ValueError, match=complaint):
            outbox.enqueue_all(session, [request(1)], **options)
        assert not session.new
    with pytest.raises(ValueError, match=complaint):
        outbox.statement([request(1)], **options)


@pytest.mark.parametrize("delay", [timedelta(), outbox.LONGEST_DELAY])
async def test_the_database_takes_the_limits_of_a_delay(
    engine: Engine, direct: asyncpg.Connection, delay: timedelta
) -> None:
    with Session(engine) as session, session.begin():
        outbox.enqueue(session, request(1), start_after=delay)

    assert await direct.fetchval("SELECT start_delay FROM outbox") == delay


async def test_the_relay_is_woken_once_a_transaction_at_its_commit_and_not_at_a_rollback(
    engine: Engine, database_url: str
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = await asyncpg.connect(database_url)
    await listener.add_listener("jobs_outbox", lambda *_: heard.put_nowait("jobs"))
    await listener.add_listener("the_end", lambda *_: heard.put_nowait("end"))

    with Session(engine) as session, session.begin():
        for number in range(1, 4):
            outbox.enqueue(session, request(number))
            session.flush()
    with Session(engine) as session:
        outbox.enqueue(session, request(4))
        session.flush()
        session.rollback()
    with engine.begin() as connection:
        connection.exec_driver_sql("NOTIFY the_end")

    async with asyncio.timeout(20):
        assert [await heard.get(), await heard.get()] == ["jobs", "end"]
    await listener.close()
