"""The night on which clocks are changed, by Temporal's own reckoning. docs/schedules.md says what follows from it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from starter.schedules import Schedule
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import apply
from tests.schedules.chimes import ChimeRequest
from tests.schedules.conftest import MakeTable

SPRING = {"Europe/Zurich": date(2027, 3, 28), "America/New_York": date(2027, 3, 14)}
AUTUMN = {"Europe/Zurich": date(2027, 10, 31), "America/New_York": date(2027, 11, 7)}
TIMES = ("00:00", "01:30", "02:30", "03:00", "04:00", "23:30")


def at(clock: str) -> Schedule:
    hour, minute = clock.split(":")
    return Schedule(f"at-{hour}-{minute}", ChimeRequest(), cron=f"{int(minute)} {int(hour)} * * *")


async def runs_on(there: ActualSchedules, schedule_id: str, day: date, zone: str) -> list[str]:
    """The moments of a local day at which it is due, by the local clock."""
    first = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
    second = timedelta(seconds=1)  # the beginning is left out, the end counts
    due = await there.due(schedule_id, first - second, end - second)
    return [f"{moment.astimezone(ZoneInfo(zone)):%H:%M %Z}" for moment in due]


@pytest.mark.parametrize(
    ("zone", "spring", "autumn"),
    [
        # The second run of 01:30 comes an hour after the first, by the clock at 02:30.
        ("Europe/Zurich", {"02:30": []}, {"01:30": ["01:30 CEST", "02:30 CEST"], "02:30": ["02:30 CET"]}),
        ("America/New_York", {"02:30": []}, {"01:30": ["01:30 EDT", "01:30 EST"], "02:30": ["02:30 EST"]}),
    ],
)
async def test_a_daily_run_is_due_once_but_before_three_in_the_morning(
    there: ActualSchedules,
    table: MakeTable,
    zone: str,
    spring: dict[str, list[str]],
    autumn: dict[str, list[str]],
) -> None:
    await apply(table(*map(at, TIMES), time_zone=zone), there, "shop")

    told = {
        day: {clock: await runs_on(there, at(clock).id, day, zone) for clock in TIMES}
        for day in (SPRING[zone], AUTUMN[zone])
    }

    for day, exceptions in ((SPRING[zone], spring), (AUTUMN[zone], autumn)):
        for clock in TIMES:
            once = [f"{clock} {_name(day, clock, zone)}"]
            assert told[day][clock] == exceptions.get(clock, once), (day, clock)


async def test_what_is_due_in_every_hour_misses_nothing_since_it_is_reckoned_in_utc(
    there: ActualSchedules, table: MakeTable
) -> None:
    zone = "Europe/Zurich"
    often = Schedule("often", ChimeRequest(), cron="*/15 * * * *")
    local = Schedule("often-by-local-time", ChimeRequest(), cron="*/15 * * * *", time_zone=zone)
    steady = Schedule("steady", ChimeRequest(), every=timedelta(minutes=15))
    await apply(table(often, local, steady, time_zone=zone), there, "shop")

    counts = {each.id: len(await runs_on(there, each.id, AUTUMN[zone], zone)) for each in (often, local, steady)}

    assert counts == {"often": 100, "steady": 100, "often-by-local-time": 92}


def _name(day: date, clock: str, zone: str) -> str:
    hour, minute = map(int, clock.split(":"))
    return f"{datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone)):%Z}"
