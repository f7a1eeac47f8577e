"""The reconciliation on paper: what its template is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from adapters.reports.cells import readable
from adapters.reports.heading import heading_of, short_moment
from adapters.reports.names import for_paper
from adapters.reports.payments_reconciliation.kinds import Kind
from adapters.reports.payments_reconciliation.reading import Disagreement
from adapters.reports.payments_reconciliation.tally import Extent, Tally
from adapters.reports.payments_reconciliation.wording import AGREE, MEANING, TITLE
from domain.reports import Report

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
