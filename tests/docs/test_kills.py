"""What the architecture page says of killed workers, with SIGKILL in the middle of a mail."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta

import asyncpg
import pytest
from pydantic import SecretStr
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.db.orders import SqlOrders
from adapters.settings import DatabaseSettings
from demo.inbox.reader import InboxReader
from starter import Jobs, OrderConfirmationRequest
from tests.fakes import an_order
from tests.worker.worker_process import WorkerProcess


@pytest.fixture
async def slow_order(environment: dict[str, str]) -> int:
    """An order whose customer's mail server takes its time for the answer."""
    customer = an_order().customer.model_copy(update={"id": 8, "email": "ada+slow2@example.com"})
    order = an_order(1044).model_copy(update={"customer": customer})
    engine = make_engine(DatabaseSettings(url=SecretStr(environment["DATABASE_URL"])), pooled=False)
    await SqlOrders(engine).add_all([order])
    await engine.dispose()
    return order.id


async def test_a_worker_killed_in_the_middle_of_a_mail_loses_nothing_and_doubles_only_that_mail(
    client: Client, environment: dict[str, str], slow_order: int, inbox: InboxReader
) -> None:
    ledger = await asyncpg.connect(environment["DATABASE_URL"])
    killed = await WorkerProcess.start(environment)
    try:
        await killed.takes_jobs()
        job = await Jobs(client).start(OrderConfirmationRequest, order_id=slow_order)
        async with asyncio.timeout(20):
            while not await ledger.fetchval("SELECT count(*) FROM deliveries"):  # noqa: ASYNC110  # PostgreSQL has no event for it
                await asyncio.sleep(0.02)
        killed.send(signal.SIGKILL)
        await killed.ended()
    finally:
        await killed.end()

    other = await WorkerProcess.start(environment)
    try:
        async with asyncio.timeout(timedelta(seconds=60).total_seconds()):
            assert (await job.result()).outcome == "done"
        delivered = await ledger.fetch("SELECT key, delivered_at FROM deliveries")
    finally:
        await other.end()
        await ledger.close()

    mails = await inbox.mails()
    assert [(row["key"], row["delivered_at"] is None) for row in delivered] == [(job.id, False)]
    assert len(mails) in (1, 2)
    assert len({mail.message_id for mail in mails}) == 1
