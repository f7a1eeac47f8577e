"""How far a running job is: asked of its workflow, with what its running attempts have told since."""

from __future__ import annotations

import asyncio

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus

from domain.progress import Progress
from workflows.registry import Registry

_ASK_WITHIN = 0.8
"""Seconds. A worker answers within milliseconds; where none is there, all of it is spent."""

_QUERY = "progress"
"""See `workflows/progress.py`."""

_AT_WORK = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED


def tells(kind: str, kinds: Registry) -> bool:
    """Whether a job of this kind is asked at all: one with long steps, whose policy has a heartbeat.

    Of a short one nobody would see it, and each question costs its worker something.
    """
    return any(row.name == kind and row.policy.heartbeat is not None for row in kinds)


async def progress_of(client: Client, described: WorkflowExecutionDescription) -> Progress | None:
    """How far a run is; None where it has ended, tells nothing, or no worker is there to be asked. Raises nothing."""
    if described.status is not WorkflowExecutionStatus.RUNNING:
        return None
    handle = client.get_workflow_handle(described.id, run_id=described.run_id)
    try:
        async with asyncio.timeout(_ASK_WITHIN):  # the SDK's own limit is for each of several tries
            # No hint for the converter: null is an answer too.
            told = await handle.query(_QUERY)
            progress = None if told is None else Progress.model_validate(told)
            begun = await _told_by_attempts(client, described)
    except Exception:  # noqa: BLE001  # no worker, other code, or a codec that is missing: it is not known then
        return None
    if progress is None:
        return None
    done = progress.done + begun
    return progress.model_copy(update={"done": done, "of": max(progress.of, done)})


async def _told_by_attempts(client: Client, described: WorkflowExecutionDescription) -> int:
    """What running attempts have told by their heartbeats, whose first detail is how much each has done."""
    done = 0
    for pending in described.raw_description.pending_activities:
        if pending.state == _AT_WORK and pending.heartbeat_details.payloads:
            [first] = await client.data_converter.decode(pending.heartbeat_details.payloads[:1])
            if isinstance(first, int) and not isinstance(first, bool) and first > 0:
                done += first
    return done
