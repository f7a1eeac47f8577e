"""The export as an Excel workbook: typed cells, frozen headings, a filter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from adapters.reports.frames import Frame
from adapters.reports.orders_export import arrow_parts
from adapters.reports.orders_export.sheet import Sheet
from adapters.reports.orders_export.slices import refuse_too_many
from adapters.reports.reader import Reader
from adapters.reports.storage import Sink
from adapters.reports.threads import Threads
from domain.report_ports import Told
from domain.reports import Report, Slice

_PIECE = 1024 * 1024


class SheetForm:
    """Implements `adapters.reports.orders_export.form.Form`."""

    def __init__(self, threads: Threads, folder: Path | None = None) -> None:
        """`folder`: for temporary files, of about 2 KB a row; the system's where it is None."""
        self._threads = threads
        self._folder = folder

    async def write(self, reader: Reader, report: Report, piece: Slice, sink: Sink, told: Told) -> int:
        """See `Form`."""
        return await arrow_parts.write(reader, self._threads, report, piece, sink, told)

    async def join(self, report: Report, frames: AsyncIterator[Frame], sink: Sink) -> None:
        """See `Form`. Raises InvalidRequest for more rows than a sheet can have."""
        sheet = await self._threads.do(Sheet, report, self._folder)
        try:
            rows = 0
            async for frame in frames:
                # What was placed since the report was planned can be too much.
                refuse_too_many(rows := rows + frame.rows)
                await self._threads.do(_add, sheet, frame)
            await self._threads.do(sheet.finish)
            while piece := await self._threads.do(sheet.file.read, _PIECE):
                await sink.write(piece)
        finally:
            await self._threads.do(sheet.discard)


def _add(sheet: Sheet, frame: Frame) -> None:
    sheet.add(arrow_parts.read(frame))
