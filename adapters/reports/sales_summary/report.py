"""The sales summary: orders, revenue, refunds and top products of a period, by currency and by day."""

from __future__ import annotations

import asyncio

from adapters.reports.cells import Cell, Money, csv_lines
from adapters.reports.database import Reader
from adapters.reports.heading import heading_of
from adapters.reports.parts import Drawing
from adapters.reports.pdf.typesetter import Typesetter
from adapters.reports.sales_summary.figures import CurrencyFigures, Figures, Sums, read_figures
from adapters.reports.sales_summary.page import MEANING, NO_ORDERS, TEMPLATE, TITLE, days_told, page_of
from adapters.reports.workbook import Book, Column, Sheet, lines_above, report_book
from domain.report_generation import ReportFormat
from domain.reports import Report

_SUMS = [Column("Orders", 10), *(Column(title, 18) for title in ("Revenue", "Of it paid", "Of it awaited"))]
_SUMS += [Column("Refunded", 18), Column("Net", 18)]
_MOST_CHARTS = 6
_CHART_ROWS = 16
"""Rows of the sheet that a chart covers."""


def csv_of(report: Report, figures: Figures) -> bytes:
    """A row for each day and currency, days without orders included. Amounts in the currency's main unit."""
    titles = ["date", "currency", "orders", "revenue", "paid", "awaited", "refunded", "net"]
    return csv_lines([titles, *(row for each in figures.currencies for row in _days(report, each))])


def workbook_of(report: Report, figures: Figures) -> bytes:
    """Three sheets: totals with charts, days, products. Takes a while: to be called in a thread."""
    book = report_book(heading := heading_of(report, TITLE), report.as_of)
    about = [*MEANING, *([] if figures.currencies else [NO_ORDERS])]
    totals = book.sheet("Totals", [Column("Currency", 12), *_SUMS], lines_above(heading, about))
    for each in figures.currencies:
        totals.row([each.currency, *_cells(each.total, each.currency)])
    days = book.sheet("By day", [Column("Day", 12), Column("Currency", 10), *_SUMS])
    for number, each in enumerate(figures.currencies):
        first = days.next
        for row in _days(report, each):
            days.row(row)
        if number < _MOST_CHARTS and days.next - first > 1:
            _add_chart(book, totals, number, each, (first, days.next - 1))
    days.with_filter()
    columns = [Column("Currency", 10), Column("Place", 8), Column("Product", 60), Column("Pieces", 12)]
    products = book.sheet("Top products", [*columns, Column("Revenue", 18)])
    for each in figures.currencies:
        for place, product in enumerate(each.products, start=1):
            revenue = Money(product.revenue, each.currency)
            products.row([each.currency, place, product.name, product.quantity, revenue])
    products.with_filter()
    return book.finish()


def _days(report: Report, each: CurrencyFigures) -> list[list[Cell]]:
    return [
        [day, each.currency, *_cells(each.by_day.get(day, Sums()), each.currency)] for day in days_told(report, each)
    ]


def _cells(sums: Sums, currency: str) -> list[Cell]:
    return [sums.orders, *(Money(units, currency) for units in sums.amounts)]


def _add_chart(book: Book, totals: Sheet, number: int, each: CurrencyFigures, rows: tuple[int, int]) -> None:
    first, last = rows
    chart = book.workbook.add_chart({"type": "column"})
    chart.add_series(
        {
            "name": each.currency,
            "categories": ["By day", first, 0, last, 0],
            "values": ["By day", first, 3, last, 3],
            "fill": {"color": "#1f5f99"},
            "gap": 40,
        }
    )
    chart.set_title({"name": f"Revenue by day, {each.currency}", "name_font": {"size": 11}})
    chart.set_legend({"none": True})
    chart.set_x_axis({"date_axis": True, "num_format": "d mmm", "num_font": {"size": 8}})
    chart.set_y_axis({"num_font": {"size": 8}, "major_gridlines": {"visible": True, "line": {"color": "#c9d1d9"}}})
    chart.set_size({"width": 900, "height": 300})
    totals.sheet.insert_chart(totals.next + 1 + number * _CHART_ROWS, 0, chart)


class SalesSummary:
    """Implements `WholeReport`."""

    def __init__(self, reader: Reader, typesetter: Typesetter) -> None:
        self._reader = reader
        self._typesetter = typesetter

    async def draw(self, report: Report) -> Drawing:
        """See `WholeReport`. Its rows are those of the flat table: days by currency. Raises a `TransientError`."""
        figures = await read_figures(self._reader, report)
        if report.request.format is ReportFormat.pdf:
            page = await asyncio.to_thread(page_of, report, figures)
            content = await self._typesetter.set(TEMPLATE, page, at=report.as_of)
        elif report.request.format is ReportFormat.xlsx:
            content = await asyncio.to_thread(workbook_of, report, figures)
        else:
            content = await asyncio.to_thread(csv_of, report, figures)
        return Drawing(content=content, rows=sum(len(days_told(report, each)) for each in figures.currencies))
