"""`jobs dead sweep`: what no job can tell of itself is found now."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.dead_letter_sweep import SqlSweepMark
from adapters.temporal.dead_runs import TemporalDeadRuns
from domain.dead_letter_sweep import DeadRuns, SweepMark, SweepTimes
from domain.dead_letters import DeadLetters, LetterFilter
from tests.dead_letters.redriving.ground import Ground
from tests.fakes import FakeOrders, fake_ports
from workflows.hosting import job_worker
from workflows.registry import registry


async def test_a_run_that_was_terminated_has_a_letter_after_a_sweep(ground: Ground, engine: AsyncEngine) -> None:
    handle = await ground.start("hangs")
    await handle.terminate("by mistake")
    async with asyncio.timeout(30):
        while not (await ground.client.count_workflows("ExecutionStatus = 'Terminated'")).count:  # noqa: ASYNC110  # lists tell nobody
            await asyncio.sleep(0.1)
    ports = {
        **fake_ports(FakeOrders()),
        DeadLetters: ground.letters,
        DeadRuns: TemporalDeadRuns(lambda: ground.client, {}, no_jobs=()),
        SweepMark: SqlSweepMark(engine),
        SweepTimes: SweepTimes(),
    }

    async with job_worker(ground.client, "maintenance", registry, ports, drain=timedelta()):
        swept = await ground.line("dead", "sweep", "--json")

    assert (swept.status, swept.document["facts"]) == (0, {"recorded": 1, "resolved": 0, "moved": 0})
    [letter] = await ground.letters.list(LetterFilter(workflow_id=handle.id), limit=2)
    assert letter.run.error_type == "Terminated"
