"""Gives the files of reports to those who download them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from adapters.reports.storage import Storage
from domain.reports import ReportFile


class StoredFiles:
    """Implements `domain.report_ports.ReportFiles`."""

    def __init__(self, storage: Storage) -> None:
        """Where they are."""
        self._storage = storage

    def read(
        self, file: ReportFile, *, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """See `ReportFiles`."""
        return self._storage.reading(file.key, start=start, end=end)
