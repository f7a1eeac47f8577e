"""Puts together what makes reports in one process."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.reports.database import Reader, Snapshots
from adapters.reports.maker import FileMaker
from adapters.reports.orders_export.export import OrdersExport
from adapters.reports.parts import WholeReport
from adapters.reports.payments_reconciliation.report import PaymentsReconciliation
from adapters.reports.pdf.typesetter import Typesetter
from adapters.reports.sales_summary.report import SalesSummary
from adapters.reports.storage import ReportStorage
from adapters.settings import DatabaseSettings
from domain.report_generation import ReportName

MAX_CONCURRENCY = 4
"""Parts that one process writes at a time, each with its own connection and some tens of MB."""


class Reports:
    """The maker, and what it holds; nothing connects or starts before the first report."""

    def __init__(self, storage: ReportStorage, database: DatabaseSettings) -> None:
        """What takes minutes is read over connections of its own."""
        self._export = OrdersExport(Reader(database, connections=MAX_CONCURRENCY))
        self.maker = FileMaker(storage, whole=whole_reports(database), sliced={ReportName.orders_export: self._export})

    def close(self) -> None:
        """Give threads back."""
        self._export.close()


def whole_reports(settings: DatabaseSettings) -> Mapping[ReportName, WholeReport]:
    """Reports that are drawn as a whole; they share some connections to the database, and set one PDF at a time."""
    snapshots, typesetter = Snapshots(settings), Typesetter()
    return {
        ReportName.sales_summary: SalesSummary(snapshots, typesetter),
        ReportName.payments_reconciliation: PaymentsReconciliation(snapshots, typesetter),
    }
