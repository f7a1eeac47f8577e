"""A worker's process relays the outbox, and starts jobs of its own queues eagerly."""

from __future__ import annotations

import asyncio
import re

import asyncpg
import pytest
from temporalio.client import Client

from starter import Jobs, OrderConfirmationRequest
from tests.worker.conftest import Start
from tests.worker.worker_process import WorkerProcess


async def _enqueue(database: str, *order_ids: int, kind: str = "order-confirmation") -> None:
    connection = await asyncpg.connect(database)
    try:
        for order_id in order_ids:
            await connection.execute(
                "INSERT INTO outbox (kind, payload) VALUES ($1, jsonb_build_object('order_id', $2::bigint))",
                kind,
                order_id,
            )
    finally:
        await connection.close()


async def _metrics(worker: WorkerProcess, wanted: str) -> str:
    """The metrics, once they have a line that begins like this."""
    async with asyncio.timeout(40):
        while True:
            metrics = (await worker.get("/metrics")).text
            if re.search(rf"^{wanted}", metrics, re.MULTILINE):
                return metrics
            await asyncio.sleep(0.1)


async def test_an_enqueued_job_of_the_workers_own_queue_starts_eagerly_there(
    start: Start, client: Client, database: str
) -> None:
    worker = await start()
    await worker.takes_jobs()
    await _enqueue(database, 1)
    handle = Jobs(client).of(OrderConfirmationRequest(order_id=1))
    await worker.says("Job ended")

    assert (await handle.result()).outcome == "skipped"  # there is no such order
    history = await client.get_workflow_handle(handle.id).fetch_history()
    assert history.events[0].workflow_execution_started_event_attributes.eager_execution_accepted


async def test_the_metrics_tell_what_waits_in_the_outbox_and_what_was_refused(start: Start, database: str) -> None:
    await _enqueue(database, 0, 0)  # not an order's number
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE outbox SET refused_at = now(), error_type = 'A', error = 'B' WHERE id = 1")
    await connection.close()
    worker = await start()

    metrics = await _metrics(worker, r'jobs_outbox_refused_total\{.*kind="order-confirmation".*\} 1')
    assert re.search(r'^jobs_outbox_started_total\{.*kind="order-confirmation".*\} 0$', metrics, re.MULTILINE)
    metrics = await _metrics(worker, r"jobs_outbox_refused_entries [12]$")
    assert re.search(r"^jobs_outbox_depth [01]$", metrics, re.MULTILINE)
    assert re.search(r"^jobs_outbox_age_seconds \d", metrics, re.MULTILINE)


@pytest.mark.long
async def test_a_worker_leaves_the_outbox_alone_where_it_is_told_to(start: Start, database: str) -> None:
    worker = await start(OUTBOX_RELAY="false")
    await worker.takes_jobs()
    await _enqueue(database, 1)
    relaying = await start()
    await _metrics(relaying, r'jobs_outbox_started_total\{.*kind="order-confirmation".*\} 1')

    assert "jobs_outbox" not in (await worker.get("/metrics")).text
