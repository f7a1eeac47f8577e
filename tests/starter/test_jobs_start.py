"""`Jobs.start`: what becomes of a start, and of the same one again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError
from temporalio.client import Client

from domain.errors import RecipientRejected
from starter import JobHandle, JobNotFound, Jobs, JobState, OrderConfirmationRequest
from starter.errors import InvalidStart, JobCancelled, JobDidNotComplete, JobFailed, JobTerminated
from starter.queries import JobFilter
from tests.fakes import FakeMail
from tests.starter.serving import Serving, becomes
from workflows.registry import Registry, registry


def _refusing() -> FakeMail:
    return FakeMail(RecipientRejected("550 5.1.1 at RCPT TO"))


async def _ended(handle: JobHandle) -> str:
    try:
        return (await handle.result()).outcome
    except JobDidNotComplete as exc:
        return exc.error_type


async def test_the_short_and_the_long_form_start_the_same_job(jobs: Jobs, order_id: int) -> None:
    short = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    long = await jobs.start(OrderConfirmationRequest(order_id=order_id))

    assert (short.id, short.started) == (f"order-confirmation/{order_id}", True)
    assert (long.id, long.run_id, long.started) == (short.id, short.run_id, False)


async def test_a_job_carries_its_ids_and_a_summary(jobs: Jobs, client: Client, order_id: int) -> None:
    handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)

    described = await client.get_workflow_handle(handle.id).describe()
    assert (await handle.status()).ids == {"OrderId": str(order_id)}
    assert await described.static_summary() == f"Order confirmation {order_id}"


async def test_a_value_that_does_not_fit_starts_nothing(jobs: Jobs) -> None:
    with pytest.raises(ValidationError):
        await jobs.start(OrderConfirmationRequest, order_id=0)


async def test_a_second_start_of_a_running_job_says_running(jobs: Jobs, order_id: int) -> None:
    first = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    second = await jobs.start(OrderConfirmationRequest, order_id=order_id)

    assert (second.started, second.state, second.run_id) == (False, JobState.running, first.run_id)


async def test_a_second_start_of_a_completed_job_says_completed(jobs: Jobs, serving: Serving, order_id: int) -> None:
    async with serving(order_id) as orders:
        await (await jobs.start(OrderConfirmationRequest, order_id=order_id)).result()
        second = await jobs.start(OrderConfirmationRequest, order_id=order_id)

        assert (second.started, second.state) == (False, JobState.completed)
        assert (await second.result()).outcome == "done"
    assert orders.marked[order_id] == 1


async def test_a_second_start_of_a_failed_job_says_failed_and_runs_nothing(
    jobs: Jobs, serving: Serving, order_id: int
) -> None:
    mail = _refusing()
    async with serving(order_id, mail=mail):
        first = await jobs.start(OrderConfirmationRequest, order_id=order_id)
        with pytest.raises(JobFailed):
            await first.result()
        second = await jobs.start(OrderConfirmationRequest, order_id=order_id)

        with pytest.raises(JobFailed) as failure:
            await second.result()
    assert (second.started, second.state, second.run_id) == (False, JobState.failed, first.run_id)
    assert failure.value.error_type == "RecipientRejected"
    assert failure.value.web_ui == first.web_ui
    assert len(mail.attempts) == 1


async def test_a_second_start_of_a_cancelled_job_says_cancelled(jobs: Jobs, serving: Serving, order_id: int) -> None:
    first = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    await first.cancel()
    async with serving(order_id):
        with pytest.raises(JobCancelled):
            await first.result()
    second = await jobs.start(OrderConfirmationRequest, order_id=order_id)

    assert (second.started, second.state) == (False, JobState.cancelled)


async def test_a_second_start_of_a_terminated_job_says_terminated(jobs: Jobs, client: Client, order_id: int) -> None:
    first = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    await client.get_workflow_handle(first.id).terminate(reason="not needed any more")
    second = await jobs.start(OrderConfirmationRequest, order_id=order_id)

    assert (second.started, second.state) == (False, JobState.terminated)
    with pytest.raises(JobTerminated, match="not needed any more"):
        await second.result()


@pytest.mark.parametrize("ending", ["failed", "cancelled", "terminated"])
async def test_restart_runs_a_job_anew_that_did_not_complete(
    jobs: Jobs, client: Client, serving: Serving, order_id: int, ending: str
) -> None:
    first = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    if ending == "cancelled":
        await first.cancel()
    if ending == "terminated":
        await client.get_workflow_handle(first.id).terminate()
    async with serving(order_id, mail=_refusing() if ending == "failed" else FakeMail()):
        await _ended(first)
        again = await jobs.start(OrderConfirmationRequest(order_id=order_id), restart=True)

        assert again.started
        assert again.run_id != first.run_id
        assert await _ended(again) == "done"


async def test_restart_does_not_touch_a_completed_or_a_running_job(jobs: Jobs, serving: Serving, order_id: int) -> None:
    running = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    assert not (await jobs.start(OrderConfirmationRequest(order_id=order_id), restart=True)).started

    async with serving(order_id):
        await running.result()
        assert not (await jobs.start(OrderConfirmationRequest(order_id=order_id), restart=True)).started


async def test_a_kind_that_the_user_can_ask_for_again_restarts_by_itself(
    jobs: Jobs, client: Client, serving: Serving, order_id: int
) -> None:
    kinds = Registry()
    kinds.register(replace(registry.get("order-confirmation"), restart_after_failure=True))
    async with serving(order_id, mail=_refusing()):
        await _ended(await jobs.start(OrderConfirmationRequest, order_id=order_id))
        again = await Jobs(client, kinds=kinds).start(OrderConfirmationRequest, order_id=order_id)

        assert again.started
        assert await _ended(again) == "done"


async def test_starts_at_once_make_one_job(jobs: Jobs, serving: Serving, order_id: int) -> None:
    async with serving(order_id) as orders:
        handles = await asyncio.gather(*(jobs.start(OrderConfirmationRequest, order_id=order_id) for _ in range(20)))
        await handles[0].result()

    assert sum(handle.started for handle in handles) == 1
    assert len({handle.run_id for handle in handles}) == 1
    assert orders.marked[order_id] == 1


async def test_a_delayed_job_is_there_at_once_and_runs_after_its_delay(
    jobs: Jobs, serving: Serving, order_id: int
) -> None:
    async with serving(order_id):
        handle = await jobs.start(OrderConfirmationRequest(order_id=order_id), delay=timedelta(seconds=2))
        status = await handle.status()
        assert status.state is JobState.running
        assert "delay" in str(status.waiting)
        assert await handle.picked_up(timedelta())

        await handle.result()
    ended = await handle.status()
    assert ended.closed_at is not None
    assert ended.closed_at - ended.started_at >= timedelta(seconds=2)


async def test_options_out_of_range_are_refused(jobs: Jobs, order_id: int) -> None:
    request = OrderConfirmationRequest(order_id=order_id)

    with pytest.raises(InvalidStart, match="delay"):
        await jobs.start(request, delay=timedelta(seconds=-1))
    for priority in (0, 6):
        with pytest.raises(InvalidStart, match="priority"):
            await jobs.start(request, priority=priority)
    with pytest.raises(JobNotFound):
        await jobs.of(request).status()


async def test_priority_and_fairness_key_reach_temporal(jobs: Jobs, client: Client, order_id: int) -> None:
    handle = await jobs.start(OrderConfirmationRequest(order_id=order_id), priority=1, fairness_key="tenant-7")

    described = await client.get_workflow_handle(handle.id).describe()
    priority = described.raw_description.workflow_execution_info.priority
    assert (priority.priority_key, priority.fairness_key) == (1, "tenant-7")


async def test_a_list_can_be_filtered_by_an_id(jobs: Jobs, order_id: int) -> None:
    handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    where = JobFilter(kind="order-confirmation", ids={"OrderId": str(order_id)}, newer_than=timedelta(hours=1))

    async with asyncio.timeout(30):
        while not (found := await jobs.list(where)):
            pass  # visibility is a moment behind

    assert [(job.id, job.run_id, job.web_ui) for job in found] == [(handle.id, handle.run_id, handle.web_ui)]


async def test_an_unknown_kind_or_attribute_is_refused_before_temporal_is_asked() -> None:
    with pytest.raises(LookupError, match="there is no kind 'x'"):
        JobFilter(kind="x").query(registry)
    with pytest.raises(LookupError, match="there is no search attribute 'X'"):
        JobFilter(ids={"X": "1"}).query(registry)


async def test_picked_up_tells_whether_a_worker_took_the_job(jobs: Jobs, serving: Serving, order_id: int) -> None:
    handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    assert not await handle.picked_up(timedelta(seconds=0.5))

    async with serving(order_id):
        assert await handle.picked_up()
        await becomes(handle, lambda status: status.state is JobState.completed)
    assert await handle.picked_up(timedelta())


async def test_a_job_asked_to_stop_before_a_worker_took_it_is_not_picked_up(jobs: Jobs, order_id: int) -> None:
    handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    await handle.cancel()

    assert not await handle.picked_up(timedelta(seconds=0.5))
