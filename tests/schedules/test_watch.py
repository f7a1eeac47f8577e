"""What goes wrong with a schedule is among a worker's metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from temporalio.client import Client

from demo.stack import Stack
from starter.schedules import Calendar, Schedule
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import apply
from starter.scheduling.watch import ScheduleWatch
from tests.schedules.chimes import ChimeRequest, chimes
from tests.schedules.conftest import MakeTable
from workflows.data_converter import data_converter
from workflows.hosting import job_worker

OWNER = "watched"
CRACKED = Schedule("cracked-chime", ChimeRequest(bell="cracked"), calendar=Calendar(second="*", minute="*", hour="*"))
YEARLY = Schedule("yearly-chime", ChimeRequest(), cron="@yearly")


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


def problem(schedule: str, name: str) -> str:
    return f'problems{{schedule="{schedule}",problem="{name}"}}'


async def test_a_schedule_that_is_missing_fails_or_is_well_is_shown_until_it_is_gone(
    client: Client, there: ActualSchedules, table: MakeTable
) -> None:
    shown, rows = Shown(), table(CRACKED, YEARLY)
    watch = ScheduleWatch(shown, client, rows, OWNER)

    await watch.refresh()
    missing = shown.values
    await apply(table(CRACKED, YEARLY, replace(YEARLY, id="left-over-chime")), there, OWNER)
    async with job_worker(client, "chimes", chimes(), {}), asyncio.timeout(30):
        while not shown.values[problem("cracked-chime", "failing")] or len(shown.values) < 3 * 9:
            await watch.refresh()
            await asyncio.sleep(0.2)
    failing = shown.values
    await there.delete("left-over-chime")
    await watch.refresh()
    without = shown.values

    assert (missing[problem("yearly-chime", "missing")], missing[problem("yearly-chime", "failing")]) == (1, 0)
    assert not any(key.startswith("last_run_age") for key in missing)
    assert failing[problem("cracked-chime", "missing")] == 0
    assert {value for key, value in failing.items() if key.startswith("problems") and "yearly" in key} == {0}
    assert failing['overdue_seconds{schedule="yearly-chime"}'] == 0
    assert 0 <= failing['last_run_age_seconds{schedule="cracked-chime"}'] < 30
    assert failing['missed_runs{schedule="cracked-chime"}'] == 0
    assert failing.keys() - without.keys() == {key for key in failing if "left-over-chime" in key}


async def test_nothing_is_shown_where_temporal_does_not_tell(stack: Stack, table: MakeTable) -> None:
    shown = Shown()
    nowhere = await Client.connect(stack.temporal_address, namespace="nowhere", data_converter=data_converter)

    await ScheduleWatch(shown, nowhere, table(YEARLY), OWNER).refresh()

    assert shown.values == {}
