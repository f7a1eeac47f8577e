"""How far what Temporal has is from what is declared. Looks, and changes nothing."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from starter.scheduling.actual import ActualSchedules, Found
from starter.scheduling.declared import Schedule, ScheduleTable
from starter.scheduling.desired import message
from starter.scheduling.fields import Fields, fields

_AT_ONCE = 10
"""Schedules that are asked for at a time."""


class DriftState(StrEnum):
    """What applying the table would do to a schedule."""

    same = "same"
    """Nothing: it is as declared, paused or not."""
    added = "added"
    """Declared, and not in Temporal."""
    changed = "changed"
    """In Temporal otherwise than declared."""
    gone = "gone"
    """Ours in Temporal, and declared no more."""
    foreign = "foreign"
    """In Temporal under an id of the table's, and not ours."""


class Change(BaseModel):
    """A field that is not as declared."""

    model_config = ConfigDict(frozen=True)

    field: str
    is_now: str | None
    """In Temporal; None where it has none."""
    declared: str | None


class Drift(BaseModel):
    """One schedule, as declared and as it is."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: DriftState
    changes: tuple[Change, ...] = ()
    paused: bool = False
    """By someone, or by a failed run. A pause is no drift: applying keeps it."""
    note: str = ""
    """With the pause."""
    owner: str | None = None
    """Of one in Temporal."""


def changes_between(actual: Fields, declared: Fields) -> tuple[Change, ...]:
    """The fields that differ, by name."""
    return tuple(
        Change(field=name, is_now=actual.get(name), declared=declared.get(name))
        for name in sorted({*actual, *declared})
        if actual.get(name) != declared.get(name)
    )


async def compare(
    found: Found | None, schedule: Schedule, table: ScheduleTable, there: ActualSchedules, owner: str
) -> Drift:
    """One schedule of the table with what was found of it."""
    client = there.client
    wanted = await fields(await message(client, schedule, table.kind_of(schedule)), client.data_converter)
    if found is None:
        return Drift(id=schedule.id, state=DriftState.added, changes=changes_between({}, wanted))
    changes = changes_between(await fields(found.schedule, client.data_converter), wanted)
    state = DriftState.changed if changes else DriftState.same
    if found.owner != owner:
        state = DriftState.foreign
    return Drift(
        id=schedule.id,
        state=state,
        changes=changes,
        paused=found.paused,
        note=found.note if found.paused else "",
        owner=found.owner,
    )


async def drift(table: ScheduleTable, there: ActualSchedules, owner: str) -> list[Drift]:
    """All of the table, and those of ours that left it, by id. Raises as `ActualSchedules` does."""
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def declared(schedule: Schedule) -> Drift:
        async with at_once:
            return await compare(await there.find(schedule.id), schedule, table, there, owner)

    async def left_over(schedule_id: str) -> Drift | None:
        async with at_once:
            found = await there.find(schedule_id)
        # What is listed may be deleted since.
        if found is None or found.owner != owner:
            return None
        note = found.note if found.paused else ""
        return Drift(id=schedule_id, state=DriftState.gone, paused=found.paused, note=note, owner=owner)

    ours = [each for each in await there.owned(owner) if each not in table.ids]
    looked = await asyncio.gather(*map(declared, table), *map(left_over, ours))
    return sorted((each for each in looked if each is not None), key=lambda each: each.id)
