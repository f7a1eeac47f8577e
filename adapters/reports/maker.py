"""Makes the files of reports, of whichever kind, in the place where they are kept."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from uuid import UUID

from adapters.reports.database import COPYING, SUMMING, Reader
from adapters.reports.orders_export.export import OrdersExport
from adapters.reports.parts import Frame, SlicedReport, WholeReport, read_frames, write_frame
from adapters.reports.payments_reconciliation.report import PaymentsReconciliation
from adapters.reports.pdf.typesetter import Typesetter
from adapters.reports.sales_summary.report import SalesSummary
from adapters.reports.storage import FILES, PARTS, ReportStorage, Sink, file_key, part_key
from adapters.settings import DatabaseSettings
from domain.errors import InvalidRequest
from domain.report_generation import ReportName
from domain.report_ports import Told
from domain.reports import Report, ReportFile, Slice

_HASHED_HERE = 64 * 1024
"""Bytes that are hashed in less time than a thread takes to begin."""


class FileMaker:
    """Implements `domain.report_ports.ReportMaker`."""

    def __init__(self, storage: ReportStorage, makers: Mapping[ReportName, SlicedReport]) -> None:
        self._storage = storage
        self._makers = makers

    async def plan(self, report: Report) -> Sequence[Slice]:
        """See `ReportMaker`."""
        return await self._of(report).plan(report)

    async def write_part(self, report: Report, part: int, piece: Slice, told: Told) -> int:
        """See `ReportMaker`."""
        async with self._storage.writing(part_key(report.id, part)) as sink:
            return await self._of(report).write(report, piece, sink, told)

    async def publish(self, report: Report, parts: int, told: Told) -> ReportFile:
        """See `ReportMaker`. Raises Gone where a part is not there."""
        key, rows = file_key(report), 0

        async def frames() -> AsyncGenerator[Frame, None]:
            nonlocal rows
            for part in range(parts):
                async for frame in read_frames(self._storage.reading(part_key(report.id, part))):
                    yield frame
                    rows += frame.rows
                    told(rows)

        async with self._storage.writing(key) as sink, aclosing(frames()) as all_frames:
            measured = _Measured(sink)
            await self._of(report).join(report, all_frames, measured)
        return ReportFile(key=key, rows=rows, bytes=measured.bytes, sha256=measured.sha256)

    async def discard_parts(self, report_id: UUID) -> None:
        """See `ReportMaker`."""
        await self._storage.discard(f"{PARTS}{report_id}/")

    async def discard_files(self, report_id: UUID) -> None:
        """See `ReportMaker`."""
        await self._storage.discard(f"{FILES}{report_id}/")

    def abandoned(self, before: datetime) -> AsyncIterator[UUID]:
        """See `ReportMaker`. Each report once."""
        return self._having(PARTS, before)

    def filed(self, before: datetime) -> AsyncIterator[UUID]:
        """See `ReportMaker`. Each report once."""
        return self._having(FILES, before)

    async def _having(self, prefix: str, before: datetime) -> AsyncIterator[UUID]:
        seen = set()
        async for found in self._storage.stored(prefix):
            of = found.key.removeprefix(prefix).partition("/")[0]
            if found.modified < before and of not in seen:
                seen.add(of)
                try:
                    yield UUID(of)
                except ValueError:  # not ours
                    continue

    def _of(self, report: Report) -> SlicedReport:
        try:
            return self._makers[report.request.report]
        except KeyError:
            raise InvalidRequest(f"This worker does not make the report {report.request.report}.") from None


class AsOneSlice:
    """A report that is drawn as a whole: its only part is the file."""

    def __init__(self, report: WholeReport) -> None:
        self._report = report

    async def plan(self, report: Report) -> Sequence[Slice]:
        """See `SlicedReport`."""
        since, until = report.request.span.bounds(report.request.time_zone)
        return [Slice(since=since, until=until, rows=1)]

    async def write(self, report: Report, piece: Slice, sink: Sink, told: Told) -> int:  # noqa: ARG002  # the whole period
        """See `SlicedReport`."""
        drawing = await self._report.draw(report)
        await write_frame(sink, drawing.rows, drawing.content)
        told(drawing.rows)
        return drawing.rows

    async def join(self, report: Report, frames: AsyncIterator[Frame], sink: Sink) -> None:  # noqa: ARG002
        """See `SlicedReport`."""
        async for frame in frames:
            await sink.write(frame.content)


class _Measured:
    """A sink that knows what was written: how much, and its digest."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._digest = hashlib.sha256()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    async def write(self, piece: bytes | memoryview) -> None:
        self.bytes += len(piece)
        if len(piece) <= _HASHED_HERE:
            self._digest.update(piece)
        else:
            await asyncio.to_thread(self._digest.update, piece)
        await self._sink.write(piece)


MAX_CONCURRENCY = 4
"""Parts that one process writes at a time, each with its own connection and some tens of MB."""


class Reports:
    """The maker, and what it holds; nothing connects or starts before the first report."""

    def __init__(self, storage: ReportStorage, database: DatabaseSettings) -> None:
        """What takes minutes is read over connections of its own."""
        self._export = OrdersExport(Reader(database, COPYING, connections=MAX_CONCURRENCY))
        whole = {name: AsOneSlice(report) for name, report in whole_reports(database).items()}
        self.maker = FileMaker(storage, {**whole, ReportName.orders_export: self._export})

    def close(self) -> None:
        """Give threads back."""
        self._export.close()


def whole_reports(settings: DatabaseSettings) -> Mapping[ReportName, WholeReport]:
    """Reports that are drawn as a whole; they share some connections to the database, and set one PDF at a time."""
    reader, typesetter = Reader(settings, SUMMING, connections=2), Typesetter()
    return {
        ReportName.sales_summary: SalesSummary(reader, typesetter),
        ReportName.payments_reconciliation: PaymentsReconciliation(reader, typesetter),
    }
