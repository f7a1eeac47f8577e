"""A dead run has one dead letter and one alert, whatever it fails of, and however often it is recorded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import text
from temporalio.api.enums.v1 import EventType

from domain.dead_letter_sweep import Swept
from domain.dead_letters import DeadLetter, DeadLetterFilter, DeadLetterState, FailureCause
from tests.dead_letters.failing import NOBODYS, QUEUE, REPLAYED, fixed
from tests.dead_letters.world import Handle, World, order_of

STUCK = "ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"


@dataclass(frozen=True)
class Scene:
    """Jobs by what happened to them, and their dead letters before and after a sweep."""

    jobs: dict[str, Handle]
    before: list[DeadLetter]
    first: Swept
    second: Swept
    after: list[DeadLetter]
    late: DeadLetter | None
    """The result of a worker's own recording that came after the sweep."""

    def letter(self, name: str) -> DeadLetter:
        (letter,) = [letter for letter in self.after if letter.workflow_id == self.jobs[name].id]
        return letter


RECORDED = ("permanent", "attempts", "deadline", "attempt-timeout", "not-taken")
"""Failures that the run records itself."""


@pytest.fixture(scope="module")
async def scene(world: World) -> Scene:
    client, start = world.client, world.start
    jobs = {name: await start(name) for name in ("well", *RECORDED, "away", "bug")}  # type: ignore[arg-type]  # each is one
    jobs |= {
        "run-timeout": await start("hangs", run_timeout=timedelta(seconds=1)),
        **{name: await start("hangs") for name in ("terminated", "cancelled", "running")},
        "other-code": await start("other-code", queue=REPLAYED),
        "no-worker": await start("well", queue=NOBODYS),
        "delayed": await start("well", queue=NOBODYS, start_delay=timedelta(hours=1)),
        "undecodable": await client.start_workflow(
            "Failing", {"order_id": "Ada"}, id="failing/undecodable", task_queue=QUEUE
        ),
        "unknown": await client.start_workflow("UnknownKind", id="unknown-kind/1", task_queue=QUEUE),
        "no job": await client.start_workflow(
            "JobPause", id="job-pause/1", task_queue=NOBODYS, run_timeout=timedelta(seconds=1)
        ),
    }
    waiting = [jobs[name] for name in ("terminated", "cancelled", "running", "other-code")]
    await world.reached(EventType.EVENT_TYPE_TIMER_STARTED, *waiting)
    fixed.add(order_of(jobs["other-code"]))
    await jobs["other-code"].signal("continue")
    await jobs["terminated"].terminate("ordered twice")
    await jobs["cancelled"].cancel()
    ended = [jobs[name] for name in (*RECORDED, "away", "run-timeout", "terminated", "undecodable", "no job")]
    await world.until("ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated')", *ended)
    await world.until("ExecutionStatus = 'Canceled'", jobs["cancelled"])
    await world.until(STUCK, *(jobs[name] for name in ("bug", "other-code", "unknown")))

    before = list(await world.letters.list(DeadLetterFilter(), limit=100))
    first, second = await world.sweep(), await world.sweep()
    late = await world.letters.record(world.recording.away[0])
    return Scene(jobs, before, first, second, list(await world.letters.list(DeadLetterFilter(), limit=100)), late)


async def test_each_dead_run_has_one_letter_and_one_alert_and_no_other_run_has_any(world: World, scene: Scene) -> None:
    living = ("well", "cancelled", "running", "delayed", "no job")
    expected = {handle.result_run_id for name, handle in scene.jobs.items() if name not in living}
    assert Counter(letter.run_id for letter in scene.after) == Counter(expected)
    assert {letter.state for letter in scene.after} == {DeadLetterState.open}
    async with world.engine.connect() as connection:
        alerted = await connection.scalars(text("SELECT run_id FROM alerts WHERE kind = 'dead-letter'"))
        assert Counter(alerted) == Counter(expected)
    # A failing run records itself; the sweep finds the rest, and examines nothing twice.
    assert {letter.workflow_id for letter in scene.before} == {scene.jobs[name].id for name in RECORDED}
    assert scene.first.recorded == len(scene.after) - len(RECORDED)
    assert scene.second == Swept()
    assert scene.late is None, "the sweep had found it"
    # What failed with the same is one group.
    (group,) = await world.letters.groups(DeadLetterFilter(error_type="NotFound"))
    assert (group.count, group.example.fingerprint) == (2, scene.letter("permanent").fingerprint)


WHY: dict[str, tuple[FailureCause, str, str | None, int | None]] = {
    "permanent": (FailureCause.failed, "NotFound", "failing.charge", 1),
    "attempts": (FailureCause.failed, "ServiceUnavailable", "failing.charge", 3),
    "deadline": (FailureCause.failed, "RateLimited", "failing.charge", 1),
    "attempt-timeout": (FailureCause.failed, "AttemptTimedOut", "failing.charge", 3),
    "not-taken": (FailureCause.failed, "StepTimedOut", "failing.charge", None),
    "away": (FailureCause.failed, "NotFound", "failing.charge", 1),
    "run-timeout": (FailureCause.timed_out, "RunTimedOut", None, None),
    "terminated": (FailureCause.terminated, "Terminated", None, None),
    "bug": (FailureCause.stuck, "KeyError", None, None),
    "other-code": (FailureCause.stuck, "NondeterminismError", None, None),
    "unknown": (FailureCause.stuck, "NotFoundError", None, None),
    "no-worker": (FailureCause.no_worker, "NoWorker", None, None),
    "undecodable": (FailureCause.failed, "InvalidRequest", None, None),
}
"""Cause, error type, step and attempts of each dead run."""


def test_each_letter_says_why_its_run_is_dead(scene: Scene) -> None:
    letters = {name: scene.letter(name) for name in WHY}
    found = {name: (each.cause, each.error_type, each.step, each.attempts) for name, each in letters.items()}
    assert found == WHY
    for name, letter in letters.items():
        assert letter.message
        assert letter.kind == ("unknown-kind" if name == "unknown" else "failing")
        assert letter.queue == {"no-worker": NOBODYS, "other-code": REPLAYED}.get(name, QUEUE)
        if name in ("unknown", "undecodable"):
            assert letter.request is None
            assert "Ada" not in letter.model_dump_json()
        else:
            how = {"run-timeout": "hangs", "terminated": "hangs", "no-worker": "well"}.get(name, name)
            assert letter.request == {"order_id": order_of(letter), "how": how}
