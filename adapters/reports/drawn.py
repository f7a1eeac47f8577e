"""All reports that are drawn at once, by their names."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.reports.payments_reconciliation.report import PaymentsReconciliation
from adapters.reports.pdf.typesetter import Typesetter
from adapters.reports.sales_summary.report import SalesSummary
from adapters.reports.whole import WholeReport
from domain.reports import ReportName


def drawn_reports(engine: AsyncEngine) -> Mapping[ReportName, WholeReport]:
    """Make them; they share the engine's pool, and set one PDF at a time."""
    typesetter = Typesetter()
    return {
        ReportName.sales_summary: SalesSummary(engine, typesetter),
        ReportName.payments_reconciliation: PaymentsReconciliation(engine, typesetter),
    }
