"""When and how often a step is tried, and when it is given up, on a real server whose workflows skip their waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from domain.errors import NotFound, PermanentError, RateLimited, RecipientRejected, ServiceUnavailable
from domain.order_confirmation import OrderConfirmationRequest
from domain.outcomes import Done
from domain.policies import NOTIFICATION
from starter import JobHandle, Jobs
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.workflows.confirming import BUSY, CONFIRMATION, limited_to, order_ids, run, times_of, waits
from workflows import steps
from workflows.hosting import job_worker
from workflows.kinds import Kind
from workflows.registry import registry

SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
STARTED = EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED


def first(history: WorkflowHistory, kind: EventType.ValueType) -> Any:
    """A history's first event of a type."""
    return next(event for event in history.events if event.event_type == kind)


def duration(history: WorkflowHistory) -> timedelta:
    began, ended = (history.events[at].event_time.ToDatetime() for at in (0, -1))
    return ended - began


def drawing(drawn: list[tuple[float, float]], share: float) -> Callable[[float, float], float]:
    """Draws waits between two bounds, and keeps the bounds."""

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return low + share * (high - low)

    return draw


async def test_a_step_that_succeeds_at_once_leaves_no_regular_activity_in_history(skipping: Client) -> None:
    handle, history = await run(skipping, FakeMail())

    types = {event.event_type for event in history.events}
    assert await handle.result() == Done(reference=handle.id)
    assert not {SCHEDULED, EventType.EVENT_TYPE_TIMER_STARTED} & types
    assert len(history.events) <= 12


@pytest.mark.parametrize("regular", [False, True], ids=["local first", "regular from the start"])
async def test_451_three_times_then_ok_is_four_attempts_with_doubling_waits(
    skipping: Client, monkeypatch: pytest.MonkeyPatch, *, regular: bool
) -> None:
    if regular:
        monkeypatch.setattr(steps, "run", steps.run_regular)
    drawn: list[tuple[float, float]] = []
    order_id, mail = next(order_ids), FakeMail(*[ServiceUnavailable(BUSY) for _ in range(3)])
    ports = fake_ports(FakeOrders(an_order(order_id)), mail=mail)
    async with job_worker(skipping, "notifications", registry, ports, draw=drawing(drawn, 0.5)):
        handle = await Jobs(skipping).start(OrderConfirmationRequest, order_id=order_id)
        assert await handle.result() == Done(reference=handle.id)
    history = await skipping.get_workflow_handle(handle.id).fetch_history()

    assert times_of(mail) == 4
    assert drawn == [(5, 10), (10, 20), (20, 40)]
    # The first wait is the workflow's timer, and the server holds the others; or all of them.
    assert waits(history) == ([] if regular else [7.5])
    waited: list[datetime] = [first(history, kind).event_time.ToDatetime() for kind in (SCHEDULED, STARTED)]
    assert waited[1] - waited[0] >= timedelta(seconds=15 + 30 + (7.5 if regular else 0))
    policy = first(history, SCHEDULED).activity_task_scheduled_event_attributes.retry_policy
    attempt = first(history, STARTED).activity_task_started_event_attributes.attempt
    assert (policy.maximum_attempts, attempt) == ((4, 4) if regular else (3, 3))
    assert policy.initial_interval.ToTimedelta() == timedelta(seconds=5 if regular else 10)


async def test_there_is_no_fifth_attempt(skipping: Client) -> None:
    mail = FakeMail(*[ServiceUnavailable(BUSY) for _ in range(9)])

    handle, _ = await run(skipping, mail)

    status = await handle.status()
    assert times_of(mail) == 4
    assert (status.state, status.error_type) == ("failed", "ServiceUnavailable")
    assert status.message == (
        "451 4.3.0 at RCPT TO. That was the last of 4 attempts. "
        "Check that the system it talks to is up again, then redrive the job. "
        f"Redrive: `python -m starter dead redrive {handle.id}`"
    )


class SubscriberGone(PermanentError):
    """The subscriber is gone."""


REFUSED = RecipientRejected("550 5.1.1 at RCPT TO")


@pytest.mark.parametrize(
    ("script", "attempts", "error_type"),
    [
        ([REFUSED], 1, "RecipientRejected"),
        ([ServiceUnavailable(BUSY), REFUSED], 2, "RecipientRejected"),
        ([SubscriberGone()], 1, "SubscriberGone"),
        # A library's own exception of that name says nothing about whether a later attempt can succeed.
        ([type("Conflict", (Exception,), {})()], 2, None),
    ],
    ids=["at the local try", "at a regular attempt", "of another package", "foreign"],
)
async def test_a_permanent_error_is_not_retried_and_fails_the_run_with_its_class(
    skipping: Client, script: list[BaseException], attempts: int, error_type: str | None
) -> None:
    mail = FakeMail(*script)

    handle, history = await run(skipping, mail)

    status = await handle.status()
    assert times_of(mail) == attempts
    assert (status.state, status.error_type) == ("failed" if error_type else "completed", error_type)
    if error_type == "RecipientRejected":
        assert str(status.message).startswith(
            "550 5.1.1 at RCPT TO. Correct the customer's address, then redrive the job. "
            "Redrive: `python -m starter dead redrive "
        )
        failed = history.events[-1].workflow_execution_failed_event_attributes.failure
        assert failed.application_failure_info.type == "RecipientRejected"
        assert not failed.HasField("cause"), "the run's own failure says it all"
        assert "stackTrace" not in str(history.to_json_dict()), "nor how we made the failure"


@pytest.mark.parametrize("before", [0, 2], ids=["after the local try", "after a regular attempt"])
async def test_retry_after_is_waited_for_and_a_wait_past_the_deadline_fails_now_and_says_so(
    skipping: Client, before: int
) -> None:
    busy = [ServiceUnavailable(BUSY)] * before
    soon, late = (RateLimited("429", retry_after=timedelta(seconds=seconds)) for seconds in (120, 3600))
    (done, waited), (failed, gave_up) = [await run(skipping, FakeMail(*busy, error)) for error in (soon, late)]

    assert (await done.status()).state == "completed"
    assert duration(waited) >= timedelta(seconds=120)
    status = await failed.status()
    assert status.error_type == "RateLimited"
    assert f"Given up after {before + 1} of 4 attempts: the next wait of 3600 s would pass the deadline" in str(
        status.message
    )
    assert duration(gave_up) < timedelta(minutes=15)


async def test_the_deadline_counts_from_the_first_attempt_not_from_each(skipping: Client) -> None:
    mail = FakeMail(*[RateLimited("429", retry_after=timedelta(minutes=6)) for _ in range(3)])

    handle, _ = await run(skipping, mail)

    # Twice six minutes fit into fifteen; a third time does not.
    assert times_of(mail) == 3
    assert "Given up after 3 of 4 attempts" in str((await handle.status()).message)


async def test_a_wait_that_ends_after_the_deadline_because_no_worker_was_there_fails_and_says_so(
    skipping: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_time = workflow.sleep

    async def late(wait: timedelta, *, summary: str) -> None:
        await on_time(wait + timedelta(hours=1), summary=summary)

    monkeypatch.setattr(workflow, "sleep", late)
    mail = FakeMail(ServiceUnavailable(BUSY))

    handle, _ = await run(skipping, mail)

    status = await handle.status()
    assert (times_of(mail), status.state, status.error_type) == (1, "failed", "ServiceUnavailable")
    assert "The deadline of 0:15:00 for this step passed while it waited for attempt 2 of 4." in str(status.message)


async def test_an_attempt_that_does_not_end_in_time_is_stopped_before_the_next_begins(skipping: Client) -> None:
    at_work, peak = 0, 0

    async def hang() -> None:
        nonlocal at_work, peak
        at_work += 1
        peak = max(peak, at_work)
        try:
            await asyncio.sleep(60)
        finally:
            at_work -= 1

    mail = FakeMail(*[hang] * 4)

    handle, _ = await run(skipping, mail, limited_to(timedelta(seconds=1)))

    status = await handle.status()
    assert (times_of(mail), peak, at_work) == (4, 1, 0)
    assert status.error_type == "AttemptTimedOut"
    assert "did not end within its time limit. That was the last of 4 attempts." in str(status.message)


async def test_an_unknown_exception_is_retried_and_in_the_end_described_by_class_and_place(skipping: Client) -> None:
    mail = FakeMail(ZeroDivisionError("1/0 for Ada"), *[KeyError("Ada") for _ in range(3)])

    handle, history = await run(skipping, mail)

    status = await handle.status()
    assert (times_of(mail), status.error_type) == (4, "KeyError")
    assert "Unforeseen KeyError in fakes.py" in str(status.message)
    assert "worker's log" in str(status.message)
    assert "Ada" not in str(history.to_json_dict())


async def test_an_error_that_the_workflow_itself_raises_fails_the_run_and_says_what_to_do(
    skipping: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise NotFound("The provider does not know it.")

    monkeypatch.setattr(steps, "run", refuse)

    handle, _ = await run(skipping, FakeMail())

    status = await handle.status()
    assert (status.state, status.error_type) == ("failed", "NotFound")
    assert str(status.message).startswith("The provider does not know it. Mend the cause, then redrive the job.")


async def one_at_a_time(client: Client, mail: FakeMail, jobs: int, kind: Kind = CONFIRMATION) -> list[JobHandle]:
    """Start confirmations on a worker that runs one local step at a time, and wait for their ends."""
    ids = [next(order_ids) for _ in range(jobs)]
    ports = fake_ports(FakeOrders(*(an_order(order_id) for order_id in ids)), mail=mail)
    async with job_worker(client, "notifications", [kind], ports, max_concurrent_local_activities=1):
        handles = [await Jobs(client).start(OrderConfirmationRequest, order_id=order_id) for order_id in ids]
        await asyncio.gather(*(handle.result() for handle in handles), return_exceptions=True)
    return handles


async def test_waiting_for_a_slot_for_longer_than_an_attempt_may_take_costs_no_attempt(skipping: Client) -> None:
    async def take_a_while() -> None:
        await asyncio.sleep(0.5)

    mail = FakeMail(*[take_a_while] * 6)

    await one_at_a_time(skipping, mail, 6, limited_to(timedelta(seconds=2)))

    assert (len(mail.attempts), len(mail.accepted)) == (6, 6)


async def test_the_deadline_counts_from_the_request_for_a_slot(skipping: Client) -> None:
    async def take_a_while() -> None:
        await asyncio.sleep(1.5)

    almost_all = NOTIFICATION.deadline - timedelta(seconds=1)
    mail = FakeMail(take_a_while, RateLimited("429", retry_after=almost_all))

    handles = await one_at_a_time(skipping, mail, 2)

    messages = [message for handle in handles if (message := (await handle.status()).message)]
    assert [message.partition(":")[0] for message in messages] == ["429. Given up after 1 of 4 attempts"]


@pytest.mark.parametrize("before", [0, 1], ids=["local attempt", "regular attempt"])
async def test_an_attempt_that_ends_while_its_worker_drains_counts(skipping: Client, before: int) -> None:
    order_id, sending, go_on = next(order_ids), asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        sending.set()
        await go_on.wait()

    mail = FakeMail(*[ServiceUnavailable(BUSY)] * before, hold)
    ports = fake_ports(FakeOrders(an_order(order_id)), mail=mail)
    stopped = job_worker(skipping, "notifications", registry, ports)
    running = asyncio.create_task(stopped.run())
    handle = await Jobs(skipping).start(OrderConfirmationRequest, order_id=order_id)
    await sending.wait()
    stopping = asyncio.create_task(stopped.shutdown())
    for _ in range(10):
        await asyncio.sleep(0)  # so that the shutdown has begun when the mail server answers
    go_on.set()
    await stopping
    await running
    async with job_worker(skipping, "notifications", registry, ports):
        assert (await handle.result()).outcome == "done"
    history = await skipping.get_workflow_handle(handle.id).fetch_history()

    assert len(mail.attempts) == before + 1
    types = [event.event_type for event in history.events]
    assert types.count(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED) == before
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED not in types
