"""Many letters at once: interrupted, twice at a time, half of them repaired by hand; each job gets one new run at most.

`make crash` runs the same with the full numbers.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.dead_letter_turns import RedriveTurns
from adapters.db.dead_letters import SqlDeadLetters
from domain.dead_letters import SWEEP, Letter, LetterFilter, LetterState, Moved
from starter.redriving.acting import Result
from tests.dead_letters.redriving.ground import ADA, Ground
from tests.outbox.processes import FULL
from workflows.registry import registry

pytestmark = pytest.mark.timeout(1800 if FULL else 180)

_MANY = 1000 if FULL else 60
_KIND = ("--kind", "order-confirmation")


async def _state(ground: Ground, letters: Sequence[Letter]) -> Counter[LetterState]:
    ids = frozenset(letter.id for letter in letters)
    return Counter(letter.state for letter in await ground.letters.list(LetterFilter(ids=ids), limit=len(letters)))


async def test_a_batch_of_which_half_was_repaired_by_hand_and_a_redrive_that_is_interrupted_and_killed(
    ground: Ground,
) -> None:
    # Of this test alone: others have letters and mails of the same kind.
    mine = (*_KIND, "--since", datetime.now(UTC).isoformat())
    ground.mail.accepted.clear()
    letters = await ground.confirmations(range(1, _MANY + 1))
    assert len(letters) == _MANY
    repaired, dead = letters[: _MANY // 2], letters[_MANY // 2 :]
    ground.mail.mended = True
    await ground.restarted(repaired)

    preview = await ground.line("dead", "redrive", *mine, "--json")
    assert (preview.status, preview.err.count("\n")) == (0, 1)
    verdicts = {"resume": len(dead), "restart-only": 0, "comes-on-by-itself": 0, "not-dead": len(repaired)}
    assert preview.document["verdicts"] == {**verdicts, "settled": 0}
    assert preview.document["runs_again"] == {"order_confirmation.confirm": len(dead)}
    assert await _state(ground, letters) == {LetterState.open: _MANY}

    redrive = ("dead", "redrive", *mine, "--yes", "--rate", str(_MANY // 3))
    for signum, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        before = (await _state(ground, letters))[LetterState.redriven]
        cut = await ground.line.begin(*redrive)
        async with asyncio.timeout(60):
            while (await _state(ground, letters))[LetterState.redriven] < before + _MANY // 12:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.01)
        cut.send(signum)
        done = await cut.finished()
        assert done.status == status
        if signum is signal.SIGINT:
            assert "The same command goes on with the others; none is redriven twice." in done.err
    assert LetterState.open in await _state(ground, dead)

    rest = await ground.line(*redrive, "--json")

    assert rest.status == 0
    assert rest.document["refused"] == []
    await ground.ended_well(letters)
    # The half that was repaired by hand has no third run, and each of the others has one new run.
    assert await ground.runs(letters, 2 * _MANY) == {2: _MANY}
    assert set(ground.mail.received.values()) == {1}
    assert len(ground.mail.received) == _MANY
    assert await _state(ground, dead) == {LetterState.redriven: len(dead)}


async def test_two_who_redrive_the_same_letters_at_once(ground: Ground) -> None:
    ground.mail.mended = False
    letters = await ground.confirmations(range(2001, 2001 + _MANY // 2))
    ground.mail.mended = True
    first, last = str(letters[0].id), str(letters[-1].id)
    names = [letter.run.workflow_id for letter in letters]

    done = await asyncio.gather(
        *(ground.line("dead", "redrive", *names, "--yes", "--rate", "100", "--by", by, "--json") for by in ("a", "b"))
    )

    assert sum(each.document["redriven"] for each in done) == len(letters), (first, last)
    await ground.ended_well(letters)
    assert await ground.runs(letters, 2 * len(letters)) == {2: len(letters)}
    assert set(ground.mail.received.values()) == {1}


class _Killed(Exception):
    pass


class _Dying(SqlDeadLetters):
    """Whoever uses it is killed after the claim, before the job is told to go on."""

    async def move(self, ids: Collection[int], to: LetterState, **how: Any) -> Sequence[int]:
        await super().move(ids, to, **how)
        raise _Killed


async def test_a_redrive_that_was_killed_after_its_claim_is_taken_over_once_nobody_is_at_it(
    ground: Ground, engine: AsyncEngine
) -> None:
    ground.mail.mended = False
    [letter] = await ground.confirmations([2900])
    ground.mail.mended = True
    dying = ground.redriver(_Dying(engine, alert_window=timedelta()), registry)
    with pytest.raises(_Killed):
        await dying.resume(await ground.look(letter, registry))
    assert await _state(ground, [letter]) == {LetterState.redriven: 1}

    async with RedriveTurns(engine).at_work():
        while_another_is_at_work = await ground.line("dead", "redrive", letter.id, "--yes", "--json")
    assert while_another_is_at_work.document["redriven"] == 0
    done = [await ground.line("dead", "redrive", letter.id, "--yes", "--json", "--by", "ben") for _ in range(2)]

    assert [each.document["redriven"] for each in done] == [1, 0]
    await ground.ended_well([letter])
    assert await ground.runs([letter], 2) == {2: 1}
    actions = await ground.letters.actions(letter.id)
    assert [(action.by, action.state, action.note) for action in actions] == [
        ("ada", LetterState.redriven, ADA.note),
        ("ben", LetterState.open, "The job was not restarted."),
        ("ben", LetterState.redriven, ""),
    ]


async def test_a_job_that_came_on_between_the_look_and_the_redrive_is_left_alone(ground: Ground) -> None:
    ground.mail.mended = False
    [letter] = await ground.confirmations([2920])
    seen = await ground.look(letter, registry)
    ground.mail.mended = True
    await ground.restarted([letter])

    resumed = await ground.redriver(kinds=registry).resume(seen)
    restarted = await ground.redriver(kinds=registry).restart(seen)

    assert {resumed.result, restarted.result} == {Result.skipped}
    assert await ground.runs([letter], 2) == {2: 1}
    assert await _state(ground, [letter]) == {LetterState.open: 1}
    await ground.letters.move([letter.id], LetterState.resolved, moved=Moved(by=SWEEP))
