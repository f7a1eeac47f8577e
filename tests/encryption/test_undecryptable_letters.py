"""A dead run that the sweep cannot decrypt has a letter that says so, until a sweep comes that has the key."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.dead_letter_sweep import DeadLetterSweepActivities
from adapters.db.dead_letters import SqlDeadLetterRepository, SqlSweepCheckpoint
from demo.stack import Stack
from domain.dead_letter_sweep import SweepTimes
from domain.dead_letters import Audit, DeadLetter, DeadLetterFilter
from domain.scheduling import ScheduledRun
from starter import JobDidNotComplete, Jobs
from starter.dead_letters.failed_runs import TemporalFailedRuns
from starter.dead_letters.plan import Verdict
from starter.dead_letters.redrive import Redriver
from starter.errors import InvalidStart
from tests.encryption.conftest import Having
from tests.encryption.diary import KINDS, DiaryEntryRequest
from tests.starter.commandline import CommandLine
from workflows.hosting import job_worker


async def sweep(client: Client, engine: AsyncEngine, letters: SqlDeadLetterRepository) -> dict[str, DeadLetter]:
    """With the client's keys; returns the letters by their jobs."""
    requests = {kind.workflow_type: kind.request for kind in KINDS}
    runs = TemporalFailedRuns(lambda: client, requests, no_jobs=())
    steps = DeadLetterSweepActivities(letters, runs, SqlSweepCheckpoint(engine), SweepTimes())
    await ActivityEnvironment().run(
        steps.sweep, ScheduledRun(name="sweep", at=datetime.now(UTC), time_zone="UTC", run="sweep/1")
    )
    return {letter.workflow_id: letter for letter in await letters.list(DeadLetterFilter(), limit=10)}


async def test_a_letter_says_which_key_is_lacking_until_one_who_has_it_looks(
    having: Having, entry_id: int, engine: AsyncEngine, database: str, stack: Stack
) -> None:
    right, lacking, none_at_all = await having("k1"), await having("k2"), await having()
    jobs, letters = Jobs(right, kinds=KINDS), SqlDeadLetterRepository(engine, alert_window=timedelta(seconds=5))
    hints = [uuid.uuid4().hex for _ in range(2)]
    async with job_worker(right, "diaries", KINDS, {}, sandbox=False, draw=lambda low, _: low / 10):
        failed = await jobs.start(DiaryEntryRequest(entry_id=entry_id, hint=hints[0], lost=True))
        with suppress(JobDidNotComplete):
            await failed.result()
    ended = await jobs.start(DiaryEntryRequest(entry_id=entry_id + 100_000, hint=hints[1]))
    await right.get_workflow_handle(ended.id).terminate("ordered twice")
    async with asyncio.timeout(60):
        query = "ExecutionStatus IN ('Failed', 'Terminated')"
        while (await right.count_workflows(query)).count < 2:  # noqa: ASYNC110  # lists tell nobody by themselves
            await asyncio.sleep(0.1)

    first = await sweep(none_at_all, engine, letters)
    second = await sweep(lacking, engine, letters)
    environment = {
        **stack.environment(),
        "TEMPORAL_NAMESPACE": right.namespace,
        "DATABASE_URL": database,
    }
    listed = await CommandLine(environment)("dead", "list")
    shown = await CommandLine(environment)("dead", "show", ended.id)
    redriver = Redriver(lacking, letters, KINDS, Audit(by="ada"))
    plans = [await redriver.plan(letter) for letter in second.values()]
    with pytest.raises(InvalidStart, match=r"encrypted under the key 'k1'.*jobs dead sweep"):
        redriver.request_for(second[ended.id])
    last = await sweep(right, engine, letters)
    again = await sweep(lacking, engine, letters)

    for told in (first, second):
        assert {(each.undecryptable, each.request) for each in told.values()} == {("k1", None)}
        assert told[failed.id].error_type == "NotFound"
    assert {plan.verdict for plan in plans} == {Verdict.resume, Verdict.restart_only}
    assert "no request of its kind" not in " ".join(plan.why for plan in plans)
    assert "Request or error of 2 dead letters are encrypted under the missing key 'k1'" in listed.err
    assert "encrypted under the missing key 'k1'" in shown.out
    for told in (last, again):
        assert {each.undecryptable for each in told.values()} == {None}
        assert [told[job.id].request for job in (failed, ended)] == [
            {"entry_id": entry_id, "hint": hints[0], "lost": True},
            {"entry_id": entry_id + 100_000, "hint": hints[1], "lost": False},
        ]
        assert hints[0] in told[failed.id].message
        # As of one that could be read at once.
        assert told[failed.id].fingerprint == told[failed.id].fingerprint != first[failed.id].fingerprint
    async with engine.connect() as connection:
        alerted = list(await connection.scalars(text("SELECT key FROM alerts")))
    assert sorted(alerted) == sorted(letter.run_id for letter in last.values())
