"""The rows of reports, as the jobs that make, tell of and remove them keep them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.db.reports import SqlReports
from domain.errors import InvalidRequest, NotFound, ServiceUnavailable
from domain.report_generation import ReportGenerationRequest
from domain.reports import ReportState
from tests.adapters.db.conftest import EngineMaker
from tests.adapters.db.report_shop import FILE, Office, a_request
from tests.locks import WAITING_FOR_LOCKS


@pytest.fixture
async def office(engine_to: EngineMaker, database: str) -> Office:
    return await Office.open(engine_to(database))


async def test_a_job_that_was_started_without_the_desk_makes_its_row_once_with_who_asked(office: Office) -> None:
    request = a_request(requested_by=2, generation=3)
    opened = await asyncio.gather(*(office.book.open(request) for _ in range(5)))

    assert {each.id for each in opened} == {opened[0].id}
    assert opened[0].request == a_request(generation=3)
    assert await office.askings() == [(3, 2, None, False)]
    assert await office.enqueued("report-generation") == []
    # Whoever asks at the desk joins it.
    assert (await office.ask(a_request())).report.id == opened[0].id


async def test_a_job_that_runs_anew_is_being_made_again_as_of_the_same_instant(office: Office) -> None:
    first = await office.book.open(a_request())
    await office.book.ended(first.id, ReportState.failed)
    failed = await office.desk.find(first.id)
    assert failed is not None
    assert (failed.state, failed.finished_at is None) == (ReportState.failed, False)

    assert await office.book.open(a_request()) == first
    await office.book.ended(first.id, ReportState.failed)
    assert await office.book.reopen(first.id) == first
    with pytest.raises(NotFound, match="no report"):
        await office.book.reopen(uuid4())
    await office.book.ready(first.id, FILE)
    assert (await office.book.open(a_request())).state is ReportState.ready


async def test_what_cannot_be_made_has_no_row(office: Office) -> None:
    with pytest.raises(InvalidRequest, match="has not begun"):
        await office.book.open(a_request("2999-12-31"))
    with pytest.raises(NotFound, match="number 4711"):
        await office.book.open(a_request(requested_by=4711))
    assert await office.count() == 0


async def test_a_report_is_ready_once_and_failing_later_changes_nothing(office: Office) -> None:
    report = (await office.ask(a_request(requested_by=1))).report
    await office.book.ready(report.id, FILE)
    ready = await office.desk.find(report.id)
    await office.book.ready(report.id, FILE.model_copy(update={"rows": 99}))
    await office.book.ended(report.id, ReportState.failed)

    assert await office.desk.find(report.id) == ready
    assert len(await office.enqueued("report-notice")) == 1
    with pytest.raises(InvalidRequest):
        await office.book.ended(report.id, ReportState.removed)


async def test_an_asking_tells_who_asked_for_what_unless_that_is_gone(office: Office) -> None:
    report = (await office.ask(a_request(requested_by=1))).report
    await office.ask(a_request(), client="backoffice")
    await office.book.ready(report.id, FILE)

    asking = await office.book.asking(1)
    assert asking is not None
    assert (asking.report.file, asking.member.email, asking.member.locale) == (FILE, "member1@example.com", "de_CH")
    assert await office.book.asking(2) is None  # of no member
    await office.run("DELETE FROM staff WHERE id = 1")
    assert await office.book.asking(1) is None


async def test_files_are_outdated_by_when_they_were_finished_until_they_are_removed(office: Office) -> None:
    old, new, failed = [(await office.ask(a_request(f"2026-0{n}"))).report for n in (1, 2, 3)]
    for report in (old, new):
        await office.book.ready(report.id, FILE)
    await office.book.ended(failed.id, ReportState.failed)
    await office.run("UPDATE reports SET finished_at = now() - interval '9 days' WHERE id = :id", id=old.id)

    week_ago, soon = datetime.now(UTC) - timedelta(days=7), datetime.now(UTC) + timedelta(days=1)
    assert [report.id for report in await office.book.outdated(week_ago, 10)] == [old.id]
    assert [report.id for report in await office.book.outdated(soon, 10)] == [old.id, new.id]
    assert [report.id for report in await office.book.outdated(soon, 1)] == [old.id]
    await office.book.removed(old.id)
    await office.book.removed(failed.id)  # it has no file
    assert [report.id for report in await office.book.outdated(soon, 10)] == [new.id]
    found = await office.desk.find(failed.id)
    assert found is not None
    assert found.state is ReportState.failed


async def test_reports_that_ended_or_have_no_row_are_idle(office: Office) -> None:
    made, ready, failed = [(await office.ask(a_request(f"2026-0{n}"))).report for n in (1, 2, 3)]
    await office.book.ready(ready.id, FILE)
    await office.book.ended(failed.id, ReportState.failed)
    unknown = uuid4()

    ids = [made.id, ready.id, failed.id, unknown]
    assert await office.book.idle_among(ids) == [ready.id, failed.id, unknown]
    assert await office.book.idle_among([]) == []


async def test_a_report_whose_job_has_ended_is_settled_unless_it_waits_in_the_outbox(office: Office) -> None:
    request = a_request(time_zone="Europe/Zurich")
    report = (await office.ask(request)).report
    asked_for: list[str] = []

    async def ended_as(request: ReportGenerationRequest) -> ReportState | None:
        asked_for.append(request.workflow_id)
        return answers.pop(0)

    answers: list[ReportState | None] = [None, ReportState.failed]
    assert await office.book.settle(report, ended_as) is None
    # As a statement of SQL enqueues it, which does not know the job's id.
    await office.run("UPDATE outbox SET job_id = NULL")
    assert await office.book.settle(report, ended_as) is None
    assert asked_for == []

    await office.run("DELETE FROM outbox")
    assert await office.book.settle(report, ended_as) is None  # it runs
    assert await office.book.settle(report, ended_as) is ReportState.failed
    assert asked_for == [request.workflow_id] * 2
    found = await office.desk.find(report.id)
    assert found is not None
    assert (found.state, found.finished_at is None) == (ReportState.failed, False)
    assert await office.book.settle(report, ended_as) is None  # it is known already
    assert (await office.ask(a_request())).report.request.generation == 2


async def test_while_it_is_asked_whether_a_job_has_ended_nobody_begins_with_its_report(office: Office) -> None:
    report = await office.book.open(a_request())
    asked, answered = asyncio.Event(), asyncio.Event()

    async def ended_as(_: ReportGenerationRequest) -> ReportState | None:
        asked.set()
        await answered.wait()
        return ReportState.failed

    settling = asyncio.create_task(office.book.settle(report, ended_as))
    await asked.wait()
    opening = asyncio.create_task(office.book.open(a_request()))
    await _somebody_waits(office)
    answered.set()

    # It was redriven a moment too late to be seen, and is being made all the same.
    assert await settling is ReportState.failed
    assert (await opening).state is ReportState.requested
    found = await office.desk.find(report.id)
    assert found is not None
    assert found.state is ReportState.requested


async def test_what_is_done_while_a_report_has_ended_does_not_meet_its_job(office: Office) -> None:
    made, ready, failed, cancelled = [(await office.ask(a_request(f"2026-0{n}"))).report for n in (1, 2, 3, 4)]
    await office.book.ready(ready.id, FILE)
    await office.book.ended(failed.id, ReportState.failed)
    await office.book.ended(cancelled.id, ReportState.cancelled)
    ids = [made.id, ready.id, failed.id, cancelled.id, uuid4()]
    ended = {report.id for report in await office.book.ended_among(ids)}
    assert ended == {failed.id, cancelled.id}
    assert await office.book.ended_among([]) == []

    steps: list[str] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def call() -> None:
        steps.append("begun")
        begun.set()
        await go_on.wait()
        steps.append("done")

    async def redrive() -> None:
        await office.book.open(failed.request)
        steps.append("opened")

    patient = SqlReports(office.engine, held=timedelta(minutes=1))
    for report in (made, ready, made.model_copy(update={"id": uuid4()})):
        assert not await patient.while_ended(report, call)
    assert steps == []

    doing = asyncio.create_task(patient.while_ended(failed, call))
    await begun.wait()
    opening = asyncio.create_task(redrive())
    await _somebody_waits(office)
    go_on.set()
    await opening
    assert await doing
    assert steps == ["begun", "done", "opened"]
    # What was found before, and is redriven, is left alone.
    assert not await patient.while_ended(failed, call)

    # Whoever else wants the report is not held up by a storage that does not answer.
    go_on.clear()
    with pytest.raises(ServiceUnavailable, match="too long"):
        await SqlReports(office.engine, held=timedelta(0)).while_ended(cancelled, call)
    assert (await office.book.open(cancelled.request)).state is ReportState.requested


async def _somebody_waits(office: Office) -> None:
    async with asyncio.timeout(30), office.engine.connect() as connection:
        while not (await connection.exec_driver_sql(WAITING_FOR_LOCKS)).scalar_one():  # PostgreSQL tells nobody
            await connection.rollback()


async def test_reports_are_unfinished_from_when_they_are_asked_for_until_they_have_ended(office: Office) -> None:
    made, ready, failed, other = [(await office.ask(a_request(f"2026-0{n}"))).report for n in (1, 2, 3, 4)]
    await office.book.ready(ready.id, FILE)
    await office.book.ended(failed.id, ReportState.failed)
    first, second = sorted([made.id, other.id])

    now = datetime.now(UTC)
    soon = now + timedelta(minutes=5)
    assert [report.id for report in await office.book.unfinished(soon, 10)] == [first, second]
    assert [report.id for report in await office.book.unfinished(soon, 1)] == [first]
    assert [report.id for report in await office.book.unfinished(soon, 10, after=first)] == [second]
    assert await office.book.unfinished(now - timedelta(hours=1), 10) == []
