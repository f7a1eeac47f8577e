"""A worker that is stopped gently costs no attempt."""

from __future__ import annotations

import asyncio
import uuid

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from domain.errors import ServiceUnavailable
from domain.order_confirmation import OrderConfirmationRequest
from starter import Jobs
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from workflows.hosting import job_worker
from workflows.registry import registry


async def _stop_while_sending(client: Client, *before: BaseException) -> tuple[FakeMail, list[int]]:
    """Stop the worker while the mail is on its way, start another; return the mails and the event types of history."""
    order_id = uuid.uuid4().int % 1_000_000_000
    sending, let_go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        sending.set()
        await let_go.wait()

    mail = FakeMail(*before, hold)
    ports = fake_ports(FakeOrders(an_order(order_id)), mail=mail)
    stopped = job_worker(client, "notifications", registry, ports)
    running = asyncio.create_task(stopped.run())
    handle = await Jobs(client).start(OrderConfirmationRequest, order_id=order_id)
    await sending.wait()

    stopping = asyncio.create_task(stopped.shutdown())
    for _ in range(10):
        await asyncio.sleep(0)  # so that the shutdown has begun when the mail server answers
    let_go.set()
    await stopping
    await running

    async with job_worker(client, "notifications", registry, ports):
        assert (await handle.result()).outcome == "done"
    history = await client.get_workflow_handle(handle.id).fetch_history()
    return mail, [event.event_type for event in history.events]


async def test_a_local_attempt_that_ends_while_the_worker_drains_counts(skipping: Client) -> None:
    mail, _ = await _stop_while_sending(skipping)

    assert len(mail.attempts) == 1


async def test_a_regular_attempt_that_ends_while_the_worker_drains_counts(skipping: Client) -> None:
    mail, events = await _stop_while_sending(skipping, ServiceUnavailable("451 4.3.0 at RCPT TO"))

    assert len(mail.attempts) == 2
    assert events.count(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED) == 1
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED not in events
