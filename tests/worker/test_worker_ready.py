"""`/readyz` and `/healthz`, and what a worker makes of losing the servers that it needs."""

from __future__ import annotations

import asyncio

import pytest

from demo.ports import free_port
from demo.stack import Stack
from tests.worker.conftest import Place, Start
from tests.worker.worker_process import WorkerProcess


async def becomes(worker: WorkerProcess, status: int) -> dict[str, dict[str, object]]:
    """Ask until the worker answers with this status; returns what it says about its needs."""
    async with asyncio.timeout(60):
        while (answer := await worker.get("/readyz")).status_code != status:  # noqa: ASYNC110  # no event of another process
            await asyncio.sleep(0.2)
    needs: dict[str, dict[str, object]] = answer.json()["needs"]
    return needs


async def test_a_worker_that_has_all_it_needs_is_ready(start: Start) -> None:
    worker = await start()

    needs = await becomes(worker, 200)

    assert {name: need["met"] for name, need in needs.items()} == {"temporal": True, "database": True, "pollers": True}
    assert (await worker.get("/healthz")).text == "ok\n"


@pytest.mark.parametrize("part", ["database", "temporal"])
async def test_a_server_that_goes_away_makes_the_worker_unready_until_it_is_back(
    start: Start, place: Place, stack: Stack, part: str
) -> None:
    server = {"database": stack.postgres, "temporal": stack.temporal}[part]
    worker = await start()
    await becomes(worker, 200)

    await asyncio.to_thread(server.stop)
    try:
        needs = await becomes(worker, 503)
        assert [name for name, need in needs.items() if not need["met"]] == [part]
        assert (await worker.get("/healthz")).status_code == 200
    finally:
        await asyncio.to_thread(server.start)

    await becomes(worker, 200)
    assert (await (await place("ada@example.com")).result()).outcome == "done"


async def test_a_worker_that_still_waits_is_not_ready_and_says_for_what(start: Start) -> None:
    port = free_port()
    nobody = free_port()
    worker = await start(WORKER_HTTP_PORT=str(port), DATABASE_URL=f"postgresql://postgres@127.0.0.1:{nobody}/shop")
    await worker.says("still waiting")

    answer = await worker.get("/readyz", address=f"http://127.0.0.1:{port}")

    assert answer.status_code == 503
    assert answer.json()["state"] == "starting"
    assert str(nobody) in answer.json()["needs"]["database"]["text"]
