"""Whatever a run dies of, it has one letter and one alert, whoever sees it first and however often it is swept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from domain.dead_letter_sweep import Swept
from domain.dead_letters import DeathCause, Letter, LetterFilter, LetterState
from tests.dead_letters.dying import NOBODYS, QUEUE, REPLAYED, changed_code
from tests.dead_letters.graveyard import Graveyard
from workflows.pausing import Target, pauses_of

Handle = WorkflowHandle[Any, Any]


@dataclass(frozen=True)
class Dead:
    """All jobs of the scene, by what was done to them, and what was known before and after a sweep."""

    jobs: dict[str, Handle]
    before: dict[str, Letter]
    first: Swept
    second: Swept
    after: list[Letter]
    late: list[Letter | None]
    """What the workers' own recording brought that came after the sweep."""

    def letter(self, name: str) -> Letter:
        (letter,) = [letter for letter in self.after if letter.run.workflow_id == self.jobs[name].id]
        return letter


@pytest.fixture(scope="module")
async def dead(graveyard: Graveyard) -> Dead:
    start, client = graveyard.start, graveyard.client
    jobs = {
        "well": await start("well"),
        "permanent": await start("permanent"),
        "attempts": await start("attempts"),
        "deadline": await start("deadline"),
        "attempt-timeout": await start("attempt-timeout"),
        "not-taken": await start("not-taken"),
        "away": await start("away"),
        "run-timeout": await start("waits", run_timeout=timedelta(seconds=1)),
        "terminated": await start("waits"),
        "cancelled": await start("waits"),
        "waits": await start("waits"),
        "delayed": await start("waits", start_delay=timedelta(hours=1)),
        "bug": await start("bug"),
        "other-code": await start("other-code", queue=REPLAYED),
        "no-worker": await start("well", queue=NOBODYS),
        "undecodable": await client.start_workflow(
            "Dying", {"order_id": "Ada Lovelace"}, id="dying/undecodable", task_queue=QUEUE
        ),
        "unknown": await client.start_workflow("UnknownKind", id="unknown-kind/1", task_queue=QUEUE),
        "no job": await client.start_workflow(
            "JobPause", id="job-pause/1", task_queue=NOBODYS, run_timeout=timedelta(seconds=1)
        ),
    }
    await graveyard.begun(*(jobs[name] for name in ("terminated", "cancelled", "waits", "other-code")))
    changed_code.add(jobs["other-code"].id)
    pauses_of(client).replace({Target(queue=REPLAYED): "while the provider moves"})
    jobs["paused"] = await start("well", queue=REPLAYED)
    await graveyard.begun(jobs["paused"])
    pauses_of(client).replace({})
    await jobs["other-code"].signal("go-on")
    await jobs["terminated"].terminate("ordered twice")
    await jobs["cancelled"].cancel()
    recorded = [jobs[name] for name in ("permanent", "attempts", "deadline", "attempt-timeout", "not-taken")]
    unseen = [jobs[name] for name in ("away", "run-timeout", "terminated", "undecodable", "no job")]
    await graveyard.until("ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated')", *recorded, *unseen)
    await graveyard.until("ExecutionStatus = 'Canceled'", jobs["cancelled"])
    stuck = [jobs[name] for name in ("bug", "other-code", "unknown")]
    await graveyard.until("ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL", *stuck)

    everything = LetterFilter()
    before = {letter.run.workflow_id: letter for letter in await graveyard.letters.list(everything, limit=100)}
    first = await graveyard.sweep()
    second = await graveyard.sweep()
    late = [await graveyard.letters.record(run) for run in graveyard.recording.away[:1]]
    return Dead(jobs, before, first, second, list(await graveyard.letters.list(everything, limit=100)), late)


async def test_each_dead_run_has_one_letter_and_one_alert_and_no_other_run_has_any(
    graveyard: Graveyard, dead: Dead
) -> None:
    living = ("well", "cancelled", "waits", "delayed", "paused", "no job")
    expected = {handle.id for name, handle in dead.jobs.items() if name not in living}
    assert Counter(letter.run.workflow_id for letter in dead.after) == Counter(expected)
    assert {letter.state for letter in dead.after} == {LetterState.open}
    assert set(await graveyard.alerts()) == {letter.run.run_id for letter in dead.after}
    assert {letter.run.run_id for letter in dead.after} == {
        handle.result_run_id for handle in dead.jobs.values() if handle.id in expected
    }


async def test_a_run_that_fails_tells_so_itself_and_the_sweep_finds_the_rest(dead: Dead) -> None:
    told = ("permanent", "attempts", "deadline", "attempt-timeout", "not-taken")
    assert set(dead.before) == {dead.jobs[name].id for name in told}
    assert dead.first.recorded == len(dead.after) - len(told)
    assert (dead.second.recorded, dead.second.resolved, dead.second.moved) == (0, 0, 0)


def test_a_failure_that_was_told_while_the_database_was_away_is_found_and_told_late_it_changes_nothing(
    dead: Dead,
) -> None:
    assert dead.late == [None]
    letter = dead.letter("away")
    assert (letter.run.error_type, letter.run.step, letter.run.attempts) == ("NotFound", "dying.work", 1)


@pytest.mark.parametrize(
    ("name", "cause", "error_type", "step", "attempts"),
    [
        ("permanent", DeathCause.failed, "NotFound", "dying.work", 1),
        ("attempts", DeathCause.failed, "ServiceUnavailable", "dying.work", 2),
        ("deadline", DeathCause.failed, "RateLimited", "dying.work", 1),
        ("attempt-timeout", DeathCause.failed, "AttemptTimedOut", "dying.work", 2),
        ("not-taken", DeathCause.failed, "StepTimedOut", "dying.work", None),
        ("run-timeout", DeathCause.timed_out, "RunTimedOut", None, None),
        ("terminated", DeathCause.terminated, "Terminated", None, None),
        ("bug", DeathCause.stuck, "KeyError", None, None),
        ("other-code", DeathCause.stuck, "NondeterminismError", None, None),
        ("unknown", DeathCause.stuck, "NotFoundError", None, None),
        ("no-worker", DeathCause.no_worker, "NoWorker", None, None),
        ("undecodable", DeathCause.failed, "InvalidRequest", None, None),
    ],
)
def test_a_letter_says_what_the_run_died_of(
    dead: Dead, name: str, cause: DeathCause, error_type: str, step: str | None, attempts: int | None
) -> None:
    run = dead.letter(name).run
    assert (run.cause, run.error_type, run.step, run.attempts) == (cause, error_type, step, attempts), run.message
    assert run.message
    assert run.kind == ("unknown-kind" if name == "unknown" else "dying")
    assert run.queue == {"no-worker": NOBODYS, "other-code": REPLAYED}.get(name, QUEUE)


def test_a_letter_has_the_jobs_request_unless_it_was_none(dead: Dead) -> None:
    requests = {name: dead.letter(name).run.request for name in ("permanent", "terminated", "bug", "no-worker")}
    order_ids = {name: int(dead.jobs[name].id.split("/")[1]) for name in requests}
    hows = {"permanent": "permanent", "terminated": "waits", "bug": "bug", "no-worker": "well"}
    assert requests == {name: {"order_id": order_ids[name], "how": how} for name, how in hows.items()}
    assert dead.letter("undecodable").run.request is None
    assert dead.letter("unknown").run.request is None
    assert "Ada" not in dead.letter("undecodable").model_dump_json()


async def test_jobs_that_died_of_the_same_are_one_group(graveyard: Graveyard, dead: Dead) -> None:
    same = LetterFilter(error_type="NotFound")
    (group,) = await graveyard.letters.groups(same)
    assert (group.count, group.kind, group.step) == (2, "dying", "dying.work")
    assert await graveyard.letters.count(LetterFilter(fingerprint=group.fingerprint)) == 2
    assert dead.letter("permanent").fingerprint == dead.letter("away").fingerprint
