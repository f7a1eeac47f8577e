"""When and how often a step is tried, on a real server whose workflows skip their waits."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from domain.errors import NotFound, PermanentError, RateLimited, RecipientRejected, ServiceUnavailable
from domain.order_confirmation import OrderConfirmationRequest
from domain.outcomes import Done
from starter import JobDidNotComplete, Jobs
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.workflows.confirming import BUSY, order_ids, run, times_of, waits
from workflows import steps
from workflows.hosting import job_worker
from workflows.registry import registry


async def test_a_step_that_succeeds_at_once_leaves_no_regular_activity_in_history(skipping: Client) -> None:
    mail = FakeMail()

    handle, history = await run(skipping, mail)

    types = {event.event_type for event in history.events}
    assert await handle.result() == Done(reference=handle.id)
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED not in types
    assert EventType.EVENT_TYPE_TIMER_STARTED not in types
    assert len(history.events) <= 12


async def test_451_three_times_then_ok_is_four_attempts_with_doubling_waits(skipping: Client) -> None:
    drawn: list[tuple[float, float, float]] = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high, (low + high) / 2))
        return drawn[-1][-1]

    order_id = next(order_ids)
    mail = FakeMail(*[ServiceUnavailable(BUSY) for _ in range(3)])
    async with job_worker(
        skipping, "notifications", registry, fake_ports(FakeOrders(an_order(order_id)), mail=mail), draw=draw
    ):
        handle = await Jobs(skipping).start(OrderConfirmationRequest, order_id=order_id)
        outcome = await handle.result()
    history = await skipping.get_workflow_handle(handle.id).fetch_history()

    assert outcome == Done(reference=handle.id)
    assert times_of(mail) == 4
    # The wait of each attempt was asked for within its bounds, and the first became the workflow's timer …
    assert [(low, high) for low, high, _ in drawn] == [(5, 10), (10, 20), (20, 40)]
    assert waits(history) == [7.5]
    # … and the server waited at least the two others before it gave out the last attempt.
    scheduled = _time(history, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    started = _time(history, EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED)
    assert started - scheduled >= timedelta(seconds=15 + 30)
    assert _started(history).attempt == 3, "the local try and three of the server's"


async def test_there_is_no_fifth_attempt(skipping: Client) -> None:
    mail = FakeMail(*[ServiceUnavailable(BUSY) for _ in range(9)])

    handle, history = await run(skipping, mail)

    status = await handle.status()
    assert times_of(mail) == 4
    assert (status.state, status.error_type) == ("failed", "ServiceUnavailable")
    assert status.message == (
        "451 4.3.0 at RCPT TO. That was the last of 4 attempts. "
        "Check that the system it talks to is up again, then redrive the job. "
        f"Redrive: `python -m starter dead redrive {handle.id}`"
    )
    assert _scheduled_policy(history).maximum_attempts == 3
    assert _scheduled_policy(history).initial_interval.ToTimedelta() == timedelta(seconds=10)


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


@pytest.mark.parametrize("before", [0, 1], ids=["after the local try", "after a regular attempt"])
async def test_retry_after_120_waits_at_least_that(skipping: Client, before: int) -> None:
    mail = FakeMail(*[ServiceUnavailable(BUSY)] * before, RateLimited("429", retry_after=timedelta(seconds=120)))

    handle, history = await run(skipping, mail)

    assert times_of(mail) == before + 2
    assert (await handle.status()).state == "completed"
    first, last = history.events[0].event_time.ToDatetime(), history.events[-1].event_time.ToDatetime()
    assert last - first >= timedelta(seconds=120)


async def test_an_unknown_exception_is_retried_and_in_the_end_told_by_class_and_place(skipping: Client) -> None:
    mail = FakeMail(ZeroDivisionError("1/0 for Ada"), *[KeyError("Ada") for _ in range(3)])

    handle, history = await run(skipping, mail)

    status = await handle.status()
    assert (times_of(mail), status.error_type) == (4, "KeyError")
    assert "Unforeseen KeyError in fakes.py" in str(status.message)
    assert "worker's log" in str(status.message)
    assert "Ada" not in str(history.to_json_dict())


def _time(history: WorkflowHistory, kind: EventType.ValueType) -> datetime:
    return next(e.event_time.ToDatetime() for e in history.events if e.event_type == kind)


def _started(history: WorkflowHistory):  # type: ignore[no-untyped-def]  # noqa: ANN202  # a protobuf message
    return next(
        e.activity_task_started_event_attributes
        for e in history.events
        if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    )


def _scheduled_policy(history: WorkflowHistory):  # type: ignore[no-untyped-def]  # noqa: ANN202  # a protobuf message
    return next(
        e.activity_task_scheduled_event_attributes.retry_policy
        for e in history.events
        if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    )


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


async def test_a_step_that_is_regular_from_the_start_follows_the_same_timetable(
    skipping: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "run", steps.run_regular)
    drawn: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    order_id = next(order_ids)
    mail = FakeMail(*[ServiceUnavailable(BUSY) for _ in range(4)])
    ports = fake_ports(FakeOrders(an_order(order_id)), mail=mail)
    async with job_worker(skipping, "notifications", registry, ports, draw=draw):
        handle = await Jobs(skipping).start(OrderConfirmationRequest, order_id=order_id)
        with pytest.raises(JobDidNotComplete, match="last of 4 attempts"):
            await handle.result()
    history = await skipping.get_workflow_handle(handle.id).fetch_history()

    assert times_of(mail) == 4
    assert drawn == [(5, 10), (10, 20), (20, 40)]
    assert waits(history) == [], "the server holds all of them"
    assert (_scheduled_policy(history).maximum_attempts, _started(history).attempt) == (4, 4)
