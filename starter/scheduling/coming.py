"""When the schedules in Temporal run next, by Temporal's own reckoning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from starter.scheduling.actual import ActualSchedules

_SPANS = tuple(timedelta(days=days) for days in (1, 10, 100, 1000, 10_000))
"""That are looked through, until there is enough in one."""


class ComingRun(BaseModel):
    """A run that is to be."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Of the schedule."""
    at: datetime
    """In UTC."""
    local: datetime
    """The same moment in the schedule's time zone."""
    time_zone: str
    paused: bool
    """It will not run then unless the schedule is unpaused before."""


async def coming(there: ActualSchedules, schedule_id: str, count: int) -> list[ComingRun] | None:
    """The next `count` runs of a schedule; None where Temporal has no such schedule. Raises as `ActualSchedules`."""
    found = await there.find(schedule_id)
    if found is None:
        return None
    now = datetime.now(UTC)
    moments: list[datetime] = []
    for span in _SPANS:
        moments = await there.due(schedule_id, now, now + span)
        if len(moments) >= count:
            break
    zone = found.schedule.spec.timezone_name or "UTC"
    return [
        ComingRun(id=schedule_id, at=at, local=at.astimezone(ZoneInfo(zone)), time_zone=zone, paused=found.paused)
        for at in moments[:count]
    ]
