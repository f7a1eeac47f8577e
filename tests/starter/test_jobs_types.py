"""What a type checker lets application code start, and what it refuses: with pydantic's plugin and without."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CODE = """
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


@pytest.mark.parametrize(
    "plugin", [True, pytest.param(False, marks=pytest.mark.long)], ids=["with-plugin", "without-plugin"]
)
async def test_a_start_that_cannot_work_is_refused_by_mypy(tmp_path: Path, plugin: bool) -> None:
    code, config = tmp_path / "application.py", tmp_path / "mypy.ini"
    code.write_text(CODE)
    config.write_text("[mypy]\nstrict = true\n")

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", "--hide-error-context"),
        *("--config-file", str(ROOT / "pyproject.toml" if plugin else config), str(code)),
        # A cache of its own for the one, the gate's for the other, which has most of it already.
        *(() if plugin else ("--cache-dir", str(tmp_path / "cache"))),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()

    refused = {line.split(":")[1] for line in out.decode().splitlines() if ": error:" in line}
    wrong = {str(at) for at, line in enumerate(CODE.splitlines(), start=1) if "# wrong" in line}
    assert refused == wrong, out.decode()
