"""Tables of schedules, in a namespace that these tests share: one that is new is not usable for two seconds."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from temporalio.client import Client

from demo.stack import Stack
from starter.schedules import declared
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.declared import Schedule, ScheduleTable
from starter.setup import add_search_attributes
from tests.namespaces import new_namespace
from tests.schedules.chimes import chimes
from tests.schedules.programs import TemporalProgram, install
from tests.starter.commandline import CommandLine
from workflows.registry import Registry

MakeTable = Callable[..., ScheduleTable]
MakeCommandLine = Callable[[str], CommandLine]


@pytest.fixture(scope="session")
async def client(stack: Stack) -> Client:
    """Of these tests' namespace. Who makes schedules has them removed."""
    client = await new_namespace(stack)
    await add_search_attributes(client)
    return client


@pytest.fixture
def there(client: Client) -> ActualSchedules:
    return ActualSchedules(client)


@pytest.fixture
async def table(there: ActualSchedules) -> AsyncIterator[MakeTable]:
    """Makes a table of these schedules: `table(Schedule(…), …)`. What it names is removed from Temporal at the end."""
    ids: set[str] = set()

    def make(*schedules: Schedule, time_zone: str = "UTC", kinds: Registry | None = None) -> ScheduleTable:
        made = ScheduleTable(schedules, kinds or chimes(), time_zone=time_zone)
        ids.update(made.ids)
        return made

    yield make
    for each in ids:
        await there.delete(each)


@pytest.fixture
def environment(stack: Stack, client: Client) -> dict[str, str]:
    return {**stack.environment(), "TEMPORAL_NAMESPACE": client.namespace}


@pytest.fixture
def temporal(environment: dict[str, str]) -> TemporalProgram:
    """`temporal schedule …`, as operators have it."""
    return TemporalProgram(environment)


@pytest.fixture
async def command_line(
    environment: dict[str, str], tmp_path: Path, there: ActualSchedules
) -> AsyncIterator[MakeCommandLine]:
    """`jobs schedules …` where a package declares schedules too, by the code of `ROWS = [...]`.

    What the two declare is removed from Temporal at the end.
    """
    ids = set(declared().ids)

    def make(rows: str) -> CommandLine:
        ids.update(re.findall(r'Schedule\(\s*"([\w-]+)"', rows))
        return CommandLine({**environment, "PYTHONPATH": install(tmp_path, rows)})

    yield make
    for each in ids:
        await there.delete(each)
