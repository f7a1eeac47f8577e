"""What a worker does when it is told to end: its work first, and never for ever."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

import pytest

from demo.inbox.reader import InboxReader
from demo.stack import Stack
from starter import JobHandle
from tests.worker.conftest import Place, Start

Sending = Callable[[JobHandle], Awaitable[None]]


@pytest.mark.parametrize(
    "drain", [pytest.param("30", id="finished"), pytest.param("0.2", id="cancelled", marks=pytest.mark.long)]
)
async def test_a_running_step_is_finished_before_the_worker_ends_or_done_by_the_next_one(
    start: Start, place: Place, sending: Sending, inbox: InboxReader, drain: str
) -> None:
    worker = await start(WORKER_DRAIN=drain)
    await worker.takes_jobs()
    job = await place("ada+slow2@example.com")
    await sending(job)

    worker.send(signal.SIGTERM)

    assert (await worker.says("Stopping: no new tasks are taken"))["why"] == "SIGTERM"
    if drain == "30":  # alive, but not ready
        ready = await worker.get("/readyz")
        assert (ready.status_code, ready.json()["state"]) == (503, "draining")
        assert (await worker.get("/healthz")).status_code == 200
    assert await worker.ended() == 0
    assert worker.errors == ""
    await start()
    assert (await job.result()).outcome == "done"
    mails = await inbox.mails()
    # A mail whose sending was cut off may arrive twice, under one Message-ID.
    assert len({mail.message_id for mail in mails}) == 1
    assert len(mails) == 1 or drain == "0.2"


async def test_a_second_signal_ends_the_worker_at_once(start: Start, place: Place, sending: Sending) -> None:
    worker = await start(WORKER_DRAIN="300")
    await worker.takes_jobs()
    await sending(await place("ada+slow100@example.com"))
    worker.send(signal.SIGTERM)
    await worker.says("Stopping")

    worker.send(signal.SIGINT)

    assert await worker.ended() == 128 + signal.SIGINT
    await worker.says("Told to stop again")


async def test_a_worker_ends_although_temporal_is_away(start: Start, stack: Stack) -> None:
    worker = await start(WORKER_DRAIN="1")
    await worker.takes_jobs()
    await asyncio.to_thread(stack.temporal.stop)
    try:
        worker.send(signal.SIGTERM)

        assert await worker.ended() in (0, 70)
    finally:
        await asyncio.to_thread(stack.temporal.start)
