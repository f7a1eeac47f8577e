"""Where a dead run is resumed: at the workflow task in which the failed step began.

Steps that ended before that task keep their results. Those that began in it or later run again, among them the first,
local attempt of the failed step, and what ran beside it. Each step can run twice, so no effect happens twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from starter.dead_letters.attempt_history import StepRun, step_runs


class NothingToResume(Exception):
    """No workflow task of the run has ended, so it has done nothing yet."""


@dataclass(frozen=True)
class ResetPoint:
    """Where to resume a run, and what that means."""

    event_id: int
    """The WorkflowTaskCompleted event of the task that runs again."""
    step: str | None
    """Activity type of the failed step; None if the run ended for another reason."""
    kept: tuple[str, ...]
    """Steps that keep their results, in order; a step that ran several times appears as often."""
    again: tuple[str, ...]
    """Steps that run again, in order; the failed one is among them."""


def reset_point(events: Sequence[HistoryEvent], *, step: str | None = None) -> ResetPoint:
    """Read it from a run's whole history; `step` is the failed one, if known. Raises NothingToResume."""
    tasks = [event.event_id for event in events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    if not tasks:
        raise NothingToResume
    runs = step_runs(events)
    failed = _failed_run(runs, events[-1], step)
    # If the workflow failed by its own decision, or was ended from outside, its last task runs again.
    began = tasks[-1] if failed is None else _beginning(failed, runs)
    # The reset would fail what was under way at that task, and the run with it: that begins again as well.
    while under_way := [run for run in runs if run.task < began and (run.ended is None or run.ended > began)]:
        began = min(_beginning(run, runs) for run in under_way)
    return ResetPoint(
        event_id=began,
        step=failed.step if failed else None,
        kept=tuple(run.step for run in runs if run.task < began and run.failure is None),
        again=tuple(dict.fromkeys(run.step for run in runs if run.task >= began)),
    )


def _failed_run(runs: Sequence[StepRun], end: HistoryEvent, step: str | None) -> StepRun | None:
    """The step that the workflow failed for, or that had not ended when the workflow was ended."""
    if end.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
        failures = [run for run in runs if run.failure is not None]
        # Other steps may have failed without consequence, before it or during clean-up.
        failures = [run for run in failures if run.step == step] or failures
        message = end.workflow_execution_failed_event_attributes.failure.message
        causes = [run for run in failures if (text := _message(run.failure)) and message.startswith(text)]
        return next(reversed(causes or failures), None)
    unfinished = [run for run in runs if run.ended is None]
    return unfinished[0] if unfinished else next((run for run in runs[-1:] if run.failure is not None), None)


def _message(failure: Failure | None) -> str:
    return (failure.message or failure.cause.message) if failure else ""


def _beginning(run: StepRun, runs: Sequence[StepRun]) -> int:
    """The task in which a step began: that of its local attempt, if it had one."""
    local = [
        other.task
        for other in runs
        if other.step == run.step and other.failure and not other.before and other.task < run.task
    ]
    return local[-1] if run.before and local else run.task
