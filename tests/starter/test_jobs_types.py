"""What mypy lets application code start and enqueue, and what it refuses: with pydantic's plugin and without."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

STARTING = """
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

from domain.outcomes import Declined, Done, Outcome, Skipped
from domain.ports import OrderRepository
from domain.requests import JobRequest
from starter import (
    JobHandle,
    Jobs,
    JobStatus,
    JobSummary,
    OrderConfirmationRequest,
    SomeNotStarted,
    SyncJobHandle,
    SyncJobs,
)
from typing_extensions import assert_type


async def start(jobs: Jobs) -> None:
    assert_type(await jobs.start(OrderConfirmationRequest, order_id=1042), JobHandle)
    handle = await jobs.start(OrderConfirmationRequest(order_id=1042), delay=timedelta(minutes=10), priority=1)
    match await handle.result():
        case Done(reference=reference):
            assert_type(reference, str | None)
        case Skipped(reason=reason) | Declined(reason=reason):
            assert_type(reason, str)

    await jobs.start(OrderConfirmationRequest, order_id="1042")  # wrong: a text
    await jobs.start(OrderConfirmationRequest)  # wrong: without its field
    await jobs.start(OrderConfirmationRequest, order_id=1042, delay=10)  # wrong: options go with a request
    await jobs.start(OrderConfirmationRequest, order=1042)  # wrong: no such field
    await jobs.start(OrderConfirmationRequest(order_id=1042), delay=10)  # wrong: of which unit?
    await jobs.start("order-confirmation", order_id=1042)  # wrong: not a request


async def lazily() -> AsyncIterator[JobRequest]:
    yield OrderConfirmationRequest(order_id=1)


async def look(jobs: Jobs) -> None:
    assert_type(await jobs.start_many([OrderConfirmationRequest(order_id=1)], concurrency=5), list[JobHandle])
    assert_type(await jobs.start_many(lazily(), delay=timedelta(minutes=1), restart=True), list[JobHandle])
    assert_type(await jobs.result("order-confirmation/1"), Outcome)
    assert_type(await jobs.status(OrderConfirmationRequest(order_id=1)), JobStatus)
    try:
        await jobs.start_many([])
    except SomeNotStarted as error:
        await jobs.start_many(request for request, _ in error.failed)

    await jobs.start_many(OrderConfirmationRequest(order_id=1))  # wrong: one alone
    await jobs.start_many([1042])  # wrong: not requests
    await jobs.start_many([], delay=10)  # wrong: of which unit?
    await jobs.result(1042)  # wrong: neither a request nor an id
    await jobs.cancel(OrderConfirmationRequest)  # wrong: which of them?


def start_sync(jobs: SyncJobs) -> None:
    assert_type(jobs.start(OrderConfirmationRequest, order_id=1042), SyncJobHandle)
    handle = jobs.start(OrderConfirmationRequest(order_id=1042), delay=timedelta(minutes=10), priority=1)
    match handle.result(timeout=timedelta(seconds=5)):
        case Done(reference=reference):
            assert_type(reference, str | None)
        case Skipped(reason=reason) | Declined(reason=reason):
            assert_type(reason, str)
    assert_type(jobs.start_many(iter([OrderConfirmationRequest(order_id=1)])), list[SyncJobHandle])
    assert_type(jobs.iterate(), Iterator[JobSummary])

    jobs.start(OrderConfirmationRequest, order_id="1042")  # wrong: a text
    jobs.start(OrderConfirmationRequest)  # wrong: without its field
    jobs.start(OrderConfirmationRequest, order_id=1042, delay=10)  # wrong: options go with a request
    jobs.start(OrderConfirmationRequest, order=1042)  # wrong: no such field
    jobs.start(OrderConfirmationRequest(order_id=1042), priority="high")  # wrong: a number
    jobs.start_many(lazily())  # wrong: asynchronous
    handle.result(timeout=5)  # wrong: of which unit?


class Orders:
    async def get(self, order_id: int) -> None: ...


async def test() -> None:
    recorded = Jobs.testing()
    await start(recorded)
    recorded.assert_started(OrderConfirmationRequest(order_id=1042), times=1, delay=timedelta(minutes=10))
    recorded.assert_started(OrderConfirmationRequest)
    recorded.will_end(OrderConfirmationRequest, Done())
    async with Jobs.testing(ports={OrderRepository: Orders()}) as jobs:
        await start(jobs)
        jobs.assert_started(OrderConfirmationRequest, priority=1)
    start_sync(SyncJobs.testing())
    with SyncJobs.testing(ports={OrderRepository: Orders()}) as sync_jobs:
        start_sync(sync_jobs)
        sync_jobs.assert_not_started(OrderConfirmationRequest)

    recorded.will_end(OrderConfirmationRequest, "done")  # wrong: not an outcome
    recorded.assert_started("order-confirmation/1042")  # wrong: not a request
    recorded.assert_started(OrderConfirmationRequest, delay=10)  # wrong: of which unit?
    start_sync(recorded)  # wrong: asynchronous
    jobs.will_end(OrderConfirmationRequest, Done())  # wrong: it really runs
"""


ENQUEUEING = """
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session
from starter import OrderConfirmationRequest, outbox
from typing_extensions import assert_type

request = OrderConfirmationRequest(order_id=1042)


def enqueue(session: Session, scoped: scoped_session[Session], connection: Connection) -> None:
    outbox.enqueue(scoped, request, start_after=timedelta(minutes=10), priority=1, fairness_key="tenant-7")
    outbox.enqueue(session, request, start_after=datetime.now(UTC))
    assert_type(outbox.enqueue_all(session, iter([request]), priority=5), int)
    connection.execute(*outbox.statement([request]))

    outbox.enqueue(session, OrderConfirmationRequest)  # wrong: a class
    outbox.enqueue(session, {"order_id": 1042})  # wrong: a dictionary
    outbox.enqueue(session, [request])  # wrong: many
    outbox.enqueue_all(session, request)  # wrong: one
    outbox.enqueue(request, session)  # wrong: the wrong way round
    outbox.enqueue(connection, request)  # wrong: no session
    outbox.enqueue(session, request, start_after=10)  # wrong: of which unit?
    outbox.enqueue(session, request, priority="1")  # wrong: a text
    outbox.enqueue(session, request, delay=timedelta(minutes=10))  # wrong: it is called start_after
    outbox.enqueue(session, request, timedelta(minutes=10))  # wrong: without its name


async def enqueue_async(
    session: AsyncSession, scoped: async_scoped_session[AsyncSession], connection: AsyncConnection
) -> None:
    outbox.enqueue(session, request)
    outbox.enqueue(scoped, request)
    await connection.execute(*outbox.statement([request]))
    await outbox.enqueue(session, request)  # wrong: there is nothing to await
"""


@pytest.mark.parametrize(
    "plugin", [True, pytest.param(False, marks=pytest.mark.long)], ids=["with-plugin", "without-plugin"]
)
async def test_what_cannot_be_started_or_enqueued_is_refused_by_mypy(tmp_path: Path, plugin: bool) -> None:
    config, programs = tmp_path / "mypy.ini", {"starting": STARTING, "enqueueing": ENQUEUEING}
    config.write_text("[mypy]\nstrict = true\n")
    for name, code in programs.items():
        (tmp_path / f"{name}.py").write_text(code)

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", "--hide-error-context"),
        *("--config-file", str(ROOT / "pyproject.toml" if plugin else config)),
        *(str(tmp_path / f"{name}.py") for name in programs),
        # A cache of its own for the one, the gate's for the other, which has most of it already.
        *(() if plugin else ("--cache-dir", str(tmp_path / "cache"))),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()

    errors = [line.split(":") for line in out.decode().splitlines() if ": error:" in line]
    wrong = {
        (name, str(at))
        for name, code in programs.items()
        for at, line in enumerate(code.splitlines(), start=1)
        if "# wrong" in line
    }
    assert {(Path(path).stem, at) for path, at, *_ in errors} == wrong, out.decode()
