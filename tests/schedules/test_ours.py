"""Each of our schedules starts a job that a worker, as it is deployed, does."""

from __future__ import annotations

import asyncio

import pytest

from demo.stack import Stack
from starter.schedules import OWNER, declared
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import apply
from starter.scheduling.status import look
from starter.status import JobState
from tests.worker.worker_process import WorkerProcess, clean_environment


@pytest.mark.usefixtures("inbox", "provider")
async def test_a_run_of_each_of_our_schedules_completes(stack: Stack, there: ActualSchedules, database: str) -> None:
    table = declared()
    namespace = {"TEMPORAL_NAMESPACE": there.client.namespace, "DATABASE_URL": database, "WORKER_HTTP_PORT": "0"}
    await apply(table, there, OWNER)
    worker = await WorkerProcess.start({**clean_environment(), **stack.environment(), **namespace})
    try:
        for each in table.ids:
            await there.client.get_schedule_handle(each).trigger()
        async with asyncio.timeout(60):
            while True:
                last = {each.id: each.last_run for each in await look(table, there, OWNER) if each.id in table.ids}
                states = {name: run.state for name, run in last.items() if run}
                if len(states) == len(table) and JobState.running not in states.values():
                    break
                await asyncio.sleep(0.2)
    finally:
        await worker.end()
        for each in table.ids:
            await there.delete(each)

    assert states == dict.fromkeys(table.ids, JobState.completed)
