"""A report that failed is redriven without writing again what was written, as far as that can be known."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.dead_letters import DeadLetters, Letter
from domain.errors import InvalidRequest
from domain.report_generation import ReportFormat, ReportGenerationRequest, ReportName
from domain.report_ports import ReportBook, ReportMaker
from domain.reports import ReportState
from starter import Jobs
from starter.redriving.acting import Result
from tests.dead_letters.redriving.ground import Ground
from tests.fakes import FakeOrders, fake_ports
from tests.fakes_reports import FakeBook, FakeMaker, a_report
from workflows.hosting import job_worker
from workflows.registry import registry

PLAN, PART, PUBLISH = (f"report_generation.{step}" for step in ("plan", "write_part", "publish"))


@asynccontextmanager
async def failed(ground: Ground, period: str, maker: FakeMaker, book: FakeBook) -> AsyncIterator[Letter]:
    request = ReportGenerationRequest(report=ReportName.orders_export, period=period, format=ReportFormat.csv)
    ports = fake_ports(FakeOrders()) | {ReportBook: book, ReportMaker: maker, DeadLetters: ground.letters}
    async with job_worker(ground.client, "reports", registry, ports, draw=lambda _low, _high: 0.1):
        handle = await Jobs(ground.client).start(request)
        yield await ground.letter_of(handle.id, handle.run_id)
        await ground.client.get_workflow_handle(handle.id).result()
    assert book.reports[a_report(request).id].state is ReportState.ready


async def test_of_a_report_that_failed_at_publishing_no_part_is_written_again(ground: Ground) -> None:
    maker, book = FakeMaker(parts=9, script={"publish": [InvalidRequest("too large")]}), FakeBook()
    async with failed(ground, "2026-01", maker, book) as letter:
        seen = await ground.look(letter, registry)
        done = await ground.redriver(kinds=registry).resume(seen)

    assert done.result is Result.resumed
    assert seen.point is not None
    assert (seen.point.step, seen.point.kept) == (PUBLISH, (PLAN, *[PART] * 9))
    assert maker.attempts == Counter(["publish", "publish", *range(9)])


async def test_of_a_report_of_which_a_part_failed_those_begin_anew_that_were_under_way(ground: Ground) -> None:
    maker, book = FakeMaker(parts=3, script={1: [InvalidRequest("a row is broken")]}), FakeBook()
    async with failed(ground, "2026-02", maker, book) as letter:
        seen = await ground.look(letter, registry)
        done = await ground.redriver(kinds=registry).resume(seen)

    assert done.result is Result.resumed
    assert seen.point is not None
    assert (seen.point.step, seen.point.kept) == (PART, (PLAN,))
    assert (maker.attempts[1], maker.attempts["publish"]) == (2, 1)
    assert max(maker.attempts.values()) == 2
