"""The sales summary on paper: what its template is given, which is all that it shows, as texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from adapters.reports.cells import readable
from adapters.reports.heading import heading_of
from adapters.reports.names import for_paper
from adapters.reports.pdf.chart import bars
from adapters.reports.sales_summary.days import (
    day_labels,
    day_name,
    days_told,
    is_by_month,
    month_labels,
    month_name,
)
from adapters.reports.sales_summary.figures import CurrencyFigures, Figures, Sums
from adapters.reports.sales_summary.wording import MEANING, NO_ORDERS, TITLE
from domain.reports import Report

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
