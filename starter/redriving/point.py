"""Where a dead run is taken up again: the workflow task in which the step that failed began.

Steps that had ended before that task keep their results. Those that began in it, or in a later one, run again: of a
step that is run locally first, its first try; and what ran beside it. What they did to the world is not done twice,
since each step can run twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import PayloadConverter

from activities.interceptor import HEADER

LOCAL = "core_local_activity"
"""Name of the marker by which the SDK records a local activity."""

RECORD = "dead_letters.record"
"""Activity by which a run that fails is recorded; no step of the job."""


class NothingToTakeUp(Exception):
    """No workflow task of the run has ended, so that it has done nothing yet."""


@dataclass(frozen=True)
class ResetPoint:
    """Where to take a run up again, and what that means."""

    event_id: int
    """Of the WorkflowTaskCompleted event of the task that is done anew."""
    step: str | None
    """Activity type of the step that failed; None where the run ended for another reason."""
    kept: tuple[str, ...]
    """Steps that keep their results, in order; one that was done several times as often."""
    again: tuple[str, ...]
    """Steps that run again, in order; the one that failed among them."""


@dataclass(frozen=True)
class _Try:
    """One activity of the history: a local try, or a regular activity with all its attempts."""

    step: str
    task: int
    """WorkflowTaskCompleted event of the task that began it."""
    continues: bool
    """It goes on with a step whose local try has failed."""
    ended: int | None = None
    """Event at which it ended."""
    failure: Failure | None = None


def reset_point(events: Sequence[HistoryEvent], *, step: str | None = None) -> ResetPoint:
    """Read it from a run's whole history; `step` is the one that failed, where it is known. Raises NothingToTakeUp."""
    tasks = [event.event_id for event in events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    if not tasks:
        raise NothingToTakeUp
    tries = _tries(events)
    failed = _which_failed(tries, events[-1], step)
    # Where it failed by its own decision, or was ended from outside, what it did last is done anew.
    began = tasks[-1] if failed is None else _beginning(failed, tries).task
    # What was under way at that task would be failed by the reset, and the run with it: it begins anew as well.
    while under_way := [one for one in tries if one.task < began and (one.ended is None or one.ended > began)]:
        began = min(_beginning(one, tries).task for one in under_way)
    return ResetPoint(
        event_id=began,
        step=failed.step if failed else None,
        kept=tuple(one.step for one in tries if one.task < began and one.failure is None),
        again=tuple(dict.fromkeys(one.step for one in tries if one.task >= began)),
    )


def _which_failed(tries: Sequence[_Try], end: HistoryEvent, step: str | None) -> _Try | None:
    """The try that the run failed for, or that had not ended when the run was."""
    if end.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
        failures = [one for one in tries if one.failure is not None]
        # Other steps may have failed without harm, before it or when the job cleaned up.
        failures = [one for one in failures if one.step == step] or failures
        said = end.workflow_execution_failed_event_attributes.failure.message
        causes = [one for one in failures if one.failure and _told(one.failure) and said.startswith(_told(one.failure))]
        return next(iter(causes[-1:] or failures[-1:]), None)
    open_ = [one for one in tries if one.ended is None]
    return open_[0] if open_ else next((one for one in tries[-1:] if one.failure is not None), None)


def _told(failure: Failure) -> str:
    return failure.message or failure.cause.message


def _beginning(one: _Try, tries: Sequence[_Try]) -> _Try:
    """Of a step that went on as a regular activity its local try."""
    if not one.continues:
        return one
    before = [
        other
        for other in tries
        if other.step == one.step and other.failure and not other.continues and other.task < one.task
    ]
    return before[-1] if before else one


def _tries(events: Iterable[HistoryEvent]) -> list[_Try]:
    found: dict[int, _Try] = {}
    for event in events:
        match event.event_type:
            case EventType.EVENT_TYPE_MARKER_RECORDED:
                marker = event.marker_recorded_event_attributes
                if marker.marker_name != LOCAL:
                    continue
                step = str(json.loads(marker.details["data"].payloads[0].data)["activity_type"])
                found[event.event_id] = _Try(
                    step=step,
                    task=marker.workflow_task_completed_event_id,
                    continues=False,
                    ended=event.event_id,
                    failure=marker.failure if marker.HasField("failure") else None,
                )
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                scheduled = event.activity_task_scheduled_event_attributes
                found[event.event_id] = _Try(
                    step=scheduled.activity_type.name,
                    task=scheduled.workflow_task_completed_event_id,
                    continues=attempts_made(event) > 0,
                )
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                _end(found, event.activity_task_completed_event_attributes.scheduled_event_id, event)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
                _end(found, event.activity_task_canceled_event_attributes.scheduled_event_id, event)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
                failed = event.activity_task_failed_event_attributes
                _end(found, failed.scheduled_event_id, event, failed.failure)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
                timed_out = event.activity_task_timed_out_event_attributes
                _end(found, timed_out.scheduled_event_id, event, timed_out.failure)
    return [one for _, one in sorted(found.items()) if one.step != RECORD]


def _end(found: dict[int, _Try], scheduled: int, event: HistoryEvent, failure: Failure | None = None) -> None:
    found[scheduled] = replace(found[scheduled], ended=event.event_id, failure=failure)


def attempts_made(event: HistoryEvent) -> int:
    """Attempts before this activity, as its header tells; 0 for an activity that is no step."""
    fields = event.activity_task_scheduled_event_attributes.header.fields
    if HEADER not in fields:
        return 0
    made, _ = PayloadConverter.default.from_payload(fields[HEADER])
    return int(made)
