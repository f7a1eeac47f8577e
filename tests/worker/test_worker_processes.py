"""`--processes N`: copies that are restarted, drained together, and never left behind."""

from __future__ import annotations

import os
import signal

import pytest

from demo.ports import free_port
from tests.worker.conftest import Place, Start
from workflows.registry import registry

pytestmark = pytest.mark.long


async def test_a_process_that_is_killed_is_started_again_and_all_drain_with_their_parent(
    start: Start, place: Place
) -> None:
    port = free_port()
    worker = await start("--processes", "2", WORKER_HTTP_PORT=str(port))
    lines = [await worker.says("The worker takes jobs", count=number) for number in (1, 2)]
    killed = await worker.says("Started a process", where=lambda line: line["process_index"] == 1)

    os.kill(killed["pid"], signal.SIGKILL)

    ended = await worker.says("A process ended by itself, it is started again")
    again = await worker.says("The worker takes jobs", count=2, where=lambda line: line["process_index"] == 1)
    assert (await (await place("ada@example.com")).result()).outcome == "done"
    worker.send(signal.SIGTERM)
    assert await worker.ended() == 0
    # Each has a port of its own, next to the first.
    assert {line["process_index"]: line["http"] for line in lines} == {
        0: f"http://127.0.0.1:{port}",
        1: f"http://127.0.0.1:{port + 1}",
    }
    assert (ended["process_index"], ended["status"]) == (1, -signal.SIGKILL)
    assert again["queues"].split(",") == registry.queues()
    drained = [line["process_index"] for line in worker.lines if line["message"].startswith("Drained")]
    assert sorted(drained) == [0, 1]


async def test_processes_whose_parent_is_killed_drain_and_leave_nothing_behind(start: Start) -> None:
    worker = await start("--processes", "2")
    await worker.says("The worker takes jobs", count=2)

    worker.send(signal.SIGKILL)

    # Their output ends when the last of them is gone.
    assert await worker.ended() == -signal.SIGKILL
    stopped = [line for line in worker.lines if line["message"].startswith("Stopping")]
    assert [line["why"] for line in stopped] == ["the parent process is gone"] * 2


async def test_a_second_signal_ends_all_processes_at_once(start: Start, place: Place) -> None:
    worker = await start("--processes", "2", WORKER_DRAIN="300")
    await worker.says("The worker takes jobs", count=2)
    for _ in range(4):
        await place("ada+slow100@example.com")
    worker.send(signal.SIGTERM)
    await worker.says("Stopping: no new tasks", count=2)

    worker.send(signal.SIGTERM)

    assert await worker.ended() in (0, 143)  # 0 if Temporal gave none of them a job


async def test_processes_that_cannot_start_are_not_started_again(start: Start) -> None:
    away = f"postgresql://postgres@127.0.0.1:{free_port()}/shop"
    worker = await start("--processes", "2", WORKER_STARTUP_WAIT="0.5", DATABASE_URL=away)

    assert await worker.ended() == 1
    await worker.says("A process could not start, all end")
