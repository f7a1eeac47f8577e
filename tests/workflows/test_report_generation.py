"""How a report's job goes on, ends, and is cancelled; its ports are fakes, its server is real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from temporalio.client import Client

from domain.errors import InvalidRequest, ServiceUnavailable
from domain.outcomes import Done
from domain.progress import Progress
from domain.report_generation import ReportFormat, ReportGenerationRequest, ReportName
from domain.report_ports import ReportBook, ReportMaker
from domain.reports import Report, ReportState
from starter import JobFailed, JobHandle, Jobs
from starter.errors import JobCancelled
from tests.fakes import FakeOrders, fake_ports
from tests.fakes_reports import ROWS, FakeBook, FakeMaker, a_report
from workflows.hosting import job_worker
from workflows.progress import QUERY
from workflows.registry import registry

REQUEST = ReportGenerationRequest(report=ReportName.orders_export, period="2026-10", format=ReportFormat.csv)
REPORT = a_report(REQUEST).id


@asynccontextmanager
async def started(client: Client, maker: FakeMaker, book: FakeBook) -> AsyncIterator[JobHandle]:
    ports = fake_ports(FakeOrders()) | {ReportBook: book, ReportMaker: maker}
    async with job_worker(client, "reports", registry, ports, draw=lambda _low, _high: 0.1):
        yield await Jobs(client).start(REQUEST)


async def test_a_report_is_written_in_parts_four_at_a_time_and_its_outcome_tells_of_the_file_alone(
    client: Client,
) -> None:
    maker, book = FakeMaker(parts=9, together=4), FakeBook()
    async with started(client, maker, book) as handle:
        outcome = await handle.result()

    assert maker.most_at_work == 4
    key = f"files/{REPORT}/orders-export-2026-10.csv"
    assert outcome == Done(reference=key, facts={"rows": 9 * ROWS, "bytes": 90 * ROWS, "sha256": "0" * 64})
    assert (book.reports[REPORT].state, book.told[REPORT]) == (ReportState.ready, 1)
    assert maker.written == {}


async def test_a_part_that_failed_is_written_again_and_the_others_are_not(client: Client) -> None:
    maker, book = FakeMaker(parts=3, script={1: [ServiceUnavailable("away")]}), FakeBook()
    async with started(client, maker, book) as handle:
        await handle.result()

    assert maker.attempts == {0: 1, 1: 2, 2: 1, "publish": 1}


async def test_a_report_that_fails_keeps_its_finished_parts_for_a_redrive_and_stops_those_under_way(
    client: Client,
) -> None:
    maker = FakeMaker(parts=6, script={3: [InvalidRequest("too many rows")]}, hangs=frozenset({1}))
    book = FakeBook()
    async with started(client, maker, book) as handle:
        with pytest.raises(JobFailed, match="too many rows"):
            await handle.result()

    assert book.reports[REPORT].state is ReportState.failed
    assert maker.at_work == 0
    assert {0, 2} <= maker.written[REPORT]
    assert "publish" not in maker.attempts


@pytest.mark.parametrize("phase", [0, 2, "publish"], ids=["first part", "last part", "publishing"])
async def test_a_report_that_is_cancelled_stops_and_leaves_no_part_behind(client: Client, phase: int | str) -> None:
    maker, book = FakeMaker(parts=3, hangs=frozenset({phase})), FakeBook()
    async with started(client, maker, book) as handle:
        await maker.reached.wait()
        await handle.cancel()
        with pytest.raises(JobCancelled):
            await handle.result()

    assert (book.reports[REPORT].state, maker.written, maker.at_work) == (ReportState.cancelled, {}, 0)


async def test_a_report_whose_job_is_cancelled_before_its_plan_is_made_is_known_as_cancelled(client: Client) -> None:
    class Slow(FakeBook):
        def __init__(self) -> None:
            super().__init__()
            self.asked = asyncio.Event()

        async def open(self, request: ReportGenerationRequest) -> Report:
            if not self.asked.is_set():
                self.asked.set()
                await asyncio.Event().wait()
            return await super().open(request)

    book = Slow()
    async with started(client, FakeMaker(), book) as handle:
        await book.asked.wait()
        await handle.cancel()
        with pytest.raises(JobCancelled):
            await handle.result()

    assert book.reports[REPORT].state is ReportState.cancelled


async def test_a_file_that_is_there_is_not_made_again(client: Client) -> None:
    maker, book = FakeMaker(), FakeBook()
    async with started(client, maker, book) as handle:
        first = await handle.result()
        again = await client.execute_workflow("ReportGeneration", REQUEST, id="again", task_queue="reports")

    assert again["reference"] == getattr(first, "reference", None)
    assert maker.attempts["publish"] == 1


async def test_a_report_tells_how_far_it_is(client: Client) -> None:
    maker, book = FakeMaker(parts=3, hangs=frozenset({2})), FakeBook()
    async with started(client, maker, book) as handle:
        await maker.reached.wait()
        run = client.get_workflow_handle(handle.id)
        async with asyncio.timeout(30):
            while (told := await run.query(QUERY, result_type=Progress)).done < 2 * ROWS:  # noqa: ASYNC110  # it tells nobody by itself
                await asyncio.sleep(0.05)
        assert told == Progress(done=2 * ROWS, of=3 * ROWS, unit="rows")
        await handle.cancel()
        with pytest.raises(JobCancelled):
            await handle.result()


async def test_how_a_report_ended_is_told_also_where_its_row_cannot_be_reached(client: Client) -> None:
    class Away(FakeBook):
        async def ended(self, report_id: UUID, state: ReportState) -> None:  # noqa: ARG002  # the port's
            raise ServiceUnavailable("The database is away.")

    maker = FakeMaker(parts=1, script={0: [InvalidRequest("too many rows")]})
    async with started(client, maker, Away()) as handle:
        with pytest.raises(JobFailed, match="too many rows"):
            await handle.result()
