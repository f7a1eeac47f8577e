"""Who waits for whom where jobs queue up: by priority, by customer, by queue, by rate. On the real server.

`make crash` queues ten thousand.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from domain.order_confirmation import OrderConfirmationRequest
from domain.session_cleanup import SessionCleanupRequest
from starter import Jobs
from starter.starting import StartOptions
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.outbox.processes import FULL
from workflows.hosting import job_worker
from workflows.registry import registry

pytestmark = pytest.mark.timeout(900 if FULL else 180)

QUEUED = 10_000 if FULL else 500


def serving(client: Client, mail: FakeMail, orders: int, **options: Any) -> Worker:
    """A worker with one slot."""
    ports = fake_ports(FakeOrders(*map(an_order, range(1, orders + 1))), mail=mail)
    one = {"max_concurrent_workflow_tasks": 2, "max_concurrent_local_activities": 1}
    return job_worker(client, "notifications", registry, ports, sandbox=False, **{**one, **options})


def requests(first: int, last: int) -> list[OrderConfirmationRequest]:
    return [OrderConfirmationRequest(order_id=order_id) for order_id in range(first, last + 1)]


def sent(mail: FakeMail) -> list[str]:
    return [each.delivery_key for each in mail.accepted]


@pytest.fixture
async def jobs(client: Client) -> Jobs:
    """By another connection than the workers': nothing starts eagerly."""
    address = client.service_client.config.target_host
    return Jobs(await Client.connect(address, namespace=client.namespace, data_converter=client.data_converter))


async def until(true: Callable[[], bool], within: float = 120) -> None:
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110  # a fake has no event for it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("queued", "many", "one"),
    [(200, {"priority": 5}, {"priority": 1}), (QUEUED, {"fairness_key": "big"}, {"fairness_key": "small"})],
    ids=["a password mail behind a newsletter", "a customer's single job behind another one's many"],
)
async def test_a_job_overtakes_those_that_are_queued_by_its_priority_or_its_customer(
    client: Client, jobs: Jobs, queued: int, many: StartOptions, one: StartOptions
) -> None:
    mail, single = FakeMail(), OrderConfirmationRequest(order_id=queued + 1)
    await jobs.start_many(requests(1, queued), **many)
    worker = serving(client, mail, queued + 1)
    running = asyncio.create_task(worker.run())
    await until(lambda: len(mail.accepted) >= 10)

    await jobs.start(single, **one)
    begun = len(mail.accepted)
    await until(lambda: single.workflow_id in sent(mail))
    await worker.shutdown()
    await running

    # Beside it those that the worker had fetched already.
    assert sent(mail).index(single.workflow_id) <= begun + 10


async def test_a_queue_whose_mail_server_hangs_does_not_hold_up_another_queue(client: Client, jobs: Jobs) -> None:
    stuck = asyncio.Event()
    mail = FakeMail(*([stuck.wait] * 50))
    ports = fake_ports(FakeOrders(*map(an_order, range(1, 51))), mail=mail)
    mails = job_worker(client, "notifications", registry, ports, sandbox=False, drain=timedelta(seconds=5))
    others = job_worker(client, "maintenance", registry, ports, sandbox=False)
    running = [asyncio.create_task(worker.run()) for worker in (mails, others)]
    await jobs.start_many(requests(1, 50))
    await until(lambda: len(mail.attempts) >= 10)

    at = datetime(2026, 11, 24, 3, tzinfo=UTC)
    cleanup = await jobs.start(SessionCleanupRequest(at=at, time_zone="UTC"))
    outcome = await asyncio.wait_for(cleanup.result(), 30)

    assert outcome.outcome == "done"
    assert mail.accepted == []
    stuck.set()
    await asyncio.gather(*(worker.shutdown() for worker in (mails, others)))
    await asyncio.gather(*running)


async def test_no_more_attempts_begin_in_a_second_than_the_queues_rate(client: Client, jobs: Jobs) -> None:
    begun: list[float] = []

    async def note() -> None:
        begun.append(time.monotonic())

    mail = FakeMail(*([note] * 12))
    async with serving(
        client, mail, 12, rate=4.0, max_concurrent_local_activities=40, max_concurrent_workflow_tasks=40
    ):
        handles = await jobs.start_many(requests(1, 12))
        await asyncio.gather(*(handle.result() for handle in handles))

    # However late they are: none begins before its turn.
    assert len(begun) == 12
    assert begun[-1] - begun[0] >= 11 / 4 - 0.1
