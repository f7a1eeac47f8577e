"""From asking for a report to the mail with its link, on real servers: each who asked hears of it once, nobody else."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from adapters.db.deliveries import SqlDeliveryLedger
from adapters.db.engine import make_engine
from adapters.email.templates import JinjaMailTemplates
from adapters.settings import DatabaseSettings
from adapters.temporal.report_jobs import TemporalReportJobs
from domain.errors import ServiceUnavailable
from domain.outcomes import Done, Skipped
from domain.ports import DeliveryLedger, MailSender, MailTemplates
from domain.report_cleanup import ReportCleanupRequest, ReportRetention
from domain.report_notice import ReportNoticeRequest
from domain.report_ports import ReportBook, ReportJobs, ReportLinks, ReportMaker
from domain.reports import ReportState
from starter import Jobs
from tests.adapters.db.report_shop import FILE, Office, a_request
from tests.fakes import FakeMail, FakeOrders, fake_ports
from tests.fakes_report_mail import FakeLinks
from tests.fakes_reports import FakeMaker
from tests.integration.test_private_history import dumped
from workflows.hosting import job_worker
from workflows.registry import registry


@pytest.fixture
async def office(database: str) -> AsyncIterator[Office]:
    engine = make_engine(DatabaseSettings(url=SecretStr(database)))
    office = Office(engine)
    await office.open()
    yield office
    await engine.dispose()


async def test_each_who_asked_gets_one_mail_with_a_link_that_nothing_else_holds(
    client: Client, office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    report = (await office.desk.ask(a_request(requested_by=1))).report
    await office.book.ready(report.id, FILE)
    await office.desk.ask(a_request(requested_by=2))
    jobs, mail, links = Jobs(client), FakeMail(), FakeLinks()
    ports = fake_ports(FakeOrders(), mail=mail) | {
        ReportBook: office.book,
        ReportLinks: links,
        DeliveryLedger: SqlDeliveryLedger(office.engine),
        MailTemplates: JinjaMailTemplates("Corner Shop"),
        MailSender: mail,
    }
    asked = await office.enqueued("report-notice")
    async with job_worker(client, "notifications", registry, ports, drain=timedelta(seconds=1)):
        for _ in range(2):
            for job in asked:
                request = ReportNoticeRequest(asking_id=int(job.partition("/")[2]))
                assert await (await jobs.start(request)).result() == Done(reference=job)
        await office.book.removed(report.id)
        await office.run("INSERT INTO report_askings (report_id, member_id) VALUES (:id, 3)", id=report.id)
        skipped = await (await jobs.start(ReportNoticeRequest(asking_id=3))).result()

    assert sorted(each.recipient for each in mail.accepted) == ["member1@example.com", "member2@example.com"]
    assert skipped == Skipped(reason="report-removed")
    assert len(links.made) == 2
    kept = "\n".join([await dumped(client, job) for job in asked] + [str(vars(line)) for line in caplog.records])
    for each in mail.accepted:
        assert "secret_of~the.link" in each.content.text
        assert each.recipient not in kept
    assert "secret_of" not in kept
    assert asked[0] in kept


async def test_a_cleanup_removes_what_is_old_settles_what_has_ended_and_leaves_the_rest(
    client: Client, office: Office
) -> None:
    months = [(await office.desk.ask(a_request(f"2026-0{month}"))).report for month in range(1, 9)]
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
