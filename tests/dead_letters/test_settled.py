"""What becomes of a dead letter when its job continues: each test has jobs of its own, and sweeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.common import WorkflowIDReusePolicy

from domain.dead_letters import SWEEP, DeadLetterState, FailedRun, FailureCause, Move
from starter.dead_letters.plan import Verdict
from tests.dead_letters.failing import NOBODYS, QUEUE, fixed
from tests.dead_letters.test_found import STUCK
from tests.dead_letters.world import ADA, World, order_of

_SOON = timedelta(seconds=1)


async def test_a_job_that_was_started_again_is_redriven_while_it_runs_and_resolved_at_its_end(world: World) -> None:
    job = await world.dead("hangs", run_timeout=_SOON)
    await world.sweep()
    again = await world.again(job, "hangs", id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY)
    await world.until("ExecutionStatus = 'Running'", job)
    await world.sweep()
    assert (await world.letter_of(job)).state is DeadLetterState.redriven
    await again.cancel()
    await world.until("ExecutionStatus = 'Canceled'", job)
    await world.sweep()
    letter = await world.letter_of(job)
    assert (letter.state, letter.by) == (DeadLetterState.resolved, SWEEP)
    states = [(action.was, action.state) for action in await world.letters.actions(letter.id)]
    assert states == [
        (DeadLetterState.open, DeadLetterState.redriven),
        (DeadLetterState.redriven, DeadLetterState.resolved),
    ]


async def test_of_two_jobs_that_were_reset_the_recovered_one_is_resolved_and_the_other_has_one_that_waits(
    world: World,
) -> None:
    well, bad = [await world.dead("permanent") for _ in range(2)]
    first = [await world.letter_of(job) for job in (well, bad)]
    await world.letters.move([letter.id for letter in first], Move.redrive, ADA)
    fixed.add(order_of(well))
    _, run_id = [await world.reset(job) for job in (well, bad)]
    await world.until("ExecutionStatus = 'Completed'", well)
    await world.until(f"RunId = '{run_id}' AND ExecutionStatus = 'Failed'", bad)
    for _ in range(2):
        await world.sweep()
        assert (await world.letter_of(well)).state is DeadLetterState.resolved
    old, new = await world.letters_of(bad)
    assert (old.state, new.state, new.run_id) == (DeadLetterState.resolved, DeadLetterState.open, run_id)
    assert old.fingerprint == new.fingerprint


async def test_a_run_that_failed_unseen_has_no_letter_if_its_job_was_started_again_or_reset_since(
    world: World,
) -> None:
    restarted, reset = await world.dead("hangs", run_timeout=_SOON), await world.start("hangs")
    await world.begun(reset)
    await reset.terminate()
    await world.until("ExecutionStatus = 'Terminated'", reset)
    await world.again(restarted, "hangs")
    await world.reset(reset)
    await world.until("ExecutionStatus = 'Running'", restarted, reset)
    await world.sweep()
    assert await world.letters_of(restarted) == await world.letters_of(reset) == []


async def test_a_redrive_that_did_not_happen_is_open_again_and_a_second_sweep_examines_nothing(world: World) -> None:
    job = await world.dead("permanent")
    letter = await world.letter_of(job)
    await world.letters.move([letter.id], Move.redrive, ADA)
    await world.sweep()
    assert (await world.letter_of(job)).state is DeadLetterState.redriven
    await world.sweep(grace=timedelta(0))
    letter = await world.letter_of(job)
    assert (letter.state, letter.note) == (DeadLetterState.open, "The job was not restarted. Redrive it again.")

    examined = world.runs.examined
    swept = await world.sweep()
    assert (swept.recorded, swept.resolved, swept.moved) == (0, 0, 0)
    assert world.runs.examined == examined


async def test_what_was_stuck_is_resolved_once_it_continues_or_stays_discarded(world: World) -> None:
    waiting, discarded = [await world.start("bug") for _ in range(2)]
    untaken, lost = [await world.start("well", queue=NOBODYS) for _ in range(2)]
    continued = await world.start("hangs")
    await world.letters.record(_failed(continued.id, continued.result_run_id or "", "failing", FailureCause.stuck))
    await world.until(STUCK, waiting, discarded)
    await world.until("ExecutionStatus = 'Running'", continued)
    await world.sweep()
    await world.letters.move([(await world.letter_of(discarded)).id], Move.discard, ADA)
    await discarded.terminate()
    await world.until("ExecutionStatus = 'Terminated'", discarded)
    # As if a worker had come for that queue.
    await world.sweep(no_worker_after=timedelta(hours=1))
    states = [(await world.letter_of(job)).state for job in (continued, waiting, discarded, untaken, lost)]
    resolved = DeadLetterState.resolved
    assert states == [resolved, DeadLetterState.open, DeadLetterState.discarded, resolved, resolved]

    await lost.terminate()
    await world.until("ExecutionStatus = 'Terminated'", lost)
    await world.sweep()
    letter = await world.letter_of(lost)
    assert (letter.state, letter.error_type) == (DeadLetterState.open, "Terminated")


def _failed(workflow_id: str, run_id: str, kind: str, cause: FailureCause = FailureCause.failed) -> FailedRun:
    return FailedRun(
        workflow_id=workflow_id,
        run_id=run_id,
        kind=kind,
        queue=QUEUE,
        cause=cause,
        error_type="ServiceUnavailable",
        failed_at=datetime.now(UTC),
    )


async def test_a_sweep_that_failed_needs_no_operator_once_another_one_has_done_its_work(world: World) -> None:
    failed = await world.letters.record(_failed("dead-letter-sweep/2026-11-24", "sweep-1", "dead-letter-sweep"))
    assert failed is not None
    await world.sweep()
    assert (await world.now(failed)).state is DeadLetterState.resolved


async def test_a_run_that_continues_after_its_failure_was_recorded_is_left_alone_and_resolved_at_its_end(
    world: World,
) -> None:
    """Its worker was killed before Temporal knew of the failure, and another one does the task again."""
    job = await world.start("hangs")
    await world.begun(job)
    await world.letters.record(_failed(job.id, job.result_run_id or "", "failing"))
    await world.until("ExecutionStatus = 'Running'", job)
    await world.sweep()
    letter = await world.letter_of(job)
    assert letter.state is DeadLetterState.open
    assert (await world.redriver().plan(letter)).verdict is Verdict.not_dead
    await job.cancel()
    await world.until("ExecutionStatus = 'Canceled'", job)
    await world.sweep()
    assert (await world.letter_of(job)).state is DeadLetterState.resolved
