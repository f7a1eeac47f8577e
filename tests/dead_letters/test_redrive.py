"""Once the cause is fixed, a redrive ends a job well and repeats no finished step; many at once, killed or interrupted.

`make crash` runs the same with the full numbers.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.enums.v1 import EventType

from domain.dead_letters import (
    DeadLetter,
    DeadLetterFilter,
    DeadLetterRepository,
    DeadLetterState,
    FailedRun,
    FailureCause,
)
from domain.errors import InvalidRequest
from domain.report_generation import ReportFormat, ReportGenerationRequest, ReportName
from domain.report_ports import ReportBook, ReportMaker
from domain.reports import ReportState
from starter import Jobs
from starter.dead_letters.plan import Verdict
from starter.dead_letters.redrive import Result
from tests.dead_letters.failing import QUEUE, effects, fixed
from tests.dead_letters.world import ADA, World, order_of
from tests.fakes import FakeOrders, fake_ports
from tests.fakes_reports import FakeBook, FakeMaker, a_report
from tests.outbox.processes import FULL
from workflows.hosting import job_worker
from workflows.registry import registry

pytestmark = pytest.mark.timeout(1800 if FULL else 180)

_MANY = 1000 if FULL else 24


def _effects(order_id: int) -> list[int]:
    return [effects[step, order_id] for step in ("reserve", "charge", "confirm")]


@pytest.mark.parametrize(
    "how",
    [
        *("permanent", "attempts", "deadline", "run-timeout", "terminated"),
        pytest.param("attempt-timeout", marks=pytest.mark.long),
    ],
)
async def test_a_job_continues_at_the_step_that_failed(world: World, how: str) -> None:
    if how == "terminated":
        handle = await world.start("hangs")
        await world.reached(EventType.EVENT_TYPE_TIMER_STARTED, handle)
        await handle.terminate("by mistake")
        letter = await world.recorded(handle.id, handle.result_run_id)
    elif how == "run-timeout":
        letter = await world.failed("hangs", run_timeout=timedelta(seconds=1))
    else:
        letter = await world.failed(how)  # type: ignore[arg-type]  # it is one
    fixed.add(order_of(letter))

    plan = await world.redriver().plan(letter)
    done = await world.redriver().resume(plan)

    assert done.result is Result.resumed
    assert plan.point is not None
    step = None if letter.cause is not FailureCause.failed else "failing.charge"
    assert (plan.point.step, plan.point.kept) == (step, ("failing.reserve",))
    await world.ended_well([letter])
    assert _effects(order_of(letter)) == [1, 1, 1]
    now = await world.now(letter)
    assert (now.state, now.by, now.note) == (DeadLetterState.redriven, ADA.by, ADA.note)


async def test_a_run_that_is_stuck_by_a_bug_is_left_alone_and_continues_once_that_is_fixed(world: World) -> None:
    handle = await world.start("bug")
    await world.reached(EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED, handle)
    letter = await world.letters.record(
        FailedRun(
            workflow_id=handle.id,
            run_id=handle.result_run_id or "",
            kind="failing",
            queue=QUEUE,
            cause=FailureCause.stuck,
            error_type="KeyError",
            failed_at=datetime.now(UTC),
        )
    )
    assert letter is not None

    done = await world.redriver().resume(await world.redriver().plan(letter))

    assert (done.result, done.plan.verdict) == (Result.skipped, Verdict.comes_on_by_itself)
    assert await world.now(letter) == letter
    fixed.add(order_of(letter))
    async with asyncio.timeout(60):
        await handle.result()
    assert _effects(order_of(letter)) == [1, 1, 1]


async def test_a_job_that_fails_again_has_another_letter_which_can_be_redriven_too(world: World) -> None:
    redriver, first = world.redriver(), await world.failed("permanent")
    again = await redriver.resume(await redriver.plan(first))
    second = await world.recorded(first.workflow_id, again.run_id)

    assert (await redriver.plan(await world.now(first))).verdict is Verdict.settled
    fixed.add(order_of(first))
    assert (await redriver.resume(await redriver.plan(second))).result is Result.resumed
    await world.ended_well([first])
    assert _effects(order_of(first)) == [1, 1, 1]


@asynccontextmanager
async def _failed_report(world: World, period: str, maker: FakeMaker) -> AsyncIterator[DeadLetter]:
    book = FakeBook()
    request = ReportGenerationRequest(report=ReportName.orders_export, period=period, format=ReportFormat.csv)
    ports = fake_ports(FakeOrders()) | {ReportBook: book, ReportMaker: maker, DeadLetterRepository: world.letters}
    async with job_worker(world.client, "reports", registry, ports, draw=lambda _low, _high: 0.1):
        handle = await Jobs(world.client).start(request)
        yield await world.recorded(handle.id, handle.run_id)
        await world.client.get_workflow_handle(handle.id).result()
    assert book.reports[a_report(request).id].state is ReportState.ready


@pytest.mark.parametrize(("period", "failing"), [("2026-01", "publish"), ("2026-02", 1)])
async def test_a_report_is_resumed_without_the_parts_that_were_written(
    world: World, period: str, failing: str | int
) -> None:
    maker = FakeMaker(parts=9 if failing == "publish" else 3, script={failing: [InvalidRequest("a row is broken")]})
    redriver = world.redriver(kinds=registry)
    async with _failed_report(world, period, maker) as letter:
        plan = await redriver.plan(letter)
        done = await redriver.resume(plan)

    assert done.result is Result.resumed
    assert plan.point is not None
    if failing == "publish":
        kept = ("report_generation.plan", *["report_generation.write_part"] * 9)
        assert (plan.point.step, plan.point.kept) == ("report_generation.publish", kept)
        assert maker.attempts == Counter(["publish", "publish", *range(9)])
    else:
        # Parts that were under way when one failed are written again.
        assert (plan.point.step, plan.point.kept) == ("report_generation.write_part", ("report_generation.plan",))
        assert (maker.attempts[1], maker.attempts["publish"], max(maker.attempts.values())) == (2, 1, 2)


async def _states(world: World, letters: Sequence[DeadLetter]) -> Counter[DeadLetterState]:
    ids = frozenset(letter.id for letter in letters)
    return Counter(letter.state for letter in await world.letters.list(DeadLetterFilter(ids=ids), limit=len(ids)))


@pytest.mark.long
async def test_a_batch_of_which_half_was_repaired_by_hand_and_a_redrive_that_is_interrupted_and_killed(
    world: World,
) -> None:
    letters = await world.confirmations(range(1, _MANY + 1))
    # Other tests have dead letters of the same kind.
    which = ("--kind", "order-confirmation", "--since", min(letter.failed_at for letter in letters).isoformat())
    repaired, dead = letters[: _MANY // 2], letters[_MANY // 2 :]
    await world.restarted_by_hand(repaired)

    preview = await world.line("dead", "redrive", *which, "--json")
    assert (preview.status, preview.err.count("\n")) == (0, 1)
    verdicts = {"resume": len(dead), "restart-only": 0, "comes-on-by-itself": 0, "not-dead": len(repaired)}
    assert preview.document["verdicts"] == {**verdicts, "settled": 0}
    assert preview.document["runs_again"] == {"order_confirmation.confirm": len(dead)}
    assert await _states(world, letters) == {DeadLetterState.open: _MANY}

    redrive = ("dead", "redrive", *which, "--yes", "--rate")
    for signum, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        before = (await _states(world, letters))[DeadLetterState.redriven]
        cut = await world.line.begin(*redrive, max(1, _MANY // 12))
        async with asyncio.timeout(60):
            while (await _states(world, letters))[DeadLetterState.redriven] <= before:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.01)
        cut.send(signum)
        done = await cut.finished()
        assert done.status == status
        if signum is signal.SIGINT:
            assert "The same command continues with the others; none is redriven twice." in done.err
    assert DeadLetterState.open in await _states(world, dead)
    await world.sweep(grace=timedelta(0))  # what the killed one had claimed is open again

    rest = await asyncio.gather(*(world.line(*redrive, 100, "--by", by, "--json") for by in ("ada", "ben")))

    assert [each.document["refused"] for each in rest] == [[], []]
    left = [await world.line(*redrive, 100, "--json")]
    assert left[0].document["refused"] == []
    await world.ended_well(letters)
    # The half that was repaired by hand has no third run, and each of the others has one new run.
    assert await world.runs_of(letters, 2 * _MANY) == {2: _MANY}
    assert {world.mail.received[f"order-confirmation/{order_id}"] for order_id in range(1, _MANY + 1)} == {1}
    assert set(await _states(world, dead)) <= {DeadLetterState.redriven, DeadLetterState.resolved}


async def test_a_job_that_recovered_between_the_plan_and_the_redrive_is_left_alone(world: World) -> None:
    [letter] = await world.confirmations([2920])
    redriver = world.redriver(kinds=registry)
    plan = await redriver.plan(letter)
    await world.restarted_by_hand([letter])

    assert {(await redrive(plan)).result for redrive in (redriver.resume, redriver.restart)} == {Result.skipped}
    assert await world.runs_of([letter], 2) == {2: 1}
    assert (await world.now(letter)).state is DeadLetterState.open
