"""All that makes reports, put together for one process."""

from __future__ import annotations

from adapters.reports.drawn import drawn_reports
from adapters.reports.maker import FileMaker
from adapters.reports.orders_export.export import OrdersExport
from adapters.reports.reader import Reader
from adapters.reports.storage import Storage
from adapters.settings import DatabaseSettings
from domain.report_generation import ReportName

AT_ONCE = 4
"""Parts that one process writes at a time, each with its own connection and some tens of MB."""


class Reports:
    """The maker, and what it holds; nothing connects or starts before the first report."""

    def __init__(self, storage: Storage, database: DatabaseSettings) -> None:
        """What takes minutes is read over connections of its own."""
        self._export = OrdersExport(Reader(database, connections=AT_ONCE))
        self.maker = FileMaker(storage, whole=drawn_reports(database), sliced={ReportName.orders_export: self._export})

    def close(self) -> None:
        """Give threads back."""
        self._export.close()
