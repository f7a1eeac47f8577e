"""The sales summary: orders, revenue, refunds and top products of a period, by currency and by day."""

from __future__ import annotations

import asyncio

from adapters.reports.pdf.typesetter import Typesetter
from adapters.reports.sales_summary.days import days_told
from adapters.reports.sales_summary.page import TEMPLATE, page_of
from adapters.reports.sales_summary.reading import read_figures
from adapters.reports.sales_summary.tables import csv_of, workbook_of
from adapters.reports.snapshot import Snapshots
from adapters.reports.whole import Drawing
from domain.report_generation import ReportFormat
from domain.reports import Report


class SalesSummary:
    """Implements `adapters.reports.whole.WholeReport`."""

    def __init__(self, snapshots: Snapshots, typesetter: Typesetter) -> None:
        """Read and set through what other reports use, too."""
        self._snapshots = snapshots
        self._typesetter = typesetter

    async def draw(self, report: Report) -> Drawing:
        """See `WholeReport`. Its rows are those of the flat table: days by currency. Raises a `TransientError`."""
        figures = await read_figures(self._snapshots, report)
        if report.request.format is ReportFormat.pdf:
            page = await asyncio.to_thread(page_of, report, figures)
            content = await self._typesetter.set(TEMPLATE, page, at=report.as_of)
        elif report.request.format is ReportFormat.xlsx:
            content = await asyncio.to_thread(workbook_of, report, figures)
        else:
            content = await asyncio.to_thread(csv_of, report, figures)
        return Drawing(content=content, rows=sum(len(days_told(report, each)) for each in figures.currencies))
