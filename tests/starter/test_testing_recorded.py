"""`Jobs.testing()` and `SyncJobs.testing()` record, de-duplicate and refuse as the real ones do, and run nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from pydantic import ValidationError

from domain.outcomes import Done, Skipped
from domain.requests import EntityId, JobRequest
from starter import JobNotFound, Jobs, JobState, OrderConfirmationRequest, SomeNotStarted, SyncJobs
from starter.errors import InvalidStart, JobCancelled, JobFailed, StarterError, TemporalUnreachable
from starter.queries import JobFilter
from starter.testing.record import StartedJob
from starter.testing.recording import OutcomeNotSet
from workflows.registry import Registry, registry

REQUEST = OrderConfirmationRequest(order_id=1042)
MINUTE = timedelta(minutes=1)


class UnheardOfRequest(JobRequest):
    """Of a kind that has no row."""

    order_id: EntityId


async def place(jobs: Jobs) -> None:
    """Code under test."""
    await jobs.start(OrderConfirmationRequest, order_id=1042)
    await jobs.start(OrderConfirmationRequest(order_id=7), delay=MINUTE, priority=1, fairness_key="shop-7")


def told(assertion: Callable[[], None]) -> str:
    """What a failing assertion says."""
    with pytest.raises(AssertionError) as failure:
        assertion()
    return str(failure.value)


async def test_what_was_started_is_asserted_by_request_by_kind_and_by_options() -> None:
    jobs = Jobs.testing()
    jobs.assert_nothing_started()
    await place(jobs)

    jobs.assert_started(REQUEST)
    jobs.assert_started(REQUEST, times=1, delay=None, restart=False)
    jobs.assert_started(OrderConfirmationRequest, times=2)
    jobs.assert_started(OrderConfirmationRequest, delay=MINUTE, priority=1, fairness_key="shop-7")
    jobs.assert_not_started(OrderConfirmationRequest(order_id=8))
    jobs.assert_not_started(UnheardOfRequest)
    assert jobs.started == [
        StartedJob(REQUEST),
        StartedJob(OrderConfirmationRequest(order_id=7), delay=MINUTE, priority=1, fairness_key="shop-7"),
    ]


async def test_an_assertion_that_fails_lists_what_was_started() -> None:
    jobs, were = Jobs.testing(), "Started were:\n  order-confirmation/1042\n  order-confirmation/7 with "
    assert told(lambda: jobs.assert_started(REQUEST)) == "order-confirmation/1042 was not started. Nothing was started."
    await place(jobs)

    failing: dict[str, Callable[[], None]] = {
        "order-confirmation/8 was not started": lambda: jobs.assert_started(OrderConfirmationRequest(order_id=8)),
        "order-confirmation/1042 was started, but not with delay 0:01:00": lambda: jobs.assert_started(
            REQUEST, delay=MINUTE
        ),
        "A job of kind order-confirmation was started twice, not 3 times": lambda: jobs.assert_started(
            OrderConfirmationRequest, times=3
        ),
        "A job of kind order-confirmation was started": lambda: jobs.assert_not_started(OrderConfirmationRequest),
    }
    for beginning, assertion in failing.items():
        assert told(assertion).startswith(f"{beginning}. {were}delay 0:01:00, priority 1, fairness_key shop-7")
    assert told(jobs.assert_nothing_started).startswith(were)


async def test_the_same_job_again_is_not_started_and_tells_how_the_first_fares() -> None:
    jobs = Jobs.testing()
    first = await jobs.start(REQUEST)
    second = await jobs.start(REQUEST)
    jobs.will_end(REQUEST, Done())
    third = await jobs.start(REQUEST)

    assert [(handle.started, handle.state) for handle in (first, second, third)] == [
        (True, JobState.running),
        (False, JobState.running),
        (False, JobState.completed),
    ]
    assert first.run_id == second.run_id == third.run_id
    jobs.assert_started(REQUEST, times=1)


async def test_a_job_that_failed_runs_anew_where_that_is_asked_for_or_its_kind_does_so_by_itself() -> None:
    from dataclasses import replace

    kinds = Registry(replace(registry.get(REQUEST.kind), restart_after_failure=True))
    jobs, by_itself = Jobs.testing(), Jobs.testing(kinds=kinds)
    for each in (jobs, by_itself):
        await each.start(REQUEST)
        each.will_fail(REQUEST, "RecipientRejected")

    assert not (await jobs.start(REQUEST)).started
    assert (await jobs.start(REQUEST, restart=True)).started
    assert (await by_itself.start(REQUEST)).started
    jobs.assert_started(REQUEST, times=2)
    jobs.assert_started(REQUEST, times=1, restart=True)


async def test_what_cannot_be_is_refused_as_by_jobs() -> None:
    jobs = Jobs.testing()

    with pytest.raises(ValidationError):
        await jobs.start(OrderConfirmationRequest, order_id=0)
    with pytest.raises(LookupError, match="there is no kind 'unheard-of'"):
        await jobs.start(UnheardOfRequest, order_id=1)
    with pytest.raises(InvalidStart, match="priority"):
        await jobs.start(REQUEST, priority=6)
    with pytest.raises(InvalidStart, match="delay"):
        await jobs.start(REQUEST, delay=-MINUTE)
    with pytest.raises(SomeNotStarted) as some:
        await jobs.start_many([REQUEST, UnheardOfRequest(order_id=1)])
    for asking in (jobs.status, jobs.result, jobs.cancel):
        with pytest.raises(JobNotFound, match="There is no job 'order-confirmation/9' in this test"):
            await asking("order-confirmation/9")

    assert [handle.id for handle in some.value.started] == [REQUEST.workflow_id]
    assert len(jobs.started) == 1


async def test_a_job_ends_as_the_test_says() -> None:
    jobs = Jobs.testing()
    unknown = await jobs.start(OrderConfirmationRequest, order_id=99)
    with pytest.raises(OutcomeNotSet, match=r"`jobs\.will_end\(OrderConfirmationRequest\(order_id=99\), Done\(\)\)`"):
        await unknown.result()
    jobs.will_end(OrderConfirmationRequest, Skipped(reason="no-address"))
    jobs.will_end(REQUEST, Done(reference="x"))
    jobs.will_fail(OrderConfirmationRequest(order_id=3), "RecipientRejected", "550 at RCPT TO.")
    one, two, three = [await jobs.start(OrderConfirmationRequest, order_id=order_id) for order_id in (1042, 2, 3)]

    assert await one.result() == Done(reference="x")
    assert (await two.status()).outcome == Skipped(reason="no-address")
    with pytest.raises(JobFailed, match=r"RecipientRejected: 550 at RCPT TO\.") as failure:
        await three.result()
    status = await three.status()
    assert (status.state, status.error_type, status.message) == (
        JobState.failed,
        "RecipientRejected",
        "550 at RCPT TO.",
    )
    assert failure.value.web_ui == three.web_ui == status.web_ui


async def test_a_cancelled_job_is_recorded_and_one_that_has_ended_stays_as_it_is() -> None:
    jobs = Jobs.testing()
    jobs.will_end(OrderConfirmationRequest(order_id=7), Done())
    await place(jobs)
    for order_id in (1042, 7):
        await jobs.cancel(OrderConfirmationRequest(order_id=order_id))

    assert jobs.cancelled == [REQUEST.workflow_id]
    with pytest.raises(JobCancelled):
        await jobs.result(REQUEST)
    assert (await jobs.status(REQUEST)).state is JobState.cancelled


async def test_jobs_are_listed_as_they_were_started() -> None:
    jobs = Jobs.testing()
    jobs.will_fail(REQUEST, "RecipientRejected")
    await place(jobs)

    assert [job.id for job in await jobs.list()] == ["order-confirmation/7", REQUEST.workflow_id]
    assert [job.id for job in await jobs.list(limit=1)] == ["order-confirmation/7"]
    for where in ({"state": JobState.failed}, {"ids": {"OrderId": "1042"}}, {"error_type": "RecipientRejected"}):
        assert [job.id for job in await jobs.list(JobFilter(**where))] == [REQUEST.workflow_id]
    with pytest.raises(LookupError):
        await jobs.list(JobFilter(kind="x"))
    assert await jobs.of("order-confirmation/7").picked_up()


async def test_temporal_can_be_away_for_a_while() -> None:
    jobs = Jobs.testing()
    jobs.error = TemporalUnreachable("away")
    with pytest.raises(TemporalUnreachable):
        await place(jobs)
    with pytest.raises(SomeNotStarted):
        await jobs.start_many([REQUEST])
    jobs.assert_nothing_started()

    jobs.error = None
    await place(jobs)
    assert len(jobs.started) == 2


async def test_there_is_no_client_and_nothing_needs_an_event_loop_of_its_own() -> None:
    async with Jobs.testing() as jobs:
        with pytest.raises(StarterError, match="no connection"):
            _ = jobs.client

    made = Jobs.testing()
    await asyncio.to_thread(lambda: asyncio.run(place(made)))
    made.assert_started(REQUEST)


def test_synchronous_code_is_tested_alike() -> None:
    def confirm(jobs: SyncJobs) -> str:
        jobs.start(OrderConfirmationRequest, order_id=1042)
        jobs.start_many([REQUEST, OrderConfirmationRequest(order_id=7)], delay=MINUTE)
        return jobs.result(REQUEST).outcome

    with SyncJobs.testing() as jobs:
        jobs.will_end(REQUEST, Done())
        assert confirm(jobs) == "done"
        jobs.assert_started(OrderConfirmationRequest, times=2)
        jobs.assert_started(OrderConfirmationRequest(order_id=7), delay=MINUTE)
        jobs.cancel("order-confirmation/7")
        assert jobs.cancelled == ["order-confirmation/7"]
        jobs.will_fail(OrderConfirmationRequest(order_id=8), "RecipientRejected")
        failed = jobs.start(OrderConfirmationRequest, order_id=8)
        with pytest.raises(JobFailed):
            failed.result()
        assert told(jobs.assert_nothing_started).startswith("Started were:")
        assert [job.id for job in jobs.iterate(limit=1)] == ["order-confirmation/8"]

        jobs.error = TemporalUnreachable("away")
        with pytest.raises(TemporalUnreachable):
            jobs.status(REQUEST)
        assert jobs.error is not None
