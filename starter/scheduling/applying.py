"""Makes what Temporal has what is declared.

Can be run again, cut short and run twice at once: each schedule is looked at, changed in one call under the token it
was looked at with, and looked at again.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from starter.errors import StarterError
from starter.scheduling.actual import ActualSchedules, Found
from starter.scheduling.declared import Schedule, ScheduleTable
from starter.scheduling.desired import message
from starter.scheduling.drift import Drift, DriftState, compare, drift

_TRIES = 10
"""Each but the last is lost to somebody else who changed the schedule at that moment."""
_SEEN_WITHIN = 5.0
"""Seconds in which a change is to be seen; a few milliseconds are usual."""


class Applied(StrEnum):
    """What was done to a schedule."""

    unchanged = "unchanged"
    created = "created"
    updated = "updated"
    adopted = "adopted"
    """It was not ours; it is now, and as declared."""
    removed = "removed"
    kept = "kept"
    """It left the table; nobody asked for its removal."""
    refused = "refused"
    """It is not ours, and nobody asked to adopt it."""


class Application(BaseModel):
    """What applying did to a schedule, or would do."""

    model_config = ConfigDict(frozen=True)

    id: str
    done: Applied
    drift: Drift
    """As it was found."""


class StillChanging(StarterError, type_name="StillChanging"):
    """Somebody changes the schedule again and again."""


async def apply(
    table: ScheduleTable,
    there: ActualSchedules,
    owner: str,
    *,
    prune: bool = False,
    adopt: bool = False,
    dry_run: bool = False,
) -> list[Application]:
    """Create what is missing, update what differs; a pause stays.

    `prune` removes what is ours and declared no more; `adopt` makes ours what has an id of the table; with `dry_run`
    nothing is done. Raises as `ActualSchedules` does, and StillChanging; what was done until then stays.
    """
    done: list[Application] = []
    for each in await drift(table, there, owner):
        if each.state is DriftState.gone:
            if prune and not dry_run:
                await there.delete(each.id)
            done.append(Application(id=each.id, done=Applied.removed if prune else Applied.kept, drift=each))
        elif dry_run:
            done.append(Application(id=each.id, done=_outcome(each, adopt=adopt), drift=each))
        else:
            done.append(await _apply_one(table.get(each.id), table, there, owner, adopt=adopt))
    return done


def _outcome(found: Drift, *, adopt: bool) -> Applied:
    match found.state:
        case DriftState.added:
            return Applied.created
        case DriftState.foreign:
            return Applied.adopted if adopt else Applied.refused
        case DriftState.changed:
            return Applied.updated
        case _:
            return Applied.unchanged


async def _apply_one(
    schedule: Schedule, table: ScheduleTable, there: ActualSchedules, owner: str, *, adopt: bool
) -> Application:
    first: Drift | None = None
    for _ in range(_TRIES):
        found = await there.find(schedule.id)
        now = await compare(found, schedule, table, there, owner)
        first = first or now
        outcome = _outcome(now, adopt=adopt)
        if outcome in (Applied.unchanged, Applied.refused):
            # As it is to be: by what was done in an earlier round, if anything had to be.
            done = outcome if outcome is Applied.refused else _outcome(first, adopt=adopt)
            return Application(id=schedule.id, done=done, drift=first)
        wanted = await message(there.client, schedule, table.kind_of(schedule))
        if found is None:
            await there.create(schedule.id, wanted, owner)
        else:
            wanted.state.paused = found.paused
            if found.paused:
                wanted.state.notes = found.note  # why, by whoever paused it
            if await there.update(schedule.id, wanted, owner, found.token):
                await _seen(there, schedule.id, found)
    raise StillChanging(
        f"The schedule {schedule.id} is changed by somebody else again and again. Apply again when they have finished."
    )


async def _seen(there: ActualSchedules, schedule_id: str, before: Found) -> None:
    """Wait until a change is seen, this one's or another's."""
    try:
        async with asyncio.timeout(_SEEN_WITHIN):
            while (now := await there.find(schedule_id)) is not None and now.token == before.token:  # noqa: ASYNC110  # Temporal tells nobody by itself
                await asyncio.sleep(0.05)
    except TimeoutError:
        return  # the next look decides
