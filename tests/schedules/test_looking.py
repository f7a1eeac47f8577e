"""How schedules fare, as Temporal tells it of real runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from starter.schedules import Calendar, Schedule, ScheduleTable
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import apply
from starter.scheduling.looking import ScheduleState, ScheduleStatus, look
from tests.schedules.chimes import ChimeRequest, chimes
from tests.schedules.conftest import MakeTable
from workflows.hosting import job_worker

OURS = "shop"
EVERY_SECOND = Calendar(second="*", minute="*", hour="*")


async def told_once(
    table: ScheduleTable, there: ActualSchedules, holds: Callable[[dict[str, ScheduleStatus]], bool]
) -> dict[str, ScheduleStatus]:
    """How the table's schedules fare, once that is as it says."""
    async with asyncio.timeout(30):
        while True:
            told = {each.id: each for each in await look(table, there, OURS) if each.id in table.ids}
            if holds(told):
                return told
            await asyncio.sleep(0.2)


async def test_runs_that_fail_overlap_or_succeed_are_told_as_what_they_are(
    there: ActualSchedules, table: MakeTable
) -> None:
    rows = table(
        Schedule("ringing", ChimeRequest(), calendar=EVERY_SECOND, jitter=timedelta(milliseconds=300)),
        Schedule("failing", ChimeRequest(bell="cracked"), calendar=EVERY_SECOND),
        Schedule("stopping", ChimeRequest(bell="cracked"), calendar=EVERY_SECOND, pause_on_failure=True),
        Schedule("slow", ChimeRequest(bell="slow"), calendar=EVERY_SECOND),
        Schedule("yearly", ChimeRequest(), cron="@yearly"),
    )
    before = {each.id: each for each in await look(rows, there, OURS)}
    async with job_worker(there.client, "chimes", chimes(), {}):
        await apply(rows, there, OURS)
        told = await told_once(
            rows,
            there,
            lambda now: (
                bool(now["failing"].problems and now["stopping"].problems)
                and now["slow"].skipped > 2
                and now["ringing"].runs > 3
            ),
        )

    assert {(each.state, each.problems[0].name) for each in before.values()} == {(ScheduleState.missing, "missing")}
    assert [problem.name for problem in told["failing"].problems] == ["failing"]
    last = told["failing"].last_run
    assert last is not None
    assert last.error_type in ("InvalidRequest", None)  # None of one that runs just now
    [stopped] = told["stopping"].problems
    assert (told["stopping"].state, stopped.name) == (ScheduleState.paused, "failing")
    assert "temporal schedule toggle --unpause --schedule-id stopping" in stopped.message
    assert told["stopping"].next_run is None
    assert (told["slow"].runs, told["slow"].problems) == (1, ())
    assert (told["ringing"].problems, told["ringing"].left_out, told["ringing"].missed) == ((), 0, 0)
    assert (told["yearly"].runs, told["yearly"].last_run) == (0, None)
    assert told["yearly"].next_run is not None
