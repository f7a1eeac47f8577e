"""`/readyz` and `/healthz`, and what a worker makes of losing the servers that it needs."""

from __future__ import annotations

import asyncio

import pytest

from demo.stack import Stack
from tests.worker.conftest import Place, Start
from tests.worker.worker_process import WorkerProcess


async def becomes(worker: WorkerProcess, status: int) -> dict[str, bool]:
    """Ask until the worker answers with this status; returns which needs are met."""
    async with asyncio.timeout(60):
        while (answer := await worker.get("/readyz")).status_code != status:  # noqa: ASYNC110  # no event of another process
            await asyncio.sleep(0.2)
    return {name: need["met"] for name, need in answer.json()["needs"].items()}


@pytest.mark.parametrize("part", ["database", pytest.param("temporal", marks=pytest.mark.long)])
async def test_a_server_that_goes_away_makes_the_worker_unready_until_it_is_back(
    start: Start, place: Place, stack: Stack, part: str
) -> None:
    server = {"database": stack.postgres, "temporal": stack.temporal}[part]
    worker = await start()
    assert await becomes(worker, 200) == {"temporal": True, "database": True, "pollers": True}

    await asyncio.to_thread(server.stop)
    try:
        needs = await becomes(worker, 503)
        assert [name for name, met in needs.items() if not met] == [part]
        assert (await worker.get("/healthz")).text == "ok\n"
    finally:
        await asyncio.to_thread(server.start)

    await becomes(worker, 200)
    assert (await (await place("ada@example.com")).result()).outcome == "done"
