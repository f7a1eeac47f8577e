"""Whoever applies can be killed, and need not be alone."""

from __future__ import annotations

import asyncio
import signal

from starter.schedules import OWNER, Schedule
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.drift import DriftState, drift
from tests.schedules.chimes import ChimeRequest
from tests.schedules.conftest import MakeCommandLine, MakeTable

COUNT = 60
"""So many that the first one is seen long before the last one is there."""
CODE = f'ROWS = [Schedule(f"chime-{{n:02}}", ChimeRequest(), cron="@yearly") for n in range({COUNT})]'


async def test_what_one_that_was_killed_has_left_two_others_at_once_complete(
    command_line: MakeCommandLine, table: MakeTable, there: ActualSchedules
) -> None:
    jobs = command_line(CODE)
    wanted = table(*(Schedule(f"chime-{n:02}", ChimeRequest(), cron="@yearly") for n in range(COUNT)))

    killed = await jobs.begin("schedules", "apply")
    async with asyncio.timeout(30):
        while await there.find("chime-00") is None:  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.01)
    killed.send(signal.SIGKILL)
    await killed.finished()
    left = [each.state for each in await drift(wanted, there, OWNER) if each.id in wanted.ids]
    both = await asyncio.gather(*(jobs("schedules", "apply") for _ in range(2)))
    after = {each.state for each in await drift(wanted, there, OWNER) if each.id in wanted.ids}

    # Each one that it made is whole.
    assert set(left) == {DriftState.same, DriftState.added}
    assert [each.status for each in both] == [0, 0]
    assert after == {DriftState.same}
