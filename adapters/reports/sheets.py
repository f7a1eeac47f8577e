"""Workbooks of several small sheets, in memory: with numbers, dates and formats of their own, and no formulas."""

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

from adapters.reports.cells import amount, is_exact_in_a_sheet, number_format, readable
from adapters.reports.heading import Heading
from domain.errors import ServiceUnavailable


@dataclass(frozen=True)
class Money:
    """An amount in its currency's minor units."""

    units: int
    currency: str


@dataclass(frozen=True)
class Ident:
    """A number that counts nothing: an order's."""

    number: int


Look = Mapping[str, Any]
"""A format, in the library's terms."""
Cell = str | int | date | datetime | Money | Ident | None
"""A time is shown as it is: spreadsheets know no time zones."""


@dataclass(frozen=True)
class Column:
    """Its title, and how many characters wide it is."""

    title: str
    width: int


@contextmanager
def writing() -> Iterator[None]:
    """Raise ServiceUnavailable where the temporary files of a workbook cannot be written."""
    try:
        yield
    except (OSError, XlsxFileError) as error:
        cause = error.args[0] if isinstance(error, XlsxFileError) and error.args else error
        code = errno.errorcode.get(getattr(cause, "errno", None) or 0, type(cause).__name__)
        raise ServiceUnavailable(
            f"The temporary files of a workbook cannot be written ({code}): see whether TMPDIR's disk is full."
        ) from None


class Book:
    """A workbook. What is written into it is the same, byte by byte, for the same cells."""

    def __init__(self, heading: Heading, at: datetime, *, in_memory: bool = True) -> None:
        """`at` is its date of creation. `in_memory`: False where it has many rows, which are written by the way."""
        self._output = io.BytesIO()
        options = {"in_memory": in_memory, "constant_memory": not in_memory, "use_zip64": not in_memory}
        self.workbook = xlsxwriter.Workbook(self._output, options)
        self.workbook.set_properties({"title": f"{heading.title}, {heading.period}", "created": at.astimezone(UTC)})
        self._format = cache(lambda *items: self.workbook.add_format(dict(items)))
        self._heading = heading

    def sheet(self, name: str, columns: Sequence[Column], *, about: Sequence[str] | None = None) -> Sheet:
        """Add a sheet, with the report's heading and some sentences above the columns where `about` is given."""
        return Sheet(self.workbook.add_worksheet(name), columns, self._lines(about), self._format)

    def finish(self) -> bytes:
        """The file. Raises ServiceUnavailable where there is no space for it."""
        with writing():
            self.workbook.close()
        return self._output.getvalue()

    def _lines(self, about: Sequence[str] | None) -> list[tuple[str, Look]]:
        if about is None:
            return []
        heading = self._heading
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
                self._write_text(at, cell)
            case datetime() | date():
                form = "yyyy-mm-dd hh:mm" if isinstance(cell, datetime) else "yyyy-mm-dd"
                aligned = {"num_format": form, "align": "left"}
                self.sheet.write_datetime(*at, cell, self._format(*aligned.items()))
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

    def _write_text(self, at: tuple[int, int], text: str) -> None:
        if text.startswith("<r>") and text.endswith("</r>"):
            # The library would take it for XML of its own, and write it as it is.
            self.sheet.write_rich_string(*at, text[:1], text[1:2], text[2:])
        else:
            self.sheet.write_string(*at, text)
