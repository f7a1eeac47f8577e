"""What is wrong with a schedule is told from what Temporal knows of it, with what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from starter.scheduling.problems import ScheduledRunSeen, ScheduleFacts, problems
from starter.status import JobState

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def run(ago: timedelta, state: JobState | None, *, took: timedelta = timedelta(seconds=1)) -> ScheduledRunSeen:
    ended = NOW - ago + took if state is not JobState.running else None
    error = "NotFound" if state is JobState.failed else None
    return ScheduledRunSeen(
        id="chime/hourly-chime", due_at=NOW - ago, started_at=NOW - ago, ended_at=ended, state=state, error_type=error
    )


def facts(*runs: ScheduledRunSeen, every: timedelta = 5 * MINUTE, left_out: int = 0, **others: Any) -> ScheduleFacts:
    """Of a schedule whose last moments, the youngest a minute before the last period, were left out."""
    return ScheduleFacts(
        **{
            "id": "hourly-chime",
            "paused": False,
            "note": "",
            "pause_on_failure": False,
            "catchup_window": timedelta(hours=1),
            "runs": runs,
            "next_runs": (NOW + every, NOW + 2 * every),
            "left_out": tuple(NOW - 3 * MINUTE - n * every for n in reversed(range(left_out))),
            **others,
        }
    )


def failed(count: int, every: timedelta = 5 * MINUTE) -> list[ScheduledRunSeen]:
    return [run(n * every, JobState.failed) for n in range(count, 0, -1)]


@pytest.mark.parametrize(
    ("seen", "names"),
    [
        pytest.param(facts(), [], id="new"),
        pytest.param(facts(run(5 * MINUTE, JobState.completed)), [], id="well"),
        pytest.param(facts(*failed(2)), [], id="two-failures"),
        pytest.param(facts(*failed(3)), ["failing"], id="three-failures"),
        pytest.param(facts(*failed(3), run(MINUTE, JobState.running)), ["failing"], id="and-trying"),
        pytest.param(facts(*failed(5), run(MINUTE, JobState.completed)), [], id="well-again"),
        pytest.param(facts(*failed(5), run(MINUTE, JobState.cancelled)), [], id="cancelled"),
        pytest.param(facts(*failed(1, DAY), every=DAY), ["failing"], id="daily-failed-once"),
        pytest.param(facts(*failed(1), run(MINUTE, None), every=DAY), ["failing"], id="a-run-not-kept-says-nothing"),
        pytest.param(facts(*failed(1), paused=True, pause_on_failure=True), ["failing"], id="paused-by-a-failure"),
        pytest.param(
            replace(facts(), left_out=(NOW - timedelta(seconds=119),)), [], id="late-by-less-than-two-minutes"
        ),
        pytest.param(facts(left_out=1), ["overdue"], id="never-ran"),
        pytest.param(facts(run(DAY, JobState.completed), left_out=3), ["overdue"], id="did-not-run"),
        pytest.param(facts(run(DAY, JobState.running), left_out=2), [], id="skipped-twice"),
        pytest.param(facts(run(DAY, JobState.running), left_out=3), ["overrunning"], id="skipped-thrice"),
        pytest.param(facts(run(DAY, JobState.running), every=DAY, left_out=1), ["overrunning"], id="daily-skipped"),
        pytest.param(facts(run(DAY, JobState.completed, took=DAY - MINUTE), left_out=9), [], id="was-at-work"),
        pytest.param(facts(run(DAY, JobState.completed), left_out=9, paused=True), [], id="paused"),
        pytest.param(facts(every=DAY, left_out=3, paused=True), ["paused"], id="paused-for-days"),
        pytest.param(facts(*failed(3), left_out=300, paused=True), ["failing", "paused"], id="both"),
    ],
)
def test_what_keeps_going_wrong_is_a_problem(seen: ScheduleFacts, names: list[str]) -> None:
    assert [problem.name for problem in problems(seen, NOW)] == names


def test_a_problem_says_what_to_do() -> None:
    [failing] = problems(facts(*failed(3)), NOW)
    [overdue] = problems(facts(left_out=2), NOW)
    [overrunning] = problems(facts(run(DAY, JobState.running), left_out=3), NOW)
    [paused] = problems(facts(every=DAY, left_out=3, paused=True, note="fireworks"), NOW)

    assert failing.message == "Its last 3 runs failed (NotFound): see `jobs status chime/hourly-chime`."
    assert "It has not run for 2026-11-24 11:57 UTC (2 runs left out)" in overdue.message
    assert (
        "`temporal schedule backfill --schedule-id hourly-chime --start-time 2026-11-24T11:56:59Z "
        "--end-time 2026-11-24T11:57:01Z`" in overdue.message
    )
    assert "3 runs skipped meanwhile. Does a worker serve its queue" in overrunning.message
    assert "It is paused (fireworks) and has left out 3 runs since 2026-11-22 11:57 UTC" in paused.message
    assert "`temporal schedule toggle --unpause --schedule-id hourly-chime`" in paused.message
