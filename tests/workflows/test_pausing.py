"""The gate at which jobs wait: held only if they have not begun, and the same at each replay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from domain.errors import ServiceUnavailable
from domain.order_confirmation import OrderConfirmationRequest
from starter import JobHandle, Jobs
from starter.errors import JobCancelled
from starter.pauses import release
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.workflows.confirming import BUSY, order_ids
from workflows.hosting import job_worker
from workflows.pausing import Pauses, Target
from workflows.registry import registry

KIND, QUEUE = Target(kind="order-confirmation"), Target(queue="notifications")
OTHERS = Target(kind="report"), Target(queue="reports")

AT_ONCE = [
    "WORKFLOW_EXECUTION_STARTED",
    "WORKFLOW_TASK_SCHEDULED",
    "WORKFLOW_TASK_STARTED",
    "WORKFLOW_TASK_COMPLETED",
    "MARKER_RECORDED",
    "WORKFLOW_EXECUTION_COMPLETED",
]
"""Events of a job that succeeds at once."""


@asynccontextmanager
async def serving(
    client: Client, order_id: int, mail: FakeMail, paused: Collection[Target] = (), *, sandbox: bool = True
) -> AsyncIterator[Pauses]:
    """A worker that keeps no run in memory: each further task replays what was before."""
    ports, pauses = fake_ports(FakeOrders(an_order(order_id)), mail=mail), Pauses(dict.fromkeys(paused, ""))
    async with job_worker(
        client, "notifications", registry, ports, sandbox=sandbox, max_cached_workflows=0, pauses=pauses
    ):
        yield pauses


async def reaches(client: Client, handle: JobHandle, wanted: EventType.ValueType) -> None:
    async with asyncio.timeout(30):
        async for event in client.get_workflow_handle(handle.id).fetch_history_events(wait_new_event=True):
            if event.event_type == wanted:
                return


async def history_of(client: Client, handle: JobHandle) -> list[str]:
    history = await client.get_workflow_handle(handle.id).fetch_history()
    return [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events]


@pytest.mark.parametrize("sandbox", [True, False], ids=["sandboxed", "as in production"])
async def test_a_held_job_goes_on_when_signalled_whatever_its_worker_knows_by_then(
    skipping: Client, *, sandbox: bool
) -> None:
    order_id, mail = next(order_ids), FakeMail()
    async with serving(skipping, order_id, mail, [KIND], sandbox=sandbox):
        handle = await Jobs(skipping).start(OrderConfirmationRequest, order_id=order_id)
        await reaches(skipping, handle, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
        held, sent = await handle.status(), len(mail.attempts)

    async with asyncio.timeout(30):
        while await release(skipping) != 1:  # noqa: ASYNC110  # visibility sends no notice
            await asyncio.sleep(0.05)
    assert await release(skipping, [KIND]) == await release(skipping, [QUEUE]) == 0, "another pause holds it"
    await release(skipping)  # no worker takes the first signal yet: the server keeps one
    async with serving(skipping, order_id, mail, sandbox=sandbox):
        outcome = await handle.result()

    assert (held.state, sent) == ("running", 0)
    assert (outcome.outcome, len(mail.attempts)) == ("done", 1)
    assert await history_of(skipping, handle) == [
        *AT_ONCE[:4],
        "MARKER_RECORDED",
        "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
        "WORKFLOW_EXECUTION_SIGNALED",
        *AT_ONCE[1:4],
        "MARKER_RECORDED",
        "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
        *AT_ONCE[4:],
    ]


async def test_a_job_that_has_begun_goes_on_and_one_of_another_kind_leaves_no_trace_of_a_pause(
    skipping: Client,
) -> None:
    order_id, mail = next(order_ids), FakeMail(ServiceUnavailable(BUSY))
    async with serving(skipping, order_id, mail) as pauses:
        handle = await Jobs(skipping).start(OrderConfirmationRequest, order_id=order_id)
        await reaches(skipping, handle, EventType.EVENT_TYPE_TIMER_STARTED)
        # Its further tasks replay the first one, which asked whether it is paused.
        pauses.reasons = {KIND: "", QUEUE: ""}
        assert (await handle.result()).outcome == "done"
    other_id = next(order_ids)
    async with serving(skipping, other_id, FakeMail(), OTHERS):
        other = await Jobs(skipping).start(OrderConfirmationRequest, order_id=other_id)
        await other.result()

    assert "WORKFLOW_EXECUTION_SIGNALED" not in await history_of(skipping, handle)
    assert await history_of(skipping, other) == AT_ONCE


async def test_a_held_job_is_cancelled_at_once_and_a_wrong_request_fails_at_once(skipping: Client) -> None:
    order_id, mail = next(order_ids), FakeMail()
    async with serving(skipping, order_id, mail, [QUEUE]):
        handle = await Jobs(skipping).start(OrderConfirmationRequest, order_id=order_id)
        await reaches(skipping, handle, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
        await handle.cancel()
        with pytest.raises(JobCancelled):
            await handle.result()
        wrong = await skipping.start_workflow(
            "OrderConfirmation",
            args=[{"order_id": order_id}, "more"],
            id=f"order-confirmation/{next(order_ids)}",
            task_queue="notifications",
            run_timeout=timedelta(seconds=30),
        )
        await reaches(skipping, Jobs(skipping).of(wrong.id), EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED)

    assert mail.attempts == []
    assert (await Jobs(skipping).of(wrong.id).status()).error_type == "InvalidRequest"
