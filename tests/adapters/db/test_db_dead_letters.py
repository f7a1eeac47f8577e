"""Dead letters: one per dead run, one that waits per job, moved with an audit trail."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.dead_letters import SqlDeadLetterRepository
from domain.dead_letters import (
    SWEEP,
    WAITING,
    Audit,
    DeadLetter,
    DeadLetterFilter,
    DeadLetterState,
    FailedRun,
    FailureCause,
    Move,
    fingerprint_of,
)

_ADA = Audit(by="ada", note="Called the customer")


class Letters(SqlDeadLetterRepository):
    """The dead letters of the runs of one job of the test's own."""

    def __init__(self, engine: AsyncEngine, new_id: int) -> None:
        super().__init__(engine, alert_window=timedelta(seconds=5))
        self._id = new_id

    def run(self, number: int = 1, **changed: Any) -> FailedRun:
        values: dict[str, Any] = {
            "workflow_id": f"order-confirmation/{self._id}",
            "run_id": f"run-{self._id}-{number}",
            "kind": "order-confirmation",
            "queue": "notifications",
            "cause": FailureCause.failed,
            "request": {"order_id": self._id},
            "error_type": "RecipientRejected",
            "message": f"SMTP 550 for order {self._id}.",
            "step": "order_confirmation.send",
            "attempts": 1,
            "failed_at": datetime(2026, 11, 24, 12, number, tzinfo=UTC),
        }
        return FailedRun(**{**values, **changed})

    async def new(self, number: int = 1, **changed: Any) -> DeadLetter:
        letter = await self.record(self.run(number, **changed))
        assert letter is not None
        return letter

    async def now(self, letter: DeadLetter) -> DeadLetter:
        found = await self.find(letter.id)
        assert found is not None
        return found


@pytest.fixture
def letters(engine: AsyncEngine, new_id: int) -> Letters:
    return Letters(engine, new_id)


def _run_of(letter: DeadLetter) -> FailedRun:
    return FailedRun(**letter.model_dump(include=set(FailedRun.model_fields)))


async def test_a_run_has_one_letter_and_one_alert_however_many_record_it_at_once(
    letters: Letters, direct: asyncpg.Connection
) -> None:
    run = letters.run()
    [letter] = [letter for letter in await asyncio.gather(*(letters.record(run) for _ in range(5))) if letter]
    assert _run_of(letter) == run
    assert await letters.list(DeadLetterFilter(workflow_id=run.workflow_id), limit=9) == [letter]
    assert await letters.find(letter.id) == letter
    alerts = await direct.fetch("SELECT kind, about, job_id FROM alerts WHERE key = $1", run.run_id)
    about = "order-confirmation/RecipientRejected/order_confirmation.send"
    assert [tuple(alert) for alert in alerts] == [("dead-letter", about, run.workflow_id)]
    # What was unknown at first is filled in.
    second = await letters.new(2, attempts=None, step=None, request=None)
    assert await letters.record(letters.run(2, message="something else")) is None
    assert _run_of(await letters.now(second)) == letters.run(2)


async def test_a_job_has_one_letter_that_waits_in_whatever_order_its_runs_are_recorded(letters: Letters) -> None:
    second = await letters.new(2)
    first = await letters.new(1)
    assert (first.state, first.by) == (DeadLetterState.resolved, SWEEP)
    third = await letters.new(3)
    states = [(await letters.now(letter)).state for letter in (first, second, third)]
    assert states == [DeadLetterState.resolved, DeadLetterState.resolved, DeadLetterState.open]
    # An earlier one is not opened beside it; of several, the one that was recorded last is.
    assert await letters.move([second.id, first.id], Move.reopen, _ADA) == []
    await letters.move([third.id], Move.discard, _ADA)
    assert await letters.move([second.id, first.id], Move.reopen, _ADA) == [first.id]


async def test_a_stuck_run_that_fails_keeps_its_letter_and_an_operators_decision(letters: Letters) -> None:
    letter = await letters.new(cause=FailureCause.stuck, error_type="KeyError", step=None, attempts=None)
    await letters.move([letter.id], Move.acknowledge, _ADA)
    failed = letters.run(cause=FailureCause.terminated, error_type="Terminated")
    assert await letters.record(failed) is None
    now = await letters.now(letter)
    assert _run_of(now) == failed
    assert (now.state, now.by, now.fingerprint) == (DeadLetterState.acknowledged, "ada", fingerprint_of(failed))
    await letters.move([letter.id], Move.discard, _ADA)
    assert await letters.record(failed) is None
    assert (await letters.now(letter)).state is DeadLetterState.discarded


async def test_a_stuck_run_that_continued_and_fails_is_open_and_alerted_again(
    letters: Letters, direct: asyncpg.Connection
) -> None:
    letter = await letters.new(cause=FailureCause.stuck)
    await letters.move([letter.id], Move.resolve, Audit(by=SWEEP))
    again = await letters.new()
    assert (again.id, again.state) == (letter.id, DeadLetterState.open)
    alerts = await direct.fetch("SELECT key FROM alerts WHERE run_id = $1 ORDER BY id", letter.run_id)
    first, second = [alert["key"] for alert in alerts]
    # With the time: it may be stuck a third time.
    assert first == letter.run_id
    assert re.fullmatch(rf"{letter.run_id}/failed/\d{{8}}T\d{{6}}", second)


async def test_of_two_who_move_a_letter_at_once_one_has_done_it(letters: Letters) -> None:
    letter = await letters.new()
    moves = [letters.move([letter.id], Move.redrive, Audit(by=by)) for by in ("ada", "ben")]
    assert sorted(list(ids) for ids in await asyncio.gather(*moves)) == [[], [letter.id]]
    (action,) = await letters.actions(letter.id)
    assert (action.was, action.state) == (DeadLetterState.open, DeadLetterState.redriven)


@pytest.mark.parametrize("move", list(Move), ids=lambda move: move.name)
async def test_a_move_changes_only_letters_in_its_source_states(
    letters: Letters, direct: asyncpg.Connection, move: Move
) -> None:
    letter = await letters.new()
    for state in DeadLetterState:
        await direct.execute("UPDATE dead_letters SET state = $1 WHERE id = $2", state.value, letter.id)
        moved = await letters.move([letter.id], move, _ADA)
        assert moved == ([letter.id] if state in move.sources else [])
        assert (await letters.now(letter)).state is (move.target if moved else state)


async def test_an_alert_that_fails_is_recorded_and_not_alerted(letters: Letters, direct: asyncpg.Connection) -> None:
    letter = await letters.new(kind="alert", workflow_id=f"alert/{letters.run().workflow_id}")
    assert await direct.fetch("SELECT FROM alerts WHERE run_id = $1", letter.run_id) == []


async def test_thousands_of_letters_can_be_listed_counted_grouped_and_moved(
    letters: Letters, direct: asyncpg.Connection
) -> None:
    await direct.execute(
        "INSERT INTO dead_letters (workflow_id, run_id, kind, queue, cause, request, error_type, message, failed_at,"
        " fingerprint) SELECT 'many/' || n, 'many-' || n, 'many', 'q', 'failed', jsonb_build_object('n', n), 'Gone',"
        " 'Gone.', now() - n * interval '1 second', lpad(to_hex(n % 7), 12, '0') FROM generate_series(1, 3000) AS n"
    )
    which = DeadLetterFilter(kind="many", states=WAITING)
    seen: list[int] = []
    while page := await letters.list(which, limit=1000, after=seen[-1] if seen else None):
        seen += [letter.id for letter in page]
    assert (len(seen), seen) == (3000, sorted(seen, reverse=True))
    assert await letters.count(which) == (await letters.waiting())["many"] == 3000
    [one] = await letters.list(which.model_copy(update={"request": {"n": "17"}}), limit=9)
    assert one.workflow_id == "many/17"
    groups = await letters.groups(which)
    assert sorted((group.count for group in groups), reverse=True) == [group.count for group in groups]
    assert sum(group.count for group in groups) == 3000
    assert all(group.example.failed_at == group.last for group in groups)
    assert len(await letters.move(seen, Move.acknowledge, _ADA)) == 3000
