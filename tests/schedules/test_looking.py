"""How schedules fare, as Temporal tells it of real runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from starter.schedules import Calendar, Schedule, ScheduleTable
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import apply
from starter.scheduling.desired import message as desired
from starter.scheduling.looking import ScheduleState, ScheduleStatus, facts_of, look
from starter.scheduling.problems import ScheduleFacts
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


async def facts(schedule_id: str, there: ActualSchedules) -> ScheduleFacts:
    found = await there.find(schedule_id)
    assert found is not None
    return await facts_of(schedule_id, found, there, datetime.now(UTC))


async def test_what_was_left_out_while_it_was_paused_is_not_overdue_after_the_pause(
    there: ActualSchedules, table: MakeTable
) -> None:
    async with asyncio.timeout(60):
        while not (paused := await left_out_runs("resting", there, table)).left_out:
            pass  # it came into being after its moments

        handle = there.client.get_schedule_handle("resting")
        before = await there.unpaused_at("resting")
        last = datetime.now(UTC)
        await handle.unpause(note="it has moved")
        while (after := await facts("resting", there)).paused:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.1)

    let_go = await there.unpaused_at("resting")
    assert (paused.paused, before) == (True, None)
    assert let_go is not None
    assert last < let_go < datetime.now(UTC)
    assert after.left_out == ()


async def left_out_runs(schedule_id: str, there: ActualSchedules, table: MakeTable) -> ScheduleFacts:
    """Of a schedule that is paused, whose moments are all over."""
    await there.delete(schedule_id)
    moment = datetime.now(UTC) + timedelta(seconds=2)
    once = Calendar(
        second=str(moment.second), minute=str(moment.minute), hour=str(moment.hour), day_of_month=str(moment.day)
    )
    rows = table(Schedule(schedule_id, ChimeRequest(), calendar=once))
    [row] = rows
    message = await desired(there.client, row, rows.kind_of(row))
    message.state.paused = True
    await there.create(schedule_id, message, OURS)
    while datetime.now(UTC) < moment:  # noqa: ASYNC110  # the clock tells nobody
        await asyncio.sleep(0.1)
    return await facts(schedule_id, there)
