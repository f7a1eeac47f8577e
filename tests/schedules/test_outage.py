"""Temporal away over several moments at which schedules are due: what is caught up, and what is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import ScheduleCalendarSpec, ScheduleDescription, ScheduleOverlapPolicy, ScheduleRange

from demo.ports import Ports
from demo.temporal_server import TemporalServer
from starter.connection import connect
from starter.schedules import Schedule, ScheduleTable
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import apply
from starter.setup import wanted_search_attributes
from tests.schedules.chimes import ChimeRequest, chimes
from workflows.hosting import job_worker
from workflows.scheduling import SCHEDULED_FOR

pytestmark = [pytest.mark.timeout(400), pytest.mark.long]

EVERY_SECOND = ScheduleCalendarSpec(
    second=[ScheduleRange(0, 59)], minute=[ScheduleRange(0, 59)], hour=[ScheduleRange(0, 23)]
)
AWAY = timedelta(seconds=12)
"""Longer than the shortest catch-up window by two moments."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TemporalServer]:
    ports = Ports.free()
    server = TemporalServer(
        tmp_path,
        port=ports.temporal,
        ui_port=ports.web_ui,
        log=tmp_path / "temporal.log",
        search_attributes=dict.fromkeys(wanted_search_attributes(), "Keyword"),
    )
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.kill)


async def test_after_an_outage_a_schedule_runs_once_for_what_its_window_holds_and_counts_the_rest(
    server: TemporalServer,
) -> None:
    rows = ScheduleTable(
        [
            Schedule("long-window", ChimeRequest(), calendar=EVERY_SECOND, catchup_window=timedelta(hours=1)),
            Schedule("short-window", ChimeRequest(), calendar=EVERY_SECOND, catchup_window=timedelta(seconds=10)),
            Schedule("every-one", ChimeRequest(), calendar=EVERY_SECOND, overlap=ScheduleOverlapPolicy.BUFFER_ALL),
        ],
        chimes(),
    )
    client = await connect(target_host=server.address)
    there = ActualSchedules(client)
    async with job_worker(client, "chimes", chimes(), {}):
        await apply(rows, there, "shop")
        for each in ("long-window", "short-window", "every-one"):
            began = await _once(there, each, lambda found: found.info.num_actions > 0)
        for each in ("every-one", "short-window", "long-window"):
            # A run that is cut off would go on afterwards, and what is made up for would fall upon that one.
            await _once(there, each, _has_just_ended)
        await asyncio.to_thread(server.kill)
        left = datetime.now(UTC)
        await asyncio.sleep(AWAY.total_seconds())
        await asyncio.to_thread(server.start)
        back = datetime.now(UTC)
        long, short, every = [
            await _once(there, each, lambda found: _moments(found)[-1] > back)
            for each in ("long-window", "short-window", "every-one")
        ]

    # The oldest moment that the window holds is made up for; the others fell upon that run.
    [made_up] = _caught_up(long, back)
    assert made_up < left + timedelta(seconds=2)
    run = await client.get_workflow_handle(f"chime/long-window-{made_up:%Y-%m-%dT%H:%M:%SZ}").describe()
    assert run.typed_search_attributes[SCHEDULED_FOR] == made_up, "the moment that it is for, though it came late"
    assert long.info.num_actions_skipped_overlap >= AWAY.total_seconds() - 1
    assert long.info.num_actions_missed_catchup_window == 0
    [made_up] = _caught_up(short, back)
    assert made_up > back - timedelta(seconds=12)
    assert short.info.num_actions_missed_catchup_window >= 2
    # One after another, where that is declared.
    assert every.info.num_actions == round((_moments(every)[-1] - _moments(began)[0]).total_seconds()) + 1
    assert (every.info.num_actions_skipped_overlap, every.info.num_actions_missed_catchup_window) == (0, 0)


def _moments(found: ScheduleDescription) -> list[datetime]:
    """For which the last runs were, oldest first."""
    return [run.scheduled_at for run in found.info.recent_actions]


def _has_just_ended(found: ScheduleDescription) -> bool:
    """The last run has, and the next one is some time away."""
    age = datetime.now(UTC) - _moments(found)[-1]
    return not found.info.running_actions and age < timedelta(milliseconds=700)


def _caught_up(found: ScheduleDescription, back: datetime) -> list[datetime]:
    """Moments of runs that began only when the server was back."""
    return [
        moment
        for run in found.info.recent_actions
        if (moment := run.scheduled_at) < back - timedelta(seconds=3) and run.started_at > moment + timedelta(seconds=2)
    ]


async def _once(
    there: ActualSchedules, schedule_id: str, holds: Callable[[ScheduleDescription], bool]
) -> ScheduleDescription:
    """The schedule, once it is as it says."""
    async with asyncio.timeout(120):
        while (found := await there.find(schedule_id)) is None or not holds(found):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.05)
    return found
