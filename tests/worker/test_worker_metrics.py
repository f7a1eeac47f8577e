"""What `/metrics` tells of jobs and queues."""

from __future__ import annotations

import asyncio
import re

import pytest
from temporalio.client import Client

from adapters.telemetry.depths import QueueDepth
from adapters.telemetry.metrics import Metrics
from domain.order_confirmation import OrderConfirmationRequest
from starter import JobDidNotComplete, Jobs
from tests.worker.conftest import Place, Start

LABELS = 'kind="order-confirmation"'


def total(text: str, metric: str, labels: str = LABELS) -> float | None:
    """Sum over all series of a metric with these labels; None where there is none."""
    values = [
        float(value)
        for series, value in re.findall(rf"^{metric}\{{(.*)\}} (\S+)$", text, re.MULTILINE)
        if labels in series
    ]
    return sum(values) if values else None


def counters(text: str) -> set[str]:
    """Names and labels of the jobs' counters."""
    return set(re.findall(r"^(jobs_\w+_total\{.*\}) ", text, re.MULTILINE))


async def test_a_workers_metrics_count_jobs_by_how_they_end(start: Start, place: Place, client: Client) -> None:
    worker = await start()
    answer = await worker.get("/metrics")
    announced = counters(answer.text)
    for what in ("started", "completed", "skipped", "declined", "failed", "cancelled", "retried"):
        assert total(answer.text, f"jobs_{what}_total") == 0, what
    done, failing = await place("ada@example.com"), await place("ada+550@example.com")
    skipped = await Jobs(client).start(OrderConfirmationRequest, order_id=404)
    await place("ada+451@example.com")

    await asyncio.gather(done.result(), skipped.result())
    with pytest.raises(JobDidNotComplete):
        await failing.result()
    await worker.says("Attempt failed, will be tried again")
    async with asyncio.timeout(30):
        while total(text := (await worker.get("/metrics")).text, "jobs_queue_depth", 'queue="notifications"') is None:
            pass

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert total(text, "jobs_started_total") == 4
    assert total(text, "jobs_completed_total") == 1
    assert total(text, "jobs_skipped_total") == 1
    assert total(text, "jobs_failed_total") == 1
    assert total(text, "jobs_retried_total") == 1
    # Under the labels that they had from the start, or Prometheus would see no increase.
    assert counters(text) == announced
    # Buckets from milliseconds to hours.
    bounds = [
        float(bound)
        for bound in re.findall(r'^jobs_processing_time_seconds_bucket\{.*le="([^"+]+)"', text, re.MULTILINE)
    ]
    assert (min(bounds), max(bounds)) == (0.005, 86_400.0)
    assert total(text, "jobs_processing_time_seconds_count", 'outcome="completed"') == 1
    assert 0 < (total(text, "jobs_processing_time_seconds_sum") or 0) < 60
    # The SDK's own, with durations in seconds.
    assert "temporal_worker_task_slots_available" in text
    assert "temporal_request_latency_seconds_bucket" in text


async def test_the_depth_of_a_queue_is_told(client: Client) -> None:
    for order_id in (1, 2, 3):
        await Jobs(client).start(OrderConfirmationRequest, order_id=order_id)
    metrics = Metrics()
    depth = QueueDepth(metrics, client, ["notifications"])

    async def told() -> float | None:
        text = await metrics.text()
        return total(text, "jobs_queue_depth", 'queue="notifications",type="workflow"')

    async with asyncio.timeout(30):
        while await told() != 3:
            await depth.refresh()
    text = await metrics.text()
    await metrics.close()

    assert total(text, "jobs_queue_depth", 'queue="notifications",type="activity"') == 0
    age = total(text, "jobs_queue_age_seconds", 'queue="notifications",type="workflow"')
    assert age is not None
    assert age > 0
