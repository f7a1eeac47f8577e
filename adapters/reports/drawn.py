"""All reports that are drawn at once, by their names."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.reports.payments_reconciliation.report import PaymentsReconciliation
from adapters.reports.pdf.typesetter import Typesetter
from adapters.reports.sales_summary.report import SalesSummary
from adapters.reports.snapshot import Snapshots
from adapters.reports.whole import WholeReport
from adapters.settings import DatabaseSettings
from domain.report_generation import ReportName


def drawn_reports(settings: DatabaseSettings) -> Mapping[ReportName, WholeReport]:
    """Make them; they share a few connections to the database, and set one PDF at a time."""
    snapshots, typesetter = Snapshots(settings), Typesetter()
    return {
        ReportName.sales_summary: SalesSummary(snapshots, typesetter),
        ReportName.payments_reconciliation: PaymentsReconciliation(snapshots, typesetter),
    }
