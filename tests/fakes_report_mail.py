"""Ordinary classes behind the ports of what follows a report: its link, its mail, its removal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from domain.report_generation import ReportGenerationRequest
from domain.report_ports import Asking, Member
from domain.reports import Report, ReportFile, ReportState
from tests.fakes_reports import FakeBook, a_report

FINISHED = datetime(2026, 11, 1, tzinfo=UTC)
EXPIRES = datetime(2026, 12, 1, 12, 30, 59, tzinfo=UTC)
ADA = Member(id=7, name="Ada Lovelace", email="ada@example.com", locale="en_GB")


def a_finished_report(generation: int = 1, finished_at: datetime = FINISHED, **fields: Any) -> Report:
    values = {"report": "sales-summary", "period": "2026-10", "format": "pdf", "time_zone": "Europe/Zurich"}
    request = ReportGenerationRequest.model_validate(values | {"generation": generation} | fields)
    report = a_report(request, ReportState.ready)
    file = ReportFile(key=f"files/{report.id}/{report.file_name}", rows=31, bytes=48_213, sha256="0" * 64)
    return report.model_copy(update={"file": file, "finished_at": finished_at})


class FakeLinks:
    """Implements `domain.report_ports.ReportLinks`."""

    def __init__(self) -> None:
        self.made: list[UUID] = []

    def link(self, report_id: UUID) -> str:
        self.made.append(report_id)
        return f"https://jobs.example.com/downloads/{report_id}.{len(self.made)}-secret_of~the.link"

    def expires_at(self) -> datetime:
        return EXPIRES

    def check(self, token: str) -> UUID | None:
        return UUID(token.partition(".")[0])


class KeepingBook(FakeBook):
    """Holds finished reports and who asked for them."""

    def __init__(self, *reports: Report, askings: Sequence[Asking] = ()) -> None:
        super().__init__()
        self.reports = {report.id: report for report in reports}
        self.askings = {asking.id: asking for asking in askings}

    async def asking(self, asking_id: int) -> Asking | None:
        asking = self.askings.get(asking_id)
        return asking and Asking(asking.id, self.reports.get(asking.report.id, asking.report), asking.member)

    async def outdated(self, before: datetime, limit: int) -> Sequence[Report]:
        return [
            report
            for report in self.reports.values()
            if report.state is ReportState.ready and report.finished_at is not None and report.finished_at < before
        ][:limit]
