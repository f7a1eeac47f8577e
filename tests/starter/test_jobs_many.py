"""`Jobs.start_many`: in order, some at a time, each tried, and one error for those that could not be started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from domain.requests import EntityId, JobRequest
from starter import Jobs, OrderConfirmationRequest, SomeNotStarted
from starter.errors import InvalidStart, TemporalUnreachable
from starter.start_many import start_many


class UnheardOfRequest(JobRequest):
    """Of a kind that has no row."""

    order_id: EntityId


def requests(first: int, count: int) -> Iterator[OrderConfirmationRequest]:
    return (OrderConfirmationRequest(order_id=first + number) for number in range(count))


async def test_handles_come_in_the_order_of_the_requests_and_what_was_there_is_not_started_again(
    jobs: Jobs, order_id: int
) -> None:
    first = order_id * 1_000_000
    there = await jobs.start(OrderConfirmationRequest, order_id=first + 3)

    async def slowly() -> AsyncIterator[OrderConfirmationRequest]:
        for request in requests(first, 8):
            await asyncio.sleep(0)
            yield request

    lazy = await jobs.start_many(slowly(), concurrency=3, delay=timedelta(hours=1), priority=2)
    again = await jobs.start_many(list(requests(first, 8)))

    assert [handle.id for handle in lazy] == [f"order-confirmation/{first + number}" for number in range(8)]
    assert [handle.started for handle in lazy] == [number != 3 for number in range(8)]
    assert lazy[3].run_id == there.run_id
    assert [(handle.run_id, handle.started) for handle in again] == [(handle.run_id, False) for handle in lazy]
    described = await jobs.client.get_workflow_handle(lazy[7].id).describe()
    assert described.raw_description.workflow_execution_info.priority.priority_key == 2
    assert described.execution_time == described.start_time + timedelta(hours=1)


async def test_requests_are_taken_as_starts_end_and_no_more_than_told_run_at_a_time() -> None:
    taken = running = most = ahead = ended = 0

    def counted() -> Iterator[OrderConfirmationRequest]:
        nonlocal taken
        for request in requests(1, 500):
            taken += 1
            yield request

    async def start(request: JobRequest) -> str:
        nonlocal running, most, ahead, ended
        running += 1
        most, ahead = max(most, running), max(ahead, taken - ended)
        for _ in range(20 + int(request.business_id) % 3):
            await asyncio.sleep(0)
        running, ended = running - 1, ended + 1
        return request.workflow_id

    ids = await start_many(counted(), start, concurrency=7)

    assert ids == [request.workflow_id for request in requests(1, 500)]
    assert (most, ahead) == (7, 7)


async def test_all_others_are_started_where_some_cannot_be_and_one_error_has_both(jobs: Jobs, order_id: int) -> None:
    first = order_id * 1_000_000
    strange = [UnheardOfRequest(order_id=number) for number in (1, 2)]
    some: list[JobRequest] = [strange[0], *requests(first, 2), strange[1], *requests(first + 2, 2)]

    with pytest.raises(SomeNotStarted) as error:
        await jobs.start_many(some, concurrency=2)

    assert [handle.id for handle in error.value.started] == [request.workflow_id for request in requests(first, 4)]
    assert [(request, type(reason)) for request, reason in error.value.failed] == [
        (request, LookupError) for request in strange
    ]
    assert str(error.value).startswith(
        "2 of 6 jobs could not be started. The first is unheard-of/1: LookupError: there is no kind 'unheard-of'"
    )
    assert "what was started is not started twice" in str(error.value)


async def test_with_temporal_away_the_rest_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    jobs = await Jobs.connect(lazy=True)

    with pytest.raises(SomeNotStarted) as error:
        async with asyncio.timeout(60):
            await jobs.start_many(requests(1, 10_000))

    assert [request.workflow_id for request, _ in error.value.failed] == [
        request.workflow_id for request in requests(1, 10_000)
    ]
    assert {type(reason) for _, reason in error.value.failed} == {TemporalUnreachable}
    assert "10000 of 10000 jobs could not be started" in str(error.value)


async def test_after_an_outage_no_more_starts_are_tried_but_those_under_way_are_let_end() -> None:
    tried: list[str] = []

    async def start(request: JobRequest) -> str:
        tried.append(request.workflow_id)
        if len(tried) == 5:
            raise TemporalUnreachable("away")
        await asyncio.sleep(0)
        return request.workflow_id

    with pytest.raises(SomeNotStarted) as error:
        await start_many(requests(1, 1000), start, concurrency=3)

    assert len(tried) < 9
    assert len(error.value.started) == len(tried) - 1
    assert len(error.value.failed) == 1000 - len(error.value.started)


async def test_what_raises_while_requests_are_made_is_raised_once_the_others_are_started() -> None:
    started: list[str] = []

    def broken() -> Iterator[OrderConfirmationRequest]:
        yield from requests(1, 3)
        raise ZeroDivisionError

    async def start(request: JobRequest) -> str:
        await asyncio.sleep(0)
        started.append(request.workflow_id)
        return request.workflow_id

    with pytest.raises(ZeroDivisionError):
        await start_many(broken(), start, concurrency=2)

    assert len(started) == 3


async def test_options_that_cannot_be_are_refused_before_a_request_is_taken(jobs: Jobs) -> None:
    def untouched() -> Iterator[OrderConfirmationRequest]:
        pytest.fail("a request was taken")
        yield

    with pytest.raises(InvalidStart, match="priority"):
        await jobs.start_many(untouched(), priority=9)
    with pytest.raises(InvalidStart, match="fairness_key: from 1 to 64 bytes"):
        await jobs.start_many(untouched(), fairness_key="ü" * 33)
    with pytest.raises(InvalidStart, match="concurrency"):
        await jobs.start_many(untouched(), concurrency=0)
