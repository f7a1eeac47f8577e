"""What becomes of a letter when its job goes on: each test has a job of its own, and sweeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.common import WorkflowIDReusePolicy

from domain.dead_letters import SWEEP, WAITING, DeadRun, DeathCause, LetterFilter, LetterState, Moved
from starter.redriving.looking import Verdict, look
from tests.dead_letters.dying import KINDS, NOBODYS, QUEUE, DyingRequest, healed
from tests.dead_letters.graveyard import Graveyard

_ADA = Moved(by="ada", note="Mended")
_STUCK = "ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"


async def test_a_job_that_was_started_anew_is_not_dead_while_it_runs_and_settled_at_its_end(
    graveyard: Graveyard,
) -> None:
    job = await graveyard.dead("waits", run_timeout=timedelta(seconds=1))
    await graveyard.sweep()
    letter = await graveyard.letter_of(job)
    again = await graveyard.client.start_workflow(
        "Dying",
        DyingRequest(order_id=int(job.id.split("/")[1]), how="waits"),
        id=job.id,
        task_queue=QUEUE,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
    )
    await graveyard.until("ExecutionStatus = 'Running'", job)
    await graveyard.sweep()
    assert (await graveyard.letter_of(job)).state is LetterState.redriven
    await again.cancel()
    await graveyard.until("ExecutionStatus = 'Canceled'", job)
    await graveyard.sweep()
    letter = await graveyard.letter_of(job)
    assert (letter.state, letter.by) == (LetterState.resolved, SWEEP)
    states = [(action.was, action.state) for action in await graveyard.letters.actions(letter.id)]
    assert states == [(LetterState.open, LetterState.redriven), (LetterState.redriven, LetterState.resolved)]


async def test_a_job_that_was_reset_and_is_well_since_is_settled_and_never_recorded_again(
    graveyard: Graveyard,
) -> None:
    job = await graveyard.dead("permanent")
    letter = await graveyard.letter_of(job)
    assert await graveyard.letters.move([letter.id], LetterState.redriven, moved=_ADA, only=WAITING)
    healed.add(job.id)
    await graveyard.reset(job)
    await graveyard.until("ExecutionStatus = 'Completed'", job)
    for _ in range(2):
        await graveyard.sweep()
        assert (await graveyard.letter_of(job)).state is LetterState.resolved


async def test_a_job_that_dies_again_has_one_letter_that_waits(graveyard: Graveyard) -> None:
    job = await graveyard.dead("permanent")
    first = await graveyard.letter_of(job)
    await graveyard.letters.move([first.id], LetterState.redriven, moved=_ADA, only=WAITING)
    run_id = await graveyard.reset(job)
    await graveyard.until(f"RunId = '{run_id}' AND ExecutionStatus = 'Failed'", job)
    await graveyard.sweep()
    old, new = await graveyard.letters_of(job)
    assert (old.state, new.state, new.run.run_id) == (LetterState.resolved, LetterState.open, run_id)
    assert old.fingerprint == new.fingerprint


async def test_a_job_that_died_again_while_the_database_was_away_has_one_letter_that_waits(
    graveyard: Graveyard,
) -> None:
    job = await graveyard.dead("waits", run_timeout=timedelta(seconds=1))
    await graveyard.sweep()
    again = await graveyard.client.start_workflow(
        "Dying",
        DyingRequest(order_id=int(job.id.split("/")[1]), how="waits"),
        id=job.id,
        task_queue=QUEUE,
        run_timeout=timedelta(seconds=1),
    )
    await graveyard.until(f"RunId = '{again.result_run_id}' AND ExecutionStatus = 'TimedOut'", job)
    await graveyard.sweep()
    old, new = await graveyard.letters_of(job)
    assert (old.state, new.state) == (LetterState.resolved, LetterState.open)


async def test_a_run_that_died_unseen_has_no_letter_where_its_job_was_started_anew_or_reset_since(
    graveyard: Graveyard,
) -> None:
    anew = await graveyard.dead("waits", run_timeout=timedelta(seconds=1))
    reset = await graveyard.start("waits")
    await graveyard.begun(reset)
    await reset.terminate()
    await graveyard.until("ExecutionStatus = 'Terminated'", reset)
    request = DyingRequest(order_id=int(anew.id.split("/")[1]), how="waits")
    await graveyard.client.start_workflow("Dying", request, id=anew.id, task_queue=QUEUE)
    await graveyard.reset(reset)
    await graveyard.until("ExecutionStatus = 'Running'", anew, reset)
    await graveyard.sweep()
    assert await graveyard.letters_of(anew) == []
    assert await graveyard.letters_of(reset) == []


async def test_a_redrive_that_did_not_happen_is_open_again(graveyard: Graveyard) -> None:
    job = await graveyard.dead("permanent")
    letter = await graveyard.letter_of(job)
    await graveyard.letters.move([letter.id], LetterState.redriven, moved=_ADA)
    await graveyard.sweep()
    assert (await graveyard.letter_of(job)).state is LetterState.redriven
    await graveyard.sweep(grace=timedelta(0))
    letter = await graveyard.letter_of(job)
    assert (letter.state, letter.note) == (LetterState.open, "The job was not restarted. Redrive it again.")


async def test_what_was_stuck_is_settled_once_it_comes_on_or_stays_discarded(graveyard: Graveyard) -> None:
    mended, waiting, discarded = [await graveyard.start("bug") for _ in range(3)]
    untaken = await graveyard.start("well", queue=NOBODYS)
    await graveyard.until(_STUCK, mended, waiting, discarded)
    await graveyard.sweep()
    thrown_away = await graveyard.letter_of(discarded)
    await graveyard.letters.move([thrown_away.id], LetterState.discarded, moved=_ADA)
    await discarded.terminate()
    healed.add(mended.id)
    await mended.result()
    await graveyard.until("ExecutionStatus = 'Completed'", mended)
    await graveyard.until("ExecutionStatus = 'Terminated'", discarded)
    # As if a worker had come for that queue.
    await graveyard.sweep(no_worker_after=timedelta(hours=1))
    states = {job.id: (await graveyard.letter_of(job)).state for job in (mended, waiting, discarded, untaken)}
    assert states == {
        mended.id: LetterState.resolved,
        waiting.id: LetterState.open,
        discarded.id: LetterState.discarded,
        untaken.id: LetterState.resolved,
    }


async def test_a_job_whose_first_task_nobody_took_is_open_again_when_it_dies(graveyard: Graveyard) -> None:
    job = await graveyard.start("well", queue=NOBODYS)
    await graveyard.until("ExecutionStatus = 'Running'", job)
    await graveyard.sweep()
    await graveyard.sweep(no_worker_after=timedelta(hours=1))
    assert (await graveyard.letter_of(job)).state is LetterState.resolved
    await job.terminate()
    await graveyard.until("ExecutionStatus = 'Terminated'", job)
    await graveyard.sweep()
    letter = await graveyard.letter_of(job)
    assert (letter.state, letter.run.error_type) == (LetterState.open, "Terminated")


async def test_a_sweep_that_changes_nothing_looks_at_no_run(graveyard: Graveyard) -> None:
    await graveyard.sweep()
    before = await graveyard.letters.count(LetterFilter())
    looked = graveyard.runs.looked
    swept = await graveyard.sweep()
    assert (swept.recorded, swept.resolved, swept.moved) == (0, 0, 0)
    assert await graveyard.letters.count(LetterFilter()) == before
    assert graveyard.runs.looked == looked


async def test_a_sweep_that_failed_needs_nobody_once_another_one_has_done_it(graveyard: Graveyard) -> None:
    failed = await graveyard.letters.record(
        DeadRun(
            workflow_id="dead-letter-sweep/2026-11-24T12:05:00Z",
            run_id="sweep-1",
            kind="dead-letter-sweep",
            queue="maintenance",
            cause=DeathCause.failed,
            error_type="ServiceUnavailable",
            failed_at=datetime(2026, 11, 24, 12, 6, tzinfo=UTC),
        )
    )
    assert failed is not None
    await graveyard.sweep()
    now = await graveyard.letters.find(failed.id)
    assert now is not None
    assert now.state is LetterState.resolved


async def test_a_run_that_goes_on_though_its_death_was_recorded_is_left_alone_and_settled_at_its_end(
    graveyard: Graveyard,
) -> None:
    """As by a worker that is killed before Temporal knows of the failure; another one does the task anew."""
    job = await graveyard.start("waits")
    await graveyard.begun(job)
    run_id = job.result_run_id
    assert run_id is not None
    recorded = await graveyard.letters.record(
        DeadRun(
            workflow_id=job.id,
            run_id=run_id,
            kind="dying",
            queue=QUEUE,
            cause=DeathCause.failed,
            error_type="NotFound",
            failed_at=datetime.now(UTC),
        )
    )
    await graveyard.until("ExecutionStatus = 'Running'", job)
    await graveyard.sweep()
    while_it_runs = await graveyard.letter_of(job)
    prospect = await look(graveyard.client, while_it_runs, KINDS)
    await job.cancel()
    await graveyard.until("ExecutionStatus = 'Canceled'", job)
    await graveyard.sweep()

    assert recorded is not None
    assert (while_it_runs.state, prospect.verdict) == (LetterState.open, Verdict.not_dead)
    assert (await graveyard.letter_of(job)).state is LetterState.resolved
