"""The steps of a run, and the attempts of one of them, as far as the run's history has kept them.

History has the first attempt if that was local, and of a regular activity the last attempt with its error and time, and
the error of the one before. The errors of other attempts are in the workers' logs only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from temporalio.api.enums.v1 import TimeoutType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import PayloadConverter

from activities.dead_letters import RECORD
from activities.interceptor import HEADER
from domain.values import Value

_LOCAL_ACTIVITY = "core_local_activity"
"""Name of the marker that the SDK records for a local activity."""


@dataclass(frozen=True)
class StepRun:
    """One activity of a run: a local attempt, or a regular activity with all its attempts."""

    step: str
    task: int
    """Id of the WorkflowTaskCompleted event of the task that began it."""
    regular: bool
    before: int = 0
    """Attempts of the step before this activity."""
    attempts: int = 0
    """Attempts of this activity that began, as far as history knows."""
    ended: int | None = None
    """Id of the event that ended it."""
    ended_at: datetime | None = None
    failure: Failure | None = None
    failure_before: Failure | None = None
    """Of the attempt before the last one."""


def step_runs(events: Iterable[HistoryEvent]) -> list[StepRun]:
    """All steps in a history, or in a part of it, in the order in which they began."""
    found: dict[int, StepRun] = {}
    for event in sorted(events, key=lambda event: event.event_id):
        name = event.WhichOneof("attributes")
        attributes: Any = getattr(event, name) if name else None
        end: dict[str, Any] = {"ended": event.event_id, "ended_at": event.event_time.ToDatetime(UTC)}
        match name:
            case "marker_recorded_event_attributes" if attributes.marker_name == _LOCAL_ACTIVITY:
                step = json.loads(attributes.details["data"].payloads[0].data)["activity_type"]
                failure = attributes.failure if attributes.HasField("failure") else None
                task = attributes.workflow_task_completed_event_id
                found[event.event_id] = StepRun(str(step), task, False, attempts=1, failure=failure, **end)
            case "activity_task_scheduled_event_attributes":
                found[event.event_id] = StepRun(
                    attributes.activity_type.name,
                    attributes.workflow_task_completed_event_id,
                    True,
                    before=_attempts_before(event),
                )
            case (
                "activity_task_started_event_attributes"
                | "activity_task_completed_event_attributes"
                | "activity_task_canceled_event_attributes"
                | "activity_task_failed_event_attributes"
                | "activity_task_timed_out_event_attributes"
            ):
                if (step_run := found.get(attributes.scheduled_event_id)) is None:
                    continue  # it began before this part of the history
                if "started" in name:
                    failure = attributes.last_failure if attributes.HasField("last_failure") else None
                    changes = {"attempts": attributes.attempt, "failure_before": failure}
                else:
                    changes = {**end, "failure": getattr(attributes, "failure", None)}
                found[attributes.scheduled_event_id] = replace(step_run, **changes)
    return [step_run for _, step_run in sorted(found.items()) if step_run.step != RECORD]


def _attempts_before(scheduled: HistoryEvent) -> int:
    """From the activity's header; 0 for an activity that is no step."""
    fields = scheduled.activity_task_scheduled_event_attributes.header.fields
    if HEADER not in fields:
        return 0
    made, _ = PayloadConverter.default.from_payload(fields[HEADER])
    return int(made)


class Attempt(Value):
    """One attempt, or several in a row of which history has nothing."""

    number: int
    until: int
    """Number of the last one of several."""
    ended: datetime | None = None
    """None if it has not ended, or history does not have the time."""
    error_type: str | None = None
    message: str | None = None
    kept: bool = True
    """False if history has nothing of it."""


def attempts(events: Iterable[HistoryEvent], step: str) -> list[Attempt]:
    """Attempts of a step, in order. If a step ran several times: of the last one that failed or has not ended."""
    found: list[Attempt] = []
    for step_run in step_runs(events):
        if step_run.step != step:
            continue
        last = step_run.before + max(step_run.attempts, 1)
        of_last = _attempt(last, step_run.failure, step_run.ended_at)
        if not step_run.regular:
            found = [of_last]
        elif step_run.failure is not None or step_run.ended is None:
            found = found[: step_run.before]
            if last - step_run.before > 2:
                found.append(Attempt(number=step_run.before + 1, until=last - 2, kept=False))
            if step_run.failure_before is not None:
                found.append(_attempt(last - 1, step_run.failure_before))
            found.append(of_last)
    return found


def _attempt(number: int, failure: Failure | None, ended: datetime | None = None) -> Attempt:
    while failure and failure.HasField("activity_failure_info") and failure.HasField("cause"):
        failure = failure.cause
    error_type, message = None, None
    if failure and failure.HasField("timeout_failure_info"):
        limit = TimeoutType.Name(failure.timeout_failure_info.timeout_type).removeprefix("TIMEOUT_TYPE_")
        error_type, message = "StepTimedOut", f"It did not end within its {limit.replace('_', '-').lower()} limit."
    elif failure:
        error_type, message = failure.application_failure_info.type or None, failure.message or None
    return Attempt(number=number, until=number, ended=ended, error_type=error_type, message=message)
