"""The attempts of a step that failed, as far as its run's history has kept them.

History has the first attempt where that was local, and of a regular activity the last attempt with its error and time,
and the error of the one before. What went wrong at others stands in the workers' logs alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict
from temporalio.api.enums.v1 import EventType, TimeoutType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from starter.redriving.point import LOCAL, attempts_made


class Attempt(BaseModel):
    """One attempt, or several in a row of which history has kept nothing."""

    model_config = ConfigDict(frozen=True)

    number: int
    """Of the first of them."""
    until: int
    """Of the last of them."""
    ended: datetime | None = None
    """None where it has not ended, or that is not kept."""
    error_type: str | None = None
    message: str | None = None
    kept: bool = True
    """Whether history has anything of it."""


def attempts(events: Sequence[HistoryEvent], step: str) -> list[Attempt]:
    """Attempts of a step, in order. Of a step that ran several times, those of the last one that failed or is open."""
    found: list[Attempt] = []
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            marker = event.marker_recorded_event_attributes
            if marker.marker_name == LOCAL and _local_step(event) == step:
                error = _told(marker.failure) if marker.HasField("failure") else (None, None)
                found = [_one(1, event, error)]
        elif (
            event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
            and event.activity_task_scheduled_event_attributes.activity_type.name == step
        ):
            regular = _regular(events, event)
            if regular and not (regular[-1].ended and regular[-1].message is None):
                made = attempts_made(event)
                found = [*found[:made], *regular]
    return found


def _regular(events: Sequence[HistoryEvent], scheduled: HistoryEvent) -> list[Attempt]:
    made = attempts_made(scheduled)
    started = next(
        (
            event
            for event in events
            if event.HasField("activity_task_started_event_attributes")
            and event.activity_task_started_event_attributes.scheduled_event_id == scheduled.event_id
        ),
        None,
    )
    last = started.activity_task_started_event_attributes.attempt if started else 1
    found: list[Attempt] = []
    if last > 2:  # the last one and the one before are kept
        found.append(Attempt(number=made + 1, until=made + last - 2, kept=False))
    if started and started.activity_task_started_event_attributes.HasField("last_failure"):
        error_type, message = _told(started.activity_task_started_event_attributes.last_failure)
        number = made + last - 1
        found.append(Attempt(number=number, until=number, error_type=error_type, message=message))
    return [*found, _last(events, scheduled, made + last)]


def _last(events: Sequence[HistoryEvent], scheduled: HistoryEvent, number: int) -> Attempt:
    for event in events:
        for name in ("failed", "timed_out", "completed", "canceled"):
            attribute = f"activity_task_{name}_event_attributes"
            if event.HasField(attribute) and getattr(event, attribute).scheduled_event_id == scheduled.event_id:  # type: ignore[arg-type]  # one of its fields
                failure: Failure | None = getattr(getattr(event, attribute), "failure", None)
                return _one(number, event, _told(failure) if failure else (None, None))
    return Attempt(number=number, until=number)


def _one(number: int, event: HistoryEvent, error: tuple[str | None, str | None]) -> Attempt:
    error_type, message = error
    ended = event.event_time.ToDatetime(UTC)
    return Attempt(number=number, until=number, ended=ended, error_type=error_type, message=message)


def _told(failure: Failure) -> tuple[str | None, str | None]:
    """Class and message of what went wrong."""
    while failure.HasField("activity_failure_info") and failure.HasField("cause"):
        failure = failure.cause
    if failure.HasField("timeout_failure_info"):
        limit = TimeoutType.Name(failure.timeout_failure_info.timeout_type).removeprefix("TIMEOUT_TYPE_")
        return "StepTimedOut", f"It did not end within its {limit.replace('_', '-').lower()} limit."
    return failure.application_failure_info.type or None, failure.message or None


def _local_step(event: HistoryEvent) -> str:
    marker = event.marker_recorded_event_attributes
    return str(json.loads(marker.details["data"].payloads[0].data)["activity_type"])
