"""Everything about one run that an operator may want, beyond its status."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowExecutionDescription

from domain.policies import Policy
from starter.connection import explained
from starter.history import last_events
from starter.readable import readable
from starter.status import JobDescription, JobState, JobStatus
from workflows.data_converter import EncryptionKeyMissing

_ASK_WITHIN = 2.0
"""Seconds. Where no worker is there, all of it is spent."""
_METADATA = "__temporal_workflow_metadata"
"""A query that the SDK answers for each workflow."""

_TIMER = EventType.EVENT_TYPE_TIMER_STARTED
_TASK_COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


async def describe(
    client: Client, described: WorkflowExecutionDescription, status: JobStatus, policies: Mapping[str, Policy]
) -> JobDescription:
    """Add to a run's status what that leaves out. `policies` by activity type.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    raw = described.raw_description
    info = raw.workflow_execution_info
    running = status.state is JobState.running
    async with explained(client):
        events = await last_events(client, described.id, described.run_id)
    waits = await _second_attempt(client, policies, events) if running and not raw.pending_activities else {}
    worker = _worker(described, events)
    attempt = waits.get("attempt", status.attempt)
    waits_for_attempt = waits or status.next_attempt_at is not None
    return JobDescription.model_validate(
        {
            **status.model_dump(),
            **waits,
            "queue": described.task_queue,
            "summary": await _summary(described),
            "priority": info.priority.priority_key or None,
            "fairness_key": info.priority.fairness_key or None,
            "runs_at": described.execution_time if running and _is_delayed(described) else None,
            "attempts": attempt - 1 if attempt and waits_for_attempt else attempt,
            "worker": worker,
            "details": await _details(client, described) if worker or not events else None,
            "history_events": described.history_length,
            "history_bytes": info.history_size_bytes,
        }
    )


async def _summary(described: WorkflowExecutionDescription) -> str | None:
    try:
        return await described.static_summary()
    except EncryptionKeyMissing:
        return None


def _is_delayed(described: WorkflowExecutionDescription) -> bool:
    begun = described.raw_description.HasField("pending_workflow_task") or described.history_length > 1
    delayed = described.execution_time is not None and described.execution_time > described.start_time
    return delayed and not begun


async def _second_attempt(
    client: Client, policies: Mapping[str, Policy], events: Sequence[HistoryEvent]
) -> dict[str, Any]:
    """The state of a run that waits for the second attempt of a step: the local try failed, and a timer runs."""
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


def _worker(described: WorkflowExecutionDescription, events: Sequence[HistoryEvent]) -> str | None:
    for pending in described.raw_description.pending_activities:
        if pending.last_worker_identity:
            return pending.last_worker_identity
    for event in events:
        for attributes in (event.workflow_task_started_event_attributes, event.activity_task_started_event_attributes):
            if attributes.identity:
                return attributes.identity
    return None


async def _details(client: Client, described: WorkflowExecutionDescription) -> str | None:
    """What the workflow tells of itself; a worker has to be there, who is asked."""
    handle = client.get_workflow_handle(described.id, run_id=described.run_id)
    try:
        async with asyncio.timeout(_ASK_WITHIN):  # the SDK's own limit is for each of several tries
            told = await handle.query(_METADATA, result_type=WorkflowMetadata)
    except Exception:  # noqa: BLE001  # no worker, or an old one: the rest of the description is told all the same
        return None
    return told.current_details or None
