"""What the payments and orders of a period disagree on."""

from __future__ import annotations

import asyncio

from adapters.reports.payments_reconciliation.page import MOST_OF_A_KIND, TEMPLATE, page_of
from adapters.reports.payments_reconciliation.reading import reading, rows_of
from adapters.reports.payments_reconciliation.tables import CsvTable, Workbook
from adapters.reports.pdf.typesetter import Typesetter
from adapters.reports.snapshot import Snapshots
from adapters.reports.whole import Drawing
from domain.reports import Report, ReportFormat


class PaymentsReconciliation:
    """Implements `adapters.reports.whole.WholeReport`."""

    def __init__(self, snapshots: Snapshots, typesetter: Typesetter) -> None:
        """Read and set through what other reports use, too."""
        self._snapshots = snapshots
        self._typesetter = typesetter

    async def draw(self, report: Report) -> Drawing:
        """See `WholeReport`. Its rows are all disagreements, those for which a page has no room included.

        Raises a `TransientError`.
        """
        if report.request.format is ReportFormat.pdf:
            return await self._page(report)
        async with reading(self._snapshots, report) as found:
            extents, orders = await found.extents(), await found.orders()
            table: CsvTable | Workbook
            if report.request.format is ReportFormat.xlsx:
                table = await asyncio.to_thread(Workbook, report, orders, extents)
            else:
                table = CsvTable(report)
            async for rows in found.all():
                await asyncio.to_thread(table.add, rows)
        return Drawing(content=await asyncio.to_thread(table.finish), rows=rows_of(extents))

    async def _page(self, report: Report) -> Drawing:
        async with reading(self._snapshots, report) as found:
            extents, orders = await found.extents(), await found.orders()
            shown = await found.first_of_each(MOST_OF_A_KIND)
        page = await asyncio.to_thread(page_of, report, orders, extents, shown)
        content = await self._typesetter.set(TEMPLATE, page, at=report.as_of)
        return Drawing(content=content, rows=rows_of(extents))
