"""The reconciliation as a workbook and as CSV, written some rows at a time: there may be many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from adapters.reports.cells import amount_text
from adapters.reports.csv_table import Figure, csv_lines
from adapters.reports.heading import heading_of
from adapters.reports.payments_reconciliation.reading import Disagreement
from adapters.reports.payments_reconciliation.tally import Tally
from adapters.reports.payments_reconciliation.wording import AGREE, MEANING, TITLE
from adapters.reports.sheets import Book, Cell, Column, Ident, Money
from domain.reports import Report

_MOST_ROWS = 1_000_000
"""A sheet has 1,048,576 rows."""
_OF_ORDER = ("kind", "order_id", "placed_at", "payment_method", "currency", "total", "paid_at")
_COLUMNS = (*_OF_ORDER, "payment_id", "payment_state", "payment_currency", "payment_amount", "refunded")
_WIDTHS = (20, 14, 17, 16, 10, 18, 17, 32, 20, 18, 18, 18)


class CsvTable:
    """One flat table; times are ISO 8601 in the report's time zone, amounts in the currency's main unit."""

    def __init__(self, report: Report) -> None:
        """Begin with the headings."""
        self._zone = ZoneInfo(report.request.time_zone)
        self._written = bytearray(csv_lines([_COLUMNS]))

    def add(self, rows: Sequence[Disagreement]) -> None:
        """Add rows."""
        self._written += csv_lines(map(self._row, rows))

    def finish(self, orders: int, tally: Tally) -> bytes:  # noqa: ARG002  # a table has no place for them
        """The file."""
        return bytes(self._written)

    def _row(self, row: Disagreement) -> Sequence[str | int]:
        return [
            row.kind.name,
            row.order_id,
            self._moment(row.placed_at),
            row.method,
            row.currency,
            Figure(amount_text(row.total, row.currency)),
            self._moment(row.paid_at),
            row.payment_id or "",
            row.state or "",
            row.payment_currency or "",
            _amount(row.amount, row.payment_currency),
            _amount(row.refunded, row.payment_currency),
        ]

    def _moment(self, at: datetime | None) -> str:
        return at.astimezone(self._zone).isoformat(timespec="seconds") if at else ""


class Workbook:
    """An overview, and a sheet with all rows. Each call takes a while: to be made in a thread."""

    def __init__(self, report: Report) -> None:
        """Begin both sheets."""
        self._zone = ZoneInfo(report.request.time_zone)
        self._book = Book(heading_of(report, TITLE), report.as_of, in_memory=False)
        columns = [Column("Kind", 20), Column("Number", 10), Column("Disagreement", 60), Column("What to do", 100)]
        self._overview = self._book.sheet("Overview", columns, about=MEANING)
        named = [Column(name, width) for name, width in zip(_COLUMNS, _WIDTHS, strict=True)]
        self._sheet = self._book.sheet("Disagreements", named)
        self._left = _MOST_ROWS

    def add(self, rows: Sequence[Disagreement]) -> None:
        """Add rows."""
        for row in rows[: self._left]:
            self._sheet.row(self._cells(row))
        self._left -= len(rows[: self._left])

    def finish(self, orders: int, tally: Tally) -> bytes:
        """The file, with what was counted."""
        for kind, extent in tally.extents.items():
            self._overview.row([kind.name, extent.rows, kind.title, kind.meaning])
        if not tally.extents:
            self._overview.row([f"{AGREE}."])
        self._overview.row([])
        self._overview.row([f"Orders in the period: {orders:,}"])
        if tally.rows > _MOST_ROWS:
            self._overview.row([f"{tally.rows - _MOST_ROWS:,} more have no room in a sheet: take the CSV."])
        self._sheet.with_filter()
        return self._book.finish()

    def _cells(self, row: Disagreement) -> Sequence[Cell]:
        of_payment = row.payment_currency or row.currency
        return [
            row.kind.name,
            Ident(row.order_id),
            self._moment(row.placed_at),
            row.method,
            row.currency,
            Money(row.total, row.currency),
            self._moment(row.paid_at),
            row.payment_id,
            row.state,
            row.payment_currency,
            None if row.amount is None else Money(row.amount, of_payment),
            None if row.refunded is None else Money(row.refunded, of_payment),
        ]

    def _moment(self, at: datetime | None) -> datetime | None:
        """What a clock there showed."""
        return at.astimezone(self._zone).replace(tzinfo=None) if at else None


def _amount(units: int | None, currency: str | None) -> str:
    return "" if units is None or currency is None else Figure(amount_text(units, currency))
