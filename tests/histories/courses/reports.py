"""Courses of the kinds that make a report, mail it and remove it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from domain.errors import InvalidRequest, ServiceUnavailable
from domain.report_cleanup import ReportCleanupRequest
from domain.report_generation import ReportFormat, ReportGenerationRequest, ReportName
from domain.report_notice import ReportNoticeRequest
from domain.report_ports import Asking, ReportBook, ReportMaker
from domain.reports import ReportState
from tests.fakes import FakeMail, FakeOrders, fake_ports
from tests.fakes_reports import ADA, FakeBook, FakeMaker, a_finished_report
from tests.histories.courses.course import BUSY, Course

_DOWN = "The storage is away."


def _generations() -> Iterator[tuple[str, Course]]:
    cancelled = FakeMaker(parts=5, hangs=frozenset({1}))
    for name, generation, maker in (
        ("done", 1, FakeMaker(parts=6)),
        ("done-part-at-the-second-attempt", 2, FakeMaker(parts=2, script={1: [ServiceUnavailable(_DOWN)]})),
        ("failed-part", 3, FakeMaker(parts=3, script={1: [InvalidRequest("too many rows for one sheet")]})),
        ("failed-at-publishing", 4, FakeMaker(parts=1, script={"publish": [ServiceUnavailable(_DOWN)] * 2})),
        ("cancelled", 100, cancelled),
    ):
        request = ReportGenerationRequest(
            report=ReportName.orders_export, period="2026-10", format=ReportFormat.csv, generation=generation
        )
        ports = fake_ports(FakeOrders()) | {ReportBook: FakeBook(), ReportMaker: maker}
        yield name, Course(request, ports, cancel_when=maker.reached if maker is cancelled else None)


def _notices() -> Iterator[tuple[str, Course]]:
    removed = a_finished_report().model_copy(update={"state": ReportState.removed, "file": None})
    for asking_id, (name, report, script) in enumerate(
        [
            ("done-at-once", a_finished_report(), []),
            ("done-at-the-second-attempt", a_finished_report(), [ServiceUnavailable(BUSY)]),
            ("skipped-removed", removed, []),
        ],
        start=1,
    ):
        book = FakeBook(report, askings=[Asking(id=asking_id, report=report, member=ADA)])
        ports = fake_ports(FakeOrders(), mail=FakeMail(*script)) | {ReportBook: book}
        yield name, Course(ReportNoticeRequest(asking_id=asking_id), ports)


def _cleanups() -> Iterator[tuple[str, Course]]:
    moment = datetime(2026, 11, 24, 3, tzinfo=UTC)
    book = FakeBook(*(a_finished_report(n, datetime(2026, 1, n, tzinfo=UTC)) for n in (1, 2)))
    ports = fake_ports(FakeOrders()) | {ReportBook: book, ReportMaker: FakeMaker()}
    yield "done", Course(ReportCleanupRequest(at=moment), ports)


COURSES = {
    "report-generation": dict(_generations()),
    "report-notice": dict(_notices()),
    "report-cleanup": dict(_cleanups()),
}
