"""Dead letters in numbers: `python -m benchmarks.dead_letters`.

10,000 jobs fail; how long the first sweep takes that finds them all, and one that finds nothing new; how long people
wait for `jobs dead list` and `jobs dead groups`, the start of the process included; and whether a redrive of 1,000
keeps the rate that it was told. The servers and the worker share the machine.

The last line is a JSON object with the figures; `ok` tells whether all targets are reached.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from pydantic import SecretStr
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.dead_letter_sweep import DeadLetterSweepActivities
from adapters.db.dead_letters import SqlDeadLetterRepository, SqlSweepCheckpoint
from adapters.db.engine import make_engine
from adapters.db.migrate import upgrade
from adapters.settings import DatabaseSettings
from benchmarks.measuring import cpu, main, say
from demo.stack import Stack
from domain.dead_letter_sweep import SweepTimes
from domain.errors import NotFound
from domain.outcomes import Done, Outcome
from domain.policies import Policy
from domain.requests import EntityId, JobRequest
from domain.scheduling import ScheduledRun
from starter import Jobs
from starter.dead_letters.failed_runs import TemporalFailedRuns
from starter.setup import add_search_attributes, set_retention
from workflows import steps
from workflows.data_converter import data_converter
from workflows.hosting import job_worker
from workflows.kinds import Kind, Registry

QUEUE = "dead-jobs"
CAUSES = 7
"""Into how many groups the letters fall."""


class Cause:
    """Shared with the worker, which is in the same process."""

    mended = False


class DeadJobRequest(JobRequest):
    """Fail."""

    order_id: EntityId


class DeadJobActivities:
    """One step."""

    @activity.defn(name="dead_job.work")
    async def work(self, request: DeadJobRequest) -> None:
        """Can run twice: it does nothing."""
        if not Cause.mended:
            raise NotFound(f"No {'abcdefg'[request.order_id % CAUSES]} is there.")


@workflow.defn
class DeadJob:
    """Fails."""

    @workflow.run
    async def run(self, request: DeadJobRequest) -> Outcome:
        """One step."""
        await steps.run(DeadJobActivities.work, request)
        return Done()


_POLICY = Policy(
    name="dead-job",
    waits=(),
    attempt_limit=timedelta(seconds=10),
    deadline=timedelta(minutes=1),
    purpose="benchmarks",
)
KINDS = Registry()
KINDS.register(Kind(DeadJobRequest, DeadJob, DeadJobActivities, QUEUE, _POLICY))

TARGETS = {"command_s": 2.0, "rate_off": 0.1}


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    dead: int
    redriven: int
    rate: int
    commands: int
    """How often each command runs; the median counts."""


FULL = Extent(dead=10_000, redriven=1000, rate=30, commands=5)
QUICK = Extent(dead=100, redriven=60, rate=20, commands=1)


async def run(extent: Extent, folder: Path) -> dict[str, Any]:
    """Measure part after part; returns the figures."""
    with Stack(folder / "stack", inbox=False, payments=None) as stack:
        return await _run(extent, stack)


async def _run(extent: Extent, stack: Stack) -> dict[str, Any]:
    await upgrade(stack.database_url)
    client = await Client.connect(stack.temporal_address, data_converter=data_converter)
    await add_search_attributes(client)
    await set_retention(client)
    engine = make_engine(DatabaseSettings(url=SecretStr(stack.database_url)))
    # Each failure is written down, three times over.
    logging.disable(logging.ERROR)
    async with job_worker(client, QUEUE, KINDS, {}, sandbox=False):
        failed_s = await _timed(_fail(client, extent.dead))
        letters, mark = SqlDeadLetterRepository(engine, alert_window=timedelta(hours=1)), SqlSweepCheckpoint(engine)
        first = await _measured(_sweep(client, letters, mark))
        say("first sweep", first)
        again = await _measured(_sweep(client, letters, mark))
        say("second sweep", again)
        commands = {
            name: await _command(stack, extent.commands, "dead", *arguments)
            for name, arguments in {
                "list_50": ("list",),
                "list_all_json": ("list", "--limit", str(extent.dead), "--json"),
                "groups": ("groups",),
            }.items()
        }
        say("commands", commands)
        Cause.mended = True
        redrive = await _redrive(stack, extent)
        say("redrive", redrive)
    await engine.dispose()
    return {
        "dead": extent.dead,
        "failed_in_s": round(failed_s, 1),
        "sweep": {"first": first, "nothing_changed": again},
        "commands_s": commands,
        "redrive": redrive,
        "targets": TARGETS,
        "ok": (
            max(commands.values()) < TARGETS["command_s"]
            and abs(redrive["a_second"] / extent.rate - 1) <= TARGETS["rate_off"]
            and redrive["redriven"] == extent.redriven
            and (first["recorded"], again["recorded"]) == (extent.dead, 0)
        ),
    }


async def _fail(client: Client, count: int) -> None:
    """Have that many jobs failed, and listed so."""
    await Jobs(client, kinds=KINDS).start_many(DeadJobRequest(order_id=number) for number in range(1, count + 1))
    while (await client.count_workflows("ExecutionStatus = 'Failed'")).count < count:  # noqa: ASYNC110  # lists tell nobody
        await asyncio.sleep(0.2)


async def _sweep(client: Client, letters: SqlDeadLetterRepository, mark: SqlSweepCheckpoint) -> int:
    """Sweep once; returns how many dead letters it recorded."""
    runs = TemporalFailedRuns(lambda: client, {kind.workflow_type: kind.request for kind in KINDS}, no_jobs=())
    turn = ScheduledRun(name="sweep", at=datetime.now(UTC), time_zone="UTC", run="sweep/1")
    step = DeadLetterSweepActivities(letters, runs, mark, SweepTimes())
    return (await ActivityEnvironment().run(step.sweep, turn)).recorded


async def _measured(sweep: Awaitable[int]) -> dict[str, Any]:
    """Its time on the wall, and the CPU time of this process, whose worker is idle."""
    began, used = time.perf_counter(), cpu(os.getpid())
    recorded = await sweep
    return {
        "recorded": recorded,
        "s": round(time.perf_counter() - began, 2),
        "cpu_s": round(cpu(os.getpid()) - used, 2),
    }


async def _timed(what: Awaitable[object]) -> float:
    began = time.perf_counter()
    await what
    return time.perf_counter() - began


async def _command(stack: Stack, times: int, *arguments: str) -> float:
    """The median time of a command, as people type it."""
    took = sorted([await _timed(_typed(stack, *arguments)) for _ in range(times)])
    return round(took[len(took) // 2], 2)


async def _typed(stack: Stack, *arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "starter", *arguments),
        env=dict(stack.environment()) | _path(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}: {err.decode()[-1000:]}")
    return out


def _path() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}


async def _redrive(stack: Stack, extent: Extent) -> dict[str, Any]:
    """What the letters say: when the first and the last of them were moved."""
    out = await _typed(
        stack,
        *("dead", "redrive", "--kind", "dead-job", "--limit", str(extent.redriven)),
        *("--rate", str(extent.rate), "--yes", "--json"),
    )
    connection = await asyncpg.connect(stack.database_url)
    moved = "SELECT count(*), extract(epoch FROM max(at) - min(at)) FROM dead_letter_actions WHERE state = 'redriven'"
    count, took = await connection.fetchrow(moved)
    await connection.close()
    return {
        "redriven": json.loads(out)["redriven"],
        "groups": CAUSES,
        "set": extent.rate,
        "a_second": round((count - 1) / float(took), 2),
    }


if __name__ == "__main__":
    main(__doc__, run, full=FULL, quick=QUICK)
