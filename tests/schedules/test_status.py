"""How schedules fare, as Temporal reports it of real runs, and as a worker's metrics show it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, ScheduleCalendarSpec, ScheduleRange

from demo.stack import Stack
from starter.schedules import Schedule, ScheduleTable
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import apply
from starter.scheduling.problems import ScheduleFacts
from starter.scheduling.status import ScheduleState, ScheduleStatus, facts_of, look
from starter.scheduling.watch import ScheduleWatch
from tests.schedules.chimes import ChimeRequest, chimes
from tests.schedules.conftest import MakeTable
from workflows.data_converter import data_converter
from workflows.hosting import job_worker
from workflows.scheduling import SCHEDULED_FOR

OURS = "shop"
EVERY_SECOND = ScheduleCalendarSpec(
    second=[ScheduleRange(0, 59)], minute=[ScheduleRange(0, 59)], hour=[ScheduleRange(0, 23)]
)
YEARLY = Schedule("yearly", ChimeRequest(), cron="@yearly")


class FakeGauge:
    """Keeps values by name and labels, without the `jobs_schedule_` that each name begins with."""

    def __init__(self, name: str, values: dict[str, float]) -> None:
        self._name, self._values = name.removeprefix("jobs_schedule_"), values

    def _key(self, labels: Mapping[str, str] | None) -> str:
        pairs = ",".join(f'{name}="{value}"' for name, value in (labels or {}).items())
        return f"{self._name}{{{pairs}}}"

    def set(self, value: float, labels: Mapping[str, str] | None = None) -> None:
        self._values[self._key(labels)] = value

    def remove(self, labels: Mapping[str, str] | None = None) -> None:
        self._values.pop(self._key(labels), None)


class Shown:
    """Gauges, without the process that serves them."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}

    def gauge(self, name: str, description: str) -> FakeGauge:  # noqa: ARG002  # as of the real ones
        return FakeGauge(name, self._values)

    @property
    def values(self) -> dict[str, float]:
        return dict(self._values)


async def status_once(
    table: ScheduleTable, there: ActualSchedules, holds: Callable[[dict[str, ScheduleStatus]], bool]
) -> dict[str, ScheduleStatus]:
    """How the table's schedules fare, once the condition holds."""
    async with asyncio.timeout(60):
        while True:
            status = {each.id: each for each in await look(table, there, OURS) if each.id in table.ids}
            if holds(status):
                return status
            await asyncio.sleep(0.2)


async def test_runs_that_fail_overlap_or_succeed_are_shown_as_what_they_are(
    there: ActualSchedules, table: MakeTable, client: Client
) -> None:
    shown = Shown()
    rows = table(
        Schedule("ringing", ChimeRequest(), calendar=EVERY_SECOND, jitter=timedelta(milliseconds=300)),
        Schedule("failing", ChimeRequest(bell="cracked"), calendar=EVERY_SECOND),
        Schedule("stopping", ChimeRequest(bell="cracked"), calendar=EVERY_SECOND, pause_on_failure=True),
        Schedule("slow", ChimeRequest(bell="slow"), calendar=EVERY_SECOND),
        YEARLY,
    )
    watch = ScheduleWatch(shown, client, rows, OURS)
    before = {each.id: each for each in await look(rows, there, OURS)}
    await watch.refresh()
    missing = shown.values
    async with job_worker(there.client, "chimes", chimes(), {}):
        await apply(rows, there, OURS)
        status = await status_once(
            rows,
            there,
            lambda now: (
                bool(now["failing"].problems and now["stopping"].problems)
                and now["slow"].skipped > 2
                and now["ringing"].runs > 3
            ),
        )
        await watch.refresh()
    present = shown.values

    assert {(each.state, each.problems[0].name) for each in before.values()} == {(ScheduleState.missing, "missing")}
    assert [problem.name for problem in status["failing"].problems] == ["failing"]
    last = status["failing"].last_run
    assert last is not None
    assert last.error_type in ("InvalidRequest", None)  # None of one that runs just now
    assert last.web_ui.endswith("/history")
    [stopped] = status["stopping"].problems
    assert (status["stopping"].state, stopped.name) == (ScheduleState.paused, "failing")
    assert "temporal schedule toggle --unpause --schedule-id stopping" in stopped.message
    assert status["stopping"].next_run is None
    assert (status["slow"].runs, status["slow"].problems) == (1, ())
    assert (status["ringing"].problems, status["ringing"].left_out, status["ringing"].missed) == ((), 0, 0)
    moved = status["ringing"].last_run
    assert moved is not None
    described = await client.get_workflow_handle(moved.id).describe()
    assert described.typed_search_attributes[SCHEDULED_FOR].microsecond == 0, (
        "the moment that it is for, without jitter"
    )
    assert (status["yearly"].runs, status["yearly"].last_run) == (0, None)
    assert status["yearly"].next_run is not None

    problem = 'problems{{schedule="{}",problem="{}"}}'.format
    assert (missing[problem("yearly", "missing")], missing[problem("yearly", "failing")]) == (1, 0)
    assert not any(key.startswith("last_run_age") for key in missing)
    assert (present[problem("failing", "missing")], present[problem("failing", "failing")]) == (0, 1)
    assert {value for key, value in present.items() if key.startswith("problems") and "yearly" in key} == {0}
    assert present['overdue_seconds{schedule="yearly"}'] == 0
    assert present['last_run_age_seconds{schedule="failing"}'] >= 0
    assert present['skipped_runs{schedule="slow"}'] > 2


async def test_a_gauge_of_a_schedule_that_is_gone_is_gone_and_all_are_if_temporal_does_not_answer(
    client: Client, there: ActualSchedules, table: MakeTable, stack: Stack
) -> None:
    shown, nowhere_shown, rows = Shown(), Shown(), table(YEARLY)
    nowhere = await Client.connect(stack.temporal_address, namespace="nowhere", data_converter=data_converter)
    watch = ScheduleWatch(shown, client, rows, OURS)
    await apply(table(YEARLY, replace(YEARLY, id="left-over")), there, OURS)
    async with asyncio.timeout(30):
        while not any("left-over" in key for key in shown.values):
            await watch.refresh()
    before = shown.values
    await there.delete("left-over")
    await watch.refresh()
    await ScheduleWatch(nowhere_shown, nowhere, rows, OURS).refresh()

    assert before.keys() - shown.values.keys() == {key for key in before if "left-over" in key}
    assert nowhere_shown.values == {}


async def test_what_was_left_out_while_it_was_paused_is_not_overdue_after_the_pause(
    there: ActualSchedules, table: MakeTable
) -> None:
    handle = there.client.get_schedule_handle("resting")
    async with asyncio.timeout(60):
        while not (paused := await left_out_runs("resting", there, table)).left_out:
            pass  # it was created after its moment
        before = await there.unpaused_at("resting")
        last = datetime.now(UTC)
        await handle.unpause(note="it has moved")
        while (after := await facts("resting", there)).paused:  # noqa: ASYNC110  # Temporal does not notify
            await asyncio.sleep(0.1)

    unpaused = await there.unpaused_at("resting")
    assert (paused.paused, before) == (True, None)
    assert unpaused is not None
    assert last < unpaused < datetime.now(UTC)
    assert after.left_out == ()


async def facts(schedule_id: str, there: ActualSchedules) -> ScheduleFacts:
    found = await there.find(schedule_id)
    assert found is not None
    return await facts_of(found, there, datetime.now(UTC))


async def left_out_runs(schedule_id: str, there: ActualSchedules, table: MakeTable) -> ScheduleFacts:
    """Of a schedule that is paused, whose only moment is over."""
    await there.delete(schedule_id)
    moment = datetime.now(UTC) + timedelta(seconds=2)
    fields: dict[str, Any] = {
        name: [ScheduleRange(getattr(moment, name))] for name in ("second", "minute", "hour", "month")
    }
    once = ScheduleCalendarSpec(**fields, day_of_month=[ScheduleRange(moment.day)])
    rows = table(Schedule(schedule_id, ChimeRequest(), calendar=once))
    [row] = rows
    schedule = rows.for_temporal(row)
    schedule.state.paused = True
    await there.create(schedule_id, schedule, OURS)
    while datetime.now(UTC) < moment:  # noqa: ASYNC110  # a real server's clock
        await asyncio.sleep(0.1)
    return await facts(schedule_id, there)
