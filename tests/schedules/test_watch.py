"""What goes wrong with a schedule is among a worker's metrics."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from temporalio.client import Client

from adapters.telemetry.metrics import Gauge
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


class Shown:
    """Gauges, without the process that serves them."""

    def __init__(self) -> None:
        self.gauges: list[Gauge] = []

    def gauge(self, name: str, description: str) -> Gauge:
        self.gauges.append(Gauge(name, description))
        return self.gauges[-1]

    @property
    def values(self) -> dict[str, float]:
        """By name and labels, without the `jobs_schedule_` that each begins with."""
        lines = [line for gauge in self.gauges for line in gauge.text().splitlines() if not line.startswith("#")]
        return {
            key.removeprefix("jobs_schedule_"): float(value)
            for key, _, value in (line.rpartition(" ") for line in lines)
        }


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
