"""A worker's process does jobs and relays the outbox, and `/metrics` counts both."""

from __future__ import annotations

import asyncio
import re

import asyncpg
import pytest
from temporalio.client import Client

from adapters.telemetry.depths import QueueDepth
from adapters.telemetry.metrics import Metrics
from domain.order_confirmation import OrderConfirmationRequest
from starter import JobDidNotComplete, Jobs
from tests.worker.conftest import Place, Start
from tests.worker.worker_process import WorkerProcess

LABELS = 'kind="order-confirmation"'
_ENQUEUE = (
    "INSERT INTO outbox (kind, payload) VALUES ('order-confirmation', jsonb_build_object('order_id', $1::bigint))"
)


def total(text: str, metric: str, labels: str = LABELS) -> float | None:
    """Sum over all series of a metric with these labels; None if there is none."""
    values = [
        float(value)
        for series, value in re.findall(rf"^{metric}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
        if labels in series
    ]
    return sum(values) if values else None


def counters(text: str) -> set[str]:
    """Names and labels of the jobs' counters."""
    return set(re.findall(r"^(jobs_\w+_total\{.*\}) ", text, re.MULTILINE))


async def metrics_with(worker: WorkerProcess, metric: str, value: float, labels: str = LABELS) -> str:
    """The metrics, once one of them has this value."""
    async with asyncio.timeout(40):
        while total(text := (await worker.get("/metrics")).text, metric, labels) != value:  # noqa: ASYNC110  # of another process
            await asyncio.sleep(0.1)
    return text


async def test_jobs_are_counted_by_how_they_end_and_entries_of_the_outbox_start_eagerly_or_are_refused(
    start: Start, place: Place, client: Client, database: str
) -> None:
    worker = await start()
    answer = await worker.get("/metrics")
    announced = counters(answer.text)
    for what in ("started", "completed", "skipped", "declined", "failed", "cancelled", "retried"):
        assert total(answer.text, f"jobs_{what}_total") == 0, what
    done, failing = await place("ada@example.com"), await place("ada+550@example.com")
    await place("ada+451@example.com")
    connection = await asyncpg.connect(database)
    await connection.execute(_ENQUEUE, 404)
    await connection.execute(_ENQUEUE, 0)  # no order's number
    await connection.close()

    await done.result()
    with pytest.raises(JobDidNotComplete):
        await failing.result()
    await worker.says("Attempt failed, will be tried again")
    await metrics_with(worker, "jobs_skipped_total", 1)
    await metrics_with(worker, "jobs_outbox_refused_entries", 1, "")
    text = await metrics_with(worker, "jobs_queue_depth", 0, 'queue="notifications",type="workflow"')

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    expected = {"started": 4, "completed": 1, "failed": 1, "outbox_started": 1, "outbox_refused": 1}
    assert {what: total(text, f"jobs_{what}_total") for what in expected} == expected
    assert (total(text, "jobs_retried_total") or 0) >= 1, "as often as it was retried by now"
    assert (total(text, "jobs_outbox_depth", ""), total(text, "jobs_outbox_age_seconds", "")) == (0, 0)
    # Under the labels that they had from the start, or Prometheus would see no increase.
    assert counters(text) == announced
    # Buckets from milliseconds to hours.
    bounds = re.findall(r'^jobs_processing_time_seconds_bucket\{.*le="([^"+]+)"', text, re.MULTILINE)
    assert (min(map(float, bounds)), max(map(float, bounds))) == (0.005, 86_400.0)
    assert total(text, "jobs_processing_time_seconds_count") == 3
    assert 0 < (total(text, "jobs_processing_time_seconds_sum") or 0) < 60
    # The SDK's own, with durations in seconds.
    assert "temporal_worker_task_slots_available" in text
    assert "temporal_request_latency_seconds_bucket" in text
    enqueued = await client.get_workflow_handle("order-confirmation/404").fetch_history()
    assert enqueued.events[0].workflow_execution_started_event_attributes.eager_execution_accepted


@pytest.mark.long
async def test_a_worker_leaves_the_outbox_alone_if_a_setting_says_so(start: Start, database: str) -> None:
    worker = await start(OUTBOX_RELAY="false")
    await worker.takes_jobs()
    connection = await asyncpg.connect(database)
    await connection.execute(_ENQUEUE, 1)
    await connection.close()
    relaying = await start()
    await metrics_with(relaying, "jobs_outbox_started_total", 1)

    assert "jobs_outbox" not in (await worker.get("/metrics")).text


async def test_the_depth_of_a_queue_is_shown(client: Client) -> None:
    for order_id in (1, 2, 3):
        await Jobs(client).start(OrderConfirmationRequest, order_id=order_id)
    metrics = Metrics()
    depth = QueueDepth(metrics, client, ["notifications"])
    labels = 'queue="notifications",type="workflow"'

    async with asyncio.timeout(30):
        while total(text := await metrics.text(), "jobs_queue_depth", labels) != 3:
            await depth.refresh()
    await metrics.close()

    assert total(text, "jobs_queue_depth", 'queue="notifications",type="activity"') == 0
    assert (total(text, "jobs_queue_age_seconds", labels) or 0) > 0
