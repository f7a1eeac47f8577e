"""One confirmation against a mail server that behaves as told, on a server whose workflows skip their waits."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from domain.order_confirmation import OrderConfirmationRequest
from starter import JobDidNotComplete, JobHandle, Jobs
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from workflows.hosting import job_worker
from workflows.kinds import Kind
from workflows.registry import registry

order_ids: Iterator[int] = count(1_000_000 + uuid.uuid4().int % 1_000_000_000)

BUSY = "451 4.3.0 at RCPT TO"


CONFIRMATION = registry.get("order-confirmation")


def limited_to(attempt: timedelta) -> Kind:
    """Confirmations whose attempts have this time limit."""
    return replace(CONFIRMATION, policy=CONFIRMATION.policy.model_copy(update={"attempt_limit": attempt}))


async def run(client: Client, mail: FakeMail, kind: Kind = CONFIRMATION) -> tuple[JobHandle, WorkflowHistory]:
    """Run one confirmation to its end against a mail server that behaves as told."""
    order_id = next(order_ids)
    async with job_worker(client, "notifications", [kind], fake_ports(FakeOrders(an_order(order_id)), mail=mail)):
        handle = await Jobs(client).start(OrderConfirmationRequest, order_id=order_id)
        with suppress(JobDidNotComplete):
            await handle.result()
        return handle, await client.get_workflow_handle(handle.id).fetch_history()


def waits(history: WorkflowHistory) -> list[float]:
    """Waits in seconds for which the workflow itself set a timer."""
    return [
        event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta().total_seconds()
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED
    ]


def times_of(mail: FakeMail) -> int:
    return len(mail.attempts)
