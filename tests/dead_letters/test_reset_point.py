"""Where a dead run is resumed, read from recorded histories."""

from __future__ import annotations

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from starter.dead_letters.reset_point import NothingToResume, ResetPoint, reset_point
from tests.histories.record import HISTORIES

PLAN, WRITE, PUBLISH = (f"report_generation.{step}" for step in ("plan", "write_part", "publish"))


def events_of(name: str) -> list[HistoryEvent]:
    return list(WorkflowHistory.from_json("a-job", (HISTORIES / f"{name}.json").read_text()).events)


def scheduled(events: list[HistoryEvent], step: str) -> HistoryEvent:
    """The event by which a step first began as a regular activity."""
    return next(e for e in events if e.activity_task_scheduled_event_attributes.activity_type.name == step)


def task_of(events: list[HistoryEvent], step: str) -> int:
    return scheduled(events, step).activity_task_scheduled_event_attributes.workflow_task_completed_event_id


@pytest.mark.parametrize("course", ["refused-at-once", "refused-at-the-second-attempt", "failed-at-the-last-attempt"])
def test_a_step_that_runs_locally_first_begins_again_with_its_local_attempt(course: str) -> None:
    events = events_of(f"order-confirmation/{course}")

    first = next(event for event in events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    confirm = "order_confirmation.confirm"
    assert reset_point(events) == ResetPoint(event_id=first.event_id, step=confirm, kept=(), again=(confirm,))
    with pytest.raises(NothingToResume):
        reset_point(events[:3])


def test_steps_that_had_ended_before_the_failed_one_began_keep_their_results() -> None:
    events = events_of("report-generation/failed-at-publishing")
    point = reset_point(events)
    assert (point.step, point.event_id, point.kept) == (PUBLISH, task_of(events, PUBLISH), (PLAN, WRITE))
    # As if `plan` had still been running: the reset would fail it, and the run with it.
    plan = next(event for event in events if event.HasField("activity_task_completed_event_attributes"))
    plan.event_id = events[-1].event_id + 1
    point = reset_point(events)
    assert point.event_id == task_of(events, PLAN)
    assert PLAN in point.again


def test_a_step_that_cleaned_up_after_the_failure_is_not_taken_for_the_failed_one() -> None:
    events = events_of("report-generation/failed-part")
    point = reset_point(events)
    assert (point.step, point.event_id) == (WRITE, task_of(events, WRITE))
    assert point.again == (WRITE, "report_generation.end")


def test_a_run_that_was_ended_in_the_middle_of_a_step_is_resumed_where_that_began() -> None:
    events = events_of("report-generation/failed-at-publishing")
    terminated = HistoryEvent(event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, event_id=999)
    point = reset_point([*events[: events.index(scheduled(events, PUBLISH)) + 1], terminated])
    assert (point.step, point.event_id) == (PUBLISH, task_of(events, PUBLISH))
