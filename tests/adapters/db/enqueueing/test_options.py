"""Options of an enqueued job, their limits, and the relay's wake-up call."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters.db import outbox
from tests.adapters.db.enqueueing.shop import CUSTOMER, request


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
