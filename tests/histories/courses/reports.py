"""Courses of the kinds that are about reports."""

from __future__ import annotations

from collections.abc import Iterator

from domain.errors import InvalidRequest, ServiceUnavailable
from domain.report_generation import ReportFormat, ReportGenerationRequest, ReportName
from domain.report_ports import ReportBook, ReportMaker
from tests.fakes import FakeOrders, fake_ports
from tests.fakes_reports import FakeBook, FakeMaker
from tests.histories.courses.course import Course

_DOWN = "The storage is away."


def _generations() -> Iterator[tuple[str, Course]]:
    for generation, (name, maker) in enumerate(
        {
            "done": FakeMaker(parts=6),
            "done-part-at-the-second-attempt": FakeMaker(parts=2, script={1: [ServiceUnavailable(_DOWN)]}),
            "failed-part": FakeMaker(parts=3, script={1: [InvalidRequest("too many rows for one sheet")]}),
            "failed-at-publishing": FakeMaker(parts=1, script={"publish": [ServiceUnavailable(_DOWN)] * 2}),
        }.items(),
        start=1,
    ):
        request = ReportGenerationRequest(
            report=ReportName.orders_export, period="2026-10", format=ReportFormat.csv, generation=generation
        )
        yield name, Course(request, fake_ports(FakeOrders()) | {ReportBook: FakeBook(), ReportMaker: maker})
    cancelled = FakeMaker(parts=5, hangs=frozenset({1}))
    request = ReportGenerationRequest(
        report=ReportName.orders_export, period="2026-10", format=ReportFormat.csv, generation=100
    )
    ports = fake_ports(FakeOrders()) | {ReportBook: FakeBook(), ReportMaker: cancelled}
    yield "cancelled", Course(request, ports, cancel_when=cancelled.reached)


COURSES = {"report-generation": dict(_generations())}
