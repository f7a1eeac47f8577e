"""`Jobs.describe`: what an operator wants to know of a job, beyond its status."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from domain.errors import RecipientRejected, ServiceUnavailable
from starter import JobDescription, Jobs, JobState, OrderConfirmationRequest
from tests.fakes import FakeMail
from tests.starter.serving import Serving
from workflows.registry import registry

STEP = next(iter(registry.get("order-confirmation").steps()))


async def tells(jobs: Jobs, request: OrderConfirmationRequest, attempts: int) -> JobDescription:
    """The job's description, as soon as so many attempts have begun and the next is waited for."""
    async with asyncio.timeout(30):
        while True:
            described = await jobs.describe(request)
            if described.attempts == attempts and described.next_attempt_at is not None:
                return described


async def test_a_job_that_no_worker_took_is_described_by_how_it_was_started(jobs: Jobs, order_id: int) -> None:
    request = OrderConfirmationRequest(order_id=order_id)
    started = await jobs.start(request, priority=1, fairness_key="shop-7")

    described = await jobs.describe(request)

    assert (described.run_id, described.state) == (started.run_id, JobState.running)
    assert (described.queue, described.summary) == ("notifications", f"Order confirmation {order_id}")
    assert (described.priority, described.fairness_key) == (1, "shop-7")
    assert (described.runs_at, described.attempts, described.worker, described.details) == (None, None, None, None)
    assert "no worker has taken it" in str(described.waiting)
    assert described.history_events == 2
    assert described.history_bytes > 0


async def test_a_delayed_job_tells_when_it_runs_until_it_does(jobs: Jobs, serving: Serving, order_id: int) -> None:
    request = OrderConfirmationRequest(order_id=order_id)
    await jobs.start(request, delay=timedelta(seconds=1))

    delayed = await jobs.describe(request)
    async with serving(order_id):
        await jobs.result(request)

    assert delayed.runs_at == delayed.started_at + timedelta(seconds=1)
    assert (await jobs.describe(request)).runs_at is None


async def test_a_job_tells_its_attempts_and_worker_while_it_waits_for_the_second_and_the_third(
    jobs: Jobs, serving: Serving, order_id: int
) -> None:
    first, other, last = (OrderConfirmationRequest(order_id=order_id * 1000 + number) for number in range(3))
    for_long = timedelta(minutes=10)
    mail = FakeMail(
        ServiceUnavailable("450 4.3.0 at RCPT TO", retry_after=for_long),
        ServiceUnavailable("452 4.3.0 at RCPT TO"),
        ServiceUnavailable("451 4.3.0 at RCPT TO", retry_after=for_long),
    )
    async with serving(*(each.order_id for each in (first, other, last)), mail=mail):
        await jobs.start(first)
        second = await tells(jobs, first, 1)
        await jobs.start(other)
        third = await tells(jobs, other, 2)
        await (await jobs.start(last)).result()
        done = await jobs.describe(last)

    for described, attempt, message in ((second, 2, "450 4.3.0"), (third, 3, "451 4.3.0")):
        assert (described.step, described.attempt, described.max_attempts) == (STEP, attempt, 4)
        assert (described.error_type, described.message) == ("ServiceUnavailable", f"{message} at RCPT TO.")
        assert described.worker == jobs.client.identity
        assert described.next_attempt_at is not None
        assert described.next_attempt_at > described.started_at + for_long / 2
    assert second.details is not None
    assert "before attempt 2 of 4" in second.details
    assert (done.state, done.details, done.attempts, done.next_attempt_at) == (JobState.completed, "Done.", None, None)
    assert done.worker == jobs.client.identity


async def test_a_job_that_failed_is_described_without_a_worker_there(
    jobs: Jobs, serving: Serving, order_id: int
) -> None:
    request = OrderConfirmationRequest(order_id=order_id)
    async with serving(order_id, mail=FakeMail(RecipientRejected("550 5.1.1 at RCPT TO"))):
        handle = await jobs.start(request)
        async with asyncio.timeout(30):
            while await handle.state_of_run() is not JobState.failed:
                pass

    described = await handle.describe()

    assert (described.error_type, described.details, described.attempts) == ("RecipientRejected", None, None)
    assert described.worker == jobs.client.identity
