"""Workbooks: with numbers, dates and formats of their own, and no formulas."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import xlsxwriter
from xlsxwriter.exceptions import XlsxFileError

from adapters.reports.cells import Cell, Ident, Money, amount, is_exact_in_a_sheet, number_format, readable
from adapters.reports.heading import Heading
from domain.errors import ServiceUnavailable

_FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

Look = Mapping[str, Any]
"""A format, in the library's terms."""


@dataclass(frozen=True)
class Column:
    """Its title, and how many characters wide it is."""

    title: str
    width: int


@contextmanager
def writing() -> Iterator[None]:
    """Raise ServiceUnavailable if the temporary files of a workbook cannot be written."""
    try:
        yield
    except (OSError, XlsxFileError) as error:
        cause = error.args[0] if isinstance(error, XlsxFileError) and error.args else error
        number = getattr(cause, "errno", None) or 0
        if number in _FULL_DISK:
            message = "There is no space for temporary files of a workbook: free some, or set TMPDIR to a larger disk."
        else:
            code = errno.errorcode.get(number, type(cause).__name__)
            message = f"The temporary files of a workbook cannot be written ({code}): check TMPDIR."
        raise ServiceUnavailable(message) from None


def write_text(sheet: Any, row: int, column: int, text: str) -> None:  # the library has no types
    """Write a text that is no formula, link or number."""
    if text.startswith("<r>") and text.endswith("</r>"):
        # The library would take it for XML of its own, and write it as it is.
        sheet.write_rich_string(row, column, text[:1], text[1:2], text[2:])
    else:
        sheet.write_string(row, column, text)


class Book:
    """A workbook. What is written into it is the same, byte by byte, for the same cells."""

    def __init__(self, title: str, at: datetime, output: Any = None, *, comments: str = "", **options: Any) -> None:
        """`at` is its date of creation. `output`: a file; memory if it is None. `options` are the library's.

        With `constant_memory=True` rows are in temporary files, not in memory.
        """
        self._output = io.BytesIO() if output is None else output
        self.workbook = xlsxwriter.Workbook(self._output, options)
        self.workbook.set_properties({"title": title, "comments": comments, "created": at.astimezone(UTC)})
        self.format = cache(lambda *items: self.workbook.add_format(dict(items)))
        """The format of a look's items."""

    def sheet(self, name: str, columns: Sequence[Column], above: Sequence[tuple[str, Look]] = ()) -> Sheet:
        """Add a sheet, with some lines above the columns."""
        return Sheet(self.workbook.add_worksheet(name), columns, above, self.format)

    def finish(self) -> bytes:
        """Make the file; returns it if it is in memory. Raises ServiceUnavailable if there is no space for it."""
        with writing():
            self.workbook.close()
        return self._output.getvalue() if isinstance(self._output, io.BytesIO) else b""


def report_book(heading: Heading, at: datetime, **options: Any) -> Book:
    """A workbook with the report's title."""
    return Book(f"{heading.title}, {heading.period}", at, **options)


def lines_above(heading: Heading, about: Sequence[str]) -> list[tuple[str, Look]]:
    """The report's heading and some sentences."""
    quiet: Look = {"font_color": "#5b6773"}
    lines: list[tuple[str, Look]] = [
        (heading.title, {"bold": True, "font_size": 16}),
        (heading.period, {"bold": True, "font_size": 12, "font_color": "#1f5f99"}),
        (f"Days and times of {heading.zone}. As of {heading.as_of}.", quiet),
    ]
    if not heading.is_over:
        lines.append(("The period had not ended by then: more may come.", {"bold": True, "font_color": "#9a3b00"}))
    return [*lines, *((sentence, quiet) for sentence in about), ("", {})]


class Sheet:
    """One sheet, written from above to below."""

    def __init__(
        self,
        sheet: Any,  # the library has no types
        columns: Sequence[Column],
        above: Sequence[tuple[str, Look]],
        format_: Any,
    ) -> None:
        """Write what is above the columns, and their titles, which stay in sight."""
        self.sheet = sheet
        self._format = format_
        self._columns = columns
        for number, column in enumerate(columns):
            sheet.set_column(number, number, column.width)
        for number, (words, look) in enumerate(above):
            if words:
                sheet.write_string(number, 0, words, format_(*look.items()))
        self.header = len(above)
        """Number of the row with the titles, from zero."""
        for number, column in enumerate(columns):
            look = {"bold": True, "bottom": 1, "valign": "top"}
            sheet.write_string(self.header, number, column.title, format_(*look.items()))
        sheet.freeze_panes(self.header + 1, 0)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(self.header)
        self.next = self.header + 1
        """Number of the next row."""

    def row(self, cells: Sequence[Cell]) -> None:
        """Add a row. Raises ServiceUnavailable where there is no space for it."""
        with writing():
            for number, cell in enumerate(cells):
                self._write(number, cell)
        self.next += 1

    def with_filter(self) -> None:
        """Let people choose among the rows; after the last one."""
        if self.next > self.header + 1:
            self.sheet.autofilter(self.header, 0, self.next - 1, len(self._columns) - 1)

    def _write(self, column: int, cell: Cell) -> None:
        at = self.next, column
        match cell:
            case None:
                pass
            case str():
                write_text(self.sheet, *at, cell)
            case datetime():
                aligned = (("num_format", "yyyy-mm-dd hh:mm"), ("align", "left"))
                self.sheet.write_datetime(*at, cell.replace(tzinfo=None), self._format(*aligned))
            case date():
                self.sheet.write_datetime(*at, cell, self._format(("num_format", "yyyy-mm-dd"), ("align", "left")))
            case Money(units, currency) if is_exact_in_a_sheet(units):
                numeric = self._format(("num_format", number_format(currency)))
                self.sheet.write_number(*at, float(amount(units, currency)), numeric)
            case Money(units, currency):
                self.sheet.write_string(*at, readable(units, currency), self._format(("align", "right")))
            case Ident(number) if is_exact_in_a_sheet(number):
                self.sheet.write_number(*at, number, self._format(("num_format", "0")))
            case Ident(number):
                self.sheet.write_string(*at, str(number), self._format(("align", "right")))
            case int():
                self.sheet.write_number(*at, cell, self._format(("num_format", "#,##0")))
