"""`SyncJobs`: the same as `Jobs`, blocking, from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from temporalio.client import Client

from demo.stack import Stack
from domain.errors import RecipientRejected
from domain.outcomes import Done
from domain.requests import EntityId, JobRequest
from starter import JobNotFound, JobState, JobStillRunning, OrderConfirmationRequest, SomeNotStarted, SyncJobs
from starter.errors import InvalidStart, JobCancelled, JobFailed, StarterError, TemporalUnreachable
from starter.queries import JobFilter
from tests.fakes import FakeMail
from tests.starter.serving import Serving


class UnheardOfRequest(JobRequest):
    """Of a kind that has no row."""

    order_id: EntityId


@pytest.fixture
async def jobs(stack: Stack, client: Client) -> AsyncIterator[SyncJobs]:
    jobs = SyncJobs(target_host=stack.temporal_address, namespace=client.namespace)
    yield jobs
    jobs.close()


def threads_of_ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "SyncJobs"]


async def test_each_call_works_within_a_running_event_loop(jobs: SyncJobs, serving: Serving, order_id: int) -> None:
    request = OrderConfirmationRequest(order_id=order_id)
    handle = jobs.start(request, delay=timedelta(hours=1), priority=2)

    assert (handle.id, handle.started, handle.state) == (request.workflow_id, True, JobState.running)
    assert jobs.start(OrderConfirmationRequest, order_id=order_id).run_id == handle.run_id
    assert jobs.status(request) == handle.status() == handle.status(of_this_run=True)
    assert handle.web_ui == handle.status().web_ui
    assert handle.picked_up()
    assert not jobs.of(request).started
    jobs.cancel(request)
    handle.cancel()
    async with serving(order_id):
        with pytest.raises(JobCancelled):
            await asyncio.to_thread(handle.result)
    assert repr(jobs.start(request)) == f"<SyncJobHandle {request.workflow_id} cancelled>"


async def test_a_result_is_waited_for_as_long_as_told_and_the_job_goes_on(
    jobs: SyncJobs, serving: Serving, order_id: int
) -> None:
    handle = jobs.start(OrderConfirmationRequest, order_id=order_id)

    with pytest.raises(JobStillRunning, match=r"has not ended after 0\.1 s\. It goes on") as given_up:
        handle.result(timeout=timedelta(seconds=0.1))
    assert isinstance(given_up.value, TimeoutError)
    async with serving(order_id):
        assert await asyncio.to_thread(handle.result) == Done(reference=handle.id)
    assert jobs.result(handle.id, timeout=timedelta(seconds=30)) == Done(reference=handle.id)


async def test_errors_are_those_of_jobs(jobs: SyncJobs, serving: Serving, order_id: int) -> None:
    with pytest.raises(JobNotFound):
        jobs.status(OrderConfirmationRequest(order_id=order_id))
    with pytest.raises(InvalidStart, match="priority"):
        jobs.start(OrderConfirmationRequest(order_id=order_id), priority=9)
    with pytest.raises(LookupError, match="there is no kind"):
        jobs.list(JobFilter(kind="x"))
    async with serving(order_id, mail=FakeMail(RecipientRejected("550 5.1.1 at RCPT TO"))):
        with pytest.raises(JobFailed, match="RecipientRejected"):
            await asyncio.to_thread(jobs.start(OrderConfirmationRequest, order_id=order_id).result)


async def test_many_are_started_from_an_iterable_that_is_read_in_the_callers_thread(
    jobs: SyncJobs, order_id: int
) -> None:
    first, threads = order_id * 1_000_000, set()

    def lazily() -> Iterator[JobRequest]:
        for number in range(200):
            threads.add(threading.current_thread())
            yield OrderConfirmationRequest(order_id=first + number)
            if number == 100:
                # A call within, as from a generator that looks something up.
                assert jobs.of("order-confirmation/1").id == "order-confirmation/1"
        yield UnheardOfRequest(order_id=1)

    with pytest.raises(SomeNotStarted) as error:
        jobs.start_many(lazily(), delay=timedelta(hours=1))

    ids = [f"order-confirmation/{first + number}" for number in range(200)]
    assert threads == {threading.current_thread()}
    assert [handle.id for handle in error.value.started] == ids
    assert error.value.started[0].status().state is JobState.running
    assert [request.kind for request, _ in error.value.failed] == ["unheard-of"]
    again = jobs.start_many(OrderConfirmationRequest(order_id=first + number) for number in range(200))
    assert [(handle.id, handle.started) for handle in again] == [(job_id, False) for job_id in ids]


async def test_what_an_iterable_raises_comes_through_after_what_it_gave_was_started(
    jobs: SyncJobs, order_id: int
) -> None:
    def broken() -> Iterator[JobRequest]:
        yield OrderConfirmationRequest(order_id=order_id)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        jobs.start_many(broken())

    assert jobs.status(f"order-confirmation/{order_id}").state is JobState.running


async def test_a_list_is_read_page_by_page(jobs: SyncJobs, order_id: int) -> None:
    first = order_id * 1_000_000
    jobs.start_many(OrderConfirmationRequest(order_id=first + number) for number in range(5))
    ids = {f"order-confirmation/{first + number}" for number in range(5)}
    while not ids <= {job.id for job in jobs.iterate()}:
        pass  # visibility is a moment behind
    found = jobs.list(limit=3)

    page = jobs.page(size=2)
    assert len(page.jobs) == 2
    assert page.rest is not None
    assert jobs.page(rest=page.rest, size=2).jobs[0].id not in {job.id for job in page.jobs}
    assert [job.id for job in jobs.iterate(limit=3)] == [job.id for job in found]
    assert len(list(jobs.iterate())) >= 5


async def test_threads_share_one_connection_and_one_background_thread(jobs: SyncJobs, order_id: int) -> None:
    together = threading.Barrier(20)

    def start(number: int) -> bool:
        together.wait()
        return jobs.start(OrderConfirmationRequest, order_id=order_id * 1_000_000 + number % 10).started

    with ThreadPoolExecutor(20) as threads:
        started = list(threads.map(start, range(20)))

    assert sum(started) == 10
    assert threads_of_ours() == ["SyncJobs"]


async def test_temporal_away_is_told_at_the_first_call_and_the_next_one_tries_again(
    stack: Stack, client: Client, order_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", client.namespace)
    with SyncJobs() as jobs:
        with pytest.raises(TemporalUnreachable, match=r"127\.0\.0\.1:1"):
            jobs.start(OrderConfirmationRequest, order_id=order_id)

        monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
        assert jobs.start(OrderConfirmationRequest, order_id=order_id).started


async def test_closed_jobs_leave_no_thread_and_say_that_they_are_closed(jobs: SyncJobs, stack: Stack) -> None:
    with SyncJobs(target_host=stack.temporal_address) as other:
        assert jobs.list() == jobs.list()
        other.list()
    assert threads_of_ours() == ["SyncJobs"]  # still that of the first

    jobs.close()
    jobs.close()

    assert threads_of_ours() == []
    with pytest.raises(StarterError, match="are closed"):
        jobs.list()


async def test_a_call_that_would_wait_for_itself_is_refused(jobs: SyncJobs) -> None:
    async def within(_: object) -> None:
        jobs.list()

    with pytest.raises(StarterError, match="use Jobs in asynchronous code"):
        jobs.call(within)
