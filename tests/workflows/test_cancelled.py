"""A job that is cancelled while it waits is counted and told like every other end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig

from demo.stack import Stack
from domain.errors import ServiceUnavailable
from domain.order_confirmation import OrderConfirmationRequest
from starter import JobHandle, Jobs
from starter.errors import JobCancelled
from starter.setup import add_search_attributes
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.namespaces import new_namespace
from tests.workflows.confirming import BUSY, order_ids
from workflows.data_converter import data_converter
from workflows.hosting import job_worker
from workflows.registry import registry


def jobs_counted(metrics: MetricBuffer) -> Counter[str]:
    """Counter → how many jobs, since the last look."""
    found: Counter[str] = Counter()
    for update in metrics.retrieve_updates():
        if update.metric.name.startswith("jobs_") and "outcome" not in update.attributes:
            found[update.metric.name] += int(update.value)
    return +found


async def waits_for_a_timer(client: Client, handle: JobHandle) -> None:
    async with asyncio.timeout(30):
        async for event in client.get_workflow_handle(handle.id).fetch_history_events(wait_new_event=True):
            if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
                return


# Without a cache the run is dropped from memory while it waits, which cancels its coroutines too.
@pytest.mark.parametrize("cached", [100, 0], ids=["kept in memory", "dropped from memory"])
async def test_a_job_that_is_cancelled_while_its_timer_waits_is_counted_once_and_logged(
    stack: Stack, caplog: pytest.LogCaptureFixture, *, cached: int
) -> None:
    metrics, namespace = MetricBuffer(10_000), await new_namespace(stack)
    await add_search_attributes(namespace)
    client = await Client.connect(
        stack.temporal_address,
        namespace=namespace.namespace,
        data_converter=data_converter,
        runtime=Runtime(telemetry=TelemetryConfig(metrics=metrics)),
    )
    order_id = next(order_ids)
    ports = fake_ports(FakeOrders(an_order(order_id)), mail=FakeMail(ServiceUnavailable(BUSY)))
    caplog.set_level(logging.INFO)
    async with job_worker(
        client,
        "notifications",
        registry,
        ports,
        drain=timedelta(seconds=1),
        draw=lambda _low, high: high * 10,
        max_cached_workflows=cached,
    ):
        handle = await Jobs(client).start(OrderConfirmationRequest, order_id=order_id)
        await waits_for_a_timer(client, handle)
        await handle.cancel()
        with pytest.raises(JobCancelled):
            await handle.result()

    ended = [record for record in caplog.records if record.getMessage().startswith("Job ended")]
    assert [getattr(record, "action", None) for record in ended] == ["cancelled"]
    counted = jobs_counted(metrics)
    assert (counted["jobs_started"], counted["jobs_cancelled"], counted["jobs_failed"]) == (1, 1, 0)
