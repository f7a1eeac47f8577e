"""Whatever a job died of: once the cause is mended, a redrive ends it well, and does no finished step again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType

from domain.dead_letters import DeadRun, DeathCause, Letter, LetterState
from starter.redriving.acting import Result
from starter.redriving.looking import Verdict
from tests.dead_letters.redriving.ground import ADA, Ground
from tests.dead_letters.redriving.mending import QUEUE, How, effects, mended


def order_of(letter: Letter) -> int:
    assert letter.run.request is not None
    return int(letter.run.request["order_id"])


@pytest.mark.parametrize(
    ("how", "error_type", "options"),
    [
        ("permanent", "NotFound", {}),
        ("attempts", "ServiceUnavailable", {}),
        ("deadline", "RateLimited", {}),
        ("attempt-timeout", "AttemptTimedOut", {}),
        ("waits", "RunTimedOut", {"run_timeout": timedelta(seconds=1)}),
    ],
)
async def test_a_job_goes_on_with_the_step_that_failed(
    ground: Ground, how: How, error_type: str, options: dict[str, timedelta]
) -> None:
    letter = await ground.dead(how, **options)
    assert letter.run.error_type == error_type
    mended.add(order := order_of(letter))

    done = await ground.resume(letter)

    assert done.result is Result.resumed
    assert done.prospect.point is not None
    assert (done.prospect.point.step, done.prospect.point.kept) == ("mending.charge", ("mending.reserve",))
    await ground.ended_well([letter])
    assert [effects[step, order] for step in ("reserve", "charge", "tell")] == [1, 1, 1]
    now = await ground.letters.find(letter.id)
    assert now is not None
    assert (now.state, now.by, now.note) == (LetterState.redriven, ADA.by, ADA.note)


async def test_a_run_that_was_terminated_goes_on_with_what_it_was_at(ground: Ground) -> None:
    handle = await ground.start("hangs")
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            break
    await handle.terminate("by mistake")
    letter = await ground.letter_of(handle.id, handle.result_run_id)
    assert letter.run.cause is DeathCause.terminated
    mended.add(order := order_of(letter))

    assert (await ground.resume(letter)).result is Result.resumed

    await ground.ended_well([letter])
    assert [effects[step, order] for step in ("reserve", "charge", "tell")] == [1, 1, 1]


async def test_a_run_that_is_stuck_by_a_bug_is_left_alone_and_goes_on_by_itself_once_that_is_mended(
    ground: Ground,
) -> None:
    handle = await ground.start("bug")
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            break
    letter = await ground.letters.record(
        DeadRun(
            workflow_id=handle.id,
            run_id=handle.result_run_id or "",
            kind="mending",
            queue=QUEUE,
            cause=DeathCause.stuck,
            request={"order_id": int(handle.id.split("/")[1]), "how": "bug"},
            error_type="KeyError",
            failed_at=event.event_time.ToDatetime().astimezone(),
        )
    )
    assert letter is not None

    done = await ground.resume(letter)

    assert (done.result, done.prospect.verdict) == (Result.skipped, Verdict.comes_on_by_itself)
    assert (await ground.letters.find(letter.id)) == letter
    mended.add(order := order_of(letter))
    async with asyncio.timeout(60):
        await handle.result()
    assert [effects[step, order] for step in ("reserve", "charge", "tell")] == [1, 1, 1]


async def test_a_job_that_fails_again_has_another_letter_which_can_be_redriven_too(ground: Ground) -> None:
    first = await ground.dead("permanent")
    again = await ground.resume(first)
    second = await ground.letter_of(first.run.workflow_id, again.run_id)

    assert (await ground.look(first)).verdict is Verdict.settled
    assert second.state is LetterState.open
    mended.add(order := order_of(first))
    assert (await ground.resume(second)).result is Result.resumed
    await ground.ended_well([first])
    assert [effects[step, order] for step in ("reserve", "charge", "tell")] == [1, 1, 1]
