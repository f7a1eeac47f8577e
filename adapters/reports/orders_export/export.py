"""The report `orders-export`: every line of every order of the period, in parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from adapters.reports.frames import Frame
from adapters.reports.orders_export import slices
from adapters.reports.orders_export.csv_form import CsvForm
from adapters.reports.orders_export.form import Form
from adapters.reports.reader import Reader
from adapters.reports.storage import Sink
from domain.report_ports import Told
from domain.reports import Report, ReportFormat, Slice


class OrdersExport:
    """Implements `adapters.reports.sliced.SlicedReport`."""

    def __init__(self, reader: Reader, *, orders_each: int = slices.ORDERS) -> None:
        """`orders_each`: orders of a slice, about."""
        self._reader = reader
        self._orders_each = orders_each
        self._forms: dict[ReportFormat, Form] = {ReportFormat.csv: CsvForm()}

    async def plan(self, report: Report) -> Sequence[Slice]:
        """See `SlicedReport`. Raises InvalidRequest for more rows than a sheet can have."""
        return await slices.plan(self._reader, report, orders_each=self._orders_each)

    async def write(self, report: Report, piece: Slice, sink: Sink, told: Told) -> int:
        """See `SlicedReport`."""
        return await self._forms[report.request.format].write(self._reader, report, piece, sink, told)

    async def join(self, report: Report, frames: AsyncIterator[Frame], sink: Sink) -> None:
        """See `SlicedReport`."""
        await self._forms[report.request.format].join(report, frames, sink)
