"""Tables of schedules, in a namespace of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from temporalio.client import Client

from demo.stack import Stack
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.declared import Schedule, ScheduleTable
from tests.schedules.chimes import chimes
from tests.schedules.programs import TemporalProgram, install
from tests.starter.commandline import CommandLine

MakeTable = Callable[..., ScheduleTable]
MakeCommandLine = Callable[[str], CommandLine]


@pytest.fixture
def table() -> MakeTable:
    """Makes a table of these schedules: `table(Schedule(…), …)`."""

    def make(*schedules: Schedule, time_zone: str = "UTC") -> ScheduleTable:
        return ScheduleTable(schedules, chimes(), time_zone=time_zone)

    return make


@pytest.fixture
def there(client: Client) -> ActualSchedules:
    return ActualSchedules(client)


@pytest.fixture
def environment(stack: Stack, client: Client) -> dict[str, str]:
    return {**stack.environment(), "TEMPORAL_NAMESPACE": client.namespace}


@pytest.fixture
def temporal(environment: dict[str, str]) -> TemporalProgram:
    """`temporal schedule …`, as operators have it."""
    return TemporalProgram(environment)


@pytest.fixture
def command_line(environment: dict[str, str], tmp_path: Path) -> MakeCommandLine:
    """`jobs schedules …` where a package declares schedules too, by the code of `ROWS = [...]`."""

    def make(rows: str) -> CommandLine:
        return CommandLine({**environment, "PYTHONPATH": install(tmp_path, rows)})

    return make
