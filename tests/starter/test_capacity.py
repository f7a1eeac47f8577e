"""`jobs capacity`: more jobs never need less, and what it counts as billed is in the recorded histories."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starter.cli.app import run
from starter.sizing import COSTS, Load, size

HISTORIES = Path(__file__).parents[1] / "histories" / "order-confirmation"

_counts = (
    *("worker_processes", "worker_cores", "temporal_cores", "database_connections", "outbox_relays"),
    *("history_shards", "partitions", "gb_a_day", "gb_kept", "actions_of_a_job"),
)


@given(st.floats(0.1, 5000), st.floats(1, 4), st.floats(0, 1), st.floats(0, 1))
def test_more_jobs_or_more_retries_never_need_less(jobs: float, times: float, retried: float, more: float) -> None:
    less = size(Load(jobs, retried=min(retried, more)))
    needed = size(Load(jobs * times, retried=max(retried, more)))

    assert [name for name in _counts if getattr(needed, name) < getattr(less, name)] == []
    assert needed.smtp_connections * needed.worker_processes >= jobs * times * 0.1
    assert math.log2(needed.history_shards).is_integer()


def test_a_tighter_p95_takes_more_cores_and_an_impossible_one_is_refused() -> None:
    cores = [size(Load(200, p95=p95)).worker_cores for p95 in (0.05, 0.1, 0.2, 10)]

    assert cores == sorted(cores, reverse=True)
    assert len(set(cores)) > 2
    with pytest.raises(ValueError, match=r"0\.045 s is the least"):
        size(Load(200, p95=0.03))


@pytest.mark.parametrize(
    ("history", "expected"),
    [("done-at-once", COSTS["actions"]), ("done-at-the-second-attempt", COSTS["retried_actions"])],
)
def test_the_actions_of_a_job_are_those_of_its_recorded_history(history: str, expected: int) -> None:
    events = json.loads((HISTORIES / f"{history}.json").read_text())["events"]

    assert billed(events) == expected


def billed(events: list[dict[str, object]]) -> int:
    """Actions as Temporal Cloud counts them: starts, timers, upserts and signals by one, an activity by its attempts,
    all markers of a workflow task together by one."""
    by_one = {"WORKFLOW_EXECUTION_STARTED", "TIMER_STARTED", "ACTIVITY_TASK_SCHEDULED", "WORKFLOW_EXECUTION_SIGNALED"}
    by_one |= {"UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"}
    actions, tasks = 0, set()
    for event in events:
        kind = str(event["eventType"]).removeprefix("EVENT_TYPE_")
        attributes = next((value for key, value in event.items() if key.endswith("EventAttributes")), {})
        assert isinstance(attributes, dict)
        if kind == "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES" and "TemporalChangeVersion" in json.dumps(attributes):
            continue
        actions += kind in by_one
        if kind == "ACTIVITY_TASK_STARTED":
            actions += int(attributes.get("attempt", 1)) - 1
        if kind == "MARKER_RECORDED" and attributes["markerName"] == "core_local_activity":
            tasks.add(attributes["workflowTaskCompletedEventId"])
    return actions + len(tasks)


def test_the_documented_example_is_what_the_command_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "production.md").read_text()

    assert run(["capacity", "--jobs-per-second", "100", "--average", "20", "--p95", "0.2"]) == 0
    said = capsys.readouterr()
    example = page.partition("jobs capacity --jobs-per-second 100 --average 20 --p95 0.2\n")[2].partition("```")[0]
    assert [line.split() for line in example.strip().splitlines()] == [
        line.split() for line in said.out.strip().splitlines()
    ]
    assert "Measured: 2026-11-24" in said.err
    assert run(["capacity", "--jobs-per-second", "100", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["coefficients"]["by"]
    assert document["worker_processes"] >= 2


def test_nonsense_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["capacity", "--jobs-per-second", "many"]) == 2
    assert "must be a number" in capsys.readouterr().err
    assert run(["capacity", "--jobs-per-second", "5", "--p95", "0.01"]) == 2
    assert "--p95" in capsys.readouterr().err
