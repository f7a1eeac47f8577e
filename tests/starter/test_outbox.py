"""`from starter import outbox`: jobs go with the application's transaction, and what cannot be enqueued is refused."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Session, scoped_session, sessionmaker

from adapters.db import tables
from domain.requests import EntityId, JobRequest
from starter import OrderConfirmationRequest, StarterError, outbox
from tests.starter.plugins import install
from tests.starter.test_cli_plugins import KIND

ROOT = Path(__file__).parents[2]
CUSTOMER = insert(tables.customers).values(name="Ada", locale="en")
IMPOSSIBLE = insert(tables.customers).values(name="", locale="en")


def request(order_id: int) -> OrderConfirmationRequest:
    return OrderConfirmationRequest(order_id=order_id)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """As a synchronous application has it."""
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()


@pytest.fixture
async def async_engine(database: str) -> AsyncIterator[AsyncEngine]:
    """As an asynchronous application has it."""
    engine = create_async_engine(database.replace("postgresql://", "postgresql+asyncpg://"))
    yield engine
    await engine.dispose()


@pytest.fixture
def direct(database: str) -> Iterator[psycopg.Connection]:
    """A connection beside the application's."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def enqueued(direct: psycopg.Connection) -> list[int]:
    """Order numbers of what anybody can see in the outbox."""
    return [row[0] for row in direct.execute("SELECT (payload->>'order_id')::int FROM outbox ORDER BY id")]


def test_the_job_is_there_once_the_transaction_has_committed(engine: Engine, direct: psycopg.Connection) -> None:
    with Session(engine) as session, session.begin():
        session.execute(CUSTOMER)
        outbox.enqueue(session, request(1))
        session.flush()
        assert enqueued(direct) == []

    row = direct.execute("SELECT job_id, start_at, start_delay, (SELECT count(*) FROM customers) FROM outbox")
    assert row.fetchall() == [("order-confirmation/1", None, None, 1)]


def test_what_is_rolled_back_in_whatever_way_leaves_nothing(engine: Engine, direct: psycopg.Connection) -> None:
    with Session(engine) as session:
        outbox.enqueue(session, request(1))
        session.flush()
        with pytest.raises(IntegrityError):
            session.execute(IMPOSSIBLE)
        session.rollback()
        outbox.enqueue(session, request(2))
        session.commit()
    closed = Session(engine)
    outbox.enqueue(closed, request(3))
    closed.flush()
    closed.close()
    with Session(engine) as session, session.begin():
        outbox.enqueue(session, request(4))
        savepoint = session.begin_nested()
        outbox.enqueue(session, request(5))
        savepoint.rollback()
        with session.begin_nested():
            outbox.enqueue(session, request(6))
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            outbox.enqueue(session, request(7))
            session.commit()
        outer.rollback()

    assert enqueued(direct) == [2, 4, 6]


def test_scoped_sessions_and_those_that_find_their_database_by_class_enqueue(
    engine: Engine, direct: psycopg.Connection
) -> None:
    class Base(DeclarativeBase):
        pass

    scoped = scoped_session(sessionmaker(engine))
    outbox.enqueue(scoped, request(1))
    assert outbox.enqueue_all(scoped, [request(2), request(3)]) == 2
    scoped.commit()
    scoped.remove()
    with Session(binds={Base: engine, outbox.OutboxEntry: engine}) as session, session.begin():
        outbox.enqueue(session, request(4))

    assert enqueued(direct) == [1, 2, 3, 4]


async def test_async_sessions_enqueue_with_their_transaction(
    async_engine: AsyncEngine, direct: psycopg.Connection
) -> None:
    async with AsyncSession(async_engine) as session, session.begin():
        outbox.enqueue(session, request(1))
        savepoint = await session.begin_nested()
        outbox.enqueue(session, request(2))
        await savepoint.rollback()
        outbox.enqueue_all(session, [request(3), request(4)])
        await session.flush()
        assert enqueued(direct) == []
    async with AsyncSession(async_engine) as session:
        outbox.enqueue(session, request(5))
        await session.flush()
        await session.rollback()
    scoped = async_scoped_session(async_sessionmaker(async_engine), scopefunc=asyncio.current_task)
    outbox.enqueue(scoped, request(6))
    await scoped.commit()
    await scoped.remove()

    assert enqueued(direct) == [1, 3, 4, 6]


async def test_statements_enqueue_on_connections_without_a_session(
    engine: Engine, async_engine: AsyncEngine, direct: psycopg.Connection
) -> None:
    with engine.begin() as connection:
        connection.execute(*outbox.statement([request(1), request(2)], priority=1))
        connection.execute(*outbox.statement([]))
    async with async_engine.begin() as async_connection:
        await async_connection.execute(*outbox.statement([request(3)], start_after=timedelta(hours=1)))
        await async_connection.execute(*outbox.statement([]))

    rows = direct.execute("SELECT payload, priority, start_delay FROM outbox ORDER BY id").fetchall()
    assert rows == [
        ({"order_id": 1}, 1, None),
        ({"order_id": 2}, 1, None),
        ({"order_id": 3}, None, timedelta(hours=1)),
    ]


def test_thousands_of_jobs_are_a_statement_a_thousand(engine: Engine, direct: psycopg.Connection) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    with Session(engine) as session, session.begin():
        assert outbox.enqueue_all(session, map(request, range(1, 3_001))) == 3_000

    assert sum(statement.startswith("INSERT INTO outbox") for statement in statements) == 3
    assert enqueued(direct) == list(range(1, 3_001))


def test_options_go_with_the_job_and_a_delay_counts_from_now(engine: Engine, direct: psycopg.Connection) -> None:
    at = datetime(2026, 12, 24, 18, tzinfo=timezone(timedelta(hours=1)))
    with Session(engine) as session, session.begin():
        session.execute(CUSTOMER)  # the transaction begins
        before = direct.execute("SELECT clock_timestamp()").fetchone()
        outbox.enqueue(session, request(1), start_after=at, priority=2, fairness_key="tenant-7")
        outbox.enqueue_all(session, [request(2)], start_after=timedelta(minutes=10), priority=5)
        outbox.enqueue(session, request(3), start_after=outbox.LONGEST_DELAY)

    rows = direct.execute("SELECT start_at, start_delay, priority, fairness_key, enqueued_at FROM outbox ORDER BY id")
    absolute, relative, longest = rows.fetchall()
    assert absolute[:4] == (at.astimezone(UTC), None, 2, "tenant-7")
    assert relative[:4] == (None, timedelta(minutes=10), 5, None)
    assert before is not None
    assert before[0] < relative[4]
    assert longest[1] == outbox.LONGEST_DELAY


async def test_the_relay_is_woken_once_a_transaction_at_its_commit_and_not_at_a_rollback(
    engine: Engine, database: str
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = await asyncpg.connect(database)
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


class UnregisteredRequest(JobRequest):
    order_id: EntityId


def _enqueue(session: Session, wanted: Any, **options: Any) -> None:
    outbox.enqueue(session, wanted, **options)


def _enqueue_all(session: Session, wanted: Any, **options: Any) -> object:
    return outbox.enqueue_all(session, [request(1), wanted], **options)


def _statement(_: Session, wanted: Any, **options: Any) -> object:
    return outbox.statement([request(1), wanted], **options)


@pytest.mark.parametrize("way", [_enqueue, _enqueue_all, _statement])
def test_what_cannot_be_enqueued_is_refused_before_anything_is_written(way: Callable[..., object]) -> None:
    session = Session()
    refused: list[tuple[Any, dict[str, Any], str]] = [
        (UnregisteredRequest(order_id=1), {}, r"there is no kind 'unregistered'.*Add its row to workflows/registry.py"),
        *((wrong, {}, r"A request is needed, such as Order") for wrong in (OrderConfirmationRequest, {"id": 1}, None)),
        (request(1), {"start_after": timedelta(seconds=-1)}, "start_after: a delay is from 0"),
        (request(1), {"start_after": timedelta(days=36_501)}, "start_after: a delay is from 0 to 100 years"),
        (request(1), {"start_after": datetime(2026, 1, 1)}, "start_after: an instant .* time zone"),  # noqa: DTZ001  # wrong on purpose
        (request(1), {"start_after": datetime.max.replace(tzinfo=UTC)}, "start_after: an instant is from 1900 to 2999"),
        (request(1), {"start_after": 10}, "start_after: give a timedelta or a datetime, not int"),
        (request(1), {"priority": 0}, "priority: from 1"),
        (request(1), {"priority": 6}, "priority: from 1"),
        (request(1), {"fairness_key": ""}, "fairness_key: from 1 to 64 bytes"),
        (request(1), {"fairness_key": "é" * 33}, "fairness_key: from 1 to 64 bytes"),
    ]
    for wanted, options, complaint in refused:
        with pytest.raises(StarterError, match=complaint):
            way(session, wanted, **options)
    assert not session.new


async def _python(*arguments: str, path: Path) -> str:
    """What a Python process of its own prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(path)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return out.decode()


async def test_starting_jobs_needs_no_sqlalchemy(tmp_path: Path) -> None:
    code = "import sys; from starter import Jobs; print('sqlalchemy' in sys.modules); from starter import outbox"

    assert await _python("-c", code, path=tmp_path) == "False\n"


@pytest.mark.parametrize(
    ("entry_point", "outcome"),
    [
        ("digests:ROW", "[{'shop_id': 'a', 'day': '2026-01-31', 'form': 'pdf', 'level': 1, "),
        ("digests:GONE", "RegistryError"),
    ],
)
async def test_a_kind_of_an_installed_package_is_found_by_itself(
    tmp_path: Path, entry_point: str, outcome: str
) -> None:
    install(tmp_path, KIND, entry_points=f"[durable_jobs.kinds]\ndigests = {entry_point}\n")
    code = """
from digests import SalesDigestRequest
from starter import StarterError, outbox
try:
    print([row["payload"] for row in outbox.statement([SalesDigestRequest(shop_id="a", day="2026-01-31")])[1]])
except StarterError as exc:
    print(exc, type(exc.__cause__).__name__)
"""

    assert outcome in await _python("-c", code, path=tmp_path)
