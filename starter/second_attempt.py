"""What a job that waits for the second attempt of a step waits for: the local try failed, and a timer runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionDescription

from domain.policies import Policy
from starter.connection import explained
from starter.history import last_events, readable

_TIMER = EventType.EVENT_TYPE_TIMER_STARTED
_TASK_COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


async def second_attempt(
    client: Client, run: WorkflowExecutionDescription, policies: Mapping[str, Policy]
) -> dict[str, Any]:
    """Fields of the status of a run that waits for a second attempt, read from its history; else nothing.

    `policies` by activity type. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    async with explained(client):
        events = await last_events(client, run.id, run.run_id)
    timer = next((event for event in events if event.event_type in (_TIMER, _TASK_COMPLETED)), None)
    if timer is None or timer.event_type == _TASK_COMPLETED:
        return {}
    wait = timer.timer_started_event_attributes
    for event in events:
        marker = event.marker_recorded_event_attributes
        if (
            event.event_id < timer.event_id
            and marker.workflow_task_completed_event_id == wait.workflow_task_completed_event_id
            and marker.HasField("failure")
            and not marker.failure.application_failure_info.non_retryable
        ):
            step = str(json.loads(marker.details["data"].payloads[0].data)["activity_type"])
            failure = await readable(marker.failure, client.data_converter)
            return {
                "step": step,
                "attempt": 2,
                "max_attempts": policies[step].max_attempts if step in policies else None,
                "next_attempt_at": timer.event_time.ToDatetime(UTC) + wait.start_to_fire_timeout.ToTimedelta(),
                "message": failure.message,
                "error_type": failure.application_failure_info.type or None,
            }
    return {}
