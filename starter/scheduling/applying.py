"""Makes Temporal have the declared schedules.

Can be run again, cut short and run twice at once: each schedule is looked at, changed in one call under the token it
was looked at with, and looked at again.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum

from temporalio.client import ScheduleDescription

from domain.values import Value
from starter.errors import StarterError
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.declared import Schedule, ScheduleTable
from starter.scheduling.drift import Drift, DriftState, compare, drift

_TRIES = 10
"""Each but the last is lost to another client that changed the schedule at that moment."""
_SEEN_WITHIN_S = 5.0
"""Until then a change is to be seen; a few milliseconds are usual."""


class Applied(StrEnum):
    """What was done to a schedule."""

    unchanged = "unchanged"
    created = "created"
    updated = "updated"
    adopted = "adopted"
    """It was not ours; it is now, and as declared."""
    removed = "removed"
    kept = "kept"
    """It left the table, and removal was not asked for."""
    refused = "refused"
    """It is not ours, and adoption was not asked for."""


class Application(Value):
    """What applying did to a schedule, or would do."""

    id: str
    done: Applied
    drift: Drift
    """As it was found."""


class StillChanging(StarterError, type_name="StillChanging"):
    """Another client changes the schedule again and again."""


async def apply(
    table: ScheduleTable,
    there: ActualSchedules,
    owner: str,
    *,
    prune: bool = False,
    adopt: bool = False,
    dry_run: bool = False,
) -> list[Application]:
    """Create the missing ones, update those that differ; a pause stays.

    `prune` removes those of ours that are no longer declared; `adopt` makes ours what has an id of the table; with
    `dry_run` nothing is done. Raises as `ActualSchedules` does, and StillChanging; what was done until then stays.
    """
    applied: list[Application] = []
    for each in await drift(table, there, owner):
        done = _outcome(each, prune=prune, adopt=adopt)
        if not dry_run and done is Applied.removed:
            await there.delete(each.id)
        elif not dry_run and (schedule := table.get(each.id)) is not None:
            applied.append(await _apply_one(schedule, table, there, owner, adopt=adopt))
            continue
        applied.append(Application(id=each.id, done=done, drift=each))
    return applied


def _outcome(found: Drift, *, prune: bool = False, adopt: bool) -> Applied:
    return {
        DriftState.same: Applied.unchanged,
        DriftState.added: Applied.created,
        DriftState.changed: Applied.updated,
        DriftState.gone: Applied.removed if prune else Applied.kept,
        DriftState.foreign: Applied.adopted if adopt else Applied.refused,
    }[found.state]


async def _apply_one(
    schedule: Schedule, table: ScheduleTable, there: ActualSchedules, owner: str, *, adopt: bool
) -> Application:
    first: Drift | None = None
    for _ in range(_TRIES):
        found = await there.find(schedule.id)
        now = await compare(schedule, table, there.client, found, owner)
        first = first or now
        outcome = _outcome(now, adopt=adopt)
        if outcome in (Applied.unchanged, Applied.refused):
            # As it is to be: by what was done in an earlier round, if anything had to be.
            done = outcome if outcome is Applied.refused else _outcome(first, adopt=adopt)
            return Application(id=schedule.id, done=done, drift=first)
        wanted = table.for_temporal(schedule)
        if found is None:
            await there.create(schedule.id, wanted, owner)
            continue
        if found.schedule.state.paused:
            # With the operator's reason.
            wanted.state = found.schedule.state
        # The SDK's own conversion, for a call that the SDK does not have.
        changed = await wanted._to_proto(there.client)
        if await there.update(schedule.id, changed, owner, found.raw_description.conflict_token):
            await _seen(there, schedule.id, found)
    raise StillChanging(
        f"Another client changes the schedule {schedule.id} again and again. Apply again when it has finished."
    )


async def _seen(there: ActualSchedules, schedule_id: str, before: ScheduleDescription) -> None:
    """Wait until a change is seen, this one's or another's."""
    try:
        async with asyncio.timeout(_SEEN_WITHIN_S):
            token = before.raw_description.conflict_token
            while (now := await there.find(schedule_id)) and now.raw_description.conflict_token == token:  # noqa: ASYNC110  # Temporal does not notify
                await asyncio.sleep(0.05)
    except TimeoutError:
        return  # the next look decides
