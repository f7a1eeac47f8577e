"""Jobs over HTTP: how they are shown, wherever they are at the moment, and cancelling them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from temporalio.client import Client

from adapters.db.enqueued_jobs import SqlEnqueuedJobs
from domain.errors import RecipientRejected, ServiceUnavailable
from domain.order_confirmation import OrderConfirmationRequest
from starter.jobs import Jobs
from starter.pauses import pause
from tests.fakes import FakeMail
from tests.http_interface.serving import PROBLEM, Served
from tests.locks import WAITING_FOR_LOCKS
from tests.starter.serving import serve as serve_jobs

_ids = count(5001)
_NOTHING = dict.fromkeys(
    (
        *("outcome", "attempt", "next_attempt_at", "progress", "error"),
        *("waiting", "enqueued_at", "started_at", "closed_at", "web_ui"),
    )
)


@pytest.fixture
def order_id() -> int:
    """Of an order that no other test of the shared namespace has a job for."""
    return next(_ids)


@pytest.fixture
def path(order_id: int) -> str:
    return f"/jobs/order-confirmation/{order_id}"


async def _start(served: Served, order_id: int) -> None:
    await Jobs(served.temporal).start(OrderConfirmationRequest, order_id=order_id)


async def _enqueue(served: Served, job_id: str, **columns: Any) -> None:
    """An entry as the relay may have left it."""
    values = {"kind": job_id.partition("/")[0], "job_id": job_id, **columns}
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    await served.run(f"INSERT INTO outbox (payload, {names}) VALUES ('{{}}', {places})", **values)  # noqa: S608  # names of tests


async def _becomes(served: Served, path: str, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while not condition(job := (await served.http.get(path)).json()):  # noqa: ASYNC110  # Temporal tells nobody
            await asyncio.sleep(0.05)
    return dict(job)


async def test_while_temporal_is_away_orders_are_taken_and_their_jobs_are_enqueued(without_temporal: Served) -> None:
    placed = await without_temporal.place()
    assert placed.status_code == 202
    answer = await without_temporal.http.get(placed.json()["links"]["job"])
    job = answer.json()
    assert answer.status_code == 200
    assert datetime.fromisoformat(job.pop("enqueued_at")) <= datetime.now(UTC)
    assert job == {
        **{name: value for name, value in _NOTHING.items() if name != "enqueued_at"},
        "id": "order-confirmation/1",
        "kind": "order-confirmation",
        "state": "enqueued",
        "waiting": "for a relay to hand it to Temporal",
        "links": {"self": "/jobs/order-confirmation/1"},
    }


async def test_a_job_that_only_temporal_can_know_is_not_told_of_while_it_is_away(without_temporal: Served) -> None:
    path = (await without_temporal.place()).json()["links"]["job"]
    assert (await without_temporal.http.delete(path)).status_code == 503  # and nothing has changed
    assert await without_temporal.count("outbox") == 1
    for method in ("GET", "DELETE"):
        answer = await without_temporal.http.request(method, "/jobs/order-confirmation/2")
        assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
        assert int(answer.headers["retry-after"]) > 0


async def test_a_start_that_was_refused_or_put_off_is_shown_with_its_problem(served: Served) -> None:
    now = datetime.now(UTC)
    problem = {"error_type": "InvalidPayload", "error": "order_id: Field required (see `jobs kinds`)."}
    await _enqueue(served, "order-confirmation/1", **problem, refused_at=now)
    await _enqueue(served, "order-confirmation/2", **problem, retry_at=now + timedelta(minutes=5))
    await _enqueue(served, "order-confirmation/3", start_delay=timedelta(hours=1))
    refused, put_off, delayed = [
        (await served.http.get(f"/jobs/order-confirmation/{number}")).json() for number in (1, 2, 3)
    ]
    assert refused["error"] == {"type": "InvalidPayload", "message": problem["error"]}
    assert (refused["state"], refused["next_attempt_at"]) == ("enqueued", None)
    assert "refused" in refused["waiting"]
    assert put_off["error"] == refused["error"]
    assert datetime.fromisoformat(put_off["next_attempt_at"]) == now + timedelta(minutes=5)
    assert datetime.fromisoformat(delayed["next_attempt_at"]) > now + timedelta(minutes=59)
    assert delayed["error"] is None


async def test_an_id_may_have_slashes(served: Served) -> None:
    await _enqueue(served, "order-confirmation/1/2026-01-31 ü%")
    for path in ("1/2026-01-31%20%C3%BC%25", "1%2F2026-01-31%20%C3%BC%25"):
        job = (await served.http.get(f"/jobs/order-confirmation/{path}")).json()
        assert job["id"] == "order-confirmation/1/2026-01-31 ü%"
        assert job["links"]["self"] == "/jobs/order-confirmation/1/2026-01-31%20%C3%BC%25"


@pytest.mark.parametrize(
    "path",
    ["order-confirmation/0", "order-confirmation/", "nobody/1", "Order/1", "order-confirmation/%00", "a/" + "b" * 2000],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_job_that_is_not_there_is_not_found(shared: Served, method: str, path: str) -> None:
    answer = await shared.http.request(method, f"/jobs/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)


async def test_workflows_that_are_no_jobs_are_neither_shown_nor_cancelled(shared: Served) -> None:
    made = await pause(shared.temporal, queue="notifications", by="tests", reason="a test")
    assert made.id.startswith("paused/")
    for method in ("GET", "DELETE"):
        assert (await shared.http.request(method, f"/jobs/{made.id}")).status_code == 404
    handle = shared.temporal.get_workflow_handle(made.id)
    assert (await handle.describe()).close_time is None
    await handle.terminate()


async def test_a_job_that_temporal_has_is_shown_as_it_fares_there(
    shared: Served, shared_client: Client, order_id: int, path: str
) -> None:
    # An entry that is about to be deleted, or a second one, tells nothing new.
    await _enqueue(shared, f"order-confirmation/{order_id}")
    await _start(shared, order_id)
    job = (await shared.http.get(path)).json()
    assert (job["state"], job["enqueued_at"]) == ("running", None)
    assert "no worker" in job["waiting"]

    away = ServiceUnavailable("451 4.3.0.", retry_after=timedelta(minutes=1))
    async with serve_jobs(shared_client, order_id, mail=FakeMail(ServiceUnavailable(), away)):
        third = {"number": 3, "max": 4, "step": "order_confirmation.confirm"}
        job = await _becomes(shared, path, lambda job: job["next_attempt_at"] and job["attempt"] == third)
        assert job["error"] == {"type": "ServiceUnavailable", "message": "451 4.3.0."}
        assert job["web_ui"].endswith("/history")

        cancelled = await shared.http.delete(path)
        assert (cancelled.status_code, cancelled.json()["state"]) == (202, "running")
        await _becomes(shared, path, lambda job: job["state"] == "cancelled")
        again = await shared.http.delete(path)
        assert (again.status_code, again.json()["state"]) == (202, "cancelled")


async def test_a_job_that_has_ended_is_shown_with_its_end_and_cannot_be_cancelled(
    shared: Served, shared_client: Client
) -> None:
    done, failed = next(_ids), next(_ids)
    async with serve_jobs(shared_client, done, failed, mail=FakeMail(None, RecipientRejected("550 5.1.1"))):
        for order_id, state in ((done, "completed"), (failed, "failed")):
            path = f"/jobs/order-confirmation/{order_id}"
            await _start(shared, order_id)
            job = await _becomes(shared, path, lambda job: job["closed_at"])
            assert job["state"] == state
            refused = await shared.http.delete(path)
            assert (refused.status_code, refused.json()["type"]) == (409, "urn:durable-jobs:problem:job-has-ended")
            if state == "completed":
                assert job["outcome"] == {"outcome": "done", "reference": f"order-confirmation/{done}", "facts": {}}
            else:
                assert job["error"]["type"] == "RecipientRejected"
                assert job["error"]["message"].startswith("550 5.1.1")


async def test_a_job_that_is_cancelled_in_the_outbox_never_starts(served: Served) -> None:
    path = (await served.place()).json()["links"]["job"]
    cancelled = await served.http.delete(path)
    assert cancelled.status_code == 202
    assert cancelled.json() == {
        "id": "order-confirmation/1",
        "kind": "order-confirmation",
        "state": "cancelled",
        "links": {"self": path},
    }
    assert await served.count("outbox") == 0
    assert (await served.http.get(path)).status_code == 404


async def test_cancelling_waits_for_a_relay_that_is_starting_the_job(served: Served, order_id: int, path: str) -> None:
    job_id = f"order-confirmation/{order_id}"
    await _enqueue(served, job_id)
    async with served.engine.begin() as relay:
        await relay.exec_driver_sql("SELECT FROM outbox FOR UPDATE")
        cancelling = asyncio.create_task(served.http.delete(path))
        while (await served.run(WAITING_FOR_LOCKS))[0][0] == 0:  # noqa: ASYNC110  # PostgreSQL has no event for it
            await asyncio.sleep(0.01)
        await _start(served, order_id)
        await relay.exec_driver_sql("DELETE FROM outbox")
    assert (await cancelling).json()["state"] == "running"
    handle = served.temporal.get_workflow_handle(job_id)
    events = [event async for event in handle.fetch_history_events()]
    assert any(event.HasField("workflow_execution_cancel_requested_event_attributes") for event in events)


async def test_cancelling_does_not_wait_for_ever(served: Served) -> None:
    served.replace(enqueued=SqlEnqueuedJobs(served.engine, held=served.engine, wait=timedelta(milliseconds=100)))
    path = (await served.place()).json()["links"]["job"]
    async with served.engine.begin() as relay:
        await relay.exec_driver_sql("SELECT FROM outbox FOR UPDATE")
        answer = await served.http.delete(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert await served.count("outbox") == 1
