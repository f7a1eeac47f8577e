"""Worker processes hold jobs whose kind or queue is paused."""

from __future__ import annotations

import signal

import pytest
from temporalio.client import Client

from starter.pauses import pause, resume
from tests.worker.conftest import Place, Start


@pytest.mark.long
async def test_a_job_that_a_stopped_worker_held_goes_on_in_another_when_its_kind_is_resumed(
    start: Start, place: Place, client: Client
) -> None:
    await pause(client, kind="order-confirmation", reason="the new template is wrong")
    first = await start()
    told = await first.says("Paused: jobs that have not begun wait")
    job = await place("ada@example.com")
    await first.says("Job waits: it is paused")
    first.send(signal.SIGTERM)
    assert await first.ended() == 0
    second = await start()
    await second.takes_jobs()
    waiting = (await job.status()).waiting

    resumed = await resume(client, kind="order-confirmation")

    assert (await job.result()).outcome == "done"
    assert (told["paused"], told["reason"]) == ("order-confirmation", "the new template is wrong")
    assert waiting is not None
    assert "the new template is wrong" in waiting
    assert (resumed.released, resumed.still_held) == (1, 0)
