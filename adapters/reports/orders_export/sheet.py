"""The sheet of order lines, written row by row: its rows are on disk, not in memory. Each call is to be in a thread."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import xlsxwriter
from xlsxwriter.exceptions import XlsxFileError

from adapters.email.formatting import decimal_places
from adapters.reports.cells import is_exact_in_a_sheet, number_format
from adapters.reports.orders_export.columns import COLUMNS, NAMES, Sort
from domain.errors import ServiceUnavailable
from domain.reports import Report

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_WIDTHS = {Sort.number: 12, Sort.money: 14, Sort.moment: 20, Sort.text: 32, Sort.word: 16}
_DAY_0, _DAY = datetime(1899, 12, 30), timedelta(days=1)  # noqa: DTZ001  # a clock's, in no time zone
"""Excel counts days from it."""
_AT_ONCE = 500
"""Rows. While Arrow turns values into Python's, nothing else runs in the process."""
_CURRENCY = NAMES.index("currency")


class Sheet:
    """A workbook with one sheet, in a temporary folder. Raises ServiceUnavailable where there is no space for it."""

    def __init__(self, report: Report, folder: Path | None) -> None:
        """Begin, in a folder of its own below `folder`, or below the system's for such."""
        self._rows = 0
        self._leaving = contextlib.ExitStack()
        with _translated(), self._leaving.pop_all() as leaving:
            made = tempfile.TemporaryDirectory(prefix="report-", dir=folder, ignore_cleanup_errors=True)
            own = leaving.enter_context(made)
            self.file = leaving.enter_context(_Output(Path(own, "workbook.xlsx")))
            """To be read once it is finished."""
            options = {"constant_memory": True, "tmpdir": own, "use_zip64": True}
            self._book = xlsxwriter.Workbook(self.file, options)
            self._sheet = self._book.add_worksheet("Order lines")
            leaving.callback(self._sheet.row_data_fh.close)
            self._describe(report)
            self._leaving = leaving.pop_all()
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._amount = cache(lambda currency: self._book.add_format({"num_format": number_format(currency)}))

    def add(self, table: pa.Table) -> None:
        """Add rows below those that are there."""
        writers = [self._writer(number, column.sort) for number, column in enumerate(COLUMNS)]
        with _translated():
            for at in range(0, table.num_rows, _AT_ONCE):
                some = table.slice(at, _AT_ONCE)
                columns = [_values(some.column(number), column.sort) for number, column in enumerate(COLUMNS)]
                for values in zip(*columns, strict=True):
                    self._rows += 1
                    for write, value in zip(writers, values, strict=True):
                        if value is not None:
                            write(value, values[_CURRENCY])

    def finish(self) -> None:
        """Make the file; it can be read from its beginning then."""
        with _translated():
            self._sheet.autofilter(0, 0, self._rows, len(COLUMNS) - 1)
            self._book.close()
            self.file.seek(0)

    def discard(self) -> None:
        """Leave nothing of it."""
        self.file.abandoned = True
        with contextlib.suppress(OSError):  # of what no longer has to be written
            self._leaving.close()

    def _describe(self, report: Report) -> None:
        zone = report.request.time_zone
        at = report.as_of.astimezone(UTC)
        told = f"As of {at:%Y-%m-%d %H:%M:%S} UTC. Times are those of {zone}."
        # Not the time by the clock: the same parts make the same file.
        self._book.set_properties({"title": report.file_name, "comments": told, "created": at})
        heading = self._book.add_format({"bold": True, "bottom": 1})
        for number, column in enumerate(COLUMNS):
            name = f"{column.name} ({zone})" if column.sort is Sort.moment else column.name
            self._sheet.set_column(number, number, max(_WIDTHS[column.sort], len(name) + 4))
            self._sheet.write_string(0, number, name, heading)
        self._sheet.freeze_panes(1, 0)

    def _writer(self, column: int, sort: Sort) -> Callable[[Any, str], object]:
        """Writes a value of the last row; is told its currency."""
        sheet = self._sheet

        def number(value: float, _: str) -> object:
            return sheet.write_number(self._rows, column, value)

        def text(value: str, _: str) -> object:
            if value.startswith("<r>") and value.endswith("</r>"):
                # The library would take it for XML of its own, and write it as it is.
                return sheet.write_rich_string(self._rows, column, value[:1], value[1:2], value[2:])
            return sheet.write_string(self._rows, column, value)

        def moment(value: float, _: str) -> object:
            return sheet.write_number(self._rows, column, value, self._moment)

        def money(value: Decimal, currency: str) -> object:
            if is_exact_in_a_sheet(int(value.scaleb(decimal_places(currency)))):
                return sheet.write_number(self._rows, column, float(value), self._amount(currency))
            return sheet.write_string(self._rows, column, f"{value:.{decimal_places(currency)}f}")

        writers: dict[Sort, Callable[[Any, str], object]] = {
            Sort.number: number,
            Sort.money: money,
            Sort.moment: moment,
            Sort.text: text,
            Sort.word: text,
        }
        return writers[sort]


def _values(column: pa.ChunkedArray, sort: Sort) -> list[object]:
    if sort is Sort.moment:
        # Excel knows no time zones: what a clock there showed, as a number of days. By Python, since Arrow would need
        # the machine's own time zones, which not every image has.
        return [None if at is None else (at.replace(tzinfo=None) - _DAY_0) / _DAY for at in column.to_pylist()]
    return list(column.to_pylist())


class _Output:
    """A file that can be abandoned: what is still written to it then is nobody's business any more.

    Without this, a ZIP file that could not be written would try to write its end when it is forgotten.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self.abandoned = False

    def __enter__(self) -> _Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def write(self, piece: bytes) -> int:
        return len(piece) if self.abandoned else self._file.write(piece)

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0 if self.abandoned else self._file.seek(offset, whence)

    def tell(self) -> int:
        return 0 if self.abandoned else self._file.tell()

    def flush(self) -> None:
        if not self.abandoned:
            self._file.flush()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OSError, XlsxFileError) as error:
        cause = error.args[0] if isinstance(error, XlsxFileError) and error.args else error
        number = getattr(cause, "errno", None) or 0
        if number in _FULL:
            message = (
                "There is no space for the temporary files of a workbook: free some, or set TMPDIR to a larger disk."
            )
        else:
            code = errno.errorcode.get(number, type(cause).__name__)
            message = f"The temporary files of a workbook cannot be written ({code}): look at TMPDIR."
        raise ServiceUnavailable(message) from None
