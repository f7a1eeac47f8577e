"""Where a dead run is taken up again, read from recorded histories."""

from __future__ import annotations

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from starter.redriving.point import NothingToTakeUp, ResetPoint, reset_point
from tests.histories.record import HISTORIES


def events_of(name: str) -> list[HistoryEvent]:
    return list(WorkflowHistory.from_json("a-job", (HISTORIES / f"{name}.json").read_text()).events)


def task_that_began(events: list[HistoryEvent], step: str) -> int:
    """WorkflowTaskCompleted event of the task in which a step was begun first, as a regular activity."""
    return next(
        event.activity_task_scheduled_event_attributes.workflow_task_completed_event_id
        for event in events
        if event.activity_task_scheduled_event_attributes.activity_type.name == step
    )


@pytest.mark.parametrize("course", ["refused-at-once", "refused-at-the-second-attempt", "failed-at-the-last-attempt"])
def test_a_step_that_is_run_locally_first_begins_anew_with_its_first_try_whenever_it_failed(course: str) -> None:
    events = events_of(f"order-confirmation/{course}")

    first = next(event for event in events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    confirm = "order_confirmation.confirm"
    assert reset_point(events) == ResetPoint(event_id=first.event_id, step=confirm, kept=(), again=(confirm,))


def test_steps_that_had_ended_before_the_failed_one_began_keep_their_results() -> None:
    events = events_of("report-generation/failed-at-publishing")

    point = reset_point(events)

    assert point.step == "report_generation.publish"
    assert point.event_id == task_that_began(events, "report_generation.publish")
    assert point.kept == ("report_generation.plan", "report_generation.write_part")


def test_a_step_that_only_cleaned_up_after_the_failure_is_not_taken_for_the_one_that_failed() -> None:
    events = events_of("report-generation/failed-part")

    point = reset_point(events)

    assert point.step == "report_generation.write_part"
    assert point.event_id == task_that_began(events, "report_generation.write_part")
    assert point.again == ("report_generation.write_part", "report_generation.end")


def test_what_was_under_way_when_the_failed_step_began_begins_anew_as_well() -> None:
    """The reset would fail it, and the run with it: here `plan`, as if it had not ended before `publish` failed."""
    events = events_of("report-generation/failed-at-publishing")
    plan = next(event for event in events if event.HasField("activity_task_completed_event_attributes"))
    plan.event_id = events[-1].event_id + 1

    point = reset_point(events)

    assert point.event_id == task_that_began(events, "report_generation.plan")
    assert "report_generation.plan" in point.again


def test_a_run_that_was_ended_in_the_middle_of_a_step_is_taken_up_where_that_began() -> None:
    events = events_of("report-generation/failed-at-publishing")
    scheduled = [event for event in events if event.HasField("activity_task_scheduled_event_attributes")]
    publish = next(
        event
        for event in scheduled
        if event.activity_task_scheduled_event_attributes.activity_type.name == "report_generation.publish"
    )
    terminated = HistoryEvent(event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, event_id=999)

    point = reset_point([*events[: events.index(publish) + 1], terminated])

    assert (point.step, point.event_id) == (
        "report_generation.publish",
        publish.activity_task_scheduled_event_attributes.workflow_task_completed_event_id,
    )


def test_a_run_that_had_done_nothing_cannot_be_taken_up() -> None:
    events = events_of("order-confirmation/refused-at-once")

    with pytest.raises(NothingToTakeUp):
        reset_point(events[:3])
