"""The report `orders-export`: every line of every order of the period, in parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from adapters.reports.database import Reader
from adapters.reports.orders_export import formats, slices
from adapters.reports.parts import Frame
from adapters.reports.storage import Sink
from adapters.reports.threads import Threads
from domain.report_generation import ReportFormat
from domain.report_ports import Told
from domain.reports import Report, Slice

_THREADS = 2
"""PostgreSQL has more work with a part than we have."""


class OrdersExport:
    """Implements `SlicedReport`."""

    def __init__(
        self, reader: Reader, *, orders_each: int = slices.ORDERS, temporary_folder: Path | None = None
    ) -> None:
        """`orders_each`: orders of a slice, about; `temporary_folder`: for workbooks, the system's where it is None."""
        self._reader = reader
        self._orders_each = orders_each
        self._threads = Threads(_THREADS)
        self._temporary_folder = temporary_folder

    def close(self) -> None:
        """Let its threads go."""
        self._threads.close()

    async def plan(self, report: Report) -> Sequence[Slice]:
        """See `SlicedReport`. Raises InvalidRequest for more rows than a sheet can have."""
        return await slices.plan(self._reader, report, orders_each=self._orders_each)

    async def write(self, report: Report, piece: Slice, sink: Sink, told: Told) -> int:
        """See `SlicedReport`."""
        if report.request.format is ReportFormat.csv:
            return await formats.write_csv(self._reader, report, piece, sink, told)
        return await formats.write_arrow(self._reader, self._threads, report, piece, sink, told)

    async def join(self, report: Report, frames: AsyncIterator[Frame], sink: Sink) -> None:
        """See `SlicedReport`."""
        match report.request.format:
            case ReportFormat.parquet:
                await formats.join_parquet(self._threads, report, frames, sink)
            case ReportFormat.xlsx:
                await formats.join_workbook(self._threads, self._temporary_folder, report, frames, sink)
            case _:
                await formats.join_csv(frames, sink)
