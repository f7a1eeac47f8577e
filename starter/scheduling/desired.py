"""A declared schedule in Temporal's form: what a run is started with is what an ordinary start would give it."""

from __future__ import annotations

from temporalio import client as sdk
from temporalio.api.schedule.v1 import Schedule as ScheduleMessage
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from starter.scheduling.declared import Schedule
from workflows.registry import Kind

OWNER = SearchAttributeKey.for_keyword("ScheduleOwner")
"""Of a schedule, not of its runs: by whose table it is kept as it is. It stays when the schedule is updated by hand."""


def ownership(owner: str) -> TypedSearchAttributes:
    """The mark of a schedule that is ours."""
    return TypedSearchAttributes([SearchAttributePair(OWNER, owner)])


async def message(client: Client, schedule: Schedule, kind: Kind) -> ScheduleMessage:
    """What Temporal is to have."""
    request = schedule.request
    wanted = sdk.Schedule(
        action=sdk.ScheduleActionStartWorkflow(
            kind.workflow_type,
            request,
            id=schedule.workflow_id,
            task_queue=kind.queue,
            # Neither a retry of the run nor time limits of it: its steps have theirs, as in any start.
            typed_search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(SearchAttributeKey.for_keyword(name), value)
                    for name, value in request.ids.items()
                ]
            ),
            static_summary=f"{request.kind.replace('-', ' ').capitalize()} by schedule {schedule.id}",
            static_details=schedule.note or None,
        ),
        spec=sdk.ScheduleSpec(
            calendars=schedule.specs(),
            intervals=[sdk.ScheduleIntervalSpec(schedule.every)] if schedule.every is not None else [],
            jitter=schedule.jitter or None,
            time_zone_name=schedule.zone,
        ),
        policy=sdk.SchedulePolicy(
            overlap=schedule.overlap,
            catchup_window=schedule.catchup_window,
            pause_on_failure=schedule.pause_on_failure,
        ),
        state=sdk.ScheduleState(note=schedule.note or None),
    )
    # The SDK's own way to Temporal's form; its calls don't pass on the token by which an update sees another one.
    return await wanted._to_proto(client)
