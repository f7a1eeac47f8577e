"""What the payments and orders of a period disagree on."""

from __future__ import annotations

import asyncio

from adapters.reports.payments_reconciliation.page import MOST_OF_A_KIND, TEMPLATE, page_of
from adapters.reports.payments_reconciliation.reading import reading
from adapters.reports.payments_reconciliation.tables import CsvTable, Workbook
from adapters.reports.payments_reconciliation.tally import Tally
from adapters.reports.pdf.typesetter import Typesetter
from adapters.reports.snapshot import Snapshots
from adapters.reports.whole import Drawing
from domain.report_generation import ReportFormat
from domain.reports import Report


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
        form = report.request.format
        tally = Tally(keep=MOST_OF_A_KIND if form is ReportFormat.pdf else 0)
        table: CsvTable | Workbook | None = None
        async with reading(self._snapshots, report) as found:
            orders = await found.orders()
            if form is not ReportFormat.pdf:
                table = await asyncio.to_thread(Workbook if form is ReportFormat.xlsx else CsvTable, report)
            async for rows in found.all():
                tally.add(rows)
                if table is not None:
                    await asyncio.to_thread(table.add, rows)
        if table is not None:
            content = await asyncio.to_thread(table.finish, orders, tally)
        else:
            page = await asyncio.to_thread(page_of, report, orders, tally)
            content = await self._typesetter.set(TEMPLATE, page, at=report.as_of)
        return Drawing(content=content, rows=tally.rows)
