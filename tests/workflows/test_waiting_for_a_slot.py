"""Steps that wait in their worker for another one to end: their attempt begins when it is their turn."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio.client import Client

from domain.errors import RateLimited
from domain.order_confirmation import OrderConfirmationRequest
from domain.policies import NOTIFICATION
from starter import JobHandle, Jobs
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.workflows.confirming import CONFIRMATION, limited_to, order_ids
from workflows.hosting import job_worker
from workflows.kinds import Kind


async def _one_at_a_time(client: Client, mail: FakeMail, jobs: int, kind: Kind = CONFIRMATION) -> list[JobHandle]:
    """Start confirmations on a worker that runs one local step at a time, and wait for their ends."""
    ids = [next(order_ids) for _ in range(jobs)]
    ports = fake_ports(FakeOrders(*(an_order(order_id) for order_id in ids)), mail=mail)
    async with job_worker(client, "notifications", [kind], ports, max_concurrent_local_activities=1):
        handles = [await Jobs(client).start(OrderConfirmationRequest, order_id=order_id) for order_id in ids]
        await asyncio.gather(*(handle.result() for handle in handles), return_exceptions=True)
    return handles


async def test_waiting_for_longer_than_an_attempt_may_take_costs_no_attempt(skipping: Client) -> None:
    async def take_a_while() -> None:
        await asyncio.sleep(0.5)

    mail = FakeMail(*[take_a_while] * 6)

    await _one_at_a_time(skipping, mail, 6, limited_to(timedelta(seconds=2)))

    assert (len(mail.attempts), len(mail.accepted)) == (6, 6)


async def test_the_deadline_counts_from_when_the_step_was_asked_for(skipping: Client) -> None:
    async def take_a_while() -> None:
        await asyncio.sleep(1.5)

    almost_all = NOTIFICATION.deadline - timedelta(seconds=1)
    mail = FakeMail(take_a_while, RateLimited("429", retry_after=almost_all))

    handles = await _one_at_a_time(skipping, mail, 2)

    messages = [(await handle.status()).message for handle in handles]
    assert [str(message).partition(":")[0] for message in messages if message] == [
        "429. Given up after 1 of 4 attempts"
    ]
