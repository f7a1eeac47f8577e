"""The step that removes what old reports left behind, with fakes behind the ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities.report_cleanup import ReportCleanupActivities
from domain.errors import ServiceUnavailable
from domain.report_cleanup import Removed, ReportRetention
from domain.reports import Report, ReportFile, ReportState
from domain.scheduling import ScheduledRun
from tests.fakes_reports import FakeBook, FakeJobs, FakeMaker, a_finished_report

FILE = ReportFile(key="files/1/report.csv", rows=1, bytes=1, sha256="0" * 64)
AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
WEEK = timedelta(days=7)


class Maker(FakeMaker):
    """Has parts by when the oldest was written; fails after so many removals."""

    def __init__(self, parts: dict[UUID, datetime], fails_after: int = 10**6) -> None:
        super().__init__()
        self.left = dict(parts)
        self.removed: list[UUID] = []
        self.fails_after = fails_after
        self.stored: dict[UUID, datetime] = {}
        """When the file was written."""
        self.stuck: set[UUID] = set()

    async def abandoned(self, before: datetime) -> AsyncIterator[UUID]:
        for report_id in self.left:
            if self.left[report_id] < before:
                yield report_id
                yield report_id  # it has more than one part

    async def discard_parts(self, report_id: UUID) -> None:
        del self.left[report_id]

    async def filed(self, before: datetime) -> AsyncIterator[UUID]:
        for report_id in self.stored:
            if self.stored[report_id] < before:
                yield report_id

    async def discard_files(self, report_id: UUID) -> None:
        self.removed.append(report_id)
        if report_id in self.stuck or len(self.removed) == self.fails_after:
            raise ServiceUnavailable("The storage is away.")
        self.stored.pop(report_id, None)


async def clean(
    book: FakeBook, maker: Maker, at: datetime = AT, ended: Mapping[str, ReportState | Exception] | None = None
) -> Removed:
    steps = ReportCleanupActivities(book, maker, FakeJobs(ended), ReportRetention(files=WEEK))
    run = ScheduledRun(name="report-cleanup", at=at, time_zone="UTC", run="report-cleanup/1")
    return await ActivityEnvironment().run(steps.remove, run)


def reports(number: int, age: timedelta) -> list[Report]:
    return [a_finished_report(n, AT - age, format="csv") for n in range(1, number + 1)]


async def test_files_are_removed_once_their_time_is_over_however_many_there_are() -> None:
    old, new = reports(250, WEEK + timedelta(seconds=1)), a_finished_report(finished_at=AT - WEEK)
    book, maker = FakeBook(*old, new), Maker({})

    assert await clean(book, maker) == Removed(files=250)
    assert maker.removed == [report.id for report in old]
    assert [report.id for report in book.reports.values() if report.state is ReportState.ready] == [new.id]
    assert await clean(book, maker) == Removed()


async def test_an_attempt_that_ended_between_file_and_record_is_made_up_for_by_the_next() -> None:
    old = reports(3, timedelta(days=30))
    book, maker = FakeBook(*old), Maker({}, fails_after=2)

    with pytest.raises(ServiceUnavailable):
        await clean(book, maker)
    assert [report.state for report in book.reports.values()] == ["removed", "ready", "ready"]
    await clean(book, maker)
    assert [report.state for report in book.reports.values()] == ["removed"] * 3
    assert [maker.removed.count(report.id) for report in old] == [1, 2, 1]


async def test_parts_are_discarded_after_a_week_unless_their_report_is_being_made() -> None:
    made = a_finished_report(1).model_copy(update={"state": ReportState.requested, "file": None})
    failed = a_finished_report(2).model_copy(update={"state": ReportState.failed, "file": None})
    unknown, young = uuid4(), uuid4()
    week_ago = AT - timedelta(days=7, seconds=1)
    maker = Maker({made.id: week_ago, failed.id: week_ago, unknown: week_ago, young: AT})

    assert await clean(FakeBook(made, failed), maker) == Removed(abandoned=2)
    assert set(maker.left) == {made.id, young}


async def test_reports_whose_jobs_ended_without_saying_so_are_settled_and_keep_their_parts_for_now() -> None:
    asked = [
        a_finished_report(n).model_copy(
            update={"state": ReportState.requested, "file": None, "asked_at": AT - timedelta(minutes=10, seconds=n)}
        )
        for n in range(1, 251)
    ]
    young = asked[0].model_copy(update={"id": uuid4(), "asked_at": AT - timedelta(minutes=9)})
    jobs = [report.request.workflow_id for report in asked]
    book = FakeBook(*asked, young)
    maker = Maker({asked[1].id: AT - WEEK - timedelta(days=1)})

    ended: dict[str, ReportState | Exception] = dict.fromkeys(jobs[1:], ReportState.failed)
    ended[jobs[0]] = ServiceUnavailable("Temporal does not answer.")
    ended[jobs[2]] = ReportState.cancelled
    del ended[jobs[3]]
    assert await clean(book, maker, ended=ended) == Removed(settled=248)

    states = [book.reports[report.id].state for report in asked]
    assert states[:5] == ["requested", "failed", "cancelled", "requested", "failed"]
    assert set(states[4:]) == {"failed"}
    assert book.reports[young.id].state is ReportState.requested
    # Its parts are needed where its job is redriven at this very moment.
    assert set(maker.left) == {asked[1].id}
    assert await clean(book, maker) == Removed(abandoned=1)


def ended(number: int, state: ReportState) -> Report:
    return a_finished_report(number).model_copy(update={"state": state, "file": None})


async def test_files_that_no_record_leads_to_are_removed_a_day_later_and_no_others() -> None:
    failed = [ended(n, ReportState.failed) for n in range(1, 251)]
    cancelled, young = ended(251, ReportState.cancelled), ended(252, ReportState.failed)
    made, ready = ended(253, ReportState.requested), a_finished_report(254, AT)
    unknown = uuid4()
    gone = [*failed, cancelled]
    day_ago = AT - timedelta(days=1)
    maker = Maker({failed[0].id: AT - WEEK - timedelta(seconds=1)})
    old = [*(report.id for report in [*gone, made, ready]), unknown]
    maker.stored = {**dict.fromkeys(old, day_ago - timedelta(seconds=1)), young.id: day_ago}
    book = FakeBook(*gone, young, made, ready)
    maker.stuck = {failed[1].id}

    # The one whose parts are old too counts once.
    assert await clean(book, maker) == Removed(abandoned=250)
    assert set(maker.stored) == {failed[1].id, young.id, made.id, ready.id, unknown}
    maker.stuck = set()
    assert await clean(book, maker) == Removed(abandoned=1)
    assert set(maker.stored) == {young.id, made.id, ready.id, unknown}


async def test_a_file_of_a_report_that_is_redriven_meanwhile_stays() -> None:
    report = ended(1, ReportState.failed)
    maker = Maker({})
    maker.stored = {report.id: AT - WEEK}

    class Redriven(FakeBook):
        async def ended_among(self, report_ids: Sequence[UUID]) -> Sequence[Report]:
            found = await super().ended_among(report_ids)
            await self.ready(report.id, FILE)
            return found

    assert await clean(Redriven(report), maker) == Removed()
    assert set(maker.stored) == {report.id}


async def test_a_moment_in_the_future_removes_nothing_before_its_time() -> None:
    now = datetime.now(UTC)
    book, maker = FakeBook(a_finished_report(finished_at=now)), Maker({uuid4(): now})
    assert await clean(book, maker, at=now + timedelta(days=365)) == Removed()
