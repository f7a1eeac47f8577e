"""The sheet of order lines, written row by row: its rows are on disk, not in memory. Each call is to be in a thread."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from adapters.email.formatting import decimal_places
from adapters.reports.cells import is_exact_in_a_sheet, number_format
from adapters.reports.orders_export.query import COLUMNS, NAMES, Column, Sort
from adapters.reports.workbook import Book, write_text, writing
from adapters.reports.workbook import Column as SheetColumn
from domain.reports import Report

_WIDTHS = {Sort.number: 12, Sort.money: 14, Sort.moment: 20, Sort.text: 32, Sort.word: 16}
_DAY_0, _DAY = datetime(1899, 12, 30), timedelta(days=1)  # noqa: DTZ001  # a clock's, in no time zone
"""Excel counts days from it."""
_BATCH = 500
"""Rows. While Arrow turns values into Python's, nothing else runs in the process."""
_CURRENCY = NAMES.index("currency")


class OrderLines:
    """A workbook with one sheet, in a temporary folder. Raises ServiceUnavailable if there is no space for it."""

    def __init__(self, report: Report, folder: Path | None) -> None:
        """Begin, in a folder of its own below `folder`, or below the system's for such."""
        self._leaving = contextlib.ExitStack()
        zone = report.request.time_zone
        with writing(), self._leaving.pop_all() as leaving:
            made = tempfile.TemporaryDirectory(prefix="report-", dir=folder, ignore_cleanup_errors=True)
            own = leaving.enter_context(made)
            self.file = _Output(Path(own, "workbook.xlsx"))
            """To be read once it is finished."""
            leaving.callback(self.file.close)
            self._book = Book(
                report.file_name,
                # Not the time by the clock: the same parts make the same file.
                report.as_of,
                self.file,
                comments=f"As of {report.as_of.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC. Times are those of {zone}.",
                constant_memory=True,
                tmpdir=own,
                use_zip64=True,
            )
            self._sheet = self._book.sheet("Order lines", [_heading(column, zone) for column in COLUMNS])
            leaving.callback(self._sheet.sheet.row_data_fh.close)
            self._leaving = leaving.pop_all()

    def add(self, table: pa.Table) -> None:
        """Add rows below those that are there."""
        writers = [self._writer(number, column.sort) for number, column in enumerate(COLUMNS)]
        with writing():
            for at in range(0, table.num_rows, _BATCH):
                some = table.slice(at, _BATCH)
                columns = [_values(some.column(number), column.sort) for number, column in enumerate(COLUMNS)]
                for values in zip(*columns, strict=True):
                    for write, value in zip(writers, values, strict=True):
                        if value is not None:
                            write(value, values[_CURRENCY])
                    self._sheet.next += 1

    def finish(self) -> None:
        """Make the file; it can be read from its beginning then."""
        self._sheet.with_filter()
        self._book.finish()
        self.file.seek(0)

    def discard(self) -> None:
        """Leave nothing of it."""
        self.file.abandoned = True
        with contextlib.suppress(OSError):  # of what no longer has to be written
            self._leaving.close()

    def _writer(self, column: int, sort: Sort) -> Callable[[Any, str], object]:
        """Writes a value of the last row; is given its currency."""
        rows, sheet, form = self._sheet, self._sheet.sheet, self._book.format

        def number(value: float, _: str) -> object:
            return sheet.write_number(rows.next, column, value)

        def text(value: str, _: str) -> None:
            write_text(sheet, rows.next, column, value)

        def moment(value: float, _: str) -> object:
            return sheet.write_number(rows.next, column, value, form(("num_format", "yyyy-mm-dd hh:mm:ss")))

        def money(value: Decimal, currency: str) -> object:
            places = decimal_places(currency)
            if is_exact_in_a_sheet(int(value.scaleb(places))):
                exact = form(("num_format", number_format(currency)))
                return sheet.write_number(rows.next, column, float(value), exact)
            return sheet.write_string(rows.next, column, f"{value:.{places}f}")

        writers: dict[Sort, Callable[[Any, str], object]] = {
            Sort.number: number,
            Sort.money: money,
            Sort.moment: moment,
        }
        return writers.get(sort, text)


def _heading(column: Column, zone: str) -> SheetColumn:
    title = f"{column.name} ({zone})" if column.sort is Sort.moment else column.name
    return SheetColumn(title, max(_WIDTHS[column.sort], len(title) + 4))


def _values(column: pa.ChunkedArray, sort: Sort) -> list[object]:
    if sort is Sort.moment:
        # Excel knows no time zones: what a clock there showed, as a number of days. By Python, since Arrow would need
        # the machine's own time zones, which not every image has.
        return [None if at is None else (at.replace(tzinfo=None) - _DAY_0) / _DAY for at in column.to_pylist()]
    return list(column.to_pylist())


class _Output:
    """A file that can be abandoned: else a ZIP file that could not be written writes its end when it is collected."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self.abandoned = False
        self.close, self.read = self._file.close, self._file.read

    def write(self, piece: bytes) -> int:
        return len(piece) if self.abandoned else self._file.write(piece)

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0 if self.abandoned else self._file.seek(offset, whence)

    def tell(self) -> int:
        return 0 if self.abandoned else self._file.tell()

    def flush(self) -> None:
        if not self.abandoned:
            self._file.flush()
