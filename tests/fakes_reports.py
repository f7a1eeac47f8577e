"""Ordinary classes behind the ports of reports: what makes them, their link, their mail, their removal."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from domain.report_generation import ReportGenerationRequest
from domain.report_ports import Asking, EndedAs, Member, Told
from domain.reports import Report, ReportFile, ReportState, Slice

ROWS = 100
"""Of each part."""
ENDED = (ReportState.failed, ReportState.cancelled)
AS_OF = datetime(2026, 11, 24, tzinfo=UTC)
FINISHED = datetime(2026, 11, 1, tzinfo=UTC)
EXPIRES = datetime(2026, 12, 1, 12, 30, 59, tzinfo=UTC)
ADA = Member(id=7, name="Ada Lovelace", email="ada@example.com", locale="en_GB")


def a_report(request: ReportGenerationRequest, state: ReportState = ReportState.requested) -> Report:
    return Report(
        id=uuid5(NAMESPACE_URL, request.workflow_id), request=request, state=state, as_of=AS_OF, asked_at=AS_OF
    )


def a_finished_report(generation: int = 1, finished_at: datetime = FINISHED, **fields: Any) -> Report:
    values = {"report": "sales-summary", "period": "2026-10", "format": "pdf", "time_zone": "Europe/Zurich"}
    request = ReportGenerationRequest.model_validate(values | {"generation": generation} | fields)
    report = a_report(request, ReportState.ready)
    file = ReportFile(key=f"files/{report.id}/{report.file_name}", rows=31, bytes=48_213, sha256="0" * 64)
    return report.model_copy(update={"file": file, "finished_at": finished_at})


class FakeBook:
    """Holds reports and who asked for them."""

    def __init__(self, *reports: Report, askings: Sequence[Asking] = ()) -> None:
        self.reports = {report.id: report for report in reports}
        self.askings = {asking.id: asking for asking in askings}
        self.told: Counter[UUID] = Counter()

    async def open(self, request: ReportGenerationRequest) -> Report:
        report = a_report(request)
        return self.reports.setdefault(report.id, report)

    async def reopen(self, report_id: UUID) -> Report:
        return self.reports[report_id]

    async def ready(self, report_id: UUID, file: ReportFile) -> None:
        report = self.reports[report_id]
        if report.state is not ReportState.ready:
            self.told[report_id] += 1
        self.reports[report_id] = report.model_copy(update={"state": ReportState.ready, "file": file})

    async def ended(self, report_id: UUID, state: ReportState) -> None:
        report = self.reports[report_id]
        if report.state is not ReportState.ready:
            self.reports[report_id] = report.model_copy(update={"state": state})

    async def asking(self, asking_id: int) -> Asking | None:
        asking = self.askings.get(asking_id)
        return asking and Asking(asking.id, self.reports.get(asking.report.id, asking.report), asking.member)

    async def outdated(self, before: datetime, limit: int) -> Sequence[Report]:
        return [
            report
            for report in self.reports.values()
            if report.state is ReportState.ready and report.finished_at is not None and report.finished_at < before
        ][:limit]

    async def removed(self, report_id: UUID) -> None:
        self.reports[report_id] = self.reports[report_id].model_copy(update={"state": ReportState.removed})

    async def unfinished(self, before: datetime, limit: int, after: UUID | None = None) -> Sequence[Report]:
        waiting = sorted(self.reports.values(), key=lambda report: report.id)
        return [
            report
            for report in waiting
            if report.state is ReportState.requested
            and report.asked_at < before
            and (after is None or report.id > after)
        ][:limit]

    async def settle(self, report: Report, ended_as: EndedAs) -> ReportState | None:
        state = await ended_as(report.request)
        if state is not None:
            await self.ended(report.id, state)
        return state

    async def idle_among(self, report_ids: Sequence[UUID]) -> Sequence[UUID]:
        made = {report.id for report in self.reports.values() if report.state is ReportState.requested}
        return [report_id for report_id in report_ids if report_id not in made]

    async def ended_among(self, report_ids: Sequence[UUID]) -> Sequence[Report]:
        known = [self.reports[report_id] for report_id in report_ids if report_id in self.reports]
        return [report for report in known if report.state in ENDED]

    async def while_ended(self, report: Report, call: Callable[[], Awaitable[None]]) -> bool:
        if self.reports[report.id].state not in ENDED:
            return False
        await call()
        return True


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


class FakeJobs:
    """Implements `domain.report_ports.ReportJobs`: jobs go on, but for those that a test names."""

    def __init__(self, ended: Mapping[str, ReportState | Exception] | None = None) -> None:
        """`ended`: by the ids of jobs how they did, or what asking for it raises."""
        self.ended = ended or {}

    async def ended_as(self, request: ReportGenerationRequest) -> ReportState | None:
        state = self.ended.get(request.workflow_id)
        if isinstance(state, Exception):
            raise state
        return state


class FakeMaker:
    """Writes parts of `ROWS` rows in memory. The script tells by part, or for `publish`, what each attempt raises.

    `hangs` names what does not end by itself: it waits until it is cancelled.
    """

    def __init__(
        self,
        parts: int = 3,
        script: dict[int | str, list[BaseException | None]] | None = None,
        hangs: frozenset[int | str] = frozenset(),
        together: int = 1,
    ) -> None:
        """`together`: the first parts go on once so many are at work."""
        self.parts = parts
        self.script = script or {}
        self.hangs = hangs
        self.attempts: Counter[int | str] = Counter()
        self.reached = asyncio.Event()
        """That what hangs has begun."""
        self._together = together
        self._all_at_work = asyncio.Event()
        self.at_work = 0
        self.most_at_work = 0
        self.written: dict[UUID, set[int]] = {}
        self.files: dict[UUID, ReportFile] = {}

    async def plan(self, report: Report) -> Sequence[Slice]:
        since, until = report.request.span.bounds(report.request.time_zone)
        step = (until - since) / self.parts
        return [
            Slice(since=since + step * part, until=since + step * (part + 1), rows=ROWS) for part in range(self.parts)
        ]

    async def write_part(self, report: Report, part: int, piece: Slice, told: Told) -> int:
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        if self.at_work >= self._together:
            self._all_at_work.set()
        try:
            await self._all_at_work.wait()
            told(piece.rows // 2)
            await self._go_on(part)
        finally:
            self.at_work -= 1
        self.written.setdefault(report.id, set()).add(part)
        return piece.rows

    async def publish(self, report: Report, parts: int, told: Told) -> ReportFile:
        told(0)
        await self._go_on("publish")
        assert self.written[report.id] == set(range(parts))
        rows = parts * ROWS
        file = ReportFile(key=f"files/{report.id}/{report.file_name}", rows=rows, bytes=10 * rows, sha256="0" * 64)
        self.files[report.id] = file
        return file

    async def discard_parts(self, report_id: UUID) -> None:
        self.written.pop(report_id, None)

    async def abandoned(self, before: datetime) -> AsyncIterator[UUID]:  # noqa: ARG002  # the port's
        for report_id in list(self.written):
            yield report_id

    async def discard_files(self, report_id: UUID) -> None:
        self.files.pop(report_id, None)

    async def filed(self, before: datetime) -> AsyncIterator[UUID]:  # noqa: ARG002  # the port's
        for report_id in list(self.files):
            yield report_id

    async def _go_on(self, what: int | str) -> None:
        self.attempts[what] += 1
        if what in self.hangs:
            self.reached.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0.02)
        script = self.script.get(what)
        if script and (error := script.pop(0)) is not None:
            raise error
