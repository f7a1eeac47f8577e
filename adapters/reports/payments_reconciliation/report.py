"""The reconciliation of payments: what the payments and orders of a period disagree on, as PDF, workbook and CSV."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from adapters.reports.cells import Cell, Ident, Money, csv_lines, for_paper, readable
from adapters.reports.database import Reader
from adapters.reports.heading import heading_of, short_moment
from adapters.reports.parts import Drawing
from adapters.reports.payments_reconciliation.kinds import Kind
from adapters.reports.payments_reconciliation.reading import Disagreement, Extent, Tally, reading
from adapters.reports.pdf.typesetter import Typesetter
from adapters.reports.workbook import Column, lines_above, report_book
from domain.report_generation import ReportFormat
from domain.reports import Report

TITLE = "Payments reconciliation"
AGREE = "Payments and orders agree"
MEANING = (
    "The orders that were placed in the period are compared with all of their payments, both as they stood when this "
    "report was made.",
    "Payments that were refused when they came, such as a second one for the same order, are not among them: they are "
    "dead letters.",
)


TEMPLATE = "payments_reconciliation/page.typ"
MOST_OF_A_KIND = 200
"""Rows. Ten kinds of so many fill some sixty pages."""
_CURRENCIES = 4
"""Those in which most orders are."""


def page_of(report: Report, orders: int, tally: Tally) -> Mapping[str, Any]:
    """What the template needs, of a tally that kept `MOST_OF_A_KIND`."""
    return {
        "heading": asdict(heading_of(report, TITLE)),
        "meaning": " ".join(MEANING),
        "agree": AGREE,
        "orders": "No order was" if orders == 0 else "1 order was" if orders == 1 else f"{orders:,} orders were",
        "kinds": [_section(report, kind, extent) for kind, extent in tally.extents.items()],
    }


def _section(report: Report, kind: Kind, extent: Extent) -> Mapping[str, Any]:
    more = extent.rows - len(extent.first)
    return {
        "title": kind.title,
        "meaning": kind.meaning,
        "count": f"{extent.rows:,}",
        "totals": _totals(extent),
        "rows": [_row(report.request.time_zone, each) for each in extent.first],
        "more": f"And {more:,} more: all of them are in this report's CSV and XLSX." if more else "",
    }


def _totals(extent: Extent) -> list[str]:
    texts = [_money(extent.totals[currency], currency) for currency, _ in extent.orders.most_common()]
    return texts if len(texts) <= _CURRENCIES else [*texts[:_CURRENCIES], f"and {len(texts) - _CURRENCIES} currencies"]


def _row(zone: str, row: Disagreement) -> list[str]:
    return [
        str(row.order_id),
        short_moment(row.placed_at, zone),
        _money(row.total, row.currency),
        short_moment(row.paid_at, zone) if row.paid_at else "",
        for_paper(row.payment_id) if row.payment_id else "none",
        row.state or "",
        _money(row.amount, row.payment_currency),
        _money(row.refunded, row.payment_currency) if row.refunded else "",
    ]


def _money(units: int | None, currency: str | None) -> str:
    return "" if units is None or currency is None else f"{currency} {readable(units, currency)}"


_MOST_ROWS = 1_000_000
"""A sheet has 1,048,576 rows."""
_OF_ORDER = ("kind", "order_id", "placed_at", "payment_method", "currency", "total", "paid_at")
_COLUMNS = (*_OF_ORDER, "payment_id", "payment_state", "payment_currency", "payment_amount", "refunded")
_WIDTHS = (20, 14, 17, 16, 10, 18, 17, 32, 20, 18, 18, 18)


def _cells(row: Disagreement, zone: ZoneInfo) -> list[Cell]:
    currency = row.payment_currency
    return [
        row.kind.name,
        Ident(row.order_id),
        row.placed_at.astimezone(zone),
        row.method,
        row.currency,
        Money(row.total, row.currency),
        row.paid_at and row.paid_at.astimezone(zone),
        row.payment_id,
        row.state,
        currency,
        *(currency and Money(units or 0, currency) for units in (row.amount, row.refunded)),
    ]


class CsvTable:
    """One flat table; times are ISO 8601 in the report's time zone, amounts in the currency's main unit."""

    def __init__(self, report: Report) -> None:
        self._zone = ZoneInfo(report.request.time_zone)
        self._written = bytearray(csv_lines([_COLUMNS]))

    def add(self, rows: Sequence[Disagreement]) -> None:
        """Add rows."""
        self._written += csv_lines(_cells(row, self._zone) for row in rows)

    def finish(self, orders: int, tally: Tally) -> bytes:  # noqa: ARG002  # a table has no place for them
        """The file."""
        return bytes(self._written)


class Workbook:
    """An overview, and a sheet with all rows. Each call takes a while: to be made in a thread."""

    def __init__(self, report: Report) -> None:
        self._zone = ZoneInfo(report.request.time_zone)
        heading = heading_of(report, TITLE)
        self._book = report_book(heading, report.as_of, constant_memory=True, use_zip64=True)
        columns = [Column("Kind", 20), Column("Number", 10), Column("Disagreement", 60), Column("What to do", 100)]
        self._overview = self._book.sheet("Overview", columns, lines_above(heading, MEANING))
        named = [Column(name, width) for name, width in zip(_COLUMNS, _WIDTHS, strict=True)]
        self._sheet = self._book.sheet("Disagreements", named)
        self._left = _MOST_ROWS

    def add(self, rows: Sequence[Disagreement]) -> None:
        """Add rows."""
        for row in rows[: self._left]:
            self._sheet.row(_cells(row, self._zone))
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


class PaymentsReconciliation:
    """Implements `WholeReport`."""

    def __init__(self, reader: Reader, typesetter: Typesetter) -> None:
        self._reader = reader
        self._typesetter = typesetter

    async def draw(self, report: Report) -> Drawing:
        """See `WholeReport`. Its rows are all disagreements, those for which a page has no room included.

        Raises a `TransientError`.
        """
        form = report.request.format
        tally = Tally(keep=MOST_OF_A_KIND if form is ReportFormat.pdf else 0)
        table: CsvTable | Workbook | None = None
        async with reading(self._reader, report) as (orders, disagreements):
            if form is not ReportFormat.pdf:
                table = await asyncio.to_thread(Workbook if form is ReportFormat.xlsx else CsvTable, report)
            async for rows in disagreements:
                tally.add(rows)
                if table is not None:
                    await asyncio.to_thread(table.add, rows)
        if table is not None:
            content = await asyncio.to_thread(table.finish, orders, tally)
        else:
            page = await asyncio.to_thread(page_of, report, orders, tally)
            content = await self._typesetter.set(TEMPLATE, page, at=report.as_of)
        return Drawing(content=content, rows=tally.rows)
