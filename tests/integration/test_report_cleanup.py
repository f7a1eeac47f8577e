"""Reports whose time is over or whose job has ended, on real servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.errors import ServiceUnavailable
from domain.outcomes import Done
from domain.report_cleanup import ReportCleanupRequest, ReportRetention
from domain.report_ports import ReportBook, ReportJobs, ReportMaker
from domain.reports import ReportState
from starter import Jobs
from starter.report_jobs import TemporalReportJobs
from tests.adapters.db.report_shop import FILE, Office, a_request
from tests.fakes import FakeOrders, fake_ports
from tests.fakes_reports import FakeMaker
from workflows.hosting import job_worker
from workflows.registry import registry


@pytest.fixture
async def office(engine: AsyncEngine) -> Office:
    return await Office.open(engine)


async def test_a_cleanup_removes_what_is_old_settles_what_has_ended_and_leaves_the_rest(
    client: Client, office: Office
) -> None:
    months = [(await office.ask(a_request(f"2026-0{month}"))).report for month in range(1, 9)]
    old, new, queued, running, terminated, anew, unknown, young = months
    jobs, maker = Jobs(client), FakeMaker()
    for report in (old, new):
        await office.book.ready(report.id, FILE)
        maker.files[report.id] = FILE
    for report in (running, terminated, anew, young):  # nobody serves their queue
        await jobs.start(report.request)
    for report in (terminated, anew, young):
        await client.get_workflow_handle(report.request.workflow_id).terminate("a test")
    await jobs.start(anew.request)
    await office.run("DELETE FROM outbox WHERE payload ->> 'period' <> '2026-03'")
    await office.run("UPDATE reports SET finished_at = now() - interval '91 days' WHERE id = :id", id=old.id)
    await office.run("UPDATE reports SET asked_at = now() - interval '11 minutes' WHERE id <> :id", id=young.id)
    ports = fake_ports(FakeOrders()) | {
        ReportBook: office.book,
        ReportJobs: TemporalReportJobs(lambda: client),
        ReportMaker: maker,
        ReportRetention: ReportRetention(files=timedelta(days=90)),
    }
    async with job_worker(client, "maintenance", registry, ports, drain=timedelta(seconds=1)):
        done = await (await jobs.start(ReportCleanupRequest(at=datetime.now(UTC)))).result()

    assert done == Done(facts={"files": 1, "abandoned": 0, "settled": 2})
    assert set(maker.files) == {new.id}
    states = {report: found.state for report in months if (found := await office.desk.find(report.id))}
    assert {report: states.pop(report) for report in (old, new, terminated, unknown)} == {
        old: ReportState.removed,
        new: ReportState.ready,
        terminated: ReportState.failed,
        unknown: ReportState.failed,
    }
    assert states == dict.fromkeys((queued, running, anew, young), ReportState.requested)


async def test_how_a_job_has_ended_is_not_known_where_temporal_cannot_tell(client: Client) -> None:
    elsewhere = Client(client.service_client, namespace="of-nobody")
    with pytest.raises(ServiceUnavailable, match="NOT_FOUND"):
        await TemporalReportJobs(lambda: elsewhere).ended_as(a_request())
