"""Temporal has what is declared once that is applied; nothing else is touched."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import (
    Client,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleHandle,
    ScheduleOverlapPolicy,
    ScheduleRange,
    ScheduleSpec,
)
from temporalio.client import Schedule as TemporalSchedule
from temporalio.common import SearchAttributeKey

from domain.order_confirmation import OrderConfirmationRequest
from starter.schedules import Schedule, ScheduleTable
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import Applied, apply
from starter.scheduling.drift import DriftState, drift
from tests.schedules.chimes import ROW, ChimeRequest
from tests.schedules.conftest import MakeTable
from workflows.registry import Registry, registry

OURS = "shop"
HOURLY = Schedule("hourly-chime", ChimeRequest(), cron="@hourly", note="The town wants to know.")
WEEKLY = Schedule("weekly-chime", ChimeRequest(), cron="0 10 * * SUN", time_zone="Europe/Zurich")


async def done(*args: object, **options: bool) -> dict[str, Applied]:
    return {each.id: each.done for each in await apply(*args, **options)}  # type: ignore[arg-type]  # as `apply`


async def states(table: ScheduleTable, there: ActualSchedules) -> dict[str, DriftState]:
    return {each.id: each.state for each in await drift(table, there, OURS)}


async def is_listed(there: ActualSchedules, *ids: str) -> None:
    """Wait until visibility shows these as ours, and no others."""
    async with asyncio.timeout(20):
        while await there.owned(OURS) != sorted(ids):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.05)


async def foreign(client: Client, schedule_id: str) -> ScheduleHandle:
    """A schedule that someone made by hand."""
    return await client.create_schedule(
        schedule_id,
        TemporalSchedule(
            action=ScheduleActionStartWorkflow("Theirs", id="theirs", task_queue="theirs"),
            spec=ScheduleSpec(cron_expressions=["0 5 * * *"]),
        ),
    )


async def test_what_is_applied_is_as_declared_whatever_it_says(there: ActualSchedules, table: MakeTable) -> None:
    kinds = Registry()
    kinds.register(ROW)
    kinds.register(registry.get("order-confirmation"))
    everything = Schedule(
        "everything",
        ChimeRequest(bell="große"),
        calendar=(
            ScheduleCalendarSpec(second=[ScheduleRange(0, 59, 20)], year=[ScheduleRange(2030, 2032)]),
            ScheduleCalendarSpec(minute=[ScheduleRange(5, 50, 15)], day_of_week=[ScheduleRange(1, 5)]),
        ),
        time_zone="America/New_York",
        overlap=ScheduleOverlapPolicy.BUFFER_ONE,
        catchup_window=timedelta(days=3),
        jitter=timedelta(seconds=90),
        pause_on_failure=True,
        note='Says "all" there is.',
    )
    with_ids = Schedule("with-ids", OrderConfirmationRequest(order_id=1042), every=timedelta(minutes=7))
    made = table(everything, with_ids, HOURLY, kinds=kinds)

    before = await states(made, there)
    first = await done(made, there, OURS)
    described = await there.client.get_schedule_handle("with-ids").describe()
    told = await states(made, there)
    again = await done(made, there, OURS)

    assert set(before.values()) == {DriftState.added}
    assert set(first.values()) == {Applied.created}
    assert set(told.values()) == {DriftState.same}
    assert set(again.values()) == {Applied.unchanged}
    # As an ordinary start has it.
    action = described.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert (action.workflow, action.task_queue) == ("OrderConfirmation", "notifications")
    assert action.typed_search_attributes[SearchAttributeKey.for_keyword("OrderId")] == "1042"
    assert (action.retry_policy, action.execution_timeout, action.run_timeout) == (None, None, None)


async def test_a_declaration_that_changed_is_told_field_by_field_and_applied(
    there: ActualSchedules, table: MakeTable
) -> None:
    await apply(table(HOURLY, WEEKLY), there, OURS)
    changed = table(
        replace(HOURLY, cron="*/30 * * * *", request=ChimeRequest(bell="small"), catchup_window=timedelta(days=1)),
        WEEKLY,
    )

    found = await drift(changed, there, OURS)
    would = await done(changed, there, OURS, dry_run=True)
    applied = await done(changed, there, OURS)

    assert [(each.id, each.state) for each in found] == [
        ("hourly-chime", DriftState.changed),
        ("weekly-chime", DriftState.same),
    ]
    assert {(c.field, c.is_now, c.declared) for c in found[0].changes} == {
        ("due", "0 * * * *", "*/30 * * * *"),
        ("catchup window", "1:00:00", "1 day, 0:00:00"),
        (
            "input",
            '{"at": null, "bell": "big", "time_zone": "UTC"}',
            '{"at": null, "bell": "small", "time_zone": "UTC"}',
        ),
    }
    assert would == applied == {"hourly-chime": Applied.updated, "weekly-chime": Applied.unchanged}
    assert set((await states(changed, there)).values()) == {DriftState.same}


async def test_an_operators_pause_and_their_reason_outlast_changes(there: ActualSchedules, table: MakeTable) -> None:
    await apply(table(HOURLY), there, OURS)
    handle = there.client.get_schedule_handle("hourly-chime")
    await handle.pause(note="The bell is at the founder's.")

    [told] = await drift(table(HOURLY), there, OURS)
    updated = await done(table(replace(HOURLY, cron="@daily", note="Less often.")), there, OURS)
    paused = (await handle.describe()).schedule.state
    await handle.unpause(note="It is back.")
    unpaused = await states(table(replace(HOURLY, cron="@daily", note="Less often.")), there)

    assert (told.state, told.paused, told.note) == (DriftState.same, True, "The bell is at the founder's.")
    assert updated == {"hourly-chime": Applied.updated}
    assert (paused.paused, paused.note) == (True, "The bell is at the founder's.")
    assert unpaused == {"hourly-chime": DriftState.same}


async def test_a_schedule_that_is_not_ours_is_left_alone_until_someone_asks_for_its_adoption(
    there: ActualSchedules, table: MakeTable
) -> None:
    theirs = await foreign(there.client, "hourly-chime")
    other = await foreign(there.client, "somebody-elses")
    before = (await theirs.describe()).raw_description, (await other.describe()).raw_description

    would = await done(table(HOURLY, WEEKLY), there, OURS, dry_run=True, adopt=True)
    refused = await done(table(HOURLY, WEEKLY), there, OURS, prune=True)
    untouched = (await theirs.describe()).raw_description, (await other.describe()).raw_description
    adopted = await done(table(HOURLY, WEEKLY), there, OURS, adopt=True)

    assert would == {"hourly-chime": Applied.adopted, "weekly-chime": Applied.created}
    assert refused == {"hourly-chime": Applied.refused, "weekly-chime": Applied.created}
    assert untouched == before
    assert adopted == {"hourly-chime": Applied.adopted, "weekly-chime": Applied.unchanged}
    assert set((await states(table(HOURLY, WEEKLY), there)).values()) == {DriftState.same}
    assert (await other.describe()).raw_description == before[1]
    await other.delete()


async def test_what_left_the_table_stays_until_it_is_pruned_and_other_owners_keep_theirs(
    there: ActualSchedules, table: MakeTable
) -> None:
    await apply(table(HOURLY, WEEKLY), there, OURS)
    await apply(table(replace(HOURLY, id="their-chime")), there, "another-deployment")
    await is_listed(there, "hourly-chime", "weekly-chime")

    gone = await states(table(HOURLY), there)
    kept = await done(table(HOURLY), there, OURS)
    would = await done(table(HOURLY), there, OURS, prune=True, dry_run=True)
    still = await there.find("weekly-chime")
    pruned = await done(table(HOURLY), there, OURS, prune=True)

    assert gone == {"hourly-chime": DriftState.same, "weekly-chime": DriftState.gone}
    assert kept == {"hourly-chime": Applied.unchanged, "weekly-chime": Applied.kept}
    assert would == pruned == {"hourly-chime": Applied.unchanged, "weekly-chime": Applied.removed}
    assert still is not None
    assert await there.find("weekly-chime") is None
    assert await there.find("their-chime") is not None


async def test_a_pause_that_comes_between_look_and_change_is_not_lost(table: MakeTable, client: Client) -> None:
    class PausedMeanwhile(ActualSchedules):
        """Someone pauses the schedule while the first update is on its way."""

        async def update(self, *args: object) -> bool:
            if not self.paused:
                self.paused = True
                await self.client.get_schedule_handle("hourly-chime").pause(note="Quiet, please.")
            return await super().update(*args)  # type: ignore[arg-type]  # passed on as they are

        paused = False

    there = PausedMeanwhile(client)
    await apply(table(HOURLY), there, OURS)

    updated = await done(table(replace(HOURLY, cron="@daily")), there, OURS)

    [after] = await drift(table(replace(HOURLY, cron="@daily")), there, OURS)
    assert updated == {"hourly-chime": Applied.updated}
    assert (after.state, after.paused, after.note) == (DriftState.same, True, "Quiet, please.")


@pytest.mark.parametrize("existing", [False, True])
async def test_two_that_apply_at_once_do_no_harm(there: ActualSchedules, table: MakeTable, *, existing: bool) -> None:
    rows = [replace(HOURLY, id=f"chime-{number}") for number in range(3)]
    if existing:
        await apply(table(*rows), there, OURS)
    wanted = table(*(replace(row, cron="5 * * * *", note="Anew.") for row in rows))

    await asyncio.gather(*(apply(wanted, ActualSchedules(there.client), OURS) for _ in range(3)))

    assert set((await states(wanted, there)).values()) == {DriftState.same}
