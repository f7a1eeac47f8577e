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
from starter.errors import InvalidStart, JobDidNotComplete, JobFailed
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


async def test_the_short_and_the_long_form_start_the_same_job_once(
    jobs: Jobs, client: Client, serving: Serving, order_id: int
) -> None:
    short = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    long = await jobs.start(OrderConfirmationRequest(order_id=order_id))
    described = await client.get_workflow_handle(short.id).describe()
    ids = (await short.status()).ids
    async with serving(order_id) as orders:
        await short.result()
        completed = await jobs.start(OrderConfirmationRequest, order_id=order_id)

    assert (short.id, short.started) == (f"order-confirmation/{order_id}", True)
    assert (long.id, long.run_id, long.started, long.state) == (short.id, short.run_id, False, JobState.running)
    assert (completed.started, completed.state) == (False, JobState.completed)
    assert orders.marked[order_id] == 1
    assert ids == {"OrderId": str(order_id)}
    assert await described.static_summary() == f"Order confirmation {order_id}"
    assert short.web_ui.endswith(f"/workflows/order-confirmation%2F{order_id}/{short.run_id}/history")


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
    assert (failure.value.job_id, failure.value.error_type) == (first.id, "RecipientRejected")
    assert failure.value.message.startswith("550 5.1.1 at RCPT TO.")
    assert failure.value.web_ui == first.web_ui
    assert first.web_ui in str(failure.value)
    assert len(mail.attempts) == 1


@pytest.mark.parametrize("ending", ["Failed", "Cancelled", "Terminated"])
async def test_a_job_that_did_not_complete_is_left_alone_unless_a_restart_is_asked_for(
    jobs: Jobs, client: Client, serving: Serving, order_id: int, ending: str
) -> None:
    first = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    if ending == "Cancelled":
        await first.cancel()
    if ending == "Terminated":
        await client.get_workflow_handle(first.id).terminate(reason="not needed any more")
    async with serving(order_id, mail=_refusing() if ending == "Failed" else FakeMail()):
        ended = await _ended(first)
        second = await jobs.start(OrderConfirmationRequest, order_id=order_id)
        again = await jobs.start(OrderConfirmationRequest(order_id=order_id), restart=True)

        assert (second.started, second.state, ended) == (
            False,
            ending.lower(),
            "RecipientRejected" if ending == "Failed" else ending,
        )
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
    kinds = Registry(replace(registry.get("order-confirmation"), restart_after_failure=True))
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


async def test_values_and_options_out_of_range_start_nothing(jobs: Jobs, order_id: int) -> None:
    request = OrderConfirmationRequest(order_id=order_id)

    with pytest.raises(ValidationError):
        await jobs.start(OrderConfirmationRequest, order_id=0)
    with pytest.raises(InvalidStart, match="delay"):
        await jobs.start(request, delay=timedelta(seconds=-1))
    for priority in (0, 6):
        with pytest.raises(InvalidStart, match="priority"):
            await jobs.start(request, priority=priority)
    with pytest.raises(JobNotFound):
        await jobs.of(request).status()


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
    assert not await handle.picked_up(timedelta())
    stopped = await jobs.start(OrderConfirmationRequest, order_id=10**9 + order_id)
    await stopped.cancel()
    assert not await stopped.picked_up(timedelta())

    async with serving(order_id):
        assert await handle.picked_up()
        await becomes(handle, lambda status: status.state is JobState.completed)
    assert await handle.picked_up(timedelta())
