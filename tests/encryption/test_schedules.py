"""What schedules start jobs with is encrypted too: no change by itself, and encrypted anew when the key is changed."""

from __future__ import annotations

import re

from starter.schedules import Schedule
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import apply
from starter.scheduling.declared import ScheduleTable
from starter.scheduling.drift import drift
from tests.encryption.conftest import Having
from tests.schedules.chimes import ChimeRequest, chimes

HOURLY = Schedule("hourly-chime", ChimeRequest(), cron="@hourly", note="The town wants to know.")
OURS = "encrypted"


async def test_a_schedule_is_encrypted_anew_when_the_key_is_changed_and_only_then(having: Having) -> None:
    table = ScheduleTable([HOURLY], chimes(), time_zone="UTC")

    async def applied(*keys: str) -> str:
        there = ActualSchedules(await having(*keys))
        [one] = await apply(table, there, OURS)
        [left] = await drift(table, there, OURS)
        found = {key for change in one.drift.changes for key in re.findall(r" under key (\w+)", change.declared or "")}
        return f"{one.done} {' '.join(found)} {left.state}"

    try:
        assert await applied() == "created  same"
        # Encrypted for the first time.
        assert await applied("k1") == "updated k1 same"
        # Of a random nonce, so that its bytes differ each time; which is no change.
        assert await applied("k1", "k2") == "unchanged  same"
        assert await applied("k2", "k1") == "updated k2 same"
        assert await applied("k2") == "unchanged  same"
    finally:
        await (await having()).get_schedule_handle(HOURLY.id).delete()
