"""The sales summary on paper: what its template is given, which is all that it shows, as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from adapters.reports.cells import for_paper, readable
from adapters.reports.heading import heading_of
from adapters.reports.pdf.chart import bars
from adapters.reports.sales_summary.figures import CurrencyFigures, Figures, Sums
from domain.reports import Report

TITLE = "Sales summary"
MEANING = (
    "Revenue is the total of all orders that were placed in the period, as they were placed.",
    "Of it, paid is what was paid by the time of this report, whenever that was; awaited is what is to be paid online "
    "and was not; the rest is on invoices.",
    "Refunded is what has gone back of the payments for these orders, and counts on the day of the order. Net is "
    "revenue less refunded.",
    "Amounts of different currencies are not added up.",
)
NO_ORDERS = "No orders in this period"


MOST_DAYS = 62
"""Of a period that is told by days on paper; a longer one is told by months."""
_FEW = 16


def days_told(report: Report, figures: CurrencyFigures) -> list[date]:
    """The days of the period that had begun by `as_of`, those without orders included."""
    until = report.as_of.astimezone(ZoneInfo(report.request.time_zone)).date()
    return [day for day in report.request.span.days() if day <= until or day in figures.by_day]


def is_by_month(report: Report) -> bool:
    """Whether the period is too long to be told by days."""
    return len(report.request.span.days()) > MOST_DAYS


def day_name(day: date) -> str:
    """`Tue 24 Nov`."""
    return f"{day:%a} {day.day} {day:%b}"


def month_name(month: date) -> str:
    """`November 2026`."""
    return f"{month:%B} {month.year}"


def day_labels(days: Sequence[date]) -> list[str]:
    """Below the bars of a chart: as many as have room, empty texts between them."""
    if len({(day.year, day.month) for day in days}) == 1:
        return [str(day.day) for day in days]
    every = 1 if len(days) <= _FEW else 7
    return [f"{day.day} {day:%b}" if number % every == 0 else "" for number, day in enumerate(days)]


def month_labels(months: Sequence[date]) -> list[str]:
    """`Nov`, and with the year where there are two."""
    years = {month.year for month in months}
    return [f"{month:%b} {month:%y}" if len(years) > 1 else f"{month:%b}" for month in months]


TEMPLATE = "sales_summary/page.typ"
_TILES = 4


def page_of(report: Report, figures: Figures) -> Mapping[str, Any]:
    """What the template needs."""
    currencies = figures.currencies
    return {
        "heading": asdict(heading_of(report, TITLE)),
        "meaning": " ".join(MEANING),
        "no_orders": NO_ORDERS,
        "tiles": _tiles(figures),
        "totals": [[each.currency, *_texts(each.total, each.currency)] for each in currencies],
        "longest": max(map(_longest, currencies), default=1),
        "currencies": [_currency(report, each) for each in currencies],
    }


def _currency(report: Report, figures: CurrencyFigures) -> Mapping[str, Any]:
    currency, total = figures.currency, figures.total
    days = days_told(report, figures)
    if is_by_month(report):
        unit, units, sums = "month", sorted({day.replace(day=1) for day in days}), figures.by_month()
        names, labels = list(map(month_name, units)), month_labels(units)
    else:
        unit, units, sums = "day", days, figures.by_day
        names, labels = list(map(day_name, units)), day_labels(units)
    each = [sums.get(unit, Sums()) for unit in units]
    return {
        "currency": currency,
        "chart_title": f"Revenue by {unit}, {currency}",
        "chart": bars([sums.revenue for sums in each], currency, labels) if len(units) > 1 else None,
        "products_title": f"Top products, {currency}",
        "products": _products(figures),
        "longest": max((len(readable(product.revenue, currency)) for product in figures.products), default=1),
        "unit": unit.capitalize(),
        "rows_title": f"By {unit}, {currency}",
        "rows": [[name, *_texts(sums, currency)] for name, sums in zip(names, each, strict=True)],
        "total": ["Total", *_texts(total, currency)],
    }


def _products(figures: CurrencyFigures) -> list[Mapping[str, str]]:
    currency = figures.currency
    everything = figures.total.revenue
    return [
        {
            "place": str(place),
            "name": for_paper(product.name),
            "quantity": f"{product.quantity:,}",
            "revenue": readable(product.revenue, currency),
            "share": f"{100 * product.revenue / everything:.1f} %" if everything else "",
        }
        for place, product in enumerate(figures.products, start=1)
    ]


def _tiles(figures: Figures) -> list[list[str]]:
    """A few numbers in large letters."""
    orders = ["Orders", f"{figures.orders:,}", "placed in the period"]
    if len(figures.currencies) > 1:
        leading = figures.currencies[: _TILES - 1]
        return [orders, *(_tile("Revenue", "of all orders placed", each, each.total.revenue) for each in leading)]
    return [
        tile
        for each in figures.currencies
        for tile in (
            orders,
            _tile("Revenue", "of all orders placed", each, each.total.revenue),
            _tile("Refunded", "has gone back", each, each.total.refunded),
            _tile("Net", "revenue less refunded", each, each.total.net),
        )
    ]


def _tile(label: str, meaning: str, figures: CurrencyFigures, units: int) -> list[str]:
    return [f"{label}, {figures.currency}", readable(units, figures.currency), meaning]


def _texts(sums: Sums, currency: str) -> list[str]:
    return [f"{sums.orders:,}", *(readable(units, currency) for units in sums.amounts)]


def _longest(figures: CurrencyFigures) -> int:
    """Characters of the longest amount."""
    return max(len(readable(units, figures.currency)) for units in figures.total.amounts)
