"""Letters: one a dead run, one that waits a job, moved with who did it."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.dead_letters import SqlDeadLetters
from domain.dead_letters import (
    SWEEP,
    WAITING,
    DeadRun,
    DeathCause,
    LetterFilter,
    LetterState,
    Moved,
)

_T0 = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_ADA = Moved(by="ada", note="Called the customer")


def _run(new_id: int, run: int = 1, **changed: Any) -> DeadRun:
    values: dict[str, Any] = {
        "workflow_id": f"order-confirmation/{new_id}",
        "run_id": f"run-{new_id}-{run}",
        "kind": "order-confirmation",
        "queue": "notifications",
        "cause": DeathCause.failed,
        "request": {"order_id": new_id},
        "error_type": "RecipientRejected",
        "message": f"SMTP 550 for order {new_id}.",
        "step": "order_confirmation.send",
        "attempts": 1,
        "failed_at": _T0 + timedelta(minutes=run),
    }
    return DeadRun(**{**values, **changed})


@pytest.fixture
def letters(engine: AsyncEngine) -> SqlDeadLetters:
    return SqlDeadLetters(engine, alert_window=timedelta(seconds=5))


def _of(run: DeadRun) -> LetterFilter:
    return LetterFilter(workflow_id=run.workflow_id)


async def test_a_run_has_one_letter_and_one_alert_however_many_record_it_at_once(
    letters: SqlDeadLetters, direct: asyncpg.Connection, new_id: int
) -> None:
    run = _run(new_id)
    recorded = [letter for letter in await asyncio.gather(*(letters.record(run) for _ in range(5))) if letter]
    assert [letter.run for letter in recorded] == [run]
    assert await letters.list(_of(run), limit=9) == recorded
    assert await letters.find(recorded[0].id) == recorded[0]
    alerts = await direct.fetch("SELECT kind, about, job_id FROM alerts WHERE key = $1", run.run_id)
    about = "order-confirmation/RecipientRejected/order_confirmation.send"
    assert [tuple(alert) for alert in alerts] == [("dead-letter", about, run.workflow_id)]


async def test_what_was_not_known_at_first_is_added_later(letters: SqlDeadLetters, new_id: int) -> None:
    await letters.record(_run(new_id, attempts=None, step=None, request=None))
    assert await letters.record(_run(new_id, message="told otherwise", failed_at=_T0)) is None
    (letter,) = await letters.list(_of(_run(new_id)), limit=9)
    assert letter.run == _run(new_id)


async def test_a_job_has_one_letter_that_waits_whatever_the_order_in_which_its_runs_are_recorded(
    letters: SqlDeadLetters, new_id: int
) -> None:
    first, second, third = (_run(new_id, number) for number in (1, 2, 3))
    await letters.record(second)
    late = await letters.record(first)
    assert late is not None
    assert (late.state, late.by) == (LetterState.resolved, SWEEP)
    await letters.record(third)
    states = {letter.run.run_id: letter.state for letter in await letters.list(_of(first), limit=9)}
    assert states == {
        first.run_id: LetterState.resolved,
        second.run_id: LetterState.resolved,
        third.run_id: LetterState.open,
    }


async def test_a_stuck_run_that_dies_keeps_its_letter_which_says_so(letters: SqlDeadLetters, new_id: int) -> None:
    stuck = _run(new_id, cause=DeathCause.stuck, error_type="KeyError", step=None, attempts=None)
    letter = await letters.record(stuck)
    assert letter is not None
    await letters.move([letter.id], LetterState.acknowledged, moved=_ADA)
    dead = _run(new_id, cause=DeathCause.terminated, error_type="Terminated")
    assert await letters.record(dead) is None
    now = await letters.find(letter.id)
    assert now is not None
    assert (now.run, now.state, now.by, now.fingerprint) == (dead, LetterState.acknowledged, "ada", dead.fingerprint)


async def test_a_stuck_run_that_came_on_and_dies_is_open_again_and_alerted_again(
    letters: SqlDeadLetters, direct: asyncpg.Connection, new_id: int
) -> None:
    letter = await letters.record(_run(new_id, cause=DeathCause.stuck))
    assert letter is not None
    await letters.move([letter.id], LetterState.resolved, moved=Moved(by=SWEEP))
    again = await letters.record(_run(new_id))
    assert again is not None
    assert (again.id, again.state) == (letter.id, LetterState.open)
    alerts = await direct.fetch("SELECT key FROM alerts WHERE run_id = $1 ORDER BY id", f"run-{new_id}-1")
    first, second = [alert["key"] for alert in alerts]
    assert first == f"run-{new_id}-1"
    # With when, or the third time it is stuck would be taken for the second.
    assert re.fullmatch(rf"run-{new_id}-1/failed/\d{{8}}T\d{{6}}", second)


async def test_a_discarded_letter_stays_discarded(letters: SqlDeadLetters, new_id: int) -> None:
    letter = await letters.record(_run(new_id, cause=DeathCause.stuck))
    assert letter is not None
    await letters.move([letter.id], LetterState.discarded, moved=_ADA)
    assert await letters.record(_run(new_id)) is None
    found = await letters.find(letter.id)
    assert found is not None
    assert (found.state, found.run.cause) == (LetterState.discarded, DeathCause.failed)


async def test_of_two_who_move_a_letter_at_once_one_has_done_it(letters: SqlDeadLetters, new_id: int) -> None:
    letter = await letters.record(_run(new_id))
    assert letter is not None
    moves = [letters.move([letter.id], LetterState.redriven, moved=Moved(by=by), only=WAITING) for by in ("ada", "ben")]
    assert sorted(list(ids) for ids in await asyncio.gather(*moves)) == [[], [letter.id]]
    (action,) = await letters.actions(letter.id)
    assert (action.was, action.state) == (LetterState.open, LetterState.redriven)


async def test_a_letter_is_not_opened_beside_another_one_of_the_job(letters: SqlDeadLetters, new_id: int) -> None:
    first, second = [await letters.record(_run(new_id, number)) for number in (1, 2)]
    assert first is not None
    assert second is not None
    assert await letters.move([first.id, second.id], LetterState.open, moved=_ADA) == []
    await letters.move([second.id], LetterState.discarded, moved=_ADA)
    # Of both, the last one.
    assert await letters.move([first.id, second.id], LetterState.open, moved=_ADA) == [second.id]


async def test_a_kind_that_tells_of_alerts_is_recorded_and_not_alerted(
    letters: SqlDeadLetters, direct: asyncpg.Connection, new_id: int
) -> None:
    assert await letters.record(_run(new_id, kind="alert", workflow_id=f"alert/dead-letter/{new_id}")) is not None
    assert await direct.fetch("SELECT FROM alerts WHERE run_id = $1", f"run-{new_id}-1") == []


async def test_ten_thousand_letters_can_be_listed_counted_grouped_and_moved(
    letters: SqlDeadLetters, direct: asyncpg.Connection
) -> None:
    await direct.execute(
        "INSERT INTO dead_letters (workflow_id, run_id, kind, queue, cause, request, error_type, message, failed_at,"
        " fingerprint) SELECT 'many/' || n, 'many-' || n, 'many', 'q', 'failed', jsonb_build_object('n', n), 'Gone',"
        " 'Gone.', now() - n * interval '1 second', lpad(to_hex(n % 7), 12, '0') FROM generate_series(1, 10000) AS n"
    )
    which = LetterFilter(kind="many", states=WAITING)
    seen: list[int] = []
    while page := await letters.list(which, limit=1000, after=seen[-1] if seen else None):
        seen += [letter.id for letter in page]
    assert (len(seen), seen) == (10_000, sorted(seen, reverse=True))
    assert await letters.count(which) == 10_000
    assert (await letters.waiting())["many"] == 10_000
    groups = await letters.groups(which)
    assert [group.count for group in groups] == sorted((group.count for group in groups), reverse=True)
    assert sum(group.count for group in groups) == 10_000
    assert all(group.example.run.failed_at == group.last for group in groups)
    assert len(await letters.move(seen, LetterState.acknowledged, moved=_ADA)) == 10_000
